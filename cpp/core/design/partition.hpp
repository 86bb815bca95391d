// Where eigenvalues form groups far apart, the levels form blocks with wide gaps between them, and how many levels a
// block holds is a choice that no descent changes: these are the schedules with one level moved to another block.
#pragma once

#include <vector>

#include "core/design/objective.hpp"

namespace specsched {

// At most `most` sets of levels, the most promising first; none where the levels are spread smoothly.
std::vector<Eigen::VectorXd> moves_between_blocks(Objective& objective, const Eigen::VectorXd& u, std::size_t most);

}  // namespace specsched
