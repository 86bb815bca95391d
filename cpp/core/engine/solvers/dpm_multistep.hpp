// DPM-Solver multistep, orders 1-3: DPM-Solver++ (data prediction) and DPM-Solver (noise prediction), ODE and SDE.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

// Scaled divided differences of the last predictions, as weights on them (newest first):
// D1 and D2 of the papers, with q_j = (earlier step) / (this step) in log sigma.
template <class T>
struct ScaledDifferences {
    std::array<T, 3> first, second;
};

template <class T>
ScaledDifferences<T> scaled_differences(const Step<T>& at, int order, const T& h) {
    const T zero(0.0);
    ScaledDifferences<T> d{{zero, zero, zero}, {zero, zero, zero}};
    const T inverse0 = h / log_step(at.back(1), at.now());
    if (order == 2) {
        d.first = {inverse0, -inverse0, zero};
        return d;
    }
    const T q0 = T(1.0) / inverse0;
    const T q1 = log_step(at.back(2), at.back(1)) / h;
    const T inverse1 = T(1.0) / q1;
    const T bend = T(1.0) / (q0 + q1);
    const std::array<T, 3> slopes{inverse0, -inverse0 - inverse1, inverse1};  // D1_0 - D1_1
    for (int j = 0; j < 3; ++j) {
        d.second[j] = slopes[j] * bend;
        d.first[j] = d.second[j] * q0;
    }
    d.first[0] = d.first[0] + inverse0;
    d.first[1] = d.first[1] - inverse0;
    return d;
}

// y' = keep y + base m_0 + c1 D1 + c2 D2 + noise.
template <class T>
Register multistep_update(const Step<T>& at, Tape<T>& tape, const Carry& carry, int order, const T& h, const T& keep,
                          const T& base, const T& c1, const T& c2, const T& noise) {
    if (order == 1) return tape.combine({{carry.y, keep}, {carry.past[0], base}}, noise);
    const ScaledDifferences<T> d = scaled_differences(at, order, h);
    const T w0 = base + c1 * d.first[0] + c2 * d.second[0];
    const T w1 = c1 * d.first[1] + c2 * d.second[1];
    if (order == 2) return tape.combine({{carry.y, keep}, {carry.past[0], w0}, {carry.past[1], w1}}, noise);
    const T w2 = c1 * d.first[2] + c2 * d.second[2];
    return tape.combine({{carry.y, keep}, {carry.past[0], w0}, {carry.past[1], w1}, {carry.past[2], w2}}, noise);
}

struct DpmppMultistep {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T &from = at.now(), &to = at.next();
        carry.remember(tape.predict(carry.y, from));
        const int order = multistep_order(at);
        if (at.to_zero()) {
            carry.y = euler(tape, carry.y, carry.past[0], from, to);
            return;
        }
        const SolverSpec& spec = at.spec;
        const T h = log_step(from, to), ratio = to / from;
        if (is_zero(at.eta)) {
            const T base = (from - to) / from;
            carry.y = update(at, tape, carry, order, h, h, ratio, base, T(0.0));
            return;
        }
        const T stretched = h * (T(1.0) + at.eta);
        const T noise = to * to * T(-spec.s_noise * spec.s_noise) * expm1(T(-2.0) * at.eta * h);
        const T keep = ratio * exp(-(at.eta * h));
        carry.y = update(at, tape, carry, order, h, stretched, keep, -expm1(-stretched), noise);
    }

  private:
    // `reach` = (1 + eta) h: the exponent of the integrator.
    template <class T>
    static Register update(const Step<T>& at, Tape<T>& tape, const Carry& carry, int order, const T& h, const T& reach,
                           const T& keep, const T& base, const T& noise) {
        const SolverSpec& spec = at.spec;
        T c1(0.0), c2(0.0);
        if (order == 2 && spec.heun == 0.0) c1 = T(0.5) * base;
        if (order == 3 || (order == 2 && spec.heun != 0.0)) c1 = reach * phi(2, -reach);
        if (order == 3) c2 = reach * phi(3, -reach);
        if (order == 3 && spec.diffusers_d2 != 0.0) c2 = c2 - T(1.0);
        return multistep_update(at, tape, carry, order, h, keep, base, c1, c2, noise);
    }
};

// The same with predictions of the noise: y' = y - (1 + eta) ((r - r') e_0 + ...) + noise.
struct DpmMultistep {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T &from = at.now(), &to = at.next();
        carry.remember(tape.predict_noise(carry.y, from));
        const int order = multistep_order(at);
        const T share = T(1.0) + at.eta, base = share * (to - from);
        T c1(0.0), c2(0.0), h(0.0);
        if (order > 1) h = log_step(from, to);
        if (order == 2 && at.spec.heun == 0.0) c1 = T(0.5) * base;
        if (order == 3 || (order == 2 && at.spec.heun != 0.0)) c1 = -(share * to * h * phi(2, h));
        if (order == 3) c2 = -(share * to * h * phi(3, h));
        const T noise = at.eta * (from * from - to * to) * T(at.spec.s_noise * at.spec.s_noise);
        carry.y = multistep_update(at, tape, carry, order, h, T(1.0), base, c1, c2, noise);
    }
};

}  // namespace solvers
}  // namespace specsched
