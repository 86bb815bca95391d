// Multistep solvers on predictions of the noise: DEIS (log rho), LMS, iPNDM and PLMS.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

// y' = y - sum_j weight_j e_j.
template <class T>
Register subtract_weighted(Tape<T>& tape, const Carry& carry, const std::array<T, 4>& w) {
    return tape.combine({{carry.y, T(1.0)},
                         {carry.past[0], -w[0]},
                         {carry.past[1], -w[1]},
                         {carry.past[2], -w[2]},
                         {carry.past[3], -w[3]}});
}

// tAB-DEIS: the integral over rho of the polynomial in log rho through the last noise predictions.
struct Deis {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        carry.remember(tape.predict_noise(carry.y, at.now()));
        const int order = multistep_order(at, false);
        const T zero(0.0);
        std::array<T, 4> moment{at.now() - at.next(), zero, zero, zero};
        std::array<T, 3> gap{zero, zero, zero};
        for (int j = 1; j < order; ++j) {
            moment[j] = at.now() * truncated_gamma(at, j);
            gap[j - 1] = log_step(at.back(j), at.back(j - 1));
        }
        carry.y = subtract_weighted(tape, carry, newton_weights(order, moment, gap));
    }

  private:
    // int_0^h e^-x x^n dx, h = log(now / next); n! when the step ends at 0.
    template <class T>
    static T truncated_gamma(const Step<T>& at, int n) {
        double factorial = 1.0;
        for (int i = 2; i <= n; ++i) factorial *= i;
        if (at.to_zero()) return T(factorial);
        const T h = log_step(at.now(), at.next());
        T power = h;
        for (int i = 0; i < n; ++i) power = power * h;
        return at.next() / at.now() * power * phi(n + 1, h) * T(factorial);
    }
};

// Adams-Bashforth with unequal steps in sigma, integrated exactly (k-diffusion).
struct Lms {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        carry.remember(tape.predict_noise(carry.y, at.now()));
        const int order = std::min(static_cast<int>(at.spec.order), at.index + 1);
        const T zero(0.0), length = at.now() - at.next();
        std::array<T, 4> moment{length, zero, zero, zero};
        std::array<T, 3> gap{zero, zero, zero};
        T power = length;
        for (int j = 1; j < order; ++j) {
            power = power * length;
            moment[j] = power * T(1.0 / (j + 1));
            gap[j - 1] = at.back(j) - at.back(j - 1);
        }
        carry.y = subtract_weighted(tape, carry, newton_weights(order, moment, gap));
    }
};

// The classical Adams-Bashforth weights for equal steps.
inline std::array<double, 4> adams_bashforth(int order) {
    switch (order) {
        case 1: return {1.0, 0.0, 0.0, 0.0};
        case 2: return {3.0 / 2.0, -1.0 / 2.0, 0.0, 0.0};
        case 3: return {23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0, 0.0};
        default: return {55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0};
    }
}

template <class T>
Register adams_bashforth_step(const Step<T>& at, Tape<T>& tape, const Carry& carry) {
    const std::array<double, 4> weight = adams_bashforth(std::min({static_cast<int>(at.spec.order), carry.seen, 4}));
    const T length = at.now() - at.next();
    std::array<T, 4> w;
    for (int j = 0; j < 4; ++j) w[j] = length * T(weight[j]);
    return subtract_weighted(tape, carry, w);
}

struct Ipndm {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        carry.remember(tape.predict_noise(carry.y, at.now()));
        carry.y = adams_bashforth_step(at, tape, carry);
    }
};

// PNDM. Without its Runge-Kutta start the first step is a Heun step, whose second slope is not kept; with it, the first
// three steps are Runge-Kutta steps over two levels each, the first of which is their middle.
struct Plms {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const bool skip = at.spec.skip_prk_steps != 0.0;
        if (!skip && runge_kutta(at)) {
            if (at.index % 2 == 0)
                first_half(at, tape, carry);
            else
                second_half(at, tape, carry);
            return;
        }
        carry.remember(tape.predict_noise(carry.y, at.now()));
        const Register next = adams_bashforth_step(at, tape, carry);
        if (!skip || at.index > 0 || at.steps == 1) {
            carry.y = next;
            return;
        }
        const Register slope = tape.predict_noise(next, at.next());
        const T half = (at.next() - at.now()) * T(0.5);
        carry.y = tape.combine({{carry.y, T(1.0)}, {carry.past[0], half}, {slope, half}});
    }

  private:
    // Whether the step belongs to a Runge-Kutta step: its pair must be whole, and end where there is noise to predict.
    template <class T>
    static bool runge_kutta(const Step<T>& at) {
        const int end = at.index - at.index % 2 + 2;
        return end <= 6 && (at.ends_at_zero ? end < at.steps : end <= at.steps);
    }

    // To the middle, with the slope of the start and again with the slope there; only the former counts as history.
    template <class T>
    static void first_half(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T length = at.next() - at.now();
        carry.kept = carry.y;
        carry.remember(tape.predict_noise(carry.y, at.now()));
        const Register trial = tape.combine({{carry.kept, T(1.0)}, {carry.past[0], length}});
        const Register slope = tape.predict_noise(trial, at.next());
        carry.partial = tape.combine({{carry.past[0], T(1.0 / 6.0)}, {slope, T(1.0 / 3.0)}});
        carry.y = tape.combine({{carry.kept, T(1.0)}, {slope, length}});
    }

    // From the start again, over both levels.
    template <class T>
    static void second_half(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T length = at.next() - at.back(1);
        const Register middle = tape.predict_noise(carry.y, at.now());
        const Register trial = tape.combine({{carry.kept, T(1.0)}, {middle, length}});
        const Register end = tape.predict_noise(trial, at.next());
        carry.y = tape.combine({{carry.kept, T(1.0)},
                                {carry.partial, length},
                                {middle, length * T(1.0 / 3.0)},
                                {end, length * T(1.0 / 6.0)}});
    }
};

}  // namespace solvers
}  // namespace specsched
