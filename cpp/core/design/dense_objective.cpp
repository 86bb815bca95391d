#include "core/design/dense_objective.hpp"

#include <Eigen/Cholesky>

namespace specsched {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

void DenseObjective::curve(const VectorXd& u) {
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const VectorXd sigma = levels(u);
    const Index n = u.size();
    VectorXd gradient(sigma.size());
    RowMajor full(sigma.size(), sigma.size());
    engine_loss_hessian(problem_.nodes, {sigma.data(), sigma.size()}, problem_.sampler.spec, problem_.criterion,
                        problem_.sampler.error, problem_.settings.threads, gradient.data(), full.data());
    const VectorXd interior = sigma.segment(1, n);
    hessian_ = interior.asDiagonal() * full.block(1, 1, n, n) * interior.asDiagonal();
    hessian_.diagonal() += gradient.segment(1, n).cwiseProduct(interior);
    scale_ = hessian_.diagonal().cwiseAbs().mean();
    if (!(scale_ > 0.0)) scale_ = 1.0;
}

bool DenseObjective::newton_step(const Groups& groups, const VectorXd& gradient, double damping, VectorXd& step) {
    const Index n = groups.levels(), count = groups.count();
    MatrixXd reduced = MatrixXd::Zero(count, count);
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j)
            if (groups.of_level(i) >= 0 && groups.of_level(j) >= 0)
                reduced(groups.of_level(i), groups.of_level(j)) += hessian_(i, j) + (i == j ? damping : 0.0);
    const Eigen::LLT<MatrixXd> factor(reduced);
    if (factor.info() != Eigen::Success) return false;
    const VectorXd z = factor.solve(-groups.reduce(gradient));
    if (!z.allFinite()) return false;
    step = groups.expand(z);
    return true;
}

}  // namespace specsched
