#include "core/compress/probes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/ends.hpp"
#include "core/losses.hpp"

namespace specsched::compression {
namespace {

// What one eigenvalue becomes under DDIM and under DDPM. `excess` is the output's variance in y beyond lambda + r^2,
// kept by a recursion of its own because a difference would lose the digits that a good schedule leaves.
struct Output {
    double ddim_gain = 1.0, ddim_variance, ddim_excess;
    double ddpm_gain = 1.0, ddpm_variance, ddpm_excess;
    double slope = 0.0;  // d log(ddim_gain) / d log(level in the middle)
};

Output run(const std::vector<double>& r, double lambda) {
    const Ends<double> ends(Process::vp, r.front(), r.back());
    Output out;
    out.ddim_variance = out.ddpm_variance = ends.start_variance;
    out.ddim_excess = out.ddpm_excess = ends.surplus - lambda;
    for (std::size_t k = 0; k + 1 < r.size(); ++k) {
        const double a = r[k], b = r[k + 1];
        const double inverse = 1.0 / (lambda + a * a), drop = a * a - b * b;
        const double ddim = (lambda + a * b) * inverse, ddpm = (lambda + b * b) * inverse;
        out.ddim_gain *= ddim;
        out.ddpm_gain *= ddpm;
        out.ddim_excess = ddim * ddim * out.ddim_excess - lambda * (a - b) * (a - b) * inverse;
        const double shrink = drop / a;
        out.ddpm_excess = ddpm * ddpm * out.ddpm_excess - shrink * shrink * lambda * inverse;
        out.ddpm_variance = ddpm * ddpm * out.ddpm_variance + b * b / (a * a) * drop;
    }
    out.ddim_variance *= out.ddim_gain * out.ddim_gain;
    const std::size_t m = r.size() / 2;
    const double p = r[m];
    const double before = (r[m - 1] - p) / (lambda + p * r[m - 1]);
    const double after = m + 1 < r.size() ? (r[m + 1] - p) / (lambda + p * r[m + 1]) : 0.0;
    out.slope = lambda * p * (before + after) / (lambda + p * p);
    return out;
}

OutputMoments<double> moments(const Ends<double>& ends, double lambda, double last, double gain, double variance,
                              double excess) {
    const double scale2 = ends.scale * ends.scale;
    return {std::sqrt(variance * scale2), (excess + last * last - lambda * ends.missing) * scale2,
            gain * ends.scale + ends.lost};
}

// The KL term; where the output is far too wide, log(lambda / v) keeps digits that log1p of a number near -1 has lost.
double kl_term(double lambda, double root, double weight, double power, const OutputMoments<double>& out) {
    const double ratio = lambda / (out.std * out.std);
    if (ratio > 0.5) return loss_term<Loss::kl>(lambda, root, weight, power, out);
    const double mean = out.mean_error * out.mean_error / (out.std * out.std);
    return 0.5 * (weight * (ratio - 1.0 - std::log(ratio)) + power * mean);
}

constexpr double long_step = 6.0;  // octaves from the middle of a step to its ends
constexpr int probes_per_schedule = 6;
using Terms = std::array<double, probes_per_schedule>;

Terms terms(const std::vector<double>& r, double x, Carried carried) {
    const double lambda = std::exp2(x), root = std::sqrt(lambda);
    const double weight = carried == Carried::counts ? 1.0 : 0.0, power = 1.0 - weight;
    const Ends<double> ends(Process::vp, r.front(), r.back());
    const Output out = run(r, lambda);
    const auto ddim = moments(ends, lambda, r.back(), out.ddim_gain, out.ddim_variance, out.ddim_excess);
    const auto ddpm = moments(ends, lambda, r.back(), out.ddpm_gain, out.ddpm_variance, out.ddpm_excess);
    Terms t;
    t[0] = loss_term<Loss::w2>(lambda, root, weight, power, ddim);
    t[1] = kl_term(lambda, root, weight, power, ddim);
    t[2] = loss_term<Loss::w2>(lambda, root, weight, power, ddpm);
    t[3] = kl_term(lambda, root, weight, power, ddpm);
    if (carried == Carried::counts) {
        t[4] = ddim.excess / (ddim.std + root) * ddim.std * out.slope;
        t[5] = ddim.excess / (ddim.std * ddim.std) * out.slope;
    } else {
        t[4] = ddim.mean_error * out.ddim_gain * out.slope;
        t[5] = ddim.mean_error * ends.lost / (ddim.std * ddim.std) * out.slope;
    }
    return t;
}

// Levels equally spaced in log2 from 2^top to 2^bottom, with a last level of 0 appended on demand.
std::vector<double> geometric(int steps, double top, double bottom, bool to_zero) {
    std::vector<double> r;
    const int spaced = to_zero ? steps - 1 : steps;
    for (int k = 0; k <= spaced; ++k) r.push_back(std::exp2(top + (bottom - top) * k / std::max(spaced, 1)));
    if (to_zero) r.push_back(0.0);
    return r;
}

}  // namespace

Probes::Probes(double low, double high) {
    // Levels are square roots of eigenvalues; six octaves beyond the ends is where samplers begin.
    const double top = 0.5 * high + 6.0, bottom = 0.5 * low - 1.0, middle = 0.5 * (top + bottom);
    schedules_ = {
        geometric(2, top, middle, true),  geometric(3, top, bottom, false), geometric(3, top, bottom, true),
        geometric(6, top, bottom, false), geometric(10, top, bottom, true), geometric(10, top, middle, false),
        geometric(40, top, bottom, false),
    };
    // One DDPM step over many octaves is the hardest case: its variance vanishes at lambda = +-i r_0 r_S, half as far
    // from the axis as the poles of DDIM. Place that point everywhere in the spectrum.
    constexpr int places = 9;
    for (int k = 0; k < places; ++k) {
        const double at = 0.5 * (low + (high - low) * k / (places - 1));
        schedules_.push_back(geometric(1, at + long_step, at - long_step, false));
        schedules_.push_back(geometric(2, at + long_step, at - long_step, true));
    }
}

ProbeSums Probes::sums(const Measure& measure, Carried carried) const {
    ProbeSums out;
    for (const auto& schedule : schedules_) {
        Terms value{}, size{};
        for (std::size_t i = 0; i < measure.size(); ++i) {
            const Terms t = terms(schedule, measure.x[i], carried);
            for (int k = 0; k < probes_per_schedule; ++k) {
                value[k] += measure.mass[i] * t[k];
                size[k] += measure.mass[i] * std::abs(t[k]);
            }
        }
        out.value.insert(out.value.end(), value.begin(), value.end());
        out.size.insert(out.size.end(), size.begin(), size.end());
    }
    return out;
}

double largest_error(const ProbeSums& exact, const ProbeSums& approximate) {
    double worst = 0.0;
    for (std::size_t k = 0; k < exact.value.size(); ++k) {
        if (!(exact.size[k] > 0.0) || !std::isfinite(exact.size[k])) continue;
        worst = std::max(worst, std::abs(exact.value[k] - approximate.value[k]) / exact.size[k]);
    }
    return worst;
}

}  // namespace specsched::compression
