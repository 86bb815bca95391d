// Many designs at once: the same solver, ends, steps and options for many spectra. Threads share the problems, each
// problem is solved by one of them, so that no result depends on the thread count.
#pragma once

#include <string>
#include <vector>

#include "core/design/design.hpp"

namespace specsched {

struct BatchProblem {
    DesignProblem shared;              // its `nodes` are replaced by each spectrum
    Sampler reported;                  // the sampler whose losses are reported: `shared.sampler` with an exact denoiser
    std::vector<SpectrumView> spectra;
    std::ptrdiff_t steps = 0;
    const double* starts = nullptr;    // rows of steps + 1 levels that every problem starts from
    std::ptrdiff_t start_count = 0;
    const double* own_starts = nullptr;  // and `own_count` further rows for each problem
    std::ptrdiff_t own_count = 0;
};

struct BatchDesign {
    DesignResult found;
    double loss = 0.0;                  // of the levels found, for the reported sampler
    std::vector<double> start_losses;   // likewise of the starts, the shared ones first
    std::string error;                  // what went wrong with this problem; empty: nothing
};

std::vector<BatchDesign> design_batch(const BatchProblem& batch, const DesignOptions& options, int threads);

}  // namespace specsched
