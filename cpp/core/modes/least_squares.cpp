#include "core/modes/least_squares.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace specsched::modes {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Whether a variable sits at a bound and would leave it downhill.
bool held(const VectorXd& z, const VectorXd& gradient, const Bounds& bounds, Index i) {
    return (z[i] <= bounds.low[i] && gradient[i] > 0.0) || (z[i] >= bounds.high[i] && gradient[i] < 0.0);
}

// The damped step of the free variables, each cut to what it may move: a gap at its least, where all is flat, would
// otherwise shorten the step of all others.
VectorXd damped_step(const Squares& at, const VectorXd& z, const Bounds& bounds, double damping) {
    MatrixXd matrix = at.matrix;
    VectorXd right = -at.gradient;
    // A flat direction (a gap at its least) keeps a small share of the largest curvature.
    const double least = 1e-9 * std::max(matrix.diagonal().maxCoeff(), 1e-300);
    for (Index i = 0; i < z.size(); ++i) {
        matrix(i, i) += damping * matrix(i, i) + least;
        if (!held(z, at.gradient, bounds, i)) continue;
        matrix.row(i).setZero();
        matrix.col(i).setZero();
        matrix(i, i) = 1.0;
        right[i] = 0.0;
    }
    return matrix.ldlt().solve(right).cwiseMax(-bounds.longest).cwiseMin(bounds.longest);
}

double free_slope(const Squares& at, const VectorXd& z, const Bounds& bounds) {
    double largest = 0.0;
    for (Index i = 0; i < z.size(); ++i)
        if (!held(z, at.gradient, bounds, i)) largest = std::max(largest, std::fabs(at.gradient[i]));
    return at.sum > 0.0 ? 2.0 * largest / at.sum : 0.0;
}

}  // namespace

LeastSquares minimise_squares(const SquaresFunction& squares, VectorXd start, const Bounds& bounds,
                              const LeastSquaresOptions& options) {
    LeastSquares found;
    found.z = start.cwiseMax(bounds.low).cwiseMin(bounds.high);
    Squares at = squares(found.z, true);
    ++found.evaluations;
    double damping = 1e-3, growth = 2.0;
    int slow = 0;
    while (found.z.size() > 0 && found.iterations < options.max_iterations && damping < 1e12) {
        const VectorXd z =
            (found.z + damped_step(at, found.z, bounds, damping)).cwiseMax(bounds.low).cwiseMin(bounds.high);
        const VectorXd step = z - found.z;
        const double expected = -2.0 * at.gradient.dot(step) - step.dot(at.matrix * step);
        const Squares next = squares(z, false);
        ++found.evaluations;
        if (!(next.sum < at.sum) || !(expected > 0.0)) {
            if (std::fabs(expected) < 1e-15 * at.sum) break;
            damping *= growth;
            growth *= 2.0;
            continue;
        }
        ++found.iterations;
        const double decrease = at.sum - next.sum, quality = decrease / expected;
        damping *= std::max(1.0 / 3.0, 1.0 - std::pow(2.0 * quality - 1.0, 3.0));
        damping = std::max(damping, 1e-12);
        growth = 2.0;
        slow = decrease < options.tolerance * at.sum ? slow + 1 : 0;
        found.z = z;
        at = squares(z, true);
        if (slow == 2) break;
    }
    found.sum = at.sum;
    found.slope = free_slope(at, found.z, bounds);
    found.converged = found.iterations < options.max_iterations;
    return found;
}

}  // namespace specsched::modes
