// Fixed chunks of eigenvalues, whose partial sums are combined in order: the same bits for every thread count.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/engine/program.hpp"
#include "core/parallel.hpp"
#include "core/scratch.hpp"

namespace specsched {

struct Chunks {
    std::ptrdiff_t size, length, count;
    int threads;

    // `work`: operations per eigenvalue; small problems stay serial, where a parallel region would cost more.
    Chunks(std::ptrdiff_t size, std::ptrdiff_t work, int requested, std::ptrdiff_t least = 128)
        : size(size), length(chunk_length(size, least)), count((size + length - 1) / length) {
        constexpr std::ptrdiff_t serial_work = 32768;
        threads = size * work < serial_work ? 1 : resolve_threads(requested);
    }
    static std::ptrdiff_t chunk_length(std::ptrdiff_t size, std::ptrdiff_t least) {
        constexpr std::ptrdiff_t most = 64, lanes = 8;
        const std::ptrdiff_t share = (size + most - 1) / most;
        return std::max(least, (share + lanes - 1) / lanes * lanes);
    }
    // body(chunk number, first eigenvalue, eigenvalues)
    template <class Body>
    void run(const Body& body) const {
        parallel_for(count, threads, [&](std::ptrdiff_t c) {
            const std::ptrdiff_t begin = c * length;
            body(c, begin, std::min(length, size - begin));
        });
    }
};

inline SweepChunk chunk_of(const SpectrumView& s, std::ptrdiff_t begin, std::ptrdiff_t count, double* scratch) {
    return {s.eigenvalues + begin, s.weights + begin, s.mean_power + begin, count, scratch};
}

// Adjoints of all coefficients of a program, in one piece of memory.
struct Adjoints {
    SweepSums sums;

    Adjoints(const SweepProgram& p, double* memory) : sums{0.0, 0.0, 0.0, memory, nullptr, nullptr} {
        sums.by_level = memory + p.terms;
        sums.by_noise = sums.by_level + p.levels;
        std::fill(memory, memory + size(p), 0.0);
    }
    static std::ptrdiff_t size(const SweepProgram& p) { return p.terms + p.levels + p.noises; }
};

// Adds to the gradient by sigmas (and by eta of each step, if not null) what the adjoints say.
void contract_gradient(const Program& program, const SweepSums& sums, double* gradient, double* by_eta);

}  // namespace specsched
