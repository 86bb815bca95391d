#include "core/design/many_step.hpp"

#include <algorithm>
#include <cmath>

namespace specsched {
namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;
using Eigen::Index;

constexpr Index grid_points = 64;
constexpr int most_iterations = 12;
constexpr double settled = 5e-3;  // share of the levels that an iteration still moves

// Per node and grid point, the rate of the loss of log variance: phi'(u)^2 = lambda r^2 / (lambda + r^2)^2 for DDIM,
// 4 lambda (lambda + r_S^2) r^2 / (lambda + r^2)^3 for DDPM.
ArrayXXd loss_rates(const DesignProblem& p, const ArrayXd& lambda, const ArrayXd& u) {
    ArrayXXd rates(lambda.size(), u.size());
    const bool ddpm = p.sampler.dense && p.sampler.kernel == DenseSampler::ddpm;
    const double last2 = p.sigma_min * p.sigma_min;
    for (Index j = 0; j < u.size(); ++j) {
        const double x = std::exp(2.0 * u[j]);
        const ArrayXd t = 1.0 / (lambda + x);
        rates.col(j) = lambda * x * t * t;
        if (ddpm) rates.col(j) *= 4.0 * (lambda + last2) * t;
    }
    return rates;
}

// Of the law that the output is compared with: what a lost share of the standard deviation costs.
ArrayXd output_variance(const DesignProblem& p, const ArrayXd& lambda) {
    if (p.criterion.target == Target::data) return lambda;
    const Ends<double> ends(p.criterion, p.sigma_max, p.sigma_min);
    const Limit limit = limit_of(p.sampler.spec);
    return lambda.unaryExpr([&](double x) { return limit_moments(limit, ends, x, p.sigma_max, p.sigma_min).variance; });
}

}  // namespace

ManyStepDensity::ManyStepDensity(const DesignProblem& p, double lowest_log) {
    const Eigen::Map<const ArrayXd> eigenvalues(p.nodes.eigenvalues, p.nodes.size);
    const Eigen::Map<const ArrayXd> weights(p.nodes.weights, p.nodes.size);
    const ArrayXd lambda = eigenvalues.max(1e-30);
    const ArrayXd variance = output_variance(p, lambda);
    const ArrayXd shares = with_loss(p.criterion.loss, [&](auto l) {
        return ArrayXd(weights.binaryExpr(variance, [](double w, double v) { return decltype(l)::share(w, v); }));
    });
    grid_ = ArrayXd::LinSpaced(grid_points, std::log(p.sigma_max), lowest_log);
    density_ = ArrayXd::Constant(grid_points, 1.0 / (static_cast<double>(grid_points) * width()));
    solve(loss_rates(p, lambda, grid_), (eigenvalues > 1e-30).select(shares, 0.0));
}

// `rates`: nodes x grid, how fast each node loses variance; `weight`: of each node in the loss.
// h(u)^-2 ~ sum_i weight_i E_i rate_i(u), E_i = integral of rate_i h du; density = 1/h.
void ManyStepDensity::solve(const ArrayXXd& rates, const ArrayXd& weight) {
    const Index points = grid_.size();
    ArrayXd step(points), next(points), lost(rates.rows());
    for (int it = 0; it < most_iterations; ++it) {
        step = density_.inverse();
        lost.matrix().noalias() = rates.matrix() * step.matrix();
        lost *= weight * width();
        next.matrix().noalias() = rates.matrix().transpose() * lost.matrix();
        next = next.max(1e-300).sqrt();
        next /= next.sum() * width();
        // Half a step in the logarithm: full steps oscillate.
        next = (density_ * next).sqrt();
        next = (next / (next.sum() * width())).max(1e-9);
        const double change = (next - density_).abs().sum() * width();
        density_.swap(next);
        if (change < settled) break;
    }
    mass_.resize(points);
    mass_[0] = 0.0;
    for (Index j = 1; j < points; ++j) mass_[j] = mass_[j - 1] + 0.5 * (density_[j - 1] + density_[j]) * width();
}

double ManyStepDensity::mass_above(double u) const {
    const Index last = grid_.size() - 1;
    const double place = std::min(std::max((grid_[0] - u) / width(), 0.0), static_cast<double>(last));
    const Index j = std::min(static_cast<Index>(place), last - 1);
    return mass_[j] + (place - static_cast<double>(j)) * (mass_[j + 1] - mass_[j]);
}

void ManyStepDensity::quantiles(double total, std::ptrdiff_t intervals, std::ptrdiff_t count, double* to) const {
    Index j = 1;
    for (std::ptrdiff_t k = 1; k <= count; ++k) {
        const double wanted = total * static_cast<double>(k) / static_cast<double>(intervals);
        while (j < grid_.size() - 1 && mass_[j] < wanted) ++j;
        to[k - 1] = grid_[j - 1] - (wanted - mass_[j - 1]) / (mass_[j] - mass_[j - 1]) * width();
    }
}

Eigen::VectorXd ManyStepDensity::interior(std::ptrdiff_t steps) const {
    Eigen::VectorXd u(steps - 1);
    quantiles(mass_[mass_.size() - 1], steps, steps - 1, u.data());
    return u;
}

Eigen::VectorXd ManyStepDensity::interior(std::ptrdiff_t steps, double cut) const {
    Eigen::VectorXd u(steps - 1);
    quantiles(mass_above(cut), steps - 1, steps - 1, u.data());
    return u;
}

}  // namespace specsched
