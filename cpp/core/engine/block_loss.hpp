// The loss of one block of eigenvalues as a function of gain P, injected variance Q, error variance E and the two end
// levels, with first and second derivatives: a Term, for the data here, for the many-step limit in limit_terms.hpp.
// Included by the sweeps, once per instruction set.
#pragma once

#include "core/ends.hpp"
#include "core/engine/sweeps.hpp"
#include "core/kernels/pack.hpp"

namespace specsched {
namespace {

// A function of one end level with two derivatives.
struct Taylor {
    double value, first, second;

    explicit Taylor(const Dual<Dual<double, 1>, 1>& x)
        : value(x.value.value), first(x.value.d[0]), second(x.d[0].d[0]) {}
};

// What depends on the end levels alone: the start on the first one, the rest on the last one.
struct EndTaylor {
    using D1 = Dual<double, 1>;
    using D2 = Dual<D1, 1>;

    double own;
    Taylor square, lost, start, surplus;  // square: scale^2
    Taylor mean;                          // scale times the share of the mean that the start lacks

    explicit EndTaylor(const SweepEnds& ends)
        : EndTaylor(Ends<D2>(ends.criterion, variable(ends.first), variable(ends.last))) {}

    // Var y_S of a block.
    Pack start_of(const Pack& lambda) const { return own == 0.0 ? Pack(start.value) : lambda + Pack(start.value); }

  private:
    explicit EndTaylor(const Ends<D2>& e)
        : own(e.own),
          square(e.scale * e.scale),
          lost(e.lost),
          start(e.start_variance),
          surplus(e.surplus),
          mean(e.scale * D2(D1(e.carried))) {}
    static D2 variable(double x) {
        D2 v(D1::variable(x, 0));
        v.d[0] = D1(1.0);
        return v;
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

// The same eigenvalues with the weights of the chunk's probe.
inline Block probed_block(const Block& b, const TermProbe& probe, std::ptrdiff_t start, std::ptrdiff_t left) {
    return {b.lambda, b.root, load_padded(probe.weights + start, left, 0.0),
            load_padded(probe.mean_power + start, left, 0.0)};
}

struct BlockSlopes {
    Pack value, by_gain, by_injected, by_error, by_first, by_last;
};

// Second derivatives by (P, Q, E, first, last); those by E vanish but for E and the ends.
struct BlockCurvature {
    Pack gg, gq, gf, gl, qq, qf, ql, ef, el, ff, fl, ll;
};

// A variance of exactly 0 (an eigenvalue of 0, or a gain that crosses 0) would divide 0 by 0.
template <class L>
Pack guarded(const Pack& variance) {
    if (!L::admits_zeros) return variance;
    return map_pack(variance, [](double v) { return v > 1e-80 ? v : 1e-80; });
}

// Term as a function of (variance, mean error), to the order that N stands for.
template <class L, class D, class B>
D term_of(const Block& b, const D& variance, const D& guard, const D& mean_error) {
    OutputMoments<D> out{sqrt(guard), variance - B(b.lambda), mean_error};
    return L::template term<D, B>(B(b.lambda), B(b.root), B(b.weight), B(b.mean_power), out);
}

// The distance to the data.
template <class L>
struct DataTerm {
    static Pack value(const Block& b, const EndTaylor& e, const SweepEnds&, const Pack& gain, const Pack& injected,
                      const Pack& error) {
        const Pack variance = (gain * gain * e.start_of(b.lambda) + injected) * Pack(e.square.value);
        const OutputMoments<Pack> out{sqrt(guarded<L>(variance)), variance - b.lambda,
                                      gain * Pack(e.mean.value) + Pack(e.lost.value)};
        return L::template term<Pack, Pack>(b.lambda, b.root, b.weight, b.mean_power, out) +
               L::error_price(b.weight, b.lambda) * error * Pack(e.square.value);
    }
    static BlockSlopes slopes(const Block& b, const EndTaylor& e, const SweepEnds&, const Pack& gain,
                              const Pack& injected, const Pack& error);
    static BlockSlopes curvature(const Block& b, const EndTaylor& e, const SweepEnds&, const Pack& gain,
                                 const Pack& injected, const Pack& error, BlockCurvature& c);
};

template <class L>
BlockSlopes DataTerm<L>::slopes(const Block& b, const EndTaylor& e, const SweepEnds&, const Pack& gain,
                                const Pack& injected, const Pack& error) {
    using D = Dual<Pack, 2>;
    const Pack start = e.start_of(b.lambda);
    const Pack before = gain * gain * start + injected;
    const Pack variance = before * Pack(e.square.value);
    const Pack mean_error = gain * Pack(e.mean.value) + Pack(e.lost.value);
    D v(variance), guard(guarded<L>(variance)), m(mean_error);
    v.d[0] = guard.d[0] = m.d[1] = Pack(1.0);
    v.d[1] = guard.d[1] = m.d[0] = Pack(0.0);
    const D term = term_of<L, D, Pack>(b, v, guard, m);
    const Pack &by_v = term.d[0], &by_m = term.d[1];
    BlockSlopes s;
    const Pack price = L::error_price(b.weight, b.lambda);
    s.value = term.value + price * error * Pack(e.square.value);
    s.by_error = price * Pack(e.square.value);
    s.by_gain = by_v * gain * (Pack(2.0) * start * Pack(e.square.value)) + by_m * Pack(e.mean.value);
    s.by_injected = by_v * Pack(e.square.value);
    s.by_first = by_v * gain * gain * Pack(e.start.first * e.square.value);
    s.by_last = by_v * before * Pack(e.square.first) + by_m * (gain * Pack(e.mean.first) + Pack(e.lost.first)) +
                price * error * Pack(e.square.first);
    return s;
}

template <class L>
BlockSlopes DataTerm<L>::curvature(const Block& b, const EndTaylor& e, const SweepEnds&, const Pack& gain,
                                   const Pack& injected, const Pack& error, BlockCurvature& c) {
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
    const Pack start = e.start_of(b.lambda);
    const Pack before = gain * gain * start + injected;
    const Pack variance = before * Pack(e.square.value);
    const Pack mean_error = gain * Pack(e.mean.value) + Pack(e.lost.value);
    const D2 term =
        term_of<L, D2, D1>(b, variable(variance, 0), variable(guarded<L>(variance), 0), variable(mean_error, 1));
    const Pack &v = term.value.d[0], &m = term.value.d[1];
    const Pack &vv = term.d[0].d[0], &vm = term.d[0].d[1], &mm = term.d[1].d[1];
    // Derivatives of variance and mean error by P, Q, first, last.
    const Pack twice = Pack(2.0) * start * Pack(e.square.value), start1(e.start.first * e.square.value);
    const Pack vg = gain * twice, vq(e.square.value);
    const Pack vf = gain * gain * start1, vl = before * Pack(e.square.first);
    const Pack mg(e.mean.value), ml = gain * Pack(e.mean.first) + Pack(e.lost.first);
    c.gg = vv * vg * vg + Pack(2.0) * vm * vg * mg + mm * mg * mg + v * twice;
    c.gq = vv * vg * vq + vm * mg * vq;
    c.gf = vv * vg * vf + vm * mg * vf + v * gain * (Pack(2.0) * start1);
    c.gl = vv * vg * vl + vm * (vg * ml + vl * mg) + mm * mg * ml +
           v * gain * (Pack(2.0) * start * Pack(e.square.first)) + m * Pack(e.mean.first);
    c.qq = vv * vq * vq;
    c.qf = vv * vq * vf;
    c.ql = vv * vq * vl + vm * vq * ml + v * Pack(e.square.first);
    c.ff = vv * vf * vf + v * gain * gain * Pack(e.start.second * e.square.value);
    c.fl = vv * vf * vl + vm * vf * ml + v * gain * gain * Pack(e.start.first * e.square.first);
    c.ll = vv * vl * vl + Pack(2.0) * vm * vl * ml + mm * ml * ml + v * before * Pack(e.square.second) +
           m * (gain * Pack(e.mean.second) + Pack(e.lost.second));
    const Pack price = L::error_price(b.weight, b.lambda);
    c.ef = Pack(0.0);
    c.el = price * Pack(e.square.first);
    c.ll = c.ll + price * error * Pack(e.square.second);
    BlockSlopes s;
    s.value = term.value.value + price * error * Pack(e.square.value);
    s.by_error = price * Pack(e.square.value);
    s.by_gain = v * vg + m * mg;
    s.by_injected = v * vq;
    s.by_first = v * vf;
    s.by_last = v * vl + m * ml + price * error * Pack(e.square.first);
    return s;
}

}  // namespace
}  // namespace specsched
