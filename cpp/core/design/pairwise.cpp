#include "core/design/pairwise.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/ends.hpp"
#include "core/kernels/dispatch.hpp"

namespace specsched {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index few_levels = 32;       // up to here damping by the identity finds the way
constexpr double least_spring = 1e-3;  // share of their stiffness below which the springs have no effect

// Derivatives of one pair's term by the logs of its two levels, for all nodes.
struct PairTerm {
    ArrayXd by_first, by_second, first_first, first_second, second_second;
};

// DDIM: theta = log P, the pair's term is log(lambda + r r') - log(lambda + r^2).
void ddim_pair(const ArrayXd& lambda, double r, double next, PairTerm& out) {
    const ArrayXd a = r * next / (lambda + r * next);
    const ArrayXd b = r * r / (lambda + r * r);
    const ArrayXd bent = a * (1.0 - a);
    out.by_first = a - 2.0 * b;
    out.by_second = a;
    out.first_first = bent - 4.0 * b * (1.0 - b);
    out.first_second = bent;
    out.second_second = bent;
}

// DDPM: theta = v, the pair's term is factor * f, log f = 2 log(x - x') - log x - log(lambda + x) - 2 log(lambda + x').
void ddpm_pair(const ArrayXd& lambda, const ArrayXd& factor, double r, double next, PairTerm& out) {
    const double x = r * r, y = next * next, gap = (r - next) * (r + next);
    const ArrayXd t = 1.0 / (lambda + x), s = 1.0 / (lambda + y);
    const ArrayXd f = factor * (gap * (gap / x)) * t * s * s;
    const double cross = 8.0 * (x / gap) * (y / gap);
    const ArrayXd by_first = 4.0 * x / gap - 2.0 - 2.0 * x * t;
    const ArrayXd by_second = -4.0 * y / gap - 4.0 * y * s;
    out.by_first = f * by_first;
    out.by_second = f * by_second;
    out.first_first = f * (by_first.square() - cross - 4.0 * x * lambda * t.square());
    out.first_second = f * (by_first * by_second + cross);
    out.second_second = f * (by_second.square() - cross - 8.0 * y * lambda * s.square());
}

// Slope and bend of the loss term by theta, given the output moments as they depend on theta.
struct Response {
    VectorXd slope, bend;
};

Response respond(const DesignProblem& p, const VectorXd& gain, const VectorXd& variance) {
    using Inner = Dual<double, 1>;
    using D = Dual<Inner, 1>;
    const Ends<double> ends(p.process, p.sigma_first, p.sigma_last);
    const bool ddim = p.sampler.kernel == DenseSampler::ddim;
    Response out{VectorXd(p.nodes.size), VectorXd(p.nodes.size)};
    with_loss(p.loss, [&](auto l) {
        for (Index i = 0; i < p.nodes.size; ++i) {
            const double lambda = p.nodes.eigenvalues[i];
            if (lambda < smallest_eigenvalue) {  // fixed by the ends alone
                out.slope[i] = out.bend[i] = 0.0;
                continue;
            }
            D theta(Inner::variable(0.0, 0));
            theta.d[0] = Inner(1.0);
            OutputMoments<D> m;
            if (ddim) {
                const D growth = exp(theta);
                m.std = growth * Inner(std::sqrt(variance[i]));
                m.excess = growth * growth * Inner(variance[i]) - Inner(lambda);
                m.mean_error = growth * Inner(gain[i] * ends.scale) + Inner(ends.lost);
            } else {
                m.std = sqrt(theta + Inner(variance[i]));
                m.excess = theta + Inner(variance[i] - lambda);
                m.mean_error = D(Inner(gain[i] * ends.scale + ends.lost));
            }
            const D term = loss_term<decltype(l)::value, D, Inner>(Inner(lambda), Inner(std::sqrt(lambda)),
                                                                   Inner(p.nodes.weights[i]),
                                                                   Inner(p.nodes.mean_power[i]), m);
            out.slope[i] = term.d[0].value;
            out.bend[i] = term.d[0].d[0];
        }
    });
    return out;
}

Index padded(Index size) { return (size + product_padding - 1) / product_padding * product_padding; }

// In-place factorisation of a symmetric tridiagonal matrix as L D L^T; false unless positive definite.
bool factor_tridiagonal(VectorXd& diagonal, VectorXd& lower) {
    const Index n = diagonal.size();
    if (n == 0) return true;
    if (!(diagonal[0] > 0.0)) return false;
    for (Index k = 1; k < n; ++k) {
        const double off = lower[k - 1];
        lower[k - 1] = off / diagonal[k - 1];
        diagonal[k] -= lower[k - 1] * off;
        if (!(diagonal[k] > 0.0)) return false;
    }
    return true;
}

// Solves for every row of `rows` at once (each row is one right-hand side).
void solve_tridiagonal_rows(const VectorXd& diagonal, const VectorXd& lower, MatrixXd& rows) {
    const Index n = diagonal.size();
    for (Index k = 1; k < n; ++k) rows.col(k) -= lower[k - 1] * rows.col(k - 1);
    for (Index k = 0; k < n; ++k) rows.col(k) /= diagonal[k];
    for (Index k = n - 1; k > 0; --k) rows.col(k - 1) -= lower[k - 1] * rows.col(k);
}

// Solves (signs of `bend` + W) x = x in place: I + W on the nodes that bend up, -I + W on those that bend down. False
// unless the Hessian is positive definite, that is the first block and minus the second one's Schur complement are.
bool solve_signed(const MatrixXd& w, const VectorXd& bend, VectorXd& x) {
    std::vector<Index> up, down;
    for (Index i = 0; i < bend.size(); ++i) {
        if (bend[i] >= 0.0)
            up.push_back(i);
        else
            down.push_back(i);
    }
    MatrixXd upper = w(up, up);
    upper.diagonal().array() += 1.0;
    const Eigen::LLT<MatrixXd> upper_factor(upper);
    if (upper_factor.info() != Eigen::Success) return false;
    VectorXd of_up = upper_factor.solve(VectorXd(x(up)));
    if (!down.empty()) {
        const MatrixXd between = w(up, down), carried = upper_factor.solve(between);
        MatrixXd rest = between.transpose() * carried - w(down, down);
        rest.diagonal().array() += 1.0;
        const Eigen::LLT<MatrixXd> rest_factor(rest);
        if (rest_factor.info() != Eigen::Success) return false;
        const VectorXd of_down = rest_factor.solve(between.transpose() * of_up - VectorXd(x(down)));
        of_up -= carried * of_down;
        x(down) = of_down;
    }
    x(up) = of_up;
    return true;
}

}  // namespace

void PairwiseObjective::curve(const VectorXd& u) {
    const DesignProblem& p = problem_;
    const Index n = u.size(), nodes = p.nodes.size;
    const VectorXd sigma = levels(u);
    VectorXd gain(nodes), variance(nodes);
    transfer(p.sampler, p.nodes, {sigma.data(), sigma.size()}, p.process, gain.data(), variance.data(), p.threads);
    const Response response = respond(p, gain, variance);

    // Zero eigenvalues do not depend on the interior levels: park them at 1 with a slope of 0.
    const Eigen::Map<const ArrayXd> eigenvalues(p.nodes.eigenvalues, nodes);
    const ArrayXd lambda = (eigenvalues < smallest_eigenvalue).select(1.0, eigenvalues);
    const bool ddim = p.sampler.kernel == DenseSampler::ddim;
    const double scale = signal_scale(p.process, p.sigma_last), last2 = p.sigma_last * p.sigma_last;
    const ArrayXd factor = -(scale * scale) * (lambda + last2).square() * lambda;

    jacobian_ = MatrixXd::Zero(nodes, n);
    diagonal_ = VectorXd::Zero(n);
    off_diagonal_ = VectorXd::Zero(n > 0 ? n - 1 : 0);
    stiffness_ = VectorXd::Zero(n > few_levels ? n + 1 : 0);
    bend_ = response.bend;
    PairTerm pair;
    for (Index k = 0; k <= n; ++k) {  // pair of levels k and k + 1; interior level j has index j - 1 in u
        if (ddim)
            ddim_pair(lambda, sigma[k], sigma[k + 1], pair);
        else
            ddpm_pair(lambda, factor, sigma[k], sigma[k + 1], pair);
        if (k > 0) {
            jacobian_.col(k - 1).array() += pair.by_first;
            diagonal_[k - 1] += response.slope.dot(pair.first_first.matrix());
        }
        if (k < n) {
            jacobian_.col(k).array() += pair.by_second;
            diagonal_[k] += response.slope.dot(pair.second_second.matrix());
        }
        if (k > 0 && k < n) off_diagonal_[k - 1] = response.slope.dot(pair.first_second.matrix());
        if (stiffness_.size()) {
            const ArrayXd& bent = k == 0 ? pair.second_second : k == n ? pair.first_first : pair.first_second;
            stiffness_[k] = response.slope.cwiseAbs().dot(bent.matrix().cwiseAbs());
        }
    }
    double sum = 0.0;
    for (Index k = 0; k < n; ++k)
        sum += std::abs(diagonal_[k]) + jacobian_.col(k).array().square().matrix().dot(bend_.cwiseAbs());
    scale_ = n > 0 ? sum / static_cast<double>(n) : 1.0;
    if (!(scale_ > 0.0)) scale_ = 1.0;
}

double PairwiseObjective::damped(const VectorXd& step) const {
    if (!stiffness_.size()) return step.squaredNorm();
    const Index n = step.size();
    double sum = stiffness_[0] * step[0] * step[0] + stiffness_[n] * step[n - 1] * step[n - 1];
    for (Index k = 1; k < n; ++k) sum += stiffness_[k] * (step[k] - step[k - 1]) * (step[k] - step[k - 1]);
    return sum + least_share(n) * scale_ * step.squaredNorm();
}

double PairwiseObjective::least_damping() const {
    return stiffness_.size() ? least_spring : least_share(diagonal_.size()) * scale_;
}

PairwiseObjective::Tridiagonal PairwiseObjective::damped_tridiagonal(double damping) const {
    Tridiagonal t{diagonal_, off_diagonal_};
    const Index n = diagonal_.size();
    if (!stiffness_.size()) {
        t.diagonal.array() += damping;
    } else {
        t.diagonal.array() += damping * (stiffness_.head(n) + stiffness_.tail(n)).array() +
                              damping * least_share(n) * scale_;
        t.off_diagonal -= damping * stiffness_.segment(1, n - 1);
    }
    return t;
}

void PairwiseObjective::dense_hessian(const Groups& groups, const Tridiagonal& t, MatrixXd& hessian) const {
    const Index n = groups.levels(), size = padded(groups.count()), nodes = jacobian_.rows();
    MatrixXd rows = MatrixXd::Zero(nodes, size);
    hessian = MatrixXd::Zero(size, size);
    for (Index k = 0; k < n; ++k) {
        const Index a = groups.of_level(k), b = k + 1 < n ? groups.of_level(k + 1) : -1;
        if (a < 0) continue;
        rows.col(a) += jacobian_.col(k);
        hessian(a, a) += t.diagonal[k];
        if (b < 0) continue;
        hessian(std::max(a, b), std::min(a, b)) += t.off_diagonal[k] * (a == b ? 2.0 : 1.0);
    }
    const MatrixXd columns = rows.transpose(), bent = columns * bend_.asDiagonal();
    kernels().outer_products(columns.data(), bent.data(), size, nodes, hessian.data());
}

// Only the lower triangle of the Hessian is used.
bool PairwiseObjective::dense_step(const Groups& groups, const VectorXd& reduced, const Tridiagonal& t,
                                   VectorXd& z) const {
    MatrixXd hessian;
    dense_hessian(groups, t, hessian);
    const Index count = groups.count();
    const Eigen::LLT<MatrixXd> factor(hessian.topLeftCorner(count, count));
    if (factor.info() != Eigen::Success) return false;
    z = factor.solve(-reduced);
    return z.allFinite();
}

bool PairwiseObjective::low_rank_step(const Groups& groups, const VectorXd& reduced, const Tridiagonal& t,
                                      VectorXd& z) const {
    const Index n = groups.levels(), count = groups.count(), nodes = jacobian_.rows(), size = padded(nodes);
    MatrixXd rows = MatrixXd::Zero(size, count);
    VectorXd diagonal = VectorXd::Zero(count), lower = VectorXd::Zero(count > 0 ? count - 1 : 0);
    for (Index k = 0; k < n; ++k) {
        const Index a = groups.of_level(k), b = k + 1 < n ? groups.of_level(k + 1) : -1;
        if (a < 0) continue;
        rows.col(a).head(nodes) += jacobian_.col(k);
        diagonal[a] += t.diagonal[k];
        if (b == a) diagonal[a] += 2.0 * t.off_diagonal[k];
        if (b > a) lower[a] = t.off_diagonal[k];
    }
    if (!factor_tridiagonal(diagonal, lower)) return false;
    MatrixXd solved = rows;  // rows of J T^-1
    solve_tridiagonal_rows(diagonal, lower, solved);
    MatrixXd plain = -reduced.transpose();
    solve_tridiagonal_rows(diagonal, lower, plain);
    MatrixXd w = MatrixXd::Zero(size, size);  // J T^-1 J^T
    kernels().outer_products(solved.data(), rows.data(), size, count, w.data());
    w.triangularView<Eigen::StrictlyUpper>() = w.transpose();

    // Woodbury: z = T^-1 b - T^-1 J^T (D^-1 + W)^-1 J T^-1 b, the bracket scaled by |D|^1/2 on both sides.
    const VectorXd root = bend_.cwiseAbs().cwiseSqrt();
    const MatrixXd scaled = root.asDiagonal() * w.topLeftCorner(nodes, nodes) * root.asDiagonal();
    VectorXd inner = root.cwiseProduct(rows.topRows(nodes) * plain.transpose());
    if (!solve_signed(scaled, bend_, inner)) return false;
    z = plain.transpose() - solved.topRows(nodes).transpose() * root.cwiseProduct(inner);
    return z.allFinite();
}

bool PairwiseObjective::newton_step(const Groups& groups, const VectorXd& gradient, double damping,
                                    VectorXd& step) const {
    const VectorXd reduced = groups.reduce(gradient);
    VectorXd z;
    const bool small = groups.count() <= 3 * jacobian_.rows();
    const Tridiagonal t = damped_tridiagonal(damping);
    if (!(small ? dense_step(groups, reduced, t, z) : low_rank_step(groups, reduced, t, z))) return false;
    step = groups.expand(z);
    return true;
}

}  // namespace specsched
