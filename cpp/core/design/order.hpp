// The order of the levels as linear constraints on u = log sigma of the interior ones,
//   c_0 = top - u_0,  c_j = u_{j-1} - u_j,  c_n = u_{n-1} - bottom,   each >= its least gap.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "core/design/problem.hpp"

namespace specsched {

struct OrderConstraints {
    double top;         // log of the first level
    double bottom;      // log of the last level, of the floor, or -infinity
    double gap;         // least difference of neighbouring logs
    double bottom_gap;  // least difference to `bottom`: 0 for a floor
};

OrderConstraints order_of(const DesignProblem& problem);

// The same with a bound below where there is none, so low that it is as good as 0.
OrderConstraints bounded_order_of(const DesignProblem& problem);

// Slack c_j - gap of every constraint, n + 1 of them.
Eigen::VectorXd slacks(const OrderConstraints& order, const Eigen::VectorXd& u);

// Which constraints hold with equality, to `closed`.
std::vector<char> active_at(const OrderConstraints& order, const Eigen::VectorXd& u, double closed);

// The largest first.
Eigen::VectorXd descending(Eigen::VectorXd u);

// Levels pushed back into order, from the top down and then from the bottom up, and `off` away from every bound as far
// as there is room.
Eigen::VectorXd repaired(Eigen::VectorXd u, const OrderConstraints& order, double off);

}  // namespace specsched
