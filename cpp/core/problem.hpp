// What every evaluation starts from: a spectrum, a schedule and the names of the choices. Views own nothing.
#pragma once

#include <cstddef>

#include "core/process.hpp"

namespace specsched {

// eigenvalues >= 0; weights: multiplicities; mean_power: total squared mean carried by each entry.
struct SpectrumView {
    const double* eigenvalues;
    const double* weights;
    const double* mean_power;
    std::ptrdiff_t size;
};

// sigma = noise/signal levels, strictly decreasing from noise to clean; steps = count - 1; the last may be 0.
struct LevelsView {
    const double* sigmas;
    std::ptrdiff_t count;
    std::ptrdiff_t steps() const { return count - 1; }
    double first() const { return sigmas[0]; }
    double last() const { return sigmas[count - 1]; }
};

}  // namespace specsched
