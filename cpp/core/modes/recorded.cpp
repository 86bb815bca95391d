#include "core/modes/recorded.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

namespace specsched::modes {

namespace {

// T_0 ... T_{n-1} at u in [-1, 1].
Eigen::VectorXd chebyshev(std::ptrdiff_t n, double u) {
    Eigen::VectorXd t(n);
    for (std::ptrdiff_t j = 0; j < n; ++j) t[j] = j == 0 ? 1.0 : j == 1 ? u : 2.0 * u * t[j - 1] - t[j - 2];
    return t;
}

ArrayXd evaluate(const ArrayXXd& coefficients, double u) {
    return (coefficients.matrix() * chebyshev(coefficients.cols(), u)).array();
}

// Coefficients of the derivative by u.
ArrayXXd differentiated(const ArrayXXd& c) {
    const std::ptrdiff_t n = c.cols();
    ArrayXXd d = ArrayXXd::Zero(c.rows(), std::max<std::ptrdiff_t>(n - 1, 1));
    for (std::ptrdiff_t j = n - 1; j >= 1; --j) {
        d.col(j - 1) = 2.0 * static_cast<double>(j) * c.col(j);
        if (j + 1 < d.cols()) d.col(j - 1) += d.col(j + 1);
    }
    d.col(0) *= 0.5;
    return d;
}

// Coefficients of the integral over u from -1.
ArrayXXd integrated(const ArrayXXd& c) {
    const std::ptrdiff_t n = c.cols();
    ArrayXXd s = ArrayXXd::Zero(c.rows(), n + 1);
    for (std::ptrdiff_t j = 0; j < n; ++j) {
        const double above = 2.0 * static_cast<double>(j + 1), below = 2.0 * static_cast<double>(j - 1);
        s.col(j + 1) += (j == 0 ? 2.0 : 1.0) / above * c.col(j);
        if (j >= 2) s.col(j - 1) -= c.col(j) / below;
    }
    s.col(0) -= evaluate(s, -1.0);
    return s;
}

constexpr std::ptrdiff_t least_terms = 64;  // e^x over 14 units of log r to rounding

// The trajectory y' = y - s with y = 0 at the upper end, as a series: derivatives match but for the highest term, whose
// place the end takes.
ArrayXXd trajectory(const ArrayXXd& s, double half) {
    const std::ptrdiff_t n = std::max(s.cols() + 8, least_terms);
    const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(n, n);
    // Column i: coefficients of T_i' - T_i.
    Eigen::MatrixXd matrix = -identity;
    matrix.topRows(n - 1) += differentiated(identity.array()).matrix().transpose() / half;
    matrix.row(n - 1).setOnes();  // y at u = 1
    Eigen::MatrixXd right = Eigen::MatrixXd::Zero(n, s.rows());
    right.topRows(s.cols()) = -s.matrix().transpose();
    return matrix.partialPivLu().solve(right).transpose().array();
}

ArrayXXd identity(std::ptrdiff_t n) { return Eigen::MatrixXd::Identity(n, n).array(); }

}  // namespace

Series::Series(double low, double high, ArrayXXd coefficients)
    : low_(low),
      high_(high),
      coefficients_(std::move(coefficients)),
      derivative_(differentiated(coefficients_)),
      integral_(integrated(coefficients_)) {}

double Series::unit(double x) const { return std::clamp((2.0 * x - low_ - high_) / (high_ - low_), -1.0, 1.0); }
ArrayXd Series::value(double x) const { return evaluate(coefficients_, unit(x)); }
ArrayXd Series::slope(double x) const {
    if (x < low_ || x > high_) return ArrayXd::Zero(derivative_.rows());
    return evaluate(derivative_, unit(x)) * (2.0 / (high_ - low_));
}
ArrayXd Series::integral(double x) const { return evaluate(integral_, unit(x)) * (0.5 * (high_ - low_)); }

Recorded::Recorded(double lowest, double highest, ArrayXXd prediction, std::vector<int> band, ArrayXd weight,
                   Bands bands)
    : prediction_(std::log(lowest), std::log(highest), std::move(prediction)),
      trajectory_(prediction_.low(), prediction_.high(), ArrayXXd::Zero(1, 1)),
      slope_(prediction_.low(), prediction_.high(), std::move(bands.slope)),
      basis_(prediction_.low(), prediction_.high(), identity(prediction_.coefficients().cols())),
      basis_trajectory_(prediction_.low(), prediction_.high(),
                        trajectory(basis_.coefficients(), 0.5 * (prediction_.high() - prediction_.low()))),
      coefficients_(prediction_.coefficients().matrix().transpose()),
      variance_(std::move(bands.variance)),
      dimension_(std::move(bands.dimension)) {
    trajectory_ = Series(prediction_.low(), prediction_.high(),
                         trajectory(prediction_.coefficients(), 0.5 * (prediction_.high() - prediction_.low())));
    if (bands.roughness.cols() > 0)
        roughness_.emplace_back(prediction_.low(), prediction_.high(), std::move(bands.roughness));
    weight_ = std::move(weight);
    channel_ = std::move(band);
}

ArrayXd Recorded::at_modes(const ArrayXd& by_band) const {
    ArrayXd out(weight_.size());
    for (std::ptrdiff_t i = 0; i < out.size(); ++i) out[i] = by_band[channel_[static_cast<std::size_t>(i)]];
    return out;
}

ChannelAnswers Recorded::channel_answers(double level, double eta) const {
    const double x = std::log(level);
    ChannelAnswers out;
    out.slope = slope_.value(x);
    out.slope_d = slope_.slope(x);
    const ArrayXd posterior = variance_ / (variance_ + level * level);
    out.spread = eta * level * (dimension_ * posterior).sqrt();
    out.spread_d = out.spread * posterior;
    // Without an assumed error the modes are taken as exact.
    const bool rough = !roughness_.empty() && eta > 0.0;
    const ArrayXd root = rough ? ArrayXd(dimension_.sqrt()) : ArrayXd::Zero(variance_.size());
    out.rough = rough ? ArrayXd(root * roughness_.front().value(x)) : root;
    out.rough_d = rough ? ArrayXd(root * roughness_.front().slope(x)) : root;
    return out;
}

Shifts Recorded::shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const {
    const double x = std::log(level);
    const ArrayXd y = solution(level), s = prediction_.value(x), k = at_modes(slope);
    const ArrayXd y_d = x <= prediction_.high() ? ArrayXd(y - s) : ArrayXd::Zero(y.size());
    return {s - k * y, prediction_.slope(x) - at_modes(slope_d) * y - k * y_d};
}

// A mode with the coefficients c has s = c . T(x), and y* = c . Y(x) with the trajectories Y of the basis.
class AlongRecorded : public Along {
  public:
    AlongRecorded(const Recorded& of, const std::vector<double>& levels) : of_(of) {
        const auto n = of.coefficients_.rows(), count = static_cast<std::ptrdiff_t>(levels.size());
        s_ = s_d_ = y_ = y_d_ = ArrayXXd::Zero(n, count);
        k_ = k_d_ = ArrayXXd::Zero(of.channels(), count);
        for (std::ptrdiff_t l = 0; l < count; ++l) {
            const double level = levels[static_cast<std::size_t>(l)];
            y_.col(l) = Recorded::solution_of(of.basis_, of.basis_trajectory_, level);
            if (level == 0.0) continue;
            const double x = std::log(level);
            s_.col(l) = of.basis_.value(x);
            s_d_.col(l) = of.basis_.slope(x);
            if (x <= of.basis_.high()) y_d_.col(l) = y_.col(l) - s_.col(l);
            k_.col(l) = of.slope_.value(x);
            k_d_.col(l) = of.slope_.slope(x);
        }
    }
    ArrayXd combined(const ArrayXXd& by_shift, const ArrayXXd& by_solution) const override {
        const Eigen::MatrixXd v = s_.matrix() * by_shift.matrix().transpose() +
                                  y_.matrix() * (by_solution - by_shift * k_).matrix().transpose();
        ArrayXd out(of_.coefficients_.cols());
        for (std::ptrdiff_t i = 0; i < out.size(); ++i)
            out[i] = of_.coefficients_.col(i).dot(v.col(of_.channel_[static_cast<std::size_t>(i)]));
        return out;
    }
    ChannelSums summed(const ArrayXd& weight) const override {
        Eigen::MatrixXd u = Eigen::MatrixXd::Zero(of_.coefficients_.rows(), of_.channels());
        for (std::ptrdiff_t i = 0; i < weight.size(); ++i)
            u.col(of_.channel_[static_cast<std::size_t>(i)]) += weight[i] * of_.coefficients_.col(i);
        const auto of = [&](const ArrayXXd& basis) -> ArrayXXd { return (u.transpose() * basis.matrix()).array(); };
        const ArrayXXd y = of(y_);
        return {of(s_) - k_ * y, of(s_d_) - k_d_ * y - k_ * of(y_d_), y};
    }

  private:
    const Recorded& of_;
    ArrayXXd s_, s_d_, y_, y_d_;  // of the basis, derivatives by log r [n x levels]
    ArrayXXd k_, k_d_;  // [bands x levels]
};

std::unique_ptr<Along> Recorded::along(const std::vector<double>& levels) const {
    return std::make_unique<AlongRecorded>(*this, levels);
}

ArrayXd Recorded::solution_of(const Series& prediction, const Series& trajectory, double level) {
    const double low = prediction.low(), lowest = std::exp(low);
    if (level >= lowest) return trajectory.value(std::log(level));
    const double share = level / lowest;
    return share * trajectory.value(low) + (1.0 - share) * prediction.value(low);
}

ArrayXd Recorded::solution(double level) const { return solution_of(prediction_, trajectory_, level); }

// exp of minus the integral of 1 - k over log r; below the lowest level k is taken as 1.
ArrayXd Recorded::flow(double level, double last) const {
    const auto exponent = [&](double r) {
        const double x = std::max(r > 0.0 ? std::log(r) : slope_.low(), slope_.low());
        return ArrayXd(x - slope_.integral(x));
    };
    return (exponent(last) - exponent(level)).exp();
}

}  // namespace specsched::modes
