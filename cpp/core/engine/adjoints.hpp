// What one chunk of eigenvalues reads, and the adjoints of all coefficients that it adds up.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/chunks.hpp"
#include "core/engine/program.hpp"
#include "core/scratch.hpp"

namespace specsched {

inline SweepChunk chunk_of(const SpectrumView& s, std::ptrdiff_t begin, std::ptrdiff_t count, double* scratch,
                           const TermProbe* probe = nullptr) {
    return {s.eigenvalues + begin,
            s.weights + begin,
            s.mean_power + begin,
            count,
            scratch,
            probe ? probe->from(begin) : TermProbe{}};
}

SweepEnds sweep_ends(const SolverSpec& spec, const Criterion& criterion, const LevelsView& levels);

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
