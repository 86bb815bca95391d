#include "core/design/pairwise.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/ends.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/scratch.hpp"

namespace specsched {
namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double least_spring = 1e-3;  // share of their stiffness below which the springs have no effect

constexpr double weak = 1e-6;          // next to 1: rows of the low-rank part that hardly change a Newton step

// Derivatives of one pair's term by the logs of its two levels, for all nodes; made once, filled for every pair.
struct PairTerm {
    ArrayXd by_first, by_second, first_first, first_second, second_second;
    ArrayXd s, t, f;  // intermediate results
};

// DDPM: theta = v, the pair's term is factor * f, log f = 2 log(x - x') - log x - log(lambda + x) - 2 log(lambda + x').
void ddpm_pair(const ArrayXd& lambda, const ArrayXd& factor, double r, double next, PairTerm& out) {
    const double x = r * r, y = next * next, gap = (r - next) * (r + next);
    out.t = 1.0 / (lambda + x);
    out.s = 1.0 / (lambda + y);
    out.f = factor * (gap * (gap / x)) * out.t * out.s * out.s;
    const double cross = 8.0 * (x / gap) * (y / gap);
    out.by_first = 4.0 * x / gap - 2.0 - 2.0 * x * out.t;
    out.by_second = -4.0 * y / gap - 4.0 * y * out.s;
    out.first_first = out.f * (out.by_first.square() - cross - 4.0 * x * lambda * out.t.square());
    out.first_second = out.f * (out.by_first * out.by_second + cross);
    out.second_second = out.f * (out.by_second.square() - cross - 8.0 * y * lambda * out.s.square());
    out.by_first *= out.f;
    out.by_second *= out.f;
}

// Slope and bend of the loss term by theta, given the output moments as they depend on theta.
struct Response {
    VectorXd slope, bend;
};

using Inner = Dual<double, 1>;
using Twice = Dual<Inner, 1>;  // a function of theta with two derivatives

// The output in the units of the data, as a function of theta around 0; `gain` includes the scale.
struct Output {
    Twice gain, std;

    Output(bool ddim, double scaled_gain, double variance)
        : gain(Inner(scaled_gain)), std(Inner(std::sqrt(variance))), ddim_(ddim), variance_(variance) {
        Twice theta(Inner::variable(0.0, 0));
        theta.d[0] = Inner(1.0);
        if (ddim) {
            const Twice growth = exp(theta);
            gain = growth * Inner(scaled_gain);
            std = growth * Inner(std::sqrt(variance));
            changed_ = growth * growth;
        } else {
            std = sqrt(theta + Inner(variance));
            changed_ = theta;
        }
    }
    // Variance less `reference`.
    Twice excess(double reference) const {
        return ddim_ ? changed_ * Inner(variance_) - Inner(reference) : changed_ + Inner(variance_ - reference);
    }

  private:
    bool ddim_;
    double variance_;
    Twice changed_;
};

template <class L>
Twice term_of(const DesignProblem& p, const Limit& limit, const Ends<double>& ends, Index i, const Output& out) {
    const double lambda = p.nodes.eigenvalues[i], weight = p.nodes.weights[i], power = p.nodes.mean_power[i];
    const auto against = [&](double variance, const Twice& mean_error) {
        const OutputMoments<Twice> m{out.std, out.excess(variance), mean_error};
        return L::template term<Twice, Inner>(Inner(variance), Inner(std::sqrt(variance)), Inner(weight), Inner(power),
                                              m);
    };
    if (p.criterion.target == Target::data) return against(lambda, out.gain * Inner(ends.carried) + Inner(ends.lost));
    const LimitMoments law = limit_moments(limit, ends, lambda, p.sigma_max, p.sigma_min);
    const Twice gap = out.gain - Inner(law.gain * ends.scale);
    if (L::follows_runs && limit.deterministic)
        return gap * gap * Inner(weight * ends.start_of(lambda) + power * ends.carried);
    return against(law.variance * (ends.scale * ends.scale), gap * Inner(ends.carried));
}

Response respond(const DesignProblem& p, const VectorXd& gain, const VectorXd& variance) {
    const Ends<double> ends(p.criterion, p.sigma_max, p.sigma_min);
    const Limit limit = limit_of(p.sampler.spec);
    const bool ddim = p.sampler.kernel == DenseSampler::ddim;
    Response out{VectorXd::Zero(p.nodes.size), VectorXd::Zero(p.nodes.size)};
    with_loss(p.criterion.loss, [&](auto l) {
        for (Index i = 0; i < p.nodes.size; ++i) {
            if (p.nodes.eigenvalues[i] < smallest_eigenvalue) continue;  // fixed by the ends alone
            const Output output(ddim, gain[i] * ends.scale, variance[i]);
            const Twice term = term_of<decltype(l)>(p, limit, ends, i, output);
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
    if (!(diagonal[0] > 0.0)) return false;
    for (Index k = 1; k < n; ++k) {
        const double off = lower[k - 1];
        lower[k - 1] = off / diagonal[k - 1];
        diagonal[k] -= lower[k - 1] * off;
        if (!(diagonal[k] > 0.0)) return false;
    }
    return true;
}

// Solves (signs of `bend` + W) x = x in place: I + W on the nodes that bend up, -I + W on those that bend down. False
// unless the Hessian is positive definite, that is the first block and minus the second one's Schur complement are.
// W is given by its lower triangle and overwritten.
bool solve_signed(Eigen::Ref<MatrixXd> w, const VectorXd& bend, VectorXd& x) {
    if (bend.size() == 0) return true;
    if (bend.minCoeff() >= 0.0) {
        w.diagonal().array() += 1.0;
        const Eigen::LLT<Eigen::Ref<MatrixXd>> factor(w);
        if (factor.info() != Eigen::Success) return false;
        factor.solveInPlace(x);
        return true;
    }
    w.triangularView<Eigen::StrictlyUpper>() = w.transpose();
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
    transfer(p.sampler, p.nodes, {sigma.data(), sigma.size()}, p.criterion, {gain.data(), variance.data()},
             p.settings.threads);
    const Response response = respond(p, gain, variance);
    bend_ = response.bend;
    products_of_ = -1;
    differentiate(sigma, response.slope);
    scale_ = (diagonal_.cwiseAbs().sum() + jacobian_.squaredNorm()) / static_cast<double>(n);
    if (!(scale_ > 0.0)) scale_ = 1.0;
}

// Fills what is made of the derivatives of theta, given the slopes of the loss by it.
void PairwiseObjective::differentiate(const VectorXd& sigma, const VectorXd& slope) {
    const Index n = sigma.size() - 2, nodes = problem_.nodes.size;
    jacobian_.resize(padded(nodes), n);
    diagonal_.setZero(n);
    off_diagonal_.setZero(n > 0 ? n - 1 : 0);
    stiffness_.setZero(n > problem_.settings.many_levels ? n + 1 : 0);
    // Zero eigenvalues do not depend on the interior levels: park them, like the rows of padding, at 1 with a slope of 0.
    const Eigen::Map<const ArrayXd> eigenvalues(problem_.nodes.eigenvalues, nodes);
    ArrayXd lambda = ArrayXd::Ones(padded(nodes));
    lambda.head(nodes) = (eigenvalues < smallest_eigenvalue).select(1.0, eigenvalues);
    if (problem_.sampler.kernel == DenseSampler::ddim) {
        differentiate_ddim(sigma, slope, lambda);
    } else {
        jacobian_.bottomRows(jacobian_.rows() - nodes).setZero();
        differentiate_ddpm(sigma, slope, lambda.head(nodes));
    }
}

// theta = log P, the pair's term is log(lambda + r r') - log(lambda + r^2); a and b as in docs/design.md.
void PairwiseObjective::differentiate_ddim(const VectorXd& sigma, const VectorXd& slope, const ArrayXd& lambda) {
    const Index n = sigma.size() - 2, rows = lambda.size(), nodes = slope.size();
    ArrayXXd columns = ArrayXXd::Zero(rows, 2);  // slope and root, padded
    columns.col(0).head(nodes) = slope.array();
    columns.col(1).head(nodes) = bend_.array().abs().sqrt();
    double* const stiffness = stiffness_.size() ? stiffness_.data() : nullptr;
    kernels().ddim_pairs({lambda.data(), columns.data(), columns.data() + rows, rows, sigma.data(), n,
                          thread_scratch(product_padding * pair_rows(n)), jacobian_.data(), diagonal_.data(),
                          off_diagonal_.data(), stiffness});
}

void PairwiseObjective::differentiate_ddpm(const VectorXd& sigma, const VectorXd& slope, const ArrayXd& lambda) {
    const Index n = sigma.size() - 2, nodes = lambda.size();
    const double scale = signal_scale(problem_.criterion.process, problem_.sigma_min), last = problem_.sigma_min;
    const ArrayXd factor = -(scale * scale) * (lambda + last * last).square() * lambda;
    const ArrayXd root = bend_.array().abs().sqrt();
    const VectorXd steepness = slope.cwiseAbs();
    PairTerm pair;
    ArrayXd above = ArrayXd::Zero(nodes);  // derivative of the pair before by the level that both share
    for (Index k = 0; k <= n; ++k) {  // pairs as above
        ddpm_pair(lambda, factor, sigma[k], sigma[k + 1], pair);
        if (k > 0) {
            jacobian_.col(k - 1).head(nodes).array() = root * (above + pair.by_first);
            diagonal_[k - 1] += slope.dot(pair.first_first.matrix());
        }
        if (k < n) diagonal_[k] += slope.dot(pair.second_second.matrix());
        if (k > 0 && k < n) off_diagonal_[k - 1] = slope.dot(pair.first_second.matrix());
        if (stiffness_.size()) {
            const ArrayXd& bent = k == 0 ? pair.second_second : k == n ? pair.first_first : pair.first_second;
            stiffness_[k] = steepness.dot(bent.matrix().cwiseAbs());
        }
        above.swap(pair.by_second);
    }
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
        t.diagonal.array() +=
            damping * (stiffness_.head(n) + stiffness_.tail(n)).array() + damping * least_share(n) * scale_;
        t.off_diagonal -= damping * stiffness_.segment(1, n - 1);
    }
    return t;
}

// The derivatives by groups: sums over tied levels. Nothing is copied where no level is tied or held.
const MatrixXd& PairwiseObjective::by_group(const Groups& groups) {
    const Index n = groups.levels();
    if (groups.count() == n) return jacobian_;
    folded_.setZero(jacobian_.rows(), groups.count());
    for (Index k = 0; k < n; ++k)
        if (groups.of_level(k) >= 0) folded_.col(groups.of_level(k)) += jacobian_.col(k);
    return folded_;
}

// The tridiagonal matrix by groups.
PairwiseObjective::Tridiagonal PairwiseObjective::by_group(const Groups& groups, const Tridiagonal& t) {
    const Index n = groups.levels(), count = groups.count();
    Tridiagonal out{VectorXd::Zero(count), VectorXd::Zero(count > 0 ? count - 1 : 0)};
    for (Index k = 0; k < n; ++k) {
        const Index a = groups.of_level(k), b = k + 1 < n ? groups.of_level(k + 1) : -1;
        if (a < 0) continue;
        out.diagonal[a] += t.diagonal[k];
        if (b == a) out.diagonal[a] += 2.0 * t.off_diagonal[k];
        if (b > a) out.off_diagonal[a] = t.off_diagonal[k];
    }
    return out;
}

// J^T B J over the groups, the lower triangle: made once for all dampings that a step tries.
const MatrixXd& PairwiseObjective::bent_products(const MatrixXd& rows) {
    if (products_of_ == rows.cols()) return products_;
    const Index nodes = bend_.size();
    const double* bent = rows.data();
    if (bend_.minCoeff() < 0.0) {
        bent_ = rows;
        for (Index i = 0; i < nodes; ++i)
            if (bend_[i] < 0.0) bent_.row(i) = -bent_.row(i);
        bent = bent_.data();
    }
    products_.setZero(rows.cols(), rows.cols());
    kernels().gram(rows.data(), bent, rows.rows(), rows.cols(), products_.data());
    products_of_ = rows.cols();
    return products_;
}

bool PairwiseObjective::dense_step(const MatrixXd& rows, const VectorXd& reduced, const Tridiagonal& t, VectorXd& z) {
    const Index count = rows.cols();
    product_ = bent_products(rows);
    product_.diagonal() += t.diagonal;
    if (count > 1) product_.diagonal(-1) += t.off_diagonal;
    const Eigen::LLT<Eigen::Ref<MatrixXd>> factor(product_);
    if (factor.info() != Eigen::Success) return false;
    z = -reduced;
    factor.solveInPlace(z);
    return z.allFinite();
}

// V = J L^-T B^-1/2 with T = L B L^T, where |D|^1/2 is part of J; and c = -B^-1/2 L^-1 gradient. One sweep does both.
void PairwiseObjective::whiten(const MatrixXd& rows, const VectorXd& reduced, const Tridiagonal& factors,
                               const VectorXd& root, VectorXd& c) {
    const Index count = rows.cols();
    columns_.resize(rows.rows(), count);
    c.resize(count);
    for (Index k = 0; k < count; ++k) {
        const double scale = 1.0 / root[k];
        if (k == 0) {
            c[k] = -scale * reduced[k];
            columns_.col(k) = scale * rows.col(k);
            continue;
        }
        const double carried = factors.off_diagonal[k - 1] * root[k - 1];
        c[k] = scale * (-reduced[k] - carried * c[k - 1]);
        columns_.col(k) = scale * (rows.col(k) - carried * columns_.col(k - 1));
    }
}

// Keeps the rows of V whose part in I + V V^T is more than a trace: Newton's method needs the others only for the loss
// and its gradient. Returns which.
std::vector<Index> PairwiseObjective::drop_weak_rows() {
    const VectorXd strength = columns_.topRows(bend_.size()).rowwise().squaredNorm();
    std::vector<Index> kept;
    for (Index i = 0; i < strength.size(); ++i)
        if (!(strength[i] < weak)) kept.push_back(i);
    const Index rows = static_cast<Index>(kept.size());
    if (padded(rows) == columns_.rows()) {  // nothing to gain
        kept.resize(bend_.size());
        std::iota(kept.begin(), kept.end(), Index{0});
        return kept;
    }
    bent_.setZero(padded(rows), columns_.cols());
    for (Index k = 0; k < columns_.cols(); ++k)
        for (Index i = 0; i < rows; ++i) bent_(i, k) = columns_(kept[static_cast<std::size_t>(i)], k);
    columns_.swap(bent_);
    return kept;
}

// With T = L B L^T, V and c as above: W = V V^T and, by Woodbury,
// z = L^-T B^-1/2 (c - V^T (signs of D + W)^-1 V c). Takes the factors B and L of T.
bool PairwiseObjective::low_rank_step(const MatrixXd& rows, const VectorXd& reduced, const Tridiagonal& factors,
                                      VectorXd& z) {
    const VectorXd root = factors.diagonal.cwiseSqrt();
    VectorXd c;
    whiten(rows, reduced, factors, root, c);
    const std::vector<Index> kept = drop_weak_rows();
    const Index count = columns_.cols(), size = columns_.rows(), nodes = static_cast<Index>(kept.size());
    product_.setZero(size, size);
    kernels().outer_products(columns_.data(), columns_.data(), size, count, product_.data());
    VectorXd inner = columns_.topRows(nodes) * c;
    if (!solve_signed(product_.topLeftCorner(nodes, nodes), bend_(kept), inner)) return false;
    z = (c - columns_.topRows(nodes).transpose() * inner).cwiseQuotient(root);
    for (Index k = count - 1; k > 0; --k) z[k - 1] -= factors.off_diagonal[k - 1] * z[k];
    return z.allFinite();
}

// The dense step where it is the cheaper one, and where the tridiagonal part alone does not allow the other.
bool PairwiseObjective::newton_step(const Groups& groups, const VectorXd& gradient, double damping, VectorXd& step) {
    const Index count = groups.count(), nodes = bend_.size();
    const VectorXd reduced = groups.reduce(gradient);
    const MatrixXd& rows = by_group(groups);
    const Tridiagonal t = by_group(groups, damped_tridiagonal(damping));
    Tridiagonal factors = t;
    const bool low_rank = count > nodes && factor_tridiagonal(factors.diagonal, factors.off_diagonal);
    if (!low_rank && count > 3 * nodes) return false;
    VectorXd z;
    if (!(low_rank ? low_rank_step(rows, reduced, factors, z) : dense_step(rows, reduced, t, z))) return false;
    step = groups.expand(z);
    return true;
}

}  // namespace specsched
