// The loss of one block of eigenvalues as a function of gain P, injected variance Q and the two end levels,
// with first and second derivatives. Included by the sweeps, once per instruction set.
#pragma once

#include "core/ends.hpp"
#include "core/engine/sweeps.hpp"
#include "core/kernels/pack.hpp"

namespace specsched {
namespace {

// Scale, prior and lost share with their derivatives by the end levels.
struct EndTaylor {
    double scale, scale1, scale2;
    double square, square1, square2;  // scale^2
    double lost, lost1, lost2;
    double start, start1, start2;

    explicit EndTaylor(const SweepEnds& ends) {
        using D1 = Dual<double, 1>;
        using D2 = Dual<D1, 1>;
        const auto variable = [](double x) {
            D2 v(D1::variable(x, 0));
            v.d[0] = D1(1.0);
            return v;
        };
        const Ends<D2> e(static_cast<Process>(ends.process), variable(ends.first), variable(ends.last));
        const D2 power = e.scale * e.scale;
        scale = e.scale.value.value, scale1 = e.scale.value.d[0], scale2 = e.scale.d[0].d[0];
        square = power.value.value, square1 = power.value.d[0], square2 = power.d[0].d[0];
        lost = e.lost.value.value, lost1 = e.lost.value.d[0], lost2 = e.lost.d[0].d[0];
        start = e.start_variance.value.value, start1 = e.start_variance.value.d[0], start2 = e.start_variance.d[0].d[0];
    }
};

struct Block {
    Pack lambda, root, weight, mean_power;
};

// Lanes past the end hold a harmless eigenvalue without weight; transfer functions have no weights at all.
inline Block load_block(const SweepChunk& chunk, std::ptrdiff_t start) {
    const std::ptrdiff_t left = chunk.count - start;
    const Pack lambda = load_padded(chunk.eigenvalues + start, left, 1.0);
    if (!chunk.weights) return {lambda, sqrt(lambda), Pack(0.0), Pack(0.0)};
    return {lambda, sqrt(lambda), load_padded(chunk.weights + start, left, 0.0),
            load_padded(chunk.mean_power + start, left, 0.0)};
}

struct BlockSlopes {
    Pack value, by_gain, by_injected, by_error, by_first, by_last;
};

// What a unit of error variance in x_0 costs: a term of its own, which nothing can cancel. As part of the output
// variance it could make up for the variance that a coarse schedule loses, and a design would seek it.
template <Loss loss>
Pack error_price(const Block& b) {
    return loss == Loss::w2 ? b.weight : b.weight / b.lambda * Pack(0.5);
}

// Second derivatives by (P, Q, E, first, last); those by E vanish but for E and last.
struct BlockCurvature {
    Pack gg, gq, gf, gl, qq, qf, ql, el, ff, fl, ll;
};

// For w2 a variance of exactly 0 (an eigenvalue of 0, or a gain that crosses 0) would divide 0 by 0.
template <Loss loss>
Pack guarded(const Pack& variance) {
    if (loss != Loss::w2) return variance;
    return map_pack(variance, [](double v) { return v > 1e-80 ? v : 1e-80; });
}

// Term as a function of (variance, mean error), to the order that N stands for.
template <Loss loss, class D, class B>
D term_of(const Block& b, const D& variance, const D& guard, const D& mean_error) {
    OutputMoments<D> out{sqrt(guard), variance - B(b.lambda), mean_error};
    return loss_term<loss, D, B>(B(b.lambda), B(b.root), B(b.weight), B(b.mean_power), out);
}

template <Loss loss>
Pack block_value(const Block& b, const EndTaylor& e, const Pack& gain, const Pack& injected, const Pack& error) {
    const Pack variance = (gain * gain * Pack(e.start) + injected) * Pack(e.square);
    const OutputMoments<Pack> out{sqrt(guarded<loss>(variance)), variance - b.lambda,
                                   gain * Pack(e.scale) + Pack(e.lost)};
    return loss_term<loss, Pack, Pack>(b.lambda, b.root, b.weight, b.mean_power, out) +
           error_price<loss>(b) * error * Pack(e.square);
}

template <Loss loss>
BlockSlopes block_slopes(const Block& b, const EndTaylor& e, const Pack& gain, const Pack& injected,
                         const Pack& error) {
    using D = Dual<Pack, 2>;
    const Pack before = gain * gain * Pack(e.start) + injected;
    const Pack variance = before * Pack(e.square);
    const Pack mean_error = gain * Pack(e.scale) + Pack(e.lost);
    D v(variance), guard(guarded<loss>(variance)), m(mean_error);
    v.d[0] = guard.d[0] = m.d[1] = Pack(1.0);
    v.d[1] = guard.d[1] = m.d[0] = Pack(0.0);
    const D term = term_of<loss, D, Pack>(b, v, guard, m);
    const Pack &by_v = term.d[0], &by_m = term.d[1];
    BlockSlopes s;
    const Pack price = error_price<loss>(b);
    s.value = term.value + price * error * Pack(e.square);
    s.by_error = price * Pack(e.square);
    s.by_gain = by_v * gain * Pack(2.0 * e.start * e.square) + by_m * Pack(e.scale);
    s.by_injected = by_v * Pack(e.square);
    s.by_first = by_v * gain * gain * Pack(e.start1 * e.square);
    s.by_last = by_v * before * Pack(e.square1) + by_m * (gain * Pack(e.scale1) + Pack(e.lost1)) +
                price * error * Pack(e.square1);
    return s;
}

template <Loss loss>
BlockSlopes block_curvature(const Block& b, const EndTaylor& e, const Pack& gain, const Pack& injected,
                            const Pack& error, BlockCurvature& c) {
    using D1 = Dual<Pack, 2>;
    using D2 = Dual<D1, 2>;
    const auto variable = [](const Pack& x, int slot) {
        D1 inner(x);
        inner.d[slot] = Pack(1.0);
        inner.d[1 - slot] = Pack(0.0);
        D2 outer(inner);
        outer.d[slot] = D1(Pack(1.0));
        outer.d[1 - slot] = D1(Pack(0.0));
        for (int i = 0; i < 2; ++i) outer.d[i].d[0] = outer.d[i].d[1] = Pack(0.0);
        return outer;
    };
    const Pack before = gain * gain * Pack(e.start) + injected;
    const Pack variance = before * Pack(e.square);
    const Pack mean_error = gain * Pack(e.scale) + Pack(e.lost);
    const D2 term = term_of<loss, D2, D1>(b, variable(variance, 0), variable(guarded<loss>(variance), 0),
                                          variable(mean_error, 1));
    const Pack &v = term.value.d[0], &m = term.value.d[1];
    const Pack &vv = term.d[0].d[0], &vm = term.d[0].d[1], &mm = term.d[1].d[1];
    // Derivatives of variance and mean error by P, Q, first, last.
    const Pack vg = gain * Pack(2.0 * e.start * e.square), vq(e.square);
    const Pack vf = gain * gain * Pack(e.start1 * e.square), vl = before * Pack(e.square1);
    const Pack mg(e.scale), ml = gain * Pack(e.scale1) + Pack(e.lost1);
    c.gg = vv * vg * vg + Pack(2.0) * vm * vg * mg + mm * mg * mg + v * Pack(2.0 * e.start * e.square);
    c.gq = vv * vg * vq + vm * mg * vq;
    c.gf = vv * vg * vf + vm * mg * vf + v * gain * Pack(2.0 * e.start1 * e.square);
    c.gl = vv * vg * vl + vm * (vg * ml + vl * mg) + mm * mg * ml + v * gain * Pack(2.0 * e.start * e.square1) +
           m * Pack(e.scale1);
    c.qq = vv * vq * vq;
    c.qf = vv * vq * vf;
    c.ql = vv * vq * vl + vm * vq * ml + v * Pack(e.square1);
    c.ff = vv * vf * vf + v * gain * gain * Pack(e.start2 * e.square);
    c.fl = vv * vf * vl + vm * vf * ml + v * gain * gain * Pack(e.start1 * e.square1);
    c.ll = vv * vl * vl + Pack(2.0) * vm * vl * ml + mm * ml * ml + v * before * Pack(e.square2) +
           m * (gain * Pack(e.scale2) + Pack(e.lost2));
    const Pack price = error_price<loss>(b);
    c.el = price * Pack(e.square1);
    c.ll = c.ll + price * error * Pack(e.square2);
    BlockSlopes s;
    s.value = term.value.value + price * error * Pack(e.square);
    s.by_error = price * Pack(e.square);
    s.by_gain = v * vg + m * mg;
    s.by_injected = v * vq;
    s.by_first = v * vf;
    s.by_last = v * vl + m * ml + price * error * Pack(e.square1);
    return s;
}

}  // namespace
}  // namespace specsched
