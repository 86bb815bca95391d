// A spectrum as a few dozen nodes: every loss sums functions that are analytic in log(eigenvalue), so a Gauss rule
// for the measure "eigenvalues with their weights" gives the same sums. The weights of a Gauss rule are positive.
#pragma once

#include <vector>

#include "core/problem.hpp"

namespace specsched {

// Ascending eigenvalues; entries carry a count weight, a mean-power weight, or both.
struct CompressedSpectrum {
    std::vector<double> eigenvalues;
    std::vector<double> weights;
    std::vector<double> mean_power;
    double error;  // largest relative error of the probe sums (probes.hpp); 0 when nothing was approximated
};

// The smallest Gauss rules, for the counts and for the mean power, whose probe errors are <= tol, with at most
// max_nodes nodes each (0: 512). tol <= 0 asks for max_nodes nodes whatever the error. Eigenvalues of 0 stay an atom of
// their own; where nothing is gained, the entries come back as they are (exact duplicates merged). Bitwise the same for
// every thread count. Expects finite eigenvalues, weights and mean_power, all >= 0.
CompressedSpectrum compress(SpectrumView spectrum, double tol, int max_nodes, int threads);

}  // namespace specsched
