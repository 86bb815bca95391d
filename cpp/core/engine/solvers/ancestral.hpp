// DDIM = Euler, DDPM = Euler ancestral, and what lies between: one step, any eta; EDM's churn as an option,
// also as diffusers has it, where the model has seen the sample before the churn.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

struct Ancestral {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        if (at.spec.diffusers_churn != 0.0) {
            predict_then_churn(at, tape, carry);
            return;
        }
        const T from = churn(at, tape, carry);
        const Register prediction = tape.predict(carry.y, from);
        const AncestralStep<T> split = ancestral_step(from, at.next(), at.eta);
        carry.y =
            euler(tape, carry.y, prediction, from, split.down, split.noise * T(at.spec.s_noise * at.spec.s_noise));
    }

  private:
    template <class T>
    static void predict_then_churn(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const Register slope = tape.predict_noise(carry.y, at.now());
        const T from = churn(at, tape, carry);
        const AncestralStep<T> split = ancestral_step(from, at.next(), at.eta);
        const T noise = split.noise * T(at.spec.s_noise * at.spec.s_noise);
        carry.y = tape.combine({{carry.y, T(1.0)}, {slope, split.down - from}}, noise);
    }
};

}  // namespace solvers
}  // namespace specsched
