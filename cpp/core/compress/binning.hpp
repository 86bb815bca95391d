// One pass over the data: the eigenvalues as two measures of a few atoms per octave, whatever their number.
#pragma once

#include "core/compress/measure.hpp"
#include "core/problem.hpp"

namespace specsched::compression {

struct Binned {
    Measure counts;
    Measure mean_power;
    double zero_weight = 0.0;  // of what counts as eigenvalue 0 and has no logarithm
    double zero_mean_power = 0.0;
};

// Narrow cells in log2(eigenvalue), each reduced to the Gauss rule of its first eight moments.
Binned bin_spectrum(SpectrumView spectrum, int threads);

// Each run of two octaves reduced to at most twelve nodes.
Measure merge_octaves(const Measure& sorted);

}  // namespace specsched::compression
