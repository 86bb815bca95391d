// Sums of squared errors over modes and their gradient alone, in two sweeps over the channels (docs/modes.md): for any
// number of modes about as much work as for one in each channel.
#pragma once

#include <vector>

#include "core/modes/run.hpp"

namespace specsched::modes {

// Sums of squares of one run: of the modes' errors, and of what errors of predictions add.
struct Sums {
    double bias, noise;
};

struct SumsAndGradient : Sums {
    VectorXd slopes;  // of bias + noise, by the numbers of `columns`
};

// Arguments as for Run and Run::normal.
Sums sums(const Source& source, const Program& program, const std::vector<double>& sigmas);
SumsAndGradient sums_and_gradient(const Source& source, const Program& program, const std::vector<double>& sigmas,
                                  const Columns& columns, bool table);

}  // namespace specsched::modes
