// UniPC, orders 1-3, on predictions of the data or the noise: a predictor, and a corrector that reuses the next evaluation.
#pragma once

#include "core/engine/solvers/formulas.hpp"

namespace specsched {
namespace solvers {

struct UniPC {
    template <class T>
    static void step(const Step<T>& at, Tape<T>& tape, Carry& carry) {
        const bool data = at.spec.predict_x0 != 0.0;
        const Register prediction = data ? tape.predict(carry.y, at.now()) : tape.predict_noise(carry.y, at.now());
        if (corrects(at.spec, at.index - 1)) carry.y = correct(at, tape, carry, prediction);
        carry.remember(prediction);
        carry.kept = carry.y;
        carry.y = advance(at, tape, carry);
    }

  private:
    static bool corrects(const SolverSpec& spec, int index) {
        const std::vector<int>& off = spec.disable_corrector;
        return spec.corrector != 0.0 && index >= 0 && std::find(off.begin(), off.end(), index) == off.end();
    }

    template <class T>
    static int order_at(const Step<T>& at, int index) {
        int order = static_cast<int>(at.spec.order);
        if (at.spec.lower_order_final != 0.0) order = std::min(order, at.steps - index);
        return std::min(order, index + 1);
    }

    // y' = keep y + base m_0 - scale sum_j B(z) rho_j (m_j - m_0) / place_j, on predictions m of the data or the noise.
    template <class T>
    struct Form {
        T keep, base, scale, z;
    };

    template <class T>
    static Form<T> form(const Step<T>& at, const T& from, const T& to, const T& h) {
        if (at.spec.predict_x0 == 0.0) return {T(1.0), to - from, to, h};
        return {to / from, (from - to) / from, T(1.0), -h};
    }

    // scale B(z) rho_j from the conditions sum_j rho_j place_j^i = b_i: a Vandermonde system (Bjorck and Pereyra).
    // B(z) cancels, but for the shortcut rho = 1/2 of the lowest orders.
    template <class T>
    static std::array<T, 3> weights(int count, const std::array<T, 3>& place, const Form<T>& f) {
        std::array<T, 3> b;
        double factorial = 1.0;
        for (int i = 0; i < count; ++i) {
            factorial *= i + 1;
            b[i] = f.scale * (f.z * phi(i + 2, f.z)) * T(factorial);
        }
        for (int k = 0; k + 1 < count; ++k)
            for (int i = count - 1; i > k; --i) b[i] = b[i] - place[k] * b[i - 1];
        for (int k = count - 2; k >= 0; --k) {
            for (int i = k + 1; i < count; ++i) b[i] = b[i] / (place[i] - place[i - k - 1]);
            for (int i = k; i + 1 < count; ++i) b[i] = b[i] - b[i + 1];
        }
        return b;
    }

    // scale B(z) / 2; scale (e^z - 1) = -base.
    template <class T>
    static T half_b(const Step<T>& at, const Form<T>& f) {
        return T(0.5) * (at.spec.bh == 1.0 ? f.scale * f.z : -f.base);
    }

    // Predictor from `now` to `next`; differences (m_j - m_0) / place_j with place_j < 0.
    template <class T>
    static Register advance(const Step<T>& at, Tape<T>& tape, const Carry& carry) {
        const T &from = at.now(), &to = at.next();
        const int order = at.to_zero() ? 1 : order_at(at, at.index);
        const T h = order == 1 ? T(0.0) : log_step(from, to);
        const Form<T> f = form(at, from, to, h);
        if (order == 1) return tape.combine({{carry.y, f.keep}, {carry.past[0], f.base}});
        const std::array<T, 3> place = places(at, 0, order, h);
        if (order == 2) {
            const T w = -half_b(at, f) / place[0];
            return tape.combine({{carry.y, f.keep}, {carry.past[0], f.base - w}, {carry.past[1], w}});
        }
        const std::array<T, 3> rho = weights(2, place, f);
        const T w1 = -rho[0] / place[0], w2 = -rho[1] / place[1];
        return tape.combine(
            {{carry.y, f.keep}, {carry.past[0], f.base - w1 - w2}, {carry.past[1], w1}, {carry.past[2], w2}});
    }

    // Corrector for the step just made, from back(1) to `now`, with the new prediction there.
    template <class T>
    static Register correct(const Step<T>& at, Tape<T>& tape, const Carry& carry, Register prediction) {
        const T &from = at.back(1), &to = at.now();
        const int order = order_at(at, at.index - 1);
        const T h = log_step(from, to);
        const Form<T> f = form(at, from, to, h);
        if (order == 1) {
            const T w = -half_b(at, f);
            return tape.combine({{carry.kept, f.keep}, {carry.past[0], f.base - w}, {prediction, w}});
        }
        std::array<T, 3> place = places(at, 1, order, h);
        place[order - 1] = T(1.0);
        const std::array<T, 3> rho = weights(order, place, f);
        const T w1 = -rho[0] / place[0], w_new = -rho[order - 1];
        if (order == 2)
            return tape.combine(
                {{carry.kept, f.keep}, {carry.past[0], f.base - w1 - w_new}, {carry.past[1], w1}, {prediction, w_new}});
        const T w2 = -rho[1] / place[1];
        return tape.combine({{carry.kept, f.keep},
                             {carry.past[0], f.base - w1 - w2 - w_new},
                             {carry.past[1], w1},
                             {carry.past[2], w2},
                             {prediction, w_new}});
    }

    // Where the earlier predictions lie, in units of the step: (lambda_j - lambda_0) / h < 0.
    template <class T>
    static std::array<T, 3> places(const Step<T>& at, int shift, int order, const T& h) {
        std::array<T, 3> place;
        for (int j = 1; j < order; ++j) place[j - 1] = -(log_step(at.back(shift + j), at.back(shift)) / h);
        return place;
    }
};

}  // namespace solvers
}  // namespace specsched
