// Damped Newton with an active set for the order of the levels.
#pragma once

#include <vector>

#include "core/design/objective.hpp"
#include "core/design/order.hpp"

namespace specsched {

// not_finite: the loss or its gradient is infinite or NaN where the search begins; then `sum` is infinite.
enum class MinimizeStatus { converged, rounding_limit, iteration_limit, stalled, not_finite };
const char* describe(MinimizeStatus status);

struct Minimum {
    Eigen::VectorXd u;      // log sigma of the interior levels
    double sum = 0.0;       // sum of loss terms
    double kkt_error = 0.0; // largest violated condition of optimality, relative to the loss
    int iterations = 0;
    MinimizeStatus status = MinimizeStatus::stalled;
    std::vector<char> active;  // which order constraints hold with equality
    int same_as = -1;          // the known minimum that the search ran into and left off
};

// From a feasible u (slacks >= 0). A search that comes close to one of the `known` minima ends there.
Minimum minimize(Objective& objective, const OrderConstraints& order, Eigen::VectorXd u, const NewtonSettings& settings,
                 const std::vector<Minimum>& known = {});

}  // namespace specsched
