// DPM-Solver++ singlestep as in diffusers: blocks of 2 or 3 levels, each block restarts from its first sample.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

// Place of step `index` within its block, counted from 1: the order of its update.
inline int singlestep_order(int order, int index, int steps, bool lower_order_final) {
    if (lower_order_final && index + 1 == steps && steps % order != 2) return 1;
    return index % order + 1;
}

struct Singlestep {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const SolverSpec& spec = at.spec;
        const int highest = static_cast<int>(spec.order);
        // Runs that do not fill their blocks, or that end at 0, lower the order at the end whatever the option says.
        const bool lower = spec.lower_order_final != 0.0 || at.steps % highest != 0 || at.ends_at_zero;
        const int order = at.to_zero() ? 1 : singlestep_order(highest, at.index, at.steps, lower);
        carry.remember(tape.predict(carry.y, at.now()));
        if (order == 1) carry.kept = carry.y;
        const T &from = at.back(order - 1), &to = at.next();
        const T base = (from - to) / from, keep = to / from;
        if (order == 1) {
            carry.y = tape.combine({{carry.kept, keep}, {carry.past[0], base}});
            return;
        }
        const T h = log_step(from, to);
        const T r0 = log_step(from, at.now()) / h;
        const T c1 = h * phi(2, -h);
        if (order == 2) {
            const T c = (spec.heun != 0.0 ? c1 : T(0.5) * base) / r0;
            carry.y = tape.combine({{carry.kept, keep}, {carry.past[1], base - c}, {carry.past[0], c}});
            return;
        }
        third_order(at, tape, carry, h, r0, keep, base, c1);
    }

  private:
    template <class T>
    static void third_order(const Step<T>& at, Tape<T>& tape, Carry& carry, const T& h, const T& r0, const T& keep,
                            const T& base, const T& c1) {
        const T r1 = log_step(at.back(2), at.back(1)) / h;
        T w0, w1;  // on D1_1 = (m0 - m2) / r0 and D1_0 = (m1 - m2) / r1
        if (at.spec.heun == 0.0) {
            w0 = c1;
            w1 = T(0.0);
        } else {
            const T c2 = h * phi(3, -h) * T(2.0);
            const T gap = r0 - r1;
            w0 = (c2 - c1 * r1) / gap;
            w1 = (c1 * r0 - c2) / gap;
        }
        w0 = w0 / r0;
        w1 = w1 / r1;
        carry.y = tape.combine(
            {{carry.kept, keep}, {carry.past[2], base - w0 - w1}, {carry.past[1], w1}, {carry.past[0], w0}});
    }
};

}  // namespace solvers
}  // namespace specsched
