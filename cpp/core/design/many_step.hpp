// The many-step limit: the density of levels that is optimal as the number of steps grows (docs/design.md).
#pragma once

#include <Eigen/Core>

#include "core/design/objective.hpp"

namespace specsched {

class ManyStepDensity {
  public:
    // Density of log sigma between the first level and `lowest_log`.
    ManyStepDensity(const DesignProblem& problem, double lowest_log);

    // Interior levels of `steps` steps: all spread by the density down to the end; or, with `cut` above the end,
    // steps - 1 of them down to `cut`, and one large last step from there.
    Eigen::VectorXd interior(std::ptrdiff_t steps) const;
    Eigen::VectorXd interior(std::ptrdiff_t steps, double cut) const;

    double lowest_log() const { return grid_[grid_.size() - 1]; }
    double top() const { return grid_[0]; }

  private:
    void solve(const Eigen::ArrayXXd& rates, const Eigen::ArrayXd& weight);
    double mass_above(double u) const;
    void quantiles(double total, std::ptrdiff_t intervals, std::ptrdiff_t count, double* to) const;
    double width() const { return grid_[0] - grid_[1]; }

    Eigen::ArrayXd grid_;  // log sigma, from the top down
    Eigen::ArrayXd density_, mass_;  // at each grid point, and above it
};

}  // namespace specsched
