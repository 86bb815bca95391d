// Functions that several solver families share, on doubles or dual numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "core/engine/tape.hpp"

namespace specsched {
namespace solvers {

using std::exp;
using std::expm1;
using std::log;
using std::sqrt;

// phi_k(z) = sum z^n / (n + k)!, the functions of exponential integrators; a series near 0, where recursion cancels.
inline double phi(int k, double z) {
    double factorial = 1.0;
    for (int i = 2; i <= k; ++i) factorial *= i;
    if (z > -1.0 && z < 1.0) {
        double sum = 1.0;
        for (int n = 18; n >= 1; --n) sum = 1.0 + sum * z / (n + k);
        return sum / factorial;
    }
    double value = expm1(z) / z;
    double inverse = 1.0;  // 1 / j!
    for (int j = 1; j < k; ++j) {
        inverse /= j;
        value = (value - inverse) / z;
    }
    return value;
}

// phi_k' = phi_k - k phi_{k+1}.
template <class B, int N>
Dual<B, N> phi(int k, const Dual<B, N>& z) {
    const B value = phi(k, z.value);
    return chain(z, value, value - B(k) * phi(k + 1, z.value));
}

// Step in half log-SNR between two levels: log(from / to).
template <class T>
T log_step(const T& from, const T& to) {
    return log(from / to);
}

// Ancestral split of a step: the variance of the fresh noise, and the level to step down to.
// eta is k-diffusion's, which is DDIM's as long as it does not exceed 1; beyond that the noise is capped at `to`.
template <class T>
struct AncestralStep {
    T noise;  // variance
    T down;
};

template <class T>
AncestralStep<T> ancestral_step(const T& from, const T& to, const T& eta) {
    if (is_zero(eta)) return {T(0.0), to};
    const T ratio = to / from;
    const T share = eta * eta * (T(1.0) - ratio * ratio);
    if (value_of(share) > 1.0) return {to * to, T(0.0)};
    const T noise = to * to * share;
    if (value_of(to) > 0.0) return {noise, to * sqrt(T(1.0) - share)};
    // At 0 the root of the general formula has no derivative; these are its limits.
    if (value_of(eta) == 1.0) return {noise, to * ratio};
    return {noise, to * sqrt(T(1.0) - eta * eta)};
}

// First-order step of the exponential integrator from `from` to `to`: y' = (to/from) y + (1 - to/from) xhat0.
template <class T>
Register euler(Tape<T>& tape, Register y, Register prediction, const T& from, const T& to, const T& noise = T(0.0)) {
    return tape.combine({{y, to / from}, {prediction, (from - to) / from}}, noise);
}

// EDM's churn: raises the level by the factor 1 + gamma before the step. Returns the raised level.
template <class T>
T churn(const Step<T>& step, Tape<T>& tape, Carry& carry) {
    const SolverSpec& spec = step.spec;
    const double level = value_of(step.now());
    const bool inside = level >= spec.s_tmin && level <= spec.s_tmax;
    const double gamma = inside ? std::min(spec.s_churn / step.steps, std::sqrt(2.0) - 1.0) : 0.0;
    if (gamma <= 0.0) return step.now();
    const double growth = gamma * (2.0 + gamma) * spec.s_noise * spec.s_noise;
    carry.y = tape.combine({{carry.y, T(1.0)}}, step.now() * step.now() * T(growth));
    return step.now() * T(1.0 + gamma);
}

// The order a multistep solver of diffusers uses at this step.
template <class T>
int multistep_order(const Step<T>& step, bool first_order_to_zero = true) {
    const SolverSpec& spec = step.spec;
    const bool short_run = spec.lower_order_final != 0.0 && step.steps < 15;
    int order = std::min(static_cast<int>(spec.order), step.index + 1);
    if (step.last() && (short_run || spec.euler_at_final != 0.0)) order = 1;
    if (step.index + 2 == step.steps && short_run) order = std::min(order, 2);
    if (step.to_zero() && first_order_to_zero) order = 1;
    return order;
}

// Weights of the values f_0 (at x = 0), f_1 (at -gap_1), f_2 (at -gap_1 - gap_2), ... in the integral of their
// interpolating polynomial against a measure with moments int x^n: Newton's form, so that close levels do not cancel.
template <class T>
std::array<T, 4> newton_weights(int order, const std::array<T, 4>& moment, const std::array<T, 3>& gap) {
    std::array<T, 4> weight{moment[0], T(0.0), T(0.0), T(0.0)};
    if (order < 2) return weight;
    const T f01 = moment[1] / gap[0];
    weight[0] = weight[0] + f01;
    weight[1] = weight[1] - f01;
    if (order < 3) return weight;
    // Divided difference f_012 = a f_0 + b f_1 + c f_2, with the integral of x (x + gap_1).
    const T g01 = gap[0] + gap[1];
    const T second = moment[2] + gap[0] * moment[1];
    const T a = T(1.0) / (gap[0] * g01), c = T(1.0) / (gap[1] * g01), b = -(a + c);
    weight[0] = weight[0] + second * a;
    weight[1] = weight[1] + second * b;
    weight[2] = weight[2] + second * c;
    if (order < 4) return weight;
    const T g12 = gap[1] + gap[2], g012 = g01 + gap[2];
    const T third = moment[3] + (gap[0] + g01) * moment[2] + gap[0] * g01 * moment[1];
    weight[0] = weight[0] + third / (gap[0] * g01 * g012);
    weight[1] = weight[1] - third / (gap[0] * gap[1] * g12);
    weight[2] = weight[2] + third / (g01 * gap[1] * gap[2]);
    weight[3] = weight[3] - third / (g012 * g12 * gap[2]);
    return weight;
}

}  // namespace solvers
}  // namespace specsched
