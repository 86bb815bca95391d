// Every solver of the engine: the exact, dense Hessian.
#pragma once

#include "core/design/objective.hpp"

namespace specsched {

class DenseObjective : public Objective {
  public:
    using Objective::Objective;
    void curve(const Eigen::VectorXd& u) override;
    bool newton_step(const Groups& groups, const Eigen::VectorXd& gradient, double damping,
                     Eigen::VectorXd& step) override;
    double least_damping() const override { return least_share(hessian_.rows()) * scale_; }

  private:
    Eigen::MatrixXd hessian_;  // by u
    double scale_ = 1.0;
};

}  // namespace specsched
