// Sweeps of a program over eigenvalues, included once per instruction set. Derivation: docs/solvers.md.
//
// Backwards: h, the gain from each register to the output. P = h of the start, Q = sum of variances times h^2.
// Forwards: m, started with dL/dP and fed with 2 dL/dQ variance h at every injection; then the adjoint of a factor is
// h (of the register made) times m (of the register read). Errors of predictions are injections too, with a price of
// their own, dL/dE, and a variance that depends on the eigenvalue.

#include <cstddef>

#include "core/engine/limit_terms.hpp"

namespace specsched {
namespace {

// Named parts of the scratch memory; packs are stored as plain doubles.
struct Work {
    double *h, *m, *gain, *inverse, *by_factor, *by_level, *by_noise;

    Work(const SweepProgram& p, double* scratch) {
        h = scratch;
        m = h + pack_count * (p.operations + 1);
        gain = m + pack_count * (p.operations + 1);
        inverse = gain + pack_count * p.levels;
        by_factor = inverse + pack_count * p.levels;
        by_level = by_factor + lane_count * p.terms;
        by_noise = by_level + lane_count * p.levels;
    }
    static std::ptrdiff_t size(const SweepProgram& p) {
        return pack_count * (2 * (p.operations + 1) + 2 * p.levels) + lane_count * (p.terms + p.levels + p.noises);
    }
};

inline Pack at(const double* array, int i) { return Pack::load(array + pack_count * i); }
inline void put(double* array, int i, const Pack& x) { x.store(array + pack_count * i); }
inline void add(double* array, int i, const Pack& x) { put(array, i, at(array, i) + x); }

// Sums over eigenvalues keep one group of lanes per coefficient.
inline void accumulate(double* array, int i, const Pack& x) {
    double* const place = array + lane_count * i;
    (Lanes::load(place) + x.fold()).store(place);
}
inline void clear(double* array, int count) {
    for (int i = 0; i < lane_count * count; ++i) array[i] = 0.0;
}
inline void collect(const double* array, int count, double* sums) {
    for (int i = 0; i < count; ++i) sums[i] += Lanes::load(array + lane_count * i).sum();
}

std::ptrdiff_t scratch_size(const SweepProgram& p) { return Work::size(p); }

inline void put_gain(const SweepProgram& p, int l, const Pack& lambda, const Pack& inverse, const Work& w) {
    put(w.inverse, l, inverse);
    put(w.gain, l, (p.level_kind[l] == 1 ? lambda : Pack(p.level[l])) * inverse);
}

// Within these bounds a product of four denominators lambda + r^2 neither overflows nor underflows.
constexpr double group_high = 1e36;

inline bool groupable(const SweepProgram& p, const SweepChunk& chunk) {
    for (int l = 0; l < p.levels; ++l)
        if (!(p.level[l] > 1e-18 && p.level[l] < 1e18)) return false;
    for (std::ptrdiff_t i = 0; i < chunk.count; ++i)
        if (!(chunk.eigenvalues[i] < group_high)) return false;
    return true;
}

// Gain of every prediction, lambda / (lambda + r^2) or r / (lambda + r^2), and the inverse they share.
// Divisions are the slowest operation: four levels share one.
void evaluate_gains(const SweepProgram& p, const Pack& lambda, bool grouped, const Work& w) {
    const auto denominator = [&](int l) { return lambda + Pack(p.level[l] * p.level[l]); };
    int l = 0;
    for (; grouped && l + 4 <= p.levels; l += 4) {
        const Pack a = denominator(l), b = denominator(l + 1), c = denominator(l + 2), d = denominator(l + 3);
        const Pack ab = a * b, cd = c * d;
        const Pack inverse = Pack(1.0) / (ab * cd);
        const Pack first = inverse * cd, second = inverse * ab;
        put_gain(p, l, lambda, first * b, w);
        put_gain(p, l + 1, lambda, first * a, w);
        put_gain(p, l + 2, lambda, second * d, w);
        put_gain(p, l + 3, lambda, second * c, w);
    }
    for (; l < p.levels; ++l) put_gain(p, l, lambda, Pack(1.0) / denominator(l), w);
}

// Derivative of the gain by the level.
inline Pack gain_slope(int kind, double level, const Pack& lambda, const Pack& gain, const Pack& inverse) {
    if (kind == 1) return Pack(-2.0 * level) * gain * inverse;
    return (lambda - Pack(level * level)) * (inverse * inverse);
}

inline Pack gain_curvature(int kind, double level, const Pack& lambda, const Pack& inverse) {
    const double square = level * level;
    const Pack cube = inverse * inverse * inverse;
    if (kind == 1) return Pack(2.0) * lambda * (Pack(3.0 * square) - lambda) * cube;
    return Pack(-2.0 * level) * (Pack(3.0) * lambda - Pack(square)) * cube;
}

// An error of a prediction has the variance eta^2 lambda r^2 / (lambda + r^2), or that over r^2 for one of the noise,
// times its share (the factor of its term).
struct ErrorVariance {
    Pack value, slope, curvature;  // by the level
};
template <bool second>
ErrorVariance error_variance(double square, int kind, double level, const Pack& lambda, const Pack& inverse) {
    const Pack scaled = Pack(square) * lambda * inverse;
    const double r2 = level * level;
    ErrorVariance v;
    v.value = kind == 1 ? Pack(r2) * scaled : scaled;
    v.slope = Pack(kind == 1 ? 2.0 * level : -2.0 * level) * scaled * (kind == 1 ? lambda * inverse : inverse);
    if (second) {
        const Pack bend = Pack(2.0) * scaled * inverse * inverse * (lambda - Pack(3.0 * r2));
        v.curvature = kind == 1 ? bend * lambda : -bend;
    }
    return v;
}
inline ErrorVariance whole_error(const SweepProgram& p, const SweepOperation& op, const Pack& lambda, const Work& w) {
    return error_variance<false>(p.error, op.kind, p.level[op.level], lambda, at(w.inverse, op.level));
}

// Variances injected in y_0: Q by the sampler, E by the errors of the denoiser. Errors enter at predictions.
struct Injected {
    Pack sampler, denoiser;
};

// Backward sweep; leaves P in h of register 0.
Injected backward(const SweepProgram& p, const Pack& lambda, const Work& w) {
    double* const h = w.h;
    for (int i = 0; i <= p.operations; ++i) put(h, i, Pack(0.0));
    put(h, p.output, Pack(1.0));
    Injected injected{Pack(0.0), Pack(0.0)};
    for (int o = p.operations - 1; o >= 0; --o) {
        const SweepOperation& op = p.operation[o];
        const Pack made = at(h, o + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) add(h, p.source[t], made * Pack(p.factor[t]));
            if (op.noise >= 0) injected.sampler = injected.sampler + made * made * Pack(p.noise[op.noise]);
        } else {
            add(h, p.source[op.first], made * at(w.gain, op.level));
            if (p.error > 0.0)
                injected.denoiser =
                    injected.denoiser + made * made * Pack(p.factor[op.first]) * whole_error(p, op, lambda, w).value;
        }
    }
    return injected;
}

// Forward sweep: adds the adjoints of all coefficients.
void forward(const SweepProgram& p, const Pack& lambda, const BlockSlopes& s, const Work& w) {
    put(w.m, 0, s.by_gain);
    for (int o = 0; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        const Pack h = at(w.h, o + 1);
        Pack made(0.0);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                const Pack read = at(w.m, p.source[t]);
                made = made + read * Pack(p.factor[t]);
                accumulate(w.by_factor, t, h * read);
            }
            if (op.noise >= 0) {
                const Pack carried = h * s.by_injected;
                made = made + (carried + carried) * Pack(p.noise[op.noise]);
                accumulate(w.by_noise, op.noise, h * carried);
            }
        } else {
            const Pack read = at(w.m, p.source[op.first]);
            const Pack gain = at(w.gain, op.level);
            made = read * gain;
            Pack by_level = h * read * gain_slope(op.kind, p.level[op.level], lambda, gain, at(w.inverse, op.level));
            if (p.error > 0.0) {
                const ErrorVariance v = whole_error(p, op, lambda, w);
                const Pack whole = h * s.by_error, carried = whole * Pack(p.factor[op.first]);
                made = made + (carried + carried) * v.value;
                by_level = by_level + h * carried * v.slope;
                accumulate(w.by_factor, op.first, h * whole * v.value);
            }
            accumulate(w.by_level, op.level, by_level);
        }
        put(w.m, o + 1, made);
    }
}

void transfer(const SweepProgram& p, const SweepChunk& chunk, double* gain, double* variances) {
    const Work w(p, chunk.scratch);
    const bool grouped = groupable(p, chunk);
    for (std::ptrdiff_t start = 0; start < chunk.count; start += pack_count) {
        const Block b = load_block(chunk, start);
        evaluate_gains(p, b.lambda, grouped, w);
        const Injected injected = backward(p, b.lambda, w);
        store_some(gain + start, chunk.count - start, at(w.h, 0));
        store_some(variances + start, chunk.count - start, injected.sampler + injected.denoiser);
    }
}

// What the chunk's probe asks for of a block.
template <class Term>
void answer_probe(const SweepChunk& chunk, std::ptrdiff_t start, const Block& b, const EndTaylor& taylor,
                  const SweepEnds& ends, const Pack& gain, const Injected& injected) {
    const std::ptrdiff_t left = chunk.count - start;
    const BlockSlopes s = Term::slopes(probed_block(b, chunk.probe, start, left), taylor, ends, gain, injected.sampler,
                                       injected.denoiser);
    store_some(chunk.probe.terms + start, left, s.value);
    store_some(chunk.probe.at_stake + start, left,
               absolute(s.by_gain * gain) + absolute(s.by_injected * injected.sampler) +
                   absolute(s.by_error * injected.denoiser));
}

template <class Term>
double loss_of(const SweepProgram& p, const SweepEnds& ends, const SweepChunk& chunk) {
    const Work w(p, chunk.scratch);
    const bool grouped = groupable(p, chunk);
    const EndTaylor taylor(ends);
    Pack sum(0.0);
    for (std::ptrdiff_t start = 0; start < chunk.count; start += pack_count) {
        const Block b = load_block(chunk, start);
        evaluate_gains(p, b.lambda, grouped, w);
        const Injected injected = backward(p, b.lambda, w);
        sum = sum + Term::value(b, taylor, ends, at(w.h, 0), injected.sampler, injected.denoiser);
        if (chunk.probe.terms) answer_probe<Term>(chunk, start, b, taylor, ends, at(w.h, 0), injected);
    }
    return sum.sum();
}

template <class Term>
void gradient_of(const SweepProgram& p, const SweepEnds& ends, const SweepChunk& chunk, SweepSums& sums) {
    const Work w(p, chunk.scratch);
    const bool grouped = groupable(p, chunk);
    const EndTaylor taylor(ends);
    clear(w.by_factor, p.terms);
    clear(w.by_level, p.levels);
    clear(w.by_noise, p.noises);
    Pack sum(0.0), by_first(0.0), by_last(0.0);
    for (std::ptrdiff_t start = 0; start < chunk.count; start += pack_count) {
        const Block b = load_block(chunk, start);
        evaluate_gains(p, b.lambda, grouped, w);
        const Injected injected = backward(p, b.lambda, w);
        const BlockSlopes s = Term::slopes(b, taylor, ends, at(w.h, 0), injected.sampler, injected.denoiser);
        sum = sum + s.value;
        by_first = by_first + s.by_first;
        by_last = by_last + s.by_last;
        if (chunk.probe.terms) answer_probe<Term>(chunk, start, b, taylor, ends, at(w.h, 0), injected);
        forward(p, b.lambda, s, w);
    }
    sums.sum += sum.sum();
    sums.by_first += by_first.sum();
    sums.by_last += by_last.sum();
    collect(w.by_factor, p.terms, sums.by_factor);
    collect(w.by_level, p.levels, sums.by_level);
    collect(w.by_noise, p.noises, sums.by_noise);
}

}  // namespace
}  // namespace specsched

#include "core/engine/sweeps_channels.inl"
#include "core/engine/sweeps_hessian.inl"

namespace specsched {
namespace {

double loss(const SweepProgram& p, const SweepEnds& ends, const SweepChunk& chunk) {
    return with_term(ends, [&](auto term) { return loss_of<decltype(term)>(p, ends, chunk); });
}

void gradient(const SweepProgram& p, const SweepEnds& ends, const SweepChunk& chunk, SweepSums& sums) {
    with_term(ends, [&](auto term) { gradient_of<decltype(term)>(p, ends, chunk, sums); });
}

void hessian(const SweepProgram& p, const SweepEnds& ends, const SweepChunk& chunk, const SweepTile& tile) {
    with_term(ends, [&](auto term) { hessian_of<decltype(term)>(p, ends, chunk, tile); });
}

SweepTable sweep_table(const char* name) {
    return {name, scratch_size, tile_scratch_size, transfer, loss, gradient, hessian, channel_gains, channel_adjoints};
}

}  // namespace
}  // namespace specsched
