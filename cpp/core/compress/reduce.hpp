// The smallest Gauss rule that serves every loss: one measure in, a few dozen nodes and the error found out.
#pragma once

#include "core/compress/measure.hpp"
#include "core/compress/probes.hpp"

namespace specsched::compression {

struct Reduced {
    Measure nodes;
    double error = 0.0;
};

// `sorted` by eigenvalue, not more than some thousand atoms. tol <= 0: max_nodes nodes, whatever the error.
Reduced reduce(const Measure& sorted, Carried carried, double tol, int max_nodes);

}  // namespace specsched::compression
