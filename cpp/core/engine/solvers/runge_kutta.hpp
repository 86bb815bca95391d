// Two evaluations per step: Heun (EDM), DPM-Solver-2 with its ancestral form, DPM-Solver++(2S), DPM-Solver++ SDE.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

// Mean of the slopes at both ends; plain Euler when the step ends at 0.
struct Heun {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T from = churn(at, tape, carry);
        const T length = from - at.next();
        const Register slope = tape.predict_noise(carry.y, from);
        const Register trial = tape.combine({{carry.y, T(1.0)}, {slope, -length}});
        if (at.to_zero()) {
            carry.y = trial;
            return;
        }
        const Register slope_there = tape.predict_noise(trial, at.next());
        const T half = -length * T(0.5);
        carry.y = tape.combine({{carry.y, T(1.0)}, {slope, half}, {slope_there, half}});
    }
};

// Midpoint rule with the midpoint in log sigma; eta > 0 is the ancestral form.
struct Dpm2 {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T from = churn(at, tape, carry);
        const AncestralStep<T> split = ancestral_step(from, at.next(), at.eta);
        const T noise = split.noise * T(at.spec.s_noise * at.spec.s_noise);
        const Register slope = tape.predict_noise(carry.y, from);
        if (value_of(split.down) == 0.0) {
            carry.y = tape.combine({{carry.y, T(1.0)}, {slope, split.down - from}}, noise);
            return;
        }
        const T middle = sqrt(from * split.down);
        const Register trial = tape.combine({{carry.y, T(1.0)}, {slope, middle - from}});
        const Register slope_there = tape.predict_noise(trial, middle);
        carry.y = tape.combine({{carry.y, T(1.0)}, {slope_there, split.down - from}}, noise);
    }
};

// DPM-Solver++(2S): inner evaluation after the share r of the step in log sigma.
struct Dpmpp2S {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T& from = at.now();
        const AncestralStep<T> split = ancestral_step(from, at.next(), at.eta);
        const T noise = split.noise * T(at.spec.s_noise * at.spec.s_noise);
        const Register prediction = tape.predict(carry.y, from);
        if (value_of(split.down) == 0.0) {
            carry.y = euler(tape, carry.y, prediction, from, split.down, noise);
            return;
        }
        const T inner = from * exp(log(split.down / from) * T(at.spec.r));
        const Register trial = euler(tape, carry.y, prediction, from, inner);
        const Register there = tape.predict(trial, inner);
        const T share = (from - split.down) / from;
        const double weight = 0.5 / at.spec.r;
        carry.y = tape.combine(
            {{carry.y, split.down / from}, {prediction, share * T(1.0 - weight)}, {there, share * T(weight)}}, noise);
    }
};

// DPM-Solver++ (stochastic), an ancestral step to the inner level and one to the end.
struct DpmppSde {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T& from = at.now();
        const Register prediction = tape.predict(carry.y, from);
        if (at.to_zero()) {
            carry.y = euler(tape, carry.y, prediction, from, at.next());
            return;
        }
        const T inner = from * exp(log(at.next() / from) * T(at.spec.r));
        const AncestralStep<T> first = ancestral_step(from, inner, at.eta);
        const AncestralStep<T> second = ancestral_step(from, at.next(), at.eta);
        const double weight = 0.5 / at.spec.r;
        const T share = (from - second.down) / from;
        const T scale = T(at.spec.s_noise * at.spec.s_noise);
        if (is_zero(at.eta)) {
            const Register there = tape.predict(euler(tape, carry.y, prediction, from, first.down), inner);
            carry.y = tape.combine(
                {{carry.y, second.down / from}, {prediction, share * T(1.0 - weight)}, {there, share * T(weight)}});
            return;
        }
        // One Brownian path over both noises: they share its first part.
        const T common = at.spec.brownian != 0.0 ? (from - inner) / (from - at.next()) : T(0.0);
        const Register path = tape.normal();
        const Register trial = tape.combine({{carry.y, first.down / from},
                                             {prediction, (from - first.down) / from},
                                             {path, sqrt(first.noise * scale)}});
        const Register there = tape.predict(trial, inner);
        const T shared = is_zero(common) ? T(0.0) : sqrt(second.noise * scale * common);
        carry.y = tape.combine({{carry.y, second.down / from},
                                {prediction, share * T(1.0 - weight)},
                                {there, share * T(weight)},
                                {path, shared}},
                               second.noise * scale * (T(1.0) - common));
    }
};

}  // namespace solvers
}  // namespace specsched
