// Tables of coefficients of the multistep solver: those of fixed solvers, and the best ones step by step.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "core/engine/program.hpp"
#include "core/modes/source.hpp"

namespace specsched::modes {

using Table = Eigen::MatrixXd;  // c_{n,j} [steps x back]

// The table of a deterministic solver that predicts once per step, at the step's first level, from y there: a column for
// each earlier prediction, newest first [steps x steps - 1]. Throws std::invalid_argument for any other solver.
Table table_of(const Program& program, const std::vector<double>& sigmas);

// The coefficients that are best in each step, given those before it: least squares over the modes and over the errors of
// predictions (`eta`), each weighted by what the exact flow makes of an error from there on. Within [-limit, limit].
Table greedy_table(const Source& source, const std::vector<double>& sigmas, int back, double eta, double limit);

}  // namespace specsched::modes
