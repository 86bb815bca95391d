// The law that a sampler approaches with ever more steps between the same two levels (docs/limit.md).
#pragma once

#include <cmath>

#include "core/ends.hpp"

namespace specsched {

// What of a sampler's options the limit depends on.
struct Limit {
    double exponent = 0.5;  // the gain is ((lambda + r_0^2) / (lambda + r_S^2))^exponent; 1/2: the probability flow
    double noise = 1.0;     // factor on the variance of the injected noise, s_noise^2
    bool deterministic = true;
};

// (base)^exponent; the two exponents that samplers have by default need no logarithm.
inline double limit_power(double base, double exponent) {
    if (exponent == 0.5) return std::sqrt(base);
    return exponent == 1.0 ? base : std::pow(base, exponent);
}

// 1 - kept, kept = P_inf^2 = base^(2 exponent), from missing = 1 - base: of a large eigenvalue nearly all is kept, and
// kept itself no longer says how little is lost.
inline double limit_lost(double missing, double kept, double exponent) {
    if (exponent == 0.5) return missing;
    if (exponent == 1.0) return missing * (2.0 - missing);
    return kept < 0.5 ? 1.0 - kept : -std::expm1(2.0 * exponent * std::log1p(-missing));
}

// V_inf = P_inf^2 Var y_S + noise (lambda + r_0^2 - P_inf^2 (lambda + r_S^2)) without its cancellation at large
// eigenvalues; kept = P_inf^2, lost = 1 - kept, beyond = Var y_S - noise r_S^2. T: double, lanes, duals.
template <class T>
T limit_variance(const T& noise, const T& lambda, const T& last2, const T& kept, const T& lost, const T& beyond) {
    return noise * (last2 + lambda * lost) + kept * beyond;
}

// Gain P_inf of the deviation from the mean and variance V_inf, both in y.
struct LimitMoments {
    double gain, variance;
};

inline LimitMoments limit_moments(const Limit& limit, const Ends<double>& ends, double lambda, double first,
                                  double last) {
    const double high = lambda + first * first, low = lambda + last * last;
    const double gain = limit_power(low / high, limit.exponent), kept = gain * gain;
    if (limit.deterministic) return {gain, kept * ends.start_of(lambda)};
    const double lost = limit_lost((first - last) * (first + last) / high, kept, limit.exponent);
    const double beyond = ends.surplus + ends.own * lambda + (1.0 - limit.noise) * first * first;
    return {gain, limit_variance(limit.noise, lambda, last * last, kept, lost, beyond)};
}

}  // namespace specsched
