// Levenberg and Marquardt's method for a sum of squares, within bounds.
#pragma once

#include <Eigen/Core>
#include <functional>

namespace specsched::modes {

// One point: the sum of squares, and if asked J^T e and J^T J.
struct Squares {
    double sum = 0.0;
    Eigen::VectorXd gradient;
    Eigen::MatrixXd matrix;
};

using SquaresFunction = std::function<Squares(const Eigen::VectorXd& z, bool derivatives)>;

struct Bounds {
    Eigen::VectorXd low, high, longest;  // longest: of one step, per variable
};

struct LeastSquaresOptions {
    int max_iterations = 60;
    double tolerance = 1e-7;  // relative decrease of the sum over a step at which the search ends
};

struct LeastSquares {
    Eigen::VectorXd z;
    double sum = 0.0;
    double slope = 0.0;  // largest free derivative of the sum by a variable, relative to the sum
    int iterations = 0, evaluations = 0;
    bool converged = false;
};

LeastSquares minimise_squares(const SquaresFunction& squares, Eigen::VectorXd start, const Bounds& bounds,
                              const LeastSquaresOptions& options);

}  // namespace specsched::modes
