// The loss as a function of the interior log-levels, with the curvature that a Newton step needs.
#pragma once

#include <Eigen/Core>
#include <memory>

#include "core/design/groups.hpp"
#include "core/design/problem.hpp"

namespace specsched {

class Objective {
  public:
    explicit Objective(const DesignProblem& problem) : problem_(problem) {}
    virtual ~Objective() = default;

    // Sum of loss terms at u_k = log sigma_k of the interior levels, and its gradient by u.
    double value(const Eigen::VectorXd& u);
    double gradient(const Eigen::VectorXd& u, Eigen::VectorXd& by_u);

    // Prepares the exact Hessian at u, of one level or more.
    virtual void curve(const Eigen::VectorXd& u) = 0;
    // Solves (Hessian + damping M) step = -gradient over the groups; false unless the matrix is positive definite.
    virtual bool newton_step(const Groups& groups, const Eigen::VectorXd& gradient, double damping,
                             Eigen::VectorXd& step) = 0;
    // M, the matrix of the damping, is the identity unless the objective knows a better one: step^T M step.
    virtual double damped(const Eigen::VectorXd& step) const { return step.squaredNorm(); }
    // Below it a damping has no effect.
    virtual double least_damping() const = 0;

    // What relative errors are measured against when the loss itself is close to 0.
    double power() const;
    const DesignProblem& problem() const { return problem_; }
    long evaluations = 0;

  protected:
    Eigen::VectorXd levels(const Eigen::VectorXd& u) const;  // the S + 1 sigmas
    static double least_share(Eigen::Index levels);  // of a typical curvature, that damping by the identity adds
    DesignProblem problem_;
};

std::unique_ptr<Objective> make_objective(const DesignProblem& problem);

}  // namespace specsched
