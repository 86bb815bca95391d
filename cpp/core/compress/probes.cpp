#include "core/compress/probes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/ends.hpp"
#include "core/losses/list.hpp"

namespace specsched::compression {
namespace {

constexpr std::size_t block = 8;  // eigenvalues side by side
using Lanes = std::array<double, block>;

// What eigenvalues become under DDIM and under DDPM. `excess` is the output's variance in y beyond lambda + r^2,
// kept by a recursion of its own because a difference would lose the digits that a good schedule leaves.
struct Outputs {
    Lanes ddim_gain, ddim_variance, ddim_excess;
    Lanes ddpm_gain, ddpm_variance, ddpm_excess;
    Lanes slope;  // d log(ddim_gain) / d log(level in the middle)
};

Outputs run(const std::vector<double>& r, const Ends<double>& ends, const Lanes& lambda) {
    Outputs out;
    out.ddim_gain.fill(1.0);
    out.ddpm_gain.fill(1.0);
    out.ddpm_variance.fill(ends.start_variance);
    for (std::size_t i = 0; i < block; ++i) out.ddim_excess[i] = out.ddpm_excess[i] = ends.surplus - lambda[i];
    for (std::size_t k = 0; k + 1 < r.size(); ++k) {
        const double a = r[k], b = r[k + 1], square = a * a, product = a * b, next = b * b, gap = a - b;
        const double drop = square - next, shrink = drop / a, lack = shrink * shrink, injected = next / square * drop;
        for (std::size_t i = 0; i < block; ++i) {
            const double inverse = 1.0 / (lambda[i] + square);
            const double ddim = (lambda[i] + product) * inverse, ddpm = (lambda[i] + next) * inverse;
            out.ddim_gain[i] *= ddim;
            out.ddpm_gain[i] *= ddpm;
            out.ddim_excess[i] = ddim * ddim * out.ddim_excess[i] - lambda[i] * gap * gap * inverse;
            out.ddpm_excess[i] = ddpm * ddpm * out.ddpm_excess[i] - lack * lambda[i] * inverse;
            out.ddpm_variance[i] = ddpm * ddpm * out.ddpm_variance[i] + injected;
        }
    }
    const std::size_t m = r.size() / 2;
    const double p = r[m], above = r[m - 1], below = m + 1 < r.size() ? r[m + 1] : p;
    for (std::size_t i = 0; i < block; ++i) {
        out.ddim_variance[i] = ends.start_variance * (out.ddim_gain[i] * out.ddim_gain[i]);
        const double before = (above - p) / (lambda[i] + p * above), after = (below - p) / (lambda[i] + p * below);
        out.slope[i] = lambda[i] * p * (before + after) / (lambda[i] + p * p);
    }
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
    if (ratio > 0.5) return losses::Kl::term(lambda, root, weight, power, out);
    const double mean = out.mean_error * out.mean_error / (out.std * out.std);
    return 0.5 * (weight * (ratio - 1.0 - std::log(ratio)) + power * mean);
}

constexpr double long_step = 6.0;  // octaves from the middle of a step to its ends
constexpr int probes_per_schedule = 6;
using Terms = std::array<double, probes_per_schedule>;

Terms terms(const Ends<double>& ends, double last, double lambda, double root, const Outputs& out, std::size_t i,
            Carried carried) {
    const double weight = carried == Carried::counts ? 1.0 : 0.0, power = 1.0 - weight;
    const auto ddim = moments(ends, lambda, last, out.ddim_gain[i], out.ddim_variance[i], out.ddim_excess[i]);
    const auto ddpm = moments(ends, lambda, last, out.ddpm_gain[i], out.ddpm_variance[i], out.ddpm_excess[i]);
    Terms t;
    t[0] = losses::W2::term(lambda, root, weight, power, ddim);
    t[1] = kl_term(lambda, root, weight, power, ddim);
    t[2] = losses::W2::term(lambda, root, weight, power, ddpm);
    t[3] = kl_term(lambda, root, weight, power, ddpm);
    if (carried == Carried::counts) {
        t[4] = ddim.excess / (ddim.std + root) * ddim.std * out.slope[i];
        t[5] = ddim.excess / (ddim.std * ddim.std) * out.slope[i];
    } else {
        t[4] = ddim.mean_error * out.ddim_gain[i] * out.slope[i];
        t[5] = ddim.mean_error * ends.lost / (ddim.std * ddim.std) * out.slope[i];
    }
    return t;
}

// Levels equally spaced in log2 from 2^top to 2^bottom, with a last level of 0 appended on demand.
std::vector<double> geometric(int steps, double top, double bottom, bool to_zero) {
    std::vector<double> r;
    const int spaced = to_zero ? steps - 1 : steps;
    for (int k = 0; k <= spaced; ++k) r.push_back(std::exp2(top + (bottom - top) * k / spaced));
    if (to_zero) r.push_back(0.0);
    return r;
}

}  // namespace

Probes::Probes(double low, double high) {
    // Levels are square roots of eigenvalues; six octaves beyond the ends is where samplers begin.
    const double top = 0.5 * high + 6.0, bottom = 0.5 * low - 1.0, middle = 0.5 * (top + bottom);
    schedules_ = {
        geometric(2, top, middle, true),   geometric(3, top, bottom, false), geometric(3, top, bottom, true),
        geometric(6, top, bottom, false),  geometric(10, top, bottom, true), geometric(10, top, middle, false),
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
    const std::size_t size = measure.size(), blocks = (size + block - 1) / block;
    std::vector<Lanes> lambda(blocks), root(blocks);
    for (std::size_t i = 0; i < blocks * block; ++i) {
        lambda[i / block][i % block] = i < size ? std::exp2(measure.x[i]) : 1.0;
        root[i / block][i % block] = std::sqrt(lambda[i / block][i % block]);
    }
    ProbeSums out;
    for (const auto& schedule : schedules_) {
        const Ends<double> ends(Criterion{}, schedule.front(), schedule.back());
        Terms value{}, absolute{};
        for (std::size_t begin = 0; begin < size; begin += block) {
            const Lanes& now = lambda[begin / block];
            const Outputs outputs = run(schedule, ends, now);
            for (std::size_t i = 0; i < std::min(block, size - begin); ++i) {
                const Terms t = terms(ends, schedule.back(), now[i], root[begin / block][i], outputs, i, carried);
                for (int k = 0; k < probes_per_schedule; ++k) {
                    value[k] += measure.mass[begin + i] * t[k];
                    absolute[k] += measure.mass[begin + i] * std::abs(t[k]);
                }
            }
        }
        out.value.insert(out.value.end(), value.begin(), value.end());
        out.size.insert(out.size.end(), absolute.begin(), absolute.end());
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
