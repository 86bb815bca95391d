#include "core/design/objective.hpp"

#include <cmath>

#include "core/design/dense_objective.hpp"
#include "core/design/pairwise.hpp"

namespace specsched {

double Objective::value(const Eigen::VectorXd& u) {
    ++evaluations;
    const Eigen::VectorXd sigma = levels(u);
    return loss_sum(problem_.sampler, problem_.nodes, {sigma.data(), sigma.size()}, problem_.criterion, nullptr,
                    problem_.settings.threads);
}

double Objective::gradient(const Eigen::VectorXd& u, Eigen::VectorXd& by_u) {
    ++evaluations;
    const Eigen::VectorXd sigma = levels(u);
    Eigen::VectorXd by_sigma(sigma.size());
    const double sum = loss_sum(problem_.sampler, problem_.nodes, {sigma.data(), sigma.size()}, problem_.criterion,
                                by_sigma.data(), problem_.settings.threads);
    by_u = by_sigma.segment(1, u.size()).cwiseProduct(sigma.segment(1, u.size()));
    return sum;
}

Eigen::VectorXd Objective::levels(const Eigen::VectorXd& u) const {
    Eigen::VectorXd sigma(u.size() + 2);
    sigma[0] = problem_.sigma_max;
    for (Eigen::Index k = 0; k < u.size(); ++k) sigma[k + 1] = std::exp(u[k]);
    sigma[u.size() + 1] = problem_.sigma_min;
    return sigma;
}

// Smooth motions of all n levels together are n^2 times softer than that of a single one.
double Objective::least_share(Eigen::Index levels) {
    const double n = static_cast<double>(levels);
    return 1e-2 / (n * n + 99.0);
}

double Objective::power() const {
    const SpectrumView& nodes = problem_.nodes;
    return with_loss(problem_.criterion.loss, [&](auto l) {
        double power = 0.0;
        for (std::ptrdiff_t i = 0; i < nodes.size; ++i)
            power += decltype(l)::power(nodes.weights[i], nodes.eigenvalues[i], nodes.mean_power[i]);
        return power;
    });
}

std::unique_ptr<Objective> make_objective(const DesignProblem& problem) {
    if (pairwise(problem.sampler)) return std::make_unique<PairwiseObjective>(problem);
    return std::make_unique<DenseObjective>(problem);
}

}  // namespace specsched
