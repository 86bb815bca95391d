// DDIM and DDPM: the output of an eigenvalue depends on the levels through one number theta, a sum of terms of
// neighbouring levels. Hence Hessian = J^T diag(loss'') J + tridiagonal, with one row of J per eigenvalue:
// a Newton step costs O(S M^2) for M nodes.
#pragma once

#include <vector>

#include "core/design/objective.hpp"

namespace specsched {

// For more than a few levels damping is by springs between neighbours: a damping of every level alone would hold back the
// soft motions of all levels together, on which the loss depends most.
class PairwiseObjective : public Objective {
  public:
    using Objective::Objective;
    void curve(const Eigen::VectorXd& u) override;
    bool newton_step(const Groups& groups, const Eigen::VectorXd& gradient, double damping,
                     Eigen::VectorXd& step) override;
    double damped(const Eigen::VectorXd& step) const override;
    double least_damping() const override;

  private:
    struct Tridiagonal {
        Eigen::VectorXd diagonal, off_diagonal;
    };
    void differentiate(const Eigen::VectorXd& sigma, const Eigen::VectorXd& slope);
    void differentiate_ddim(const Eigen::VectorXd& sigma, const Eigen::VectorXd& slope, const Eigen::ArrayXd& lambda);
    void differentiate_ddpm(const Eigen::VectorXd& sigma, const Eigen::VectorXd& slope, const Eigen::ArrayXd& lambda);
    Tridiagonal damped_tridiagonal(double damping) const;
    const Eigen::MatrixXd& by_group(const Groups& groups);
    static Tridiagonal by_group(const Groups& groups, const Tridiagonal& t);
    const Eigen::MatrixXd& bent_products(const Eigen::MatrixXd& rows);
    bool dense_step(const Eigen::MatrixXd& rows, const Eigen::VectorXd& reduced, const Tridiagonal& t,
                    Eigen::VectorXd& z);
    void whiten(const Eigen::MatrixXd& rows, const Eigen::VectorXd& reduced, const Tridiagonal& factors,
                const Eigen::VectorXd& root, Eigen::VectorXd& c);
    std::vector<Eigen::Index> drop_weak_rows();
    bool low_rank_step(const Eigen::MatrixXd& rows, const Eigen::VectorXd& reduced, const Tridiagonal& factors,
                       Eigen::VectorXd& z);

    Eigen::MatrixXd jacobian_;  // nodes (padded) x levels: d theta / d u times the square root of |bend|
    Eigen::VectorXd bend_;  // loss'' by theta, per node
    Eigen::VectorXd diagonal_;  // tridiagonal part
    Eigen::VectorXd off_diagonal_;
    Eigen::VectorXd stiffness_;  // of the springs between neighbours that damp; empty: damping by the identity
    double scale_ = 1.0;
    // Kept from step to step: fresh memory for large matrices costs as much as the arithmetic.
    Eigen::MatrixXd folded_, columns_, bent_, product_;
    Eigen::MatrixXd products_;  // J^T B J over the groups of the present step
    Eigen::Index products_of_ = -1;  // their number; -1: to be made, after each `curve`
};

}  // namespace specsched
