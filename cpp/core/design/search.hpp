// From starts to the best minimum found: one driver for each kind of loss.
#pragma once

#include <vector>

#include "core/design/minimize.hpp"
#include "core/design/starts.hpp"

namespace specsched {

struct Found {
    Minimum minimum;  // its sum is infinite where no start led to a finite one
    int start = -1;   // the schedule given that led there, as in Candidate
    int iterations = 0;
};

// For DDIM and DDPM, whose minima differ in where levels are wasted: follow the best starts to the end, put wasted levels to
// better use, then move levels between blocks. starts: the best first.
Found search_pairwise(Objective& objective, const OrderConstraints& order, double lowest,
                      const std::vector<Candidate>& starts);

// For solvers with several predictions, which have many local minima: explore many starts briefly, follow the best ones
// to the end, then hop from the best. Deterministic.
Found search_by_hops(Objective& objective, const OrderConstraints& order, const std::vector<Candidate>& starts);

}  // namespace specsched
