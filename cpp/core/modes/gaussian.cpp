#include "core/modes/gaussian.hpp"

#include <algorithm>
#include <cmath>

#include "core/modes/quadrature.hpp"

namespace specsched::modes {

namespace {

ArrayXd ratio(const ArrayXd& variance, double square) { return variance / (variance + square); }

// Standard deviation eta sqrt(lambda r^2 / (lambda + r^2)) and its derivative by log r; nothing is rough.
void posterior_spread(const ArrayXd& variance, const ArrayXd& root_multiplicity, double level, double eta,
                      ChannelAnswers& out) {
    const ArrayXd k = ratio(variance, level * level);
    out.spread = root_multiplicity * (eta * level) * k.sqrt();
    out.spread_d = out.spread * k;
    out.rough = out.rough_d = ArrayXd::Zero(variance.size());
}

}  // namespace

Gaussian::Gaussian(ArrayXd eigenvalues, ArrayXd multiplicity, ArrayXd weight, double first)
    : lambda_(std::move(eigenvalues)), root_multiplicity_(multiplicity.sqrt()), first_(first) {
    weight_ = std::move(weight);
    for (int i = 0; i < static_cast<int>(lambda_.size()); ++i) channel_.push_back(i);
}

ChannelAnswers Gaussian::channel_answers(double level, double eta) const {
    ChannelAnswers out;
    out.slope = ratio(lambda_, level * level);
    out.slope_d = -2.0 * out.slope * (1.0 - out.slope);
    posterior_spread(lambda_, root_multiplicity_, level, eta, out);
    return out;
}

Shifts Gaussian::shifts(double, const ArrayXd&, const ArrayXd&) const {
    const ArrayXd zero = ArrayXd::Zero(lambda_.size());
    return {zero, zero};
}

ArrayXd Gaussian::solution(double level) const { return flow(first_, level); }

ArrayXd Gaussian::flow(double level, double last) const {
    return ((lambda_ + last * last) / (lambda_ + level * level)).sqrt();
}

Guided::Guided(ArrayXd cond, ArrayXd uncond, double scale, ArrayXd multiplicity, ArrayXd weight, Means means,
               double first)
    : cond_(std::move(cond)),
      uncond_(std::move(uncond)),
      root_multiplicity_(multiplicity.sqrt()),
      scale_(scale),
      means_(std::move(means)),
      first_(first) {
    weight_ = std::move(weight);
    for (int i = 0; i < static_cast<int>(cond_.size()); ++i) channel_.push_back(i);
    channel_.insert(channel_.end(), means_.pair.begin(), means_.pair.end());
}

ChannelAnswers Guided::channel_answers(double level, double eta) const {
    const double square = level * level;
    const ArrayXd c = ratio(cond_, square), u = ratio(uncond_, square);
    ChannelAnswers out;
    out.slope = scale_ * c + (1.0 - scale_) * u;
    out.slope_d = -2.0 * (scale_ * c * (1.0 - c) + (1.0 - scale_) * u * (1.0 - u));
    posterior_spread(cond_, root_multiplicity_, level, eta, out);
    return out;
}

Shifts Guided::shifts(double level, const ArrayXd&, const ArrayXd&) const {
    const ArrayXd zero = ArrayXd::Zero(weight_.size());
    Shifts out{zero, zero};
    const std::ptrdiff_t means = means_.cond.size();
    const ArrayXd cm = at_means(ratio(cond_, level * level)), um = at_means(ratio(uncond_, level * level));
    out.shift.tail(means) = scale_ * (1.0 - cm) * means_.cond + (1.0 - scale_) * (1.0 - um) * means_.uncond;
    out.shift_d.tail(means) =
        2.0 * (scale_ * cm * (1.0 - cm) * means_.cond + (1.0 - scale_) * um * (1.0 - um) * means_.uncond);
    return out;
}

ArrayXd Guided::at_means(const ArrayXd& by_pair) const {
    ArrayXd out(means_.cond.size());
    for (std::ptrdiff_t i = 0; i < out.size(); ++i) out[i] = by_pair[means_.pair[static_cast<std::size_t>(i)]];
    return out;
}

ArrayXd Guided::log_gain(double level) const {
    const double square = level * level;
    return 0.5 * (scale_ * (cond_ + square).log() + (1.0 - scale_) * (uncond_ + square).log());
}

// The mean's part is h(r) int_r^R t (g mu_c / (c + t^2) + (1 - g) mu_u / (u + t^2)) / h(t) dt; below the smallest
// standard deviation the integrand falls as t^2 in log t, so that the integral to 0 ends far below it.
ArrayXd Guided::solution(double level) const {
    ArrayXd out = ArrayXd::Zero(weight_.size());
    out.head(cond_.size()) = flow(first_, level);
    const std::ptrdiff_t means = means_.cond.size();
    if (means == 0) return out;
    const double least = std::sqrt(std::min(cond_.minCoeff(), uncond_.minCoeff()));
    const double bottom = std::log(std::max(level, 1e-9 * std::min(least, first_)));
    const ArrayXd end = log_gain(level);
    ArrayXd sum = ArrayXd::Zero(means);
    integrate(bottom, std::log(first_), [&](double x, double weight) {
        const double square = std::exp(2.0 * x);
        const ArrayXd gain = (end - log_gain(std::exp(x))).exp();
        const ArrayXd cond = square / (cond_ + square) * gain, uncond = square / (uncond_ + square) * gain;
        sum += weight * (scale_ * at_means(cond) * means_.cond + (1.0 - scale_) * at_means(uncond) * means_.uncond);
    });
    out.tail(means) = sum;
    return out;
}

ArrayXd Guided::flow(double level, double last) const { return (log_gain(last) - log_gain(level)).exp(); }

}  // namespace specsched::modes
