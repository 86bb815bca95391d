// Terms of the distance to the many-step limit (core/limit.hpp; formulas in docs/limit.md). Included by the sweeps.
#pragma once

#include "core/engine/block_loss.hpp"

namespace specsched {
namespace {

// P_inf of a block with its derivatives by the two end levels, and 1 - P_inf^2.
struct LimitGain {
    Pack value, first, last, first_first, first_last, last_last, lost;

    LimitGain(const Pack& lambda, const SweepEnds& ends) {
        const double c = ends.limit.exponent, twice = 2.0 * c, top = ends.first * ends.first,
                     end = ends.last * ends.last;
        // At an eigenvalue of 0 and a last level of 0 the gain is 0, and these bounds give finite derivatives.
        const auto bounded = [](double x) { return x > 1e-300 ? x : 1e-300; };
        const Pack high = Pack(1.0) / map_pack(lambda + Pack(top), bounded), raw = lambda + Pack(end);
        const Pack low = Pack(1.0) / map_pack(raw, bounded);
        value = map_pack(raw * high, [c](double base) { return limit_power(base, c); });
        lost = map_pack(Pack((ends.first - ends.last) * (ends.first + ends.last)) * high, value * value,
                        [c](double missing, double kept) { return limit_lost(missing, kept, c); });
        // Of log P_inf: by the first level, -2c r / (lambda + r^2), by the last one, 2c r / (lambda + r^2).
        const Pack a = Pack(-twice * ends.first) * high, b = Pack(twice * ends.last) * low;
        first = value * a;
        last = value * b;
        first_first = value * (a * a - Pack(twice) * (lambda - Pack(top)) * high * high);
        first_last = value * a * b;
        last_last = value * (b * b + Pack(twice) * (lambda - Pack(end)) * low * low);
    }
};

// W2 of a deterministic sampler, run and limit from the same start: scale^2 (P - P_inf)^2 (weight Var y_S + mean_power).
struct CoupledTerm {
    // The square of (P - P_inf) has this factor; it depends on the first level through Var y_S.
    struct Share {
        Pack value;
        double first, second;  // derivatives by the first level, per weight
        Share(const Block& b, const EndTaylor& e)
            : value(b.weight * e.start_of(b.lambda) + (e.own == 0.0 ? b.mean_power : Pack(0.0))),
              first(e.start.first),
              second(e.start.second) {}
    };

    static Pack value(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain, const Pack&,
                      const Pack& error) {
        const Pack gap = gain - limit_value(b.lambda, ends);
        return (gap * gap * Share(b, e).value + b.weight * error) * Pack(e.square.value);
    }
    static BlockSlopes slopes(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain, const Pack&,
                              const Pack& error) {
        return slopes_of(b, e, LimitGain(b.lambda, ends), gain, error);
    }
    static BlockSlopes curvature(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain,
                                 const Pack&, const Pack& error, BlockCurvature& c) {
        const LimitGain limit(b.lambda, ends);
        const Share share(b, e);
        const Pack gap = gain - limit.value, two(2.0), W = share.value, W1 = b.weight * Pack(share.first);
        const Pack Z(e.square.value), Z1(e.square.first), half_first = gap * W1 - limit.first * W;
        const Pack by_first = two * gap * (half_first - Pack(0.5) * gap * W1);
        c.gg = two * Z * W;
        c.gf = two * Z * half_first;
        c.gl = two * W * (Z1 * gap - Z * limit.last);
        c.gq = c.qq = c.qf = c.ql = c.ef = Pack(0.0);
        c.el = b.weight * Z1;
        c.ff = Z * (two * W * (limit.first * limit.first - gap * limit.first_first) -
                    Pack(4.0) * gap * limit.first * W1 + gap * gap * b.weight * Pack(share.second));
        c.fl =
            Z1 * by_first + two * Z * (W * (limit.first * limit.last - gap * limit.first_last) - gap * limit.last * W1);
        c.ll = Pack(e.square.second) * (gap * gap * W + b.weight * error) - Pack(4.0) * Z1 * gap * limit.last * W +
               two * Z * W * (limit.last * limit.last - gap * limit.last_last);
        return slopes_of(b, e, limit, gain, error);
    }

  private:
    static Pack limit_value(const Pack& lambda, const SweepEnds& ends) {
        const double c = ends.limit.exponent;
        const Pack ratio = (lambda + Pack(ends.last * ends.last)) / (lambda + Pack(ends.first * ends.first));
        return map_pack(ratio, [c](double base) { return limit_power(base, c); });
    }
    static BlockSlopes slopes_of(const Block& b, const EndTaylor& e, const LimitGain& limit, const Pack& gain,
                                 const Pack& error) {
        const Share share(b, e);
        const Pack gap = gain - limit.value, Z(e.square.value), half = gap * share.value;
        BlockSlopes s;
        s.value = (gap * half + b.weight * error) * Z;
        s.by_error = b.weight * Z;
        s.by_gain = Pack(2.0) * half * Z;
        s.by_injected = Pack(0.0);
        s.by_first = (gap * gap * b.weight * Pack(share.first) - Pack(2.0) * half * limit.first) * Z;
        s.by_last = (gap * half + b.weight * error) * Pack(e.square.first) - Pack(2.0) * half * limit.last * Z;
        return s;
    }
};

// Between the laws of output and limit, for the other losses and samplers. T: Pack, or duals over (P, Q, first, last).
template <class L>
struct LawDistance {
    using First = Dual<Pack, 4>;
    using Second = Dual<First, 4>;

    static Pack value(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain, const Pack& injected,
                      const Pack& error) {
        const LawTerm<Pack> parts = parts_of<Pack>(b, e, ends, gain, injected);
        return parts.term + parts.price * error;
    }
    static BlockSlopes slopes(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain,
                              const Pack& injected, const Pack& error) {
        return slopes_of(parts_of<First>(b, e, ends, gain, injected), error);
    }
    static BlockSlopes curvature(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain,
                                 const Pack& injected, const Pack& error, BlockCurvature& c) {
        const LawTerm<Second> parts = parts_of<Second>(b, e, ends, gain, injected);
        const Second whole = parts.term + parts.price * Second(First(error));
        const auto by = [&](int i, int j) { return whole.d[i].d[j]; };
        c.gg = by(0, 0), c.gq = by(0, 1), c.gf = by(0, 2), c.gl = by(0, 3);
        c.qq = by(1, 1), c.qf = by(1, 2), c.ql = by(1, 3);
        c.ff = by(2, 2), c.fl = by(2, 3), c.ll = by(3, 3);
        c.ef = parts.price.value.d[2];
        c.el = parts.price.value.d[3];
        return slopes_of(LawTerm<First>{parts.term.value, parts.price.value}, error);
    }

  private:
    static BlockSlopes slopes_of(const LawTerm<First>& parts, const Pack& error) {
        const First whole = parts.term + parts.price * error;
        return {whole.value, whole.d[0], whole.d[1], parts.price.value, whole.d[2], whole.d[3]};
    }

    // A function of the ends alone: value, then derivatives by (first, last).
    struct OfEnds {
        Pack value, first, last, first_first, first_last, last_last;
    };
    static void make(const OfEnds& x, Pack& out) { out = x.value; }
    static void make(const OfEnds& x, First& out) {
        out = First(x.value);
        out.d[2] = x.first;
        out.d[3] = x.last;
    }
    static void make(const OfEnds& x, Second& out) {
        make(x, out.value);
        out.d[2].value = x.first, out.d[3].value = x.last;
        out.d[2].d[2] = x.first_first, out.d[3].d[3] = x.last_last;
        out.d[2].d[3] = out.d[3].d[2] = x.first_last;
    }
    static void set_slope(Pack&, int) {}
    static void set_slope(First& x, int slot) { x.d[slot] = Pack(1.0); }
    static void set_slope(Second& x, int slot) {
        x.value.d[slot] = Pack(1.0);
        x.d[slot].value = Pack(1.0);
    }
    template <class T>
    static T variable(const Pack& value, int slot) {
        T x;
        make({value, Pack(0.0), Pack(0.0), Pack(0.0), Pack(0.0), Pack(0.0)}, x);
        set_slope(x, slot);
        return x;
    }
    template <class T>
    static T block_constant(const Pack& value) {
        T x;
        make({value, Pack(0.0), Pack(0.0), Pack(0.0), Pack(0.0), Pack(0.0)}, x);
        return x;
    }
    template <class T>
    static T of_first(const Pack& value, const Taylor& t) {
        T x;
        make({value, Pack(t.first), Pack(0.0), Pack(t.second), Pack(0.0), Pack(0.0)}, x);
        return x;
    }
    template <class T>
    static T of_last(const Taylor& t) {
        T x;
        make({Pack(t.value), Pack(0.0), Pack(t.first), Pack(0.0), Pack(0.0), Pack(t.second)}, x);
        return x;
    }
    template <class T>
    static T limit_gain(const LimitGain& g) {
        T x;
        make({g.value, g.first, g.last, g.first_first, g.first_last, g.last_last}, x);
        return x;
    }

    static Pack& innermost(Pack& x) { return x; }
    static Pack& innermost(First& x) { return x.value; }
    static Pack& innermost(Second& x) { return x.value.value; }

    // The standard deviation, with the variance bounded below where its root is taken.
    template <class T>
    static T root_of(T variance) {
        innermost(variance) = guarded<L>(innermost(variance));
        return sqrt(variance);
    }

    template <class T>
    static LawTerm<T> parts_of(const Block& b, const EndTaylor& e, const SweepEnds& ends, const Pack& gain,
                               const Pack& injected) {
        const LimitGain limit(b.lambda, ends);
        const T P = variable<T>(gain, 0), Q = variable<T>(injected, 1), R = limit_gain<T>(limit);
        const T Z = of_last<T>(e.square), lambda = block_constant<T>(b.lambda), weight = block_constant<T>(b.weight);
        const T start = of_first<T>(e.start_of(b.lambda), e.start);
        const T output = Z * (P * P * start + Q);
        const T kept = R * R;
        T law = kept * start;
        if (!ends.limit.deterministic) {
            const double noise = ends.limit.noise;
            const T first = variable<T>(Pack(ends.first), 2), last = variable<T>(Pack(ends.last), 3);
            const Pack surplus = e.own == 0.0 ? Pack(e.surplus.value) : Pack(e.surplus.value) + b.lambda;
            const T beyond = of_first<T>(surplus, e.surplus) + block_constant<T>(Pack(1.0 - noise)) * (first * first);
            T lost = block_constant<T>(Pack(1.0)) - kept;
            innermost(lost) = limit.lost;  // its derivatives are those of what is kept
            law = limit_variance(block_constant<T>(Pack(noise)), lambda, last * last, kept, lost, beyond);
        }
        law = Z * law;
        const T gap = P - R;
        return L::template against_law<T>({output, law, output - law, gap, of_last<T>(e.mean), Z, weight,
                                           block_constant<T>(e.own == 0.0 ? b.mean_power : Pack(0.0))},
                                          [](const T& variance) { return root_of(variance); });
    }
};

// Calls body(Term{}) with the term that the criterion asks for.
template <class Body>
auto with_term(const SweepEnds& ends, const Body& body) {
    const Criterion& c = ends.criterion;
    if (c.target == Target::data) return with_loss(c.loss, [&](auto l) { return body(DataTerm<decltype(l)>{}); });
    return with_named_loss(c.loss, [&](auto l) {
        using L = decltype(l);
        if constexpr (L::follows_runs)
            if (ends.limit.deterministic) return body(CoupledTerm{});
        return body(LawDistance<L>{});
    });
}

}  // namespace
}  // namespace specsched
