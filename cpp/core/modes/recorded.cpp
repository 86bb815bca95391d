#include "core/modes/recorded.hpp"

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/modes/products.hpp"

namespace specsched::modes {

namespace {

using Eigen::Index;

// Coefficients of the derivatives by u in [-1, 1] of T_0 ... T_{n-1}, one column for each.
MatrixXd differentiation(Index n) {
    MatrixXd out = MatrixXd::Zero(n, n);
    for (Index j = 1; j < n; ++j)
        for (Index i = j - 1; i >= 0; i -= 2) out(i, j) = (i == 0 ? 1.0 : 2.0) * static_cast<double>(j);
    return out;
}

// Coefficients of the integral over u from -1.
MatrixXd integrated(const MatrixXd& c) {
    const Index n = c.cols();
    MatrixXd s = MatrixXd::Zero(c.rows(), n + 1);
    for (Index j = 0; j < n; ++j) {
        const double above = 2.0 * static_cast<double>(j + 1), below = 2.0 * static_cast<double>(j - 1);
        s.col(j + 1) += (j == 0 ? 2.0 : 1.0) / above * c.col(j);
        if (j >= 2) s.col(j - 1) -= c.col(j) / below;
    }
    for (Index j = 1; j <= n; ++j) s.col(0) += (j % 2 == 0 ? -1.0 : 1.0) * s.col(j);
    return s;
}

// The trajectories y' = y - T_j with y = 0 at the upper end, one row for each of n, as series: derivatives match but for
// the highest term, whose place the end takes.
MatrixXd trajectories(Index n, double half) {
    constexpr Index least_terms = 64;  // e^x over 14 units of log r to rounding
    const Index terms = std::max(n + 8, least_terms);
    MatrixXd matrix = differentiation(terms) / half - MatrixXd::Identity(terms, terms);
    matrix.row(terms - 1).setOnes();  // y at u = 1
    const MatrixXd right = -MatrixXd::Identity(terms, n);
    const MatrixXd found = matrix.partialPivLu().solve(right).transpose();
    // The last terms are rounding where the interval is shorter.
    const double least = 0.1 * std::numeric_limits<double>::epsilon() * found.cwiseAbs().maxCoeff();
    Index kept = terms;
    while (kept > 1 && found.col(kept - 1).cwiseAbs().maxCoeff() < least) --kept;
    return found.leftCols(kept);
}

// Predictions of the modes of each band, each times the root of its weight; at most as many as there are terms.
std::vector<MatrixXd> weighted(const MatrixXd& prediction, const std::vector<int>& band, const ArrayXd& weight,
                               Index bands) {
    std::vector<std::vector<Index>> modes(static_cast<std::size_t>(bands));
    for (Index i = 0; i < prediction.rows(); ++i)
        modes[static_cast<std::size_t>(band[static_cast<std::size_t>(i)])].push_back(i);
    std::vector<MatrixXd> out;
    for (const std::vector<Index>& own : modes) {
        MatrixXd rows(static_cast<Index>(own.size()), prediction.cols());
        for (Index i = 0; i < rows.rows(); ++i) {
            const Index mode = own[static_cast<std::size_t>(i)];
            rows.row(i) = std::sqrt(weight[mode]) * prediction.row(mode);
        }
        if (rows.rows() > rows.cols()) {
            const Index n = rows.cols();
            rows = MatrixXd(
                rows.householderQr().matrixQR().topRows(n).template triangularView<Eigen::Upper>().toDenseMatrix());
        }
        out.push_back(std::move(rows));
    }
    return out;
}

}  // namespace

void Interval::polynomials(const std::vector<double>& places, Eigen::Ref<MatrixXd> out) const {
    constexpr Index together = 4;  // recurrences side by side: each waits for its last term
    using Numbers = Eigen::Array<double, together, 1>;
    const Index count = static_cast<Index>(places.size());
    for (Index first = 0; first < count; first += together) {
        const Index here = std::min(together, count - first);
        Numbers u = Numbers::Zero(), moves = Numbers::Zero();
        for (Index l = 0; l < here; ++l) {
            const double x = places[static_cast<std::size_t>(first + l)];
            u[l] = std::clamp((2.0 * x - low_ - high_) / (high_ - low_), -1.0, 1.0);
            moves[l] = x < low_ || x > high_ ? 0.0 : 1.0 / half();
        }
        Numbers t = Numbers::Ones(), d = Numbers::Zero(), t_before = u, d_before = moves;
        for (Index j = 0; j < out.rows(); ++j) {
            for (Index l = 0; l < here; ++l) {
                out(j, first + l) = d[l];
                out(j, count + first + l) = t[l];
            }
            const Numbers d_next = 2.0 * (t * moves + u * d) - d_before, t_next = 2.0 * u * t - t_before;
            t_before = t, d_before = d;
            t = t_next, d = d_next;
        }
    }
}

Recorded::Recorded(double lowest, double highest, ArrayXXd prediction, std::vector<int> band, ArrayXd weight,
                   Bands bands)
    : interval_(std::log(lowest), std::log(highest)),
      prediction_(prediction.matrix()),
      trajectory_(trajectories(prediction_.cols(), interval_.half())),
      slope_(bands.slope.matrix()),
      slope_integral_(interval_.half() * integrated(slope_)),
      roughness_(bands.roughness.matrix()),
      errors_(weighted(prediction_, band, weight, bands.variance.size())),
      variance_(std::move(bands.variance)),
      root_(bands.dimension.sqrt()) {
    for (const MatrixXd& errors : errors_) errors_transposed_.push_back(errors.transpose());
    weight_ = std::move(weight);
    channel_ = std::move(band);
}

Recorded::Basis Recorded::basis(const std::vector<double>& levels) const {
    const Index n = prediction_.cols(), count = static_cast<Index>(levels.size());
    std::vector<double> places(levels);
    for (double& place : places) place = place > 0.0 ? std::log(place) : interval_.low();
    const Index terms = std::max({n, trajectory_.cols(), slope_.cols(), roughness_.cols()});
    Basis at{count, n, MatrixXd(terms, 3 * count), ArrayXd::Ones(count)};
    interval_.polynomials(places, at.all);
    multiply(trajectory_, at.values(trajectory_.cols()), at.all.topRightCorner(n, count));
    const double lowest = std::exp(interval_.low());
    for (Index l = 0; l < count; ++l) {
        if (places[static_cast<std::size_t>(l)] > interval_.high()) at.moves[l] = 0.0;
        const double share = levels[static_cast<std::size_t>(l)] / lowest;
        if (share >= 1.0) continue;
        auto solution = at.all.col(2 * count + l).head(n);
        solution = share * solution + (1.0 - share) * at.all.col(count + l).head(n);
    }
    return at;
}

ChannelTable Recorded::channel_table(const Basis& at, const std::vector<double>& levels, double eta) const {
    const Index count = at.levels, bands = slope_.rows();
    const ArrayXXd none = ArrayXXd::Zero(bands, count);
    ChannelTable out{
        product(slope_, at.values(slope_.cols())), product(slope_, at.slopes(slope_.cols())), none, none, none, none};
    // Without an assumed error the modes are taken as exact.
    if (!(eta > 0.0)) return out;
    for (Index l = 0; l < count; ++l) {
        const double level = levels[static_cast<std::size_t>(l)];
        const ArrayXd posterior = variance_ / (variance_ + level * level);
        out.spread.col(l) = eta * level * root_ * posterior.sqrt();
        out.spread_d.col(l) = out.spread.col(l) * posterior;
    }
    if (roughness_.cols() == 0) return out;
    out.rough = product(roughness_, at.values(roughness_.cols())).array().colwise() * root_;
    out.rough_d = product(roughness_, at.slopes(roughness_.cols())).array().colwise() * root_;
    return out;
}

ChannelAnswers Recorded::channel_answers(double level, double eta) const {
    const ChannelTable all = channel_table(basis({level}), {level}, eta);
    return {all.slope, all.slope_d, all.spread, all.spread_d, all.rough, all.rough_d};
}

// a = s - k y*, and its derivative by log r; y* moves by y* - s.
Shifts Recorded::shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const {
    const Basis at = basis({level});
    const ArrayXXd said = product(prediction_, at.said()).array();
    Shifts out{said.col(1), said.col(0)};
    for (Index i = 0; i < prediction_.rows(); ++i) {
        const int c = channel_[static_cast<std::size_t>(i)];
        const double y = said(i, 2);
        out.shift_d[i] -= slope_d[c] * y + slope[c] * at.moves[0] * (y - out.shift[i]);
        out.shift[i] -= slope[c] * y;
    }
    return out;
}

ArrayXd Recorded::solution(double level) const { return product(prediction_, basis({level}).said().rightCols(1)); }

// A mode with the coefficients c has s = c . T(x), and y* = c . Y(x) with the trajectories Y of the basis.
class AlongRecorded : public Along {
  public:
    AlongRecorded(const Recorded& of, const std::vector<double>& levels, double eta) : of_(of), at_(of.basis(levels)) {
        channels_ = of.channel_table(at_, levels, eta);
    }
    double squares(const SomeChannels& by_shift, const SomeChannels& by_solution, ChannelSums* sums) const override {
        const Index count = at_.levels;
        // In each band, the errors of its modes are combinations of those of the basis.
        MatrixXd by(by_shift.rows(), 2 * count);
        by.leftCols(count) = by_shift;
        by.rightCols(count) = by_solution - by_shift * channels_.slope;
        const MatrixXd basis = product(at_.said().rightCols(2 * count), by.transpose());
        double sum = 0.0;
        MatrixXd slopes(basis.cols(), basis.rows()), error(basis.rows(), 1), slope(basis.rows(), 1);
        for (Index c = 0; c < basis.cols(); ++c) {
            const MatrixXd& errors = of_.errors_[static_cast<std::size_t>(c)];
            auto own = error.topRows(errors.rows());
            multiply(errors, basis.col(c), own);
            sum += own.squaredNorm();
            if (sums == nullptr) continue;
            multiply(of_.errors_transposed_[static_cast<std::size_t>(c)], own, slope);
            slopes.row(c) = 2.0 * slope.transpose();
        }
        if (sums == nullptr) return sum;
        const ArrayXXd said = product(slopes, at_.said()).array();
        sums->solution = said.rightCols(count);
        sums->shift = said.middleCols(count, count) - channels_.slope * sums->solution;
        const ArrayXXd moved = (sums->solution - said.middleCols(count, count)).rowwise() * at_.moves.transpose();
        sums->shift_d = said.leftCols(count) - channels_.slope_d * sums->solution - channels_.slope * moved;
        return sum;
    }

  private:
    const Recorded& of_;
    Recorded::Basis at_;
};

std::unique_ptr<Along> Recorded::along(const std::vector<double>& levels, std::ptrdiff_t, double eta) const {
    return std::make_unique<AlongRecorded>(*this, levels, eta);
}

// exp of minus the integral of 1 - k over log r; below the lowest level k is taken as 1.
ArrayXd Recorded::flow(double level, double last) const {
    const auto exponent = [&](double r) {
        const double x = std::max(r > 0.0 ? std::log(r) : interval_.low(), interval_.low());
        MatrixXd series(slope_integral_.cols(), 2);
        interval_.polynomials({x}, series);
        return ArrayXd(x - (slope_integral_ * series.col(1)).array());
    };
    return (exponent(last) - exponent(level)).exp();
}

}  // namespace specsched::modes
