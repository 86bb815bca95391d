// A solver added as docs/extending.md says: Ralston's method of order 2 in sigma, with the inner level at a share of the
// step (2/3 has the least error bound; Ralston, Math. Comp. 16 (1962) 431-437).
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

struct Ralston {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const T& from = at.now();
        const T length = at.next() - from;
        const double share = at.spec.r, weight = 0.5 / share;
        const Register slope = tape.predict_noise(carry.y, from);
        const Register trial = tape.combine({{carry.y, T(1.0)}, {slope, length * T(share)}});
        const Register there = tape.predict_noise(trial, from + length * T(share));
        carry.y = tape.combine({{carry.y, T(1.0)}, {slope, length * T(1.0 - weight)}, {there, length * T(weight)}});
    }
};

}  // namespace solvers
}  // namespace specsched
