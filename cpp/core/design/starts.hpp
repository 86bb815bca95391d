// Where descents begin: the schedules given, the many-step limit with and without a large last step, and for solvers with
// several predictions evenly spaced powers of sigma.
#pragma once

#include <vector>

#include "core/design/objective.hpp"
#include "core/design/order.hpp"

namespace specsched {

struct Candidate {
    Eigen::VectorXd u;
    double sum;
    int given;  // index of the schedule given; -1: made here
};

// Below this log-level nothing depends on the schedule any more: where a grid or an insertion ends when the last level is 0.
double lowest_log(const DesignProblem& problem, const OrderConstraints& order);

// Feasible starts with a finite loss, the best first. `rows`: schedules of steps + 1 levels each, whose sums of loss terms
// go to `sums`.
std::vector<Candidate> make_starts(Objective& objective, const OrderConstraints& order, double lowest,
                                   const double* rows, std::ptrdiff_t count, std::vector<double>& sums);

}  // namespace specsched
