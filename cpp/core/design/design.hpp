// Finds the schedule with the least loss: several starts, Newton from each, wasted levels put to better use.
#pragma once

#include <limits>
#include <vector>

#include "core/design/minimize.hpp"

namespace specsched {

struct DesignOptions {
    MinimizeOptions minimize;
    double floor = 0.0;          // no interior level below it
    double least_ratio = 1.0;    // of neighbouring levels, > 1 keeps them apart
    int most_starts = 4;         // how many of the starts are followed to the end
    int hops = 8;                // random hops from the best minimum, for solvers of the engine
    int relocations = 8;         // how often a wasted level may be moved elsewhere
};

struct DesignResult {
    std::vector<double> sigmas;
    double sum = std::numeric_limits<double>::infinity();
    double kkt_error = std::numeric_limits<double>::infinity();
    int iterations = 0;
    long evaluations = 0;
    MinimizeStatus status = MinimizeStatus::not_finite;  // then there are no levels
    int start = -1;              // index of the winning start; -1: the many-step limit
    std::vector<double> start_sums;
};

// starts: rows of `steps + 1` levels each, from the same ends.
DesignResult design_levels(const DesignProblem& problem, std::ptrdiff_t steps, const double* starts,
                           std::ptrdiff_t start_count, const DesignOptions& options);

}  // namespace specsched
