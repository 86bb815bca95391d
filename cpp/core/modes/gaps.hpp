// Levels between fixed ends as free numbers: logarithms of what the gaps in log r have beyond the least one.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace specsched::modes {

struct Ends {
    double first, last;  // last may be 0
    double floor;        // with last = 0: no other level below it; 0: none
    double least_ratio;  // of neighbouring positive levels, >= 1
};

// Where the sum of the gaps is bounded (by a positive last level, or a floor), they are shares of it (softmax); a floor
// leaves one share for what remains above it. Order, floor and least ratio hold by themselves.
class Gaps {
  public:
    Gaps(const Ends& ends, int steps);

    int size() const { return size_; }
    Eigen::VectorXd from_levels(const std::vector<double>& sigmas) const;
    std::vector<double> levels(const Eigen::VectorXd& z) const;
    // d log r_k / d z_i, [steps + 1 x size].
    Eigen::MatrixXd slopes(const Eigen::VectorXd& z) const;
    double least() const { return least_; }

  private:
    Eigen::VectorXd lengths(const Eigen::VectorXd& z) const;  // of the gaps

    Ends ends_;
    int steps_, gaps_, size_;
    bool bounded_;
    double least_, room_;  // least gap; what the gaps share beyond it
};

}  // namespace specsched::modes
