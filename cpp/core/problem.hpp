// What every evaluation starts from, a spectrum and a schedule, and where transfer functions go. Views own nothing.
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

// Per eigenvalue: gain P of the deviation from the mean, in y; output variance in the units of the data; and its excess
// over the eigenvalue, to as many digits as the sampler gives (may be null).
struct TransferView {
    double* gain = nullptr;
    double* variance = nullptr;
    double* excess = nullptr;
};

}  // namespace specsched
