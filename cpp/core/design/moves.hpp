// What leaves a minimum with wasted levels: one level moved to where it is worth most, tied levels spread anew, levels
// moved between blocks.
#pragma once

#include <vector>

#include "core/design/minimize.hpp"
#include "core/design/objective.hpp"
#include "core/design/order.hpp"

namespace specsched {

// The best set of levels after moving the one that is worth least; empty when no move promises to help. Levels below
// `lowest` (a log) would be worth nothing.
Eigen::VectorXd relocated(Objective& objective, const OrderConstraints& order, double lowest, const Minimum& at);

// Whether levels are tied to a neighbour.
bool has_ties(const Minimum& minimum);

// Tied levels are wasted: drops them and spreads as many again evenly over the index of those that are left.
Eigen::VectorXd respread(const Minimum& at, const OrderConstraints& order);

// Where eigenvalues form groups far apart, the levels form blocks with wide gaps between them, and how many levels a
// block holds is a choice that no descent changes: the schedules with one level moved to another block, the most
// promising first; none where the levels are spread smoothly.
std::vector<Eigen::VectorXd> moves_between_blocks(Objective& objective, const Eigen::VectorXd& u);

}  // namespace specsched
