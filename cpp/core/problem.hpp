// What every evaluation starts from, a spectrum and a schedule, and where transfer functions go. Views own nothing.
#pragma once

#include <cstddef>

#include "core/process.hpp"

namespace specsched {

class Panels;

// eigenvalues >= 0; weights: multiplicities; mean_power: total squared mean carried by each entry.
struct SpectrumView {
    const double* eigenvalues;
    const double* weights;
    const double* mean_power;
    std::ptrdiff_t size;
    const Panels* panels = nullptr;  // of a large spectrum (panels/panels.hpp), or null: every eigenvalue by itself
};

// What a loss also tells of each entry: the term that it would have with other weights, and how much of it hangs on the
// output moments, whose rounding shows there: the sum of |d term / d moment x moment|. Kernels that keep the digits of
// small errors leave that at 0.
struct TermProbe {
    const double* weights = nullptr;
    const double* mean_power = nullptr;
    double* terms = nullptr;
    double* at_stake = nullptr;

    TermProbe from(std::ptrdiff_t begin) const {
        return {weights + begin, mean_power + begin, terms + begin, at_stake + begin};
    }
};

// What losses are computed for. Squares and products of such levels, and of eigenvalues, mean powers and weights up to
// their largest, stay within the range of a double; what may still overflow is reported as such (a loss that is not
// finite), never as a number.
constexpr double least_level = 1e-100, largest_level = 1e50;
constexpr double largest_entry = 1e100;

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
