// Solvers with several predictions have many local minima: explore many starts briefly, follow the best ones to the
// end, then hop from the best.
#pragma once

#include <vector>

#include "core/design/design.hpp"

namespace specsched {

struct GlobalMinimum {
    Minimum minimum;
    std::size_t start = 0;  // which start led there
    int iterations = 0;
};

// starts: feasible interior levels, the best first. Deterministic.
GlobalMinimum global_search(Objective& objective, const OrderConstraints& order,
                            const std::vector<Eigen::VectorXd>& starts, const DesignOptions& options);

}  // namespace specsched
