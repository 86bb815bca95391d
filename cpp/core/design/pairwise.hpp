// DDIM and DDPM: the output of an eigenvalue depends on the levels through one number theta, a sum of terms of
// neighbouring levels. Hence Hessian = J^T diag(loss'') J + tridiagonal, with one row of J per eigenvalue:
// a Newton step costs O(S M^2) for M nodes.
#pragma once

#include "core/design/objective.hpp"

namespace specsched {

class PairwiseObjective : public Objective {
  public:
    using Objective::Objective;
    void curve(const Eigen::VectorXd& u) override;
    bool newton_step(const Groups& groups, const Eigen::VectorXd& gradient, double damping,
                     Eigen::VectorXd& step) const override;
    double curvature_scale() const override { return scale_; }

  private:
    void dense_hessian(const Groups& groups, Eigen::MatrixXd& hessian) const;
    bool dense_step(const Groups& groups, const Eigen::VectorXd& reduced, double damping, Eigen::VectorXd& z) const;
    bool low_rank_step(const Groups& groups, const Eigen::VectorXd& reduced, double damping,
                       Eigen::VectorXd& z) const;

    Eigen::MatrixXd jacobian_;     // nodes x levels: d theta / d u
    Eigen::VectorXd bend_;         // loss'' by theta, per node
    Eigen::VectorXd diagonal_;     // tridiagonal part
    Eigen::VectorXd off_diagonal_;
    double scale_ = 1.0;
};

}  // namespace specsched
