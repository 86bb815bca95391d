#include "core/modes/table.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <stdexcept>

namespace specsched::modes {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

[[noreturn]] void refuse() {
    throw std::invalid_argument(
        "only deterministic solvers that predict once per step, at its first level, are tables "
        "of coefficients");
}

// Registers as combinations of y_0 and the predictions.
class Forms {
  public:
    Forms(const Program& program, const std::vector<double>& sigmas) : program_(program), sigmas_(sigmas) {
        const Index predictions = program.evaluations;
        form_ = MatrixXd::Zero(predictions + 1, static_cast<Index>(program.operations.size()) + 1);
        form_(0, 0) = 1.0;
        if (!program.noise.empty() || predictions != static_cast<Index>(sigmas.size()) - 1) refuse();
        for (std::size_t o = 0; o < program.operations.size(); ++o) make(o);
        at_.push_back(form_.col(program.step_output.back()));
    }
    // y at each level, as the network meets it.
    const VectorXd& at(std::size_t level) const { return at_[level]; }

  private:
    void make(std::size_t o) {
        const SweepOperation& op = program_.operations[o];
        auto made = form_.col(static_cast<Index>(o) + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t)
                made += program_.factor[t] * form_.col(program_.source[t]);
            return;
        }
        const std::size_t prediction = at_.size();
        const double level = program_.level[op.level];
        if (level != sigmas_[prediction]) refuse();
        at_.push_back(form_.col(program_.source[op.first]));
        made[static_cast<Index>(prediction) + 1] = 1.0;
        if (op.kind == 2) made = ((at_.back() - VectorXd(made)) / level).eval();
    }

    const Program& program_;
    const std::vector<double>& sigmas_;
    MatrixXd form_;
    std::vector<VectorXd> at_;
};

}  // namespace

Table table_of(const Program& program, const std::vector<double>& sigmas) {
    const Forms forms(program, sigmas);
    const std::size_t steps = sigmas.size() - 1;
    Table table = Table::Zero(static_cast<Index>(steps), static_cast<Index>(steps) - 1);
    for (std::size_t n = 0; n < steps; ++n) {
        const double ratio = sigmas[n + 1] / sigmas[n];
        const VectorXd added = (forms.at(n + 1) - ratio * forms.at(n)) / (1.0 - ratio);
        for (std::size_t j = 1; j <= n; ++j)
            table(static_cast<Index>(n), static_cast<Index>(j) - 1) = -added[static_cast<Index>(n - j) + 1];
    }
    return table;
}

namespace {

// The errors of all modes, and of unit errors in all predictions, carried from step to step. Rows are modes, then the
// channels of prediction 0, 1, ...
class Steps {
  public:
    Steps(const Source& source, const std::vector<double>& sigmas, double eta)
        : source_(source), sigmas_(sigmas), eta_(eta), y_(source.solution(sigmas.front()).matrix()) {}

    // Predicts at level n.
    void predict(std::size_t n) {
        const Answers a = source_.answer(sigmas_[n], eta_);
        const Index modes = source_.size(), channels = source_.channels(), old = y_.size();
        const ArrayXd slope = source_.spread_out(a.slope);
        const ArrayXd spread = (a.spread.square() + a.rough.square()).sqrt();
        const bool errors = (spread > 0.0).any();
        for (VectorXd& past : predictions_) grow(past, old + (errors ? channels : 0));
        VectorXd made(old + (errors ? channels : 0));
        made.head(modes) = slope * y_.head(modes).array() + a.shift;
        for (Index at = modes; at < old; at += channels)
            made.segment(at, channels) = a.slope * y_.segment(at, channels).array();
        if (errors) made.tail(channels) = spread;
        grow(y_, made.size());
        predictions_.push_back(made);
    }

    // Steps to level n + 1 with the best coefficients for `back` differences.
    VectorXd advance(std::size_t n, int back, double limit) {
        const double share = 1.0 - sigmas_[n + 1] / sigmas_[n];
        const VectorXd& newest = predictions_[n];
        y_ = (1.0 - share) * y_ + share * newest;
        MatrixXd differences(y_.size(), back);
        for (int j = 0; j < back; ++j)
            differences.col(j) = share * (newest - predictions_[n - 1 - static_cast<std::size_t>(j)]);
        VectorXd error = y_;
        error.head(source_.size()) -= source_.solution(sigmas_[n + 1]).matrix();
        const VectorXd c = solve(differences, error, weights(sigmas_[n + 1])).cwiseMax(-limit).cwiseMin(limit);
        y_ += differences * c;
        return c;
    }

  private:
    static void grow(VectorXd& v, Index size) {
        const Index old = v.size();
        v.conservativeResize(size);
        v.tail(size - old).setZero();
    }

    // Of squared errors at this level: what the exact flow makes of them.
    ArrayXd weights(double level) const {
        const ArrayXd flow = source_.flow(level, sigmas_.back()).square();
        ArrayXd out(y_.size());
        out.head(source_.size()) = source_.weight() * source_.spread_out(flow);
        for (Index at = source_.size(); at < y_.size(); at += source_.channels())
            out.segment(at, source_.channels()) = flow;
        return out;
    }

    static VectorXd solve(const MatrixXd& b, const VectorXd& error, const ArrayXd& weight) {
        if (b.cols() == 0) return VectorXd(0);
        const MatrixXd weighted = b.array().colwise() * weight;
        MatrixXd matrix = weighted.transpose() * b;
        // Differences that agree to rounding leave the coefficients to this share of the larger one.
        matrix.diagonal().array() += 1e-12 * matrix.diagonal().maxCoeff() + 1e-300;
        return matrix.ldlt().solve(-(weighted.transpose() * error));
    }

    const Source& source_;
    const std::vector<double>& sigmas_;
    double eta_;
    VectorXd y_;
    std::vector<VectorXd> predictions_;
};

}  // namespace

Table greedy_table(const Source& source, const std::vector<double>& sigmas, int back, double eta, double limit) {
    const std::size_t steps = sigmas.size() - 1;
    Table table = Table::Zero(static_cast<Index>(steps), back);
    Steps run(source, sigmas, eta);
    for (std::size_t n = 0; n < steps; ++n) {
        run.predict(n);
        const int used = std::min(back, static_cast<int>(n));
        table.row(static_cast<Index>(n)).head(used) = run.advance(n, used, limit).transpose();
    }
    return table;
}

}  // namespace specsched::modes
