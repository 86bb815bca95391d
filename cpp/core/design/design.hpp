// Finds the schedule with the least loss: starts, a search from them, and the promise that no start is better.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/design/minimize.hpp"
#include "core/design/problem.hpp"

namespace specsched {

struct DesignResult {
    std::vector<double> sigmas;
    double loss = std::numeric_limits<double>::infinity();           // reported: of an exact denoiser
    double searched_loss = std::numeric_limits<double>::infinity();  // what was minimised
    double kkt_error = std::numeric_limits<double>::infinity();
    int iterations = 0;
    long evaluations = 0;
    MinimizeStatus status = MinimizeStatus::not_finite;  // then there are no levels
    int start = -1;                      // which start the search came from; -1: one of its own
    std::ptrdiff_t returned_start = -1;  // the start that is better than what the search found, and is returned
    std::vector<double> start_losses;    // reported
};

// starts: rows of `steps + 1` levels each, from the same ends.
DesignResult design(const DesignProblem& problem, const double* starts, std::ptrdiff_t start_count);

// The same for many problems with the same number of steps. Threads share the problems, each is solved by one of them, so
// that no result depends on the thread count. own_starts: for each problem `own_count` further rows. What goes wrong with
// one problem is in its `error` and leaves the others alone.
struct BatchDesign {
    DesignResult found;
    std::string error;
};
std::vector<BatchDesign> design_batch(const std::vector<const DesignProblem*>& problems, const double* starts,
                                      std::ptrdiff_t start_count, const double* own_starts, std::ptrdiff_t own_count,
                                      int threads);

// Largest violated condition of optimality at `steps + 1` levels, by log sigma and relative to the sum of loss terms: the
// one definition for every method. `gradient`, unless null, is that of what is minimised instead of the loss, by each
// level and relative.
double kkt_error(const DesignProblem& problem, const double* sigmas, const double* gradient = nullptr);

// Gradient of the sum of loss terms by each of `steps + 1` levels, relative to the sum as the KKT error has it.
std::vector<double> relative_gradient(const DesignProblem& problem, const double* sigmas);

}  // namespace specsched
