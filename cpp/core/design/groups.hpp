// Which levels move together: an active constraint (order.hpp) ties its two neighbours, so that the free motions are
// those of runs of tied levels.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace specsched {

class Groups {
  public:
    // active[j] != 0 ties c_j; n + 1 flags for n levels.
    explicit Groups(const std::vector<char>& active);

    Eigen::Index count() const { return count_; }
    Eigen::Index levels() const { return static_cast<Eigen::Index>(of_level_.size()); }
    // Group of level k, or -1 when an end holds it fixed.
    Eigen::Index of_level(Eigen::Index k) const { return of_level_[static_cast<std::size_t>(k)]; }

    Eigen::VectorXd reduce(const Eigen::VectorXd& by_level) const;   // sums over groups
    Eigen::VectorXd expand(const Eigen::VectorXd& by_group) const;   // the same value for each member

    // Multipliers of the active constraints from the gradient (0 for the others); at a minimum all are >= 0.
    Eigen::VectorXd multipliers(const Eigen::VectorXd& gradient) const;

  private:
    std::vector<char> active_;
    std::vector<Eigen::Index> of_level_;
    Eigen::Index count_ = 0;
};

// Largest violated condition of optimality, in units of `unit`: the force on a run of tied levels, or a multiplier that
// is negative.
double kkt_error(const Groups& groups, const Eigen::VectorXd& gradient, double unit);

// What slopes are measured against: the sum of loss terms, or a millionth of the power where it is nearly 0.
double error_unit(double sum, double power);
double relative_error(double slope, double unit);

}  // namespace specsched
