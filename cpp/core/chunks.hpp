// Fixed chunks of eigenvalues, whose partial sums are combined in order: the same bits for every thread count.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/parallel.hpp"

namespace specsched {

struct Chunks {
    std::ptrdiff_t size, length, count;
    int threads;

    // `work`: operations per eigenvalue; small problems stay serial.
    Chunks(std::ptrdiff_t size, std::ptrdiff_t work, int requested, std::ptrdiff_t least = 128)
        : size(size), length(chunk_length(size, least)), count((size + length - 1) / length) {
        threads = resolve_threads_for(static_cast<double>(size) * static_cast<double>(work), requested);
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

}  // namespace specsched
