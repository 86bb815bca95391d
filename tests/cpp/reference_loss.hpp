// Losses of a run followed number by number (reference_run.hpp), against the data and against the many-step limit.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/criterion.hpp"
#include "core/problem.hpp"
#include "reference_samplers.hpp"

namespace reference {

using namespace specsched;

struct Case {
    std::string name;
    std::map<std::string, double> options;
    std::vector<int> disable_corrector{};
};

struct Moments {
    Number gain, injected;  // injected: by sampler and denoiser
    int calls;
    Number by_error;        // the denoiser's part
};

// P and Q by the reference; `moved` gets an imaginary step, real shifts are in `sigmas` already.
inline Moments reference_moments(const Case& c, const std::vector<long double>& sigmas, double lambda, double error,
                          int moved = -1, long double step = 0) {
    Run run{lambda, {}, c.options, c.disable_corrector, 0.0, 0, 0, {}};
    run.error = error;
    for (std::size_t k = 0; k < sigmas.size(); ++k)
        run.sigmas.emplace_back(sigmas[k], static_cast<int>(k) == moved ? step : 0.0L);
    const Sample out = sample(c.name, run);
    Number injected = 0;
    for (std::size_t n = 1; n < out.on.size(); ++n) injected += out.on[n] * out.on[n];
    Number by_error = 0;
    for (const int n : run.errors)
        if (n < static_cast<int>(out.on.size())) by_error += out.on[n] * out.on[n];
    return {out.on[0], injected, run.calls, by_error};
}

inline Number prior_variance(Process process, const Number& r) {
    if (process == Process::vp) return Number(1) + r * r;
    if (process == Process::ve) return r * r;
    return (Number(1) + r) * (Number(1) + r);
}
inline Number end_scale(Process process, const Number& r) {
    if (process == Process::vp) return Number(1) / std::sqrt(Number(1) + r * r);
    if (process == Process::ve) return 1;
    return Number(1) / (Number(1) + r);
}

struct Problem {
    std::vector<double> eigenvalues, weights, mean_power;
    SpectrumView view() const {
        return {eigenvalues.data(), weights.data(), mean_power.data(), static_cast<std::ptrdiff_t>(eigenvalues.size())};
    }
};

// The sampler's eta, and the exponent of its limit's gain: 1 + eta^2 over 2 for ancestral steps, 1 + eta for the SDE.
inline double eta_of(const Case& c) {
    const auto given = c.options.find("eta");
    if (given != c.options.end()) return given->second;
    const bool noisy = c.name == "ddpm" || c.name.find("ancestral") != std::string::npos ||
                       c.name.find("sde") != std::string::npos;
    return noisy ? 1.0 : 0.0;
}
inline double exponent_of(const Case& c) {
    const double eta = eta_of(c);
    const bool integrator = c.name.find("_sde") != std::string::npos && c.name != "dpmpp_sde";
    return 0.5 * (1.0 + (integrator ? eta : eta * eta));
}

// P_inf and V_inf in y, by theory: dy/dlog r = 2 c r^2 / (lambda + r^2) y, and what noise keeps the marginal.
struct Law {
    Number gain, variance;
};
inline Law reference_limit(const Case& c, long double lambda, const Number& first, const Number& last, const Number& start) {
    const Number high = lambda + first * first, low = lambda + last * last;
    const Number ratio = low / high, gain = ratio == Number(0) ? ratio : std::pow(ratio, Number(exponent_of(c)));
    const auto given = c.options.find("s_noise");
    const long double s = given == c.options.end() ? 1.0 : given->second;
    const Number injected = eta_of(c) == 0.0 ? Number(0) : low - gain * gain * high;
    return {gain, gain * gain * start + s * s * injected};
}

inline Number root_of(const Number& v) { return v == Number(0) ? Number(0) : std::sqrt(v); }

// Sum of loss terms, from the formulas of the theorems and of theory for the limit.
inline Number reference_loss(const Case& c, const std::vector<long double>& sigmas, const Problem& p,
                      const Criterion& criterion, double error, int moved, long double step) {
    const Process process = criterion.process;
    const Loss loss = criterion.loss;
    const bool from_data = criterion.start == Start::data;
    Number first(sigmas.front(), moved == 0 ? step : 0.0L);
    Number last(sigmas.back(), moved + 1 == static_cast<int>(sigmas.size()) ? step : 0.0L);
    Number sum = 0;
    for (std::size_t i = 0; i < p.eigenvalues.size(); ++i) {
        const long double lambda = p.eigenvalues[i], w = p.weights[i], power = p.mean_power[i];
        const Moments m = reference_moments(c, sigmas, p.eigenvalues[i], error, moved, step);
        const Number scale = end_scale(process, last), square = scale * scale;
        const Number start = from_data ? Number(lambda) + first * first : prior_variance(process, first);
        const Number v = square * (m.gain * m.gain * start + m.injected - m.by_error);
        const Number carried = from_data ? Number(0) : Number(1);
        Number u = lambda, lost = Number(1) - scale * (Number(1) - carried * m.gain);  // 1 - D2
        if (criterion.target == Target::limit) {
            const Law law = reference_limit(c, p.eigenvalues[i], first, last, start);
            u = square * law.variance;
            lost = carried * scale * (m.gain - law.gain);
            if (loss == Loss::w2 && eta_of(c) == 0.0) {  // the same start, the same output
                const Number gap = m.gain - law.gain;
                sum += square * (w * start * gap * gap + w * m.by_error) + power * lost * lost;
                continue;
            }
        }
        sum += (loss == Loss::w2 ? Number(w) : 0.5L * w / u) * square * m.by_error;
        if (loss == Loss::w2) {
            const Number gap = root_of(v) - root_of(u);
            sum += w * gap * gap + power * lost * lost;
        } else {
            const Number ratio = loss == Loss::kl ? u / v : v / u;
            const Number base = loss == Loss::kl ? v : u;
            sum += 0.5L * (w * (ratio - 1.0L - std::log(ratio)) + power * lost * lost / base);
        }
    }
    return sum;
}

}  // namespace reference
