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

// Gain P_inf of the deviation from the mean and variance V_inf, both in y.
struct LimitMoments {
    double gain, variance;
};

inline LimitMoments limit_moments(const Limit& limit, const Ends<double>& ends, double lambda, double first,
                                  double last) {
    const double high = lambda + first * first, low = lambda + last * last;
    const double gain = limit_power(low / high, limit.exponent), square = gain * gain;
    if (limit.deterministic) return {gain, square * ends.start_of(lambda)};
    // V_inf = gain^2 Var y_S + noise (low - gain^2 high), without the difference of Var y_S and high.
    const double surplus = ends.surplus + ends.own * lambda - lambda;
    return {gain, limit.noise * low + square * ((1.0 - limit.noise) * high + surplus)};
}

}  // namespace specsched
