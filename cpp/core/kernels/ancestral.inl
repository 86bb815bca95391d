// DDIM with 0 < eta < 1: y' = A y + B denoised + c^(1/2) noise, B = 1 - A. With t = 1 / (lambda + x), x = r^2, a step
// has the gain G = (lambda + A x) t; the variance obeys V' = G^2 V + c, and its deviation from the exact marginal,
// D = V - (lambda + x), obeys D' = G^2 D - lambda x B^2 t: no large terms cancel. V serves the variance, D the excess.
// Slopes: dG = -x t dB - lambda B t^2 dx, d(lambda x B^2 t) = 2 lambda x B t dB + (lambda B t)^2 dx.
#pragma once

#include "core/kernels/blocks.inl"

namespace specsched {
namespace {

// Rows of a step: t, G D and P, with D and P before the step.
constexpr int ancestral_lanes = 3;

template <class V>
struct AncestralState {
    V gain, variance, deviation;  // P, V, D
};

template <bool grouped, bool slopes>
AncestralState<Strip> ancestral_steps(const StepTable& table, const EndTable& ends, const Strip& lambda, double* rows) {
    AncestralState<Strip> s{Strip(1.0), Strip(ends.start_variance), Strip(ends.surplus) - lambda};
    std::ptrdiff_t k = 0;
    const auto step = [&](std::ptrdiff_t j, const Strip& t) {
        const Strip g = (lambda + Strip(table.across[j])) * t, square = g * g;
        if (slopes) {
            double* const row = rows + ancestral_lanes * lane_count * j;
            t.store(row);
            (g * s.deviation).store(row + lane_count);
            s.gain.store(row + 2 * lane_count);
        }
        s.gain = s.gain * g;
        s.variance = square * s.variance + Strip(table.noise[j]);
        s.deviation = square * s.deviation - lambda * t * Strip(table.gap_square[j]);
    };
    if (grouped) {
        for (; k + group <= table.steps; k += group) {
            const Reciprocals t = reciprocals(Strip(1.0), lambda, table.square + k);
            for (int j = 0; j < group; ++j) step(k + j, t.value[j]);
        }
    }
    for (; k < table.steps; ++k) step(k, Strip(1.0) / (lambda + Strip(table.square[k])));
    return s;
}

template <bool slopes>
AncestralState<Lanes> ancestral_block(const StepTable& table, const EndTable& ends, const Block& b, double* rows) {
    double lambdas[lane_count], gain[lane_count], variance[lane_count], deviation[lane_count];
    b.lambda.store(lambdas);
    for_strips([&](int at) {
        const Strip lambda = Strip::load(lambdas + at);
        const AncestralState<Strip> s = b.groupable ? ancestral_steps<true, slopes>(table, ends, lambda, rows + at)
                                                    : ancestral_steps<false, slopes>(table, ends, lambda, rows + at);
        s.gain.store(gain + at);
        s.variance.store(variance + at);
        s.deviation.store(deviation + at);
    });
    return {Lanes::load(gain), Lanes::load(variance), Lanes::load(deviation)};
}

// Runs back over the steps. Accumulator 2 k gets the coefficient of -x_k dB_k, 2 k + 1 that of -B_k dx_k.
// Returns d term / d D at the start.
inline Lanes ancestral_back(const StepTable& table, const Lanes& lambda, const Lanes& by_variance, const Lanes& by_gain,
                            const double* rows, double* accumulators) {
    Lanes twice = by_variance * Lanes(2.0), mean = by_gain;  // 2 d term / d D and d term / d P after the step
    for (std::ptrdiff_t k = table.steps - 1; k >= 0; --k) {
        const double* const row = rows + ancestral_lanes * lane_count * k;
        double* const slots = accumulators + 2 * lane_count * k;
        const Lanes t = Lanes::load(row), g = (lambda + Lanes(table.across[k])) * t;
        const Lanes by_g = twice * Lanes::load(row + lane_count) + mean * Lanes::load(row + 2 * lane_count);
        const Lanes defect = lambda * twice * Lanes(table.shrink[k]);
        (Lanes::load(slots) + t * (by_g + defect)).store(slots);
        (Lanes::load(slots + lane_count) + lambda * t * t * (by_g + defect * Lanes(0.5))).store(slots + lane_count);
        twice = twice * (g * g);
        mean = mean * g;
    }
    return twice * Lanes(0.5);
}

// lambda = 0: G = A, and D only shrinks. The result depends on every level.
struct AncestralZero {
    static double gain_of_step(const StepTable& table, std::ptrdiff_t k) { return table.across[k] / table.square[k]; }
    static ZeroMoments moments(const StepTable& table, const EndTable& ends) {
        double gain = 1.0;
        for (std::ptrdiff_t k = 0; k < table.steps; ++k) gain *= gain_of_step(table, k);
        const double last = table.sigma[table.steps];
        return {gain, last * last + gain * gain * ends.surplus};
    }
    static double sum(const StepTable& table, const EndTable& ends, const ZeroShare& share, KernelChunk& chunk) {
        const ZeroMoments out = moments(table, ends);
        const double scale2 = ends.scale * ends.scale, mean_error = out.gain * ends.scale + ends.lost;
        const double by_variance = share.weight * scale2, by_mean = 2.0 * share.mean_power * mean_error * ends.scale;
        if (chunk.gradient) {
            const std::ptrdiff_t S = table.steps;
            const double by_log_scale = 2.0 * by_variance * out.variance - by_mean * (1.0 - out.gain);
            add_slopes(table, 2.0 * by_variance * ends.surplus * out.gain + by_mean, chunk);
            chunk.gradient[0] += 2.0 * ends.surplus_slope * by_variance * out.gain * out.gain;
            chunk.gradient[S] += 2.0 * table.sigma[S] * by_variance + ends.scale_slope * by_log_scale;
        }
        return by_variance * out.variance + share.mean_power * mean_error * mean_error;
    }

  private:
    // By products of the gains before and after each step, exact when the last gain is 0.
    static void add_slopes(const StepTable& table, double by_gain, KernelChunk& chunk) {
        double* const before = chunk.scratch;
        double product = 1.0;
        for (std::ptrdiff_t k = 0; k < table.steps; ++k) {
            before[k] = product;
            product *= gain_of_step(table, k);
        }
        double after = by_gain;
        for (std::ptrdiff_t k = table.steps - 1; k >= 0; --k) {
            chunk.gradient[k] -= after * before[k] * table.shrink_now[k];
            chunk.gradient[k + 1] -= after * before[k] * table.shrink_then[k];
            after *= gain_of_step(table, k);
        }
    }
};

// From the sums over eigenvalues to the levels, by the chain rule through B and x of each step.
inline void ancestral_gradient(const StepTable& table, const double* accumulators, double* gradient) {
    for (std::ptrdiff_t k = 0; k <= table.steps; ++k) gradient[k] = 0.0;
    for (std::ptrdiff_t k = 0; k < table.steps; ++k) {
        const double* const slots = accumulators + 2 * lane_count * k;
        const double by_shrink = table.square[k] * Lanes::load(slots).sum();
        const double by_square = table.shrink[k] * Lanes::load(slots + lane_count).sum();
        gradient[k] -= by_shrink * table.shrink_now[k] + by_square * 2.0 * table.sigma[k];
        gradient[k + 1] -= by_shrink * table.shrink_then[k];
    }
}

template <Loss loss>
struct AncestralChunk {
    static void run(const StepTable& table, const EndTable& ends, KernelChunk& chunk) {
        const std::ptrdiff_t S = table.steps;
        const double last2 = table.square[S], scale2 = ends.scale * ends.scale;
        const bool want_gradient = chunk.gradient != nullptr;
        const ZeroMoments zero = AncestralZero::moments(table, ends);
        double* const rows = chunk.scratch;
        double* const accumulators = rows + ancestral_lanes * lane_count * S;
        if (want_gradient) clear_rows(accumulators, 2 * S);
        EndSlopes end_slopes;
        ZeroShare zeros;
        Lanes total(0.0);
        for (std::ptrdiff_t start = 0; start < chunk.count; start += lane_count) {
            const Block b = load_block(chunk, start, table.square[0], zeros);
            const AncestralState<Lanes> s = want_gradient ? ancestral_block<true>(table, ends, b, rows)
                                                          : ancestral_block<false>(table, ends, b, rows);
            const Lanes variance = s.variance * Lanes(scale2);
            const Lanes excess = (Lanes(last2) - b.lambda * Lanes(ends.missing) + s.deviation) * Lanes(scale2);
            const BlockTerm term = block_term<loss>(b, sqrt(b.lambda), sqrt(variance), excess,
                                                    s.gain * Lanes(ends.scale) + Lanes(ends.lost));
            total = total + term.value;
            if (want_gradient) back(table, ends, b.lambda, term, s, rows, accumulators, end_slopes);
            if (chunk.gain) write_moments(chunk, ends, zero, start, s.gain, variance, excess);
        }
        chunk.sum = total.sum();
        if (want_gradient) {
            ancestral_gradient(table, accumulators, chunk.gradient);
            chunk.gradient[0] += end_slopes.first.sum();
            chunk.gradient[S] += end_slopes.last.sum() + ends.scale_slope * end_slopes.scale.sum();
        }
        if (zeros.any()) chunk.sum += AncestralZero::sum(table, ends, zeros, chunk);
    }

  private:
    static void back(const StepTable& table, const EndTable& ends, const Lanes& lambda, const BlockTerm& term,
                     const AncestralState<Lanes>& s, const double* rows, double* accumulators, EndSlopes& out) {
        const Lanes by_variance = term.by_variance(s.variance);
        const Lanes start = ancestral_back(table, lambda, by_variance, term.by_mean_error * Lanes(ends.scale), rows,
                                           accumulators);
        out.first = out.first + start * Lanes(2.0 * ends.surplus_slope);
        out.last = out.last + by_variance * Lanes(2.0 * table.sigma[table.steps]);
        out.add_scale(term, ends, s.gain);
    }
};

std::ptrdiff_t ancestral_rows(std::ptrdiff_t steps) { return (ancestral_lanes + 2) * steps; }

}  // namespace
}  // namespace specsched
