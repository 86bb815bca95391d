// DDIM = Euler, DDPM = Euler ancestral, and what lies between: one step, any eta; EDM's churn as an option.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

struct Ancestral {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T from = churn(at, tape, carry);
        const Register prediction = tape.predict(carry.y, from);
        const AncestralStep<T> split = ancestral_step(from, at.next(), at.eta);
        carry.y = euler(tape, carry.y, prediction, from, split.down, split.noise * T(at.spec.s_noise * at.spec.s_noise));
    }
};

}  // namespace solvers
}  // namespace specsched
