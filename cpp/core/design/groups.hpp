// Which levels move together. Order and floor are linear constraints on u = log sigma of the interior levels,
//   c_0 = top - u_0,  c_j = u_{j-1} - u_j,  c_n = u_{n-1} - bottom,   each >= its least gap;
// an active constraint ties its two neighbours, so the free motions are those of runs of tied levels.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace specsched {

struct OrderConstraints {
    double top;         // log of the first level
    double bottom;      // log of the last level, of the floor, or -infinity
    double gap;         // least difference of neighbouring logs
    double bottom_gap;  // least difference to `bottom`: 0 for a floor
};

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

// Slack c_j - gap of every constraint, n + 1 of them.
Eigen::VectorXd slacks(const OrderConstraints& order, const Eigen::VectorXd& u);

}  // namespace specsched
