// DDPM. With z = lambda + r_S^2 and t_k = z / (lambda + r_k^2) <= 1 the mean gain telescopes, P = t_0, and
// (x = r_k^2, y = r_{k+1}^2)
//   v = t_0^2 Var y_S + sum of y (x - y) / x t_{k+1}^2,
//   v - z = t_0^2 (Var y_S - lambda - r_0^2) - lambda / z f,   f = sum of (x - y)^2 / x t_k t_{k+1}^2.
// Both sums are positive: the first serves the variance, the second its excess over the exact marginal. The slopes of f
// at fixed z, d f / d x_k = 2 (rise_k - fall_{k-1}), are differences of two positive terms,
//   rise = (t_k t_{k+1})^2 (lambda (x - y) (x + y) / (2 x^2) + y (x - y) / x) / z,   fall = (x - y) / x t_{k+1}^3.
#pragma once

#include "core/kernels/blocks.inl"

namespace specsched {
namespace {

template <class V>
struct DdpmSums {
    V lack, injected;  // f and the sum of the variance
    V first;  // t_0
    V end_fall;  // fall of the last step
};

// With `slopes`, row k of `rows` gets d f / d x_k / 2 for the interior levels, and row 0 its end term.
template <bool grouped, bool slopes>
DdpmSums<Strip> ddpm_steps(const StepTable& table, const Strip& lambda, double* rows) {
    DdpmSums<Strip> s;
    s.lack = s.injected = s.end_fall = Strip(0.0);
    const Strip z = lambda + Strip(table.square[table.steps]), by_z = Strip(1.0) / z, share = lambda * by_z;
    Strip t = s.first = z / (lambda + Strip(table.square[0]));
    std::ptrdiff_t k = 0;
    const auto finish_step = [&](std::ptrdiff_t j, const Strip& next) {
        const Strip next2 = next * next, f = t * next2;
        s.lack = s.lack + f * Strip(table.lack[j]);
        s.injected = s.injected + next2 * Strip(table.injected[j]);
        if (slopes) {
            const Strip rise = (f * t) * (share * Strip(table.rise[j]) + by_z * Strip(table.injected[j]));
            (rise - s.end_fall).store(rows + lane_count * j);
            s.end_fall = next2 * next * Strip(table.fall[j]);
        }
        t = next;
    };
    if (grouped) {
        Reciprocals ahead;
        if (slopes && group <= table.steps) ahead = reciprocals(z, lambda, table.square + 1);
        for (; k + group <= table.steps; k += group) {
            const Reciprocals next = slopes ? ahead : reciprocals(z, lambda, table.square + k + 1);
            if (slopes && k + 2 * group <= table.steps) ahead = reciprocals(z, lambda, table.square + k + 1 + group);
            for (int j = 0; j < group; ++j) finish_step(k + j, next.value[j]);
        }
    }
    for (; k < table.steps; ++k) finish_step(k, z / (lambda + Strip(table.square[k + 1])));
    return s;
}

template <bool slopes>
DdpmSums<Lanes> ddpm_block(const StepTable& table, const Block& b, double* rows) {
    double lambdas[lane_count], lack[lane_count], injected[lane_count], first[lane_count], fall[lane_count];
    b.lambda.store(lambdas);
    for_strips([&](int at) {
        const Strip lambda = Strip::load(lambdas + at);
        const DdpmSums<Strip> s = b.groupable ? ddpm_steps<true, slopes>(table, lambda, rows + at)
                                              : ddpm_steps<false, slopes>(table, lambda, rows + at);
        s.lack.store(lack + at);
        s.injected.store(injected + at);
        s.first.store(first + at);
        s.end_fall.store(fall + at);
    });
    return {Lanes::load(lack), Lanes::load(injected), Lanes::load(first), Lanes::load(fall)};
}

struct DdpmForm {
    template <class T>
    static T gain(const T& first, const T& last) {
        return (last * last) / (first * first);
    }
    // The injected noise telescopes: r_S^2 + (r_S/r_0)^4 (start - r_0^2).
    template <class T>
    static T variance(const T& first, const T& last, const T& start) {
        const T ratio2 = gain(first, last);
        return last * last + ratio2 * ratio2 * (start - first * first);
    }
};
using DdpmZero = ClosedZero<DdpmForm>;

// by_z = 1 / z, deviation = v - z, slope = d term / d f.
inline void ddpm_end_slopes(const StepTable& table, const EndTable& ends, const DdpmSums<Lanes>& s, const Lanes& lambda,
                            const BlockTerm& term, const Lanes& by_variance, const Lanes& slope, const Lanes& by_z,
                            const Lanes& deviation, const Lanes& row0, EndSlopes& out) {
    const double r0 = table.sigma[0], rS = table.sigma[table.steps];
    const Lanes gain = s.first, t = gain * by_z;  // t = 1 / (lambda + r_0^2)
    const Lanes mean = term.by_mean_error * Lanes(2.0 * ends.scale) * t;
    const Lanes prior =
        (Lanes(2.0 * ends.surplus_slope) - (Lanes(ends.surplus) - lambda) * t * Lanes(4.0 * r0)) * (gain * gain);
    out.first = out.first + by_variance * prior + slope * row0 * Lanes(4.0 * r0) - mean * gain * Lanes(r0);
    out.last = out.last + by_variance * (Lanes(2.0 * rS) + by_z * deviation * Lanes(4.0 * rS)) -
               slope * s.end_fall * Lanes(4.0 * rS) + mean * Lanes(rS);
    out.add_scale(term, ends, gain);
}

template <class L>
struct DdpmChunk {
    static void run(const StepTable& table, const EndTable& ends, KernelChunk& chunk) {
        const std::ptrdiff_t S = table.steps;
        const double first2 = table.square[0], last2 = table.square[S], scale2 = ends.scale * ends.scale;
        const bool want_gradient = chunk.gradient != nullptr;
        const ZeroMoments zero = DdpmZero::moments(table, ends);
        WaitingRows waiting(chunk.scratch, S, want_gradient);
        EndSlopes end_slopes;
        ZeroShare zeros;
        Lanes total(0.0);
        for (std::ptrdiff_t start = 0; start < chunk.count; start += lane_count) {
            const Block b = load_block(chunk, start, first2, zeros);
            double* const rows = waiting.next();
            const DdpmSums<Lanes> s =
                want_gradient ? ddpm_block<true>(table, b, rows) : ddpm_block<false>(table, b, rows);
            const Lanes by_z = Lanes(1.0) / (b.lambda + Lanes(last2)), share = b.lambda * by_z;
            const Lanes gain = s.first, square = gain * gain;
            const Lanes deviation = (Lanes(ends.surplus) - b.lambda) * square - share * s.lack;
            const Lanes variance = square * Lanes(ends.start_variance) + s.injected;
            const Lanes excess = (Lanes(last2) - b.lambda * Lanes(ends.missing) + deviation) * Lanes(scale2);
            const Lanes root = sqrt(b.lambda), std = sqrt(variance) * Lanes(ends.scale);
            const Lanes mean_error = gain * Lanes(ends.scale) + Lanes(ends.lost);
            const BlockTerm term = block_term<L>(b, root, std, excess, mean_error);
            total = total + term.value;
            answer_probe(chunk, start, b,
                         [&](const Block& x) { return block_term<L>(x, root, std, excess, mean_error).value; });
            if (want_gradient) {
                const Lanes by_variance = term.by_variance(variance), slope = -(by_variance * share);
                ddpm_end_slopes(table, ends, s, b.lambda, term, by_variance, slope, by_z, deviation, Lanes::load(rows),
                                end_slopes);
                waiting.push(slope);
            }
            if (chunk.gain) write_moments(chunk, ends, zero, start, gain, variance * Lanes(scale2), excess);
        }
        chunk.sum = total.sum();
        if (want_gradient) {
            waiting.finish(chunk.gradient);
            for (std::ptrdiff_t k = 1; k < S; ++k) chunk.gradient[k] *= 4.0 * table.sigma[k];  // 2 of the rows, 2 of x
            chunk.gradient[0] = end_slopes.first.sum();
            chunk.gradient[S] = end_slopes.last.sum() + ends.scale_slope * end_slopes.scale.sum();
        }
        if (zeros.any()) chunk.sum += DdpmZero::sum<L>(table, ends, zeros, chunk);
    }
};

std::ptrdiff_t ddpm_rows(std::ptrdiff_t steps) { return WaitingRows::rows(steps); }

}  // namespace
}  // namespace specsched
