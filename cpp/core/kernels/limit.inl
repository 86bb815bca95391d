// DDIM and DDPM against their many-step limits (core/limit.hpp), in the sums of ddim.inl and ddpm.inl; w2 only.
//
// DDIM: P = P_inf / sqrt(1 + m), so that the gap P - P_inf = -P_inf m / (1 + m + sqrt(1 + m)) keeps all its digits, and
//   d P / d r_k = P row_k,   d (P - P_inf) = P row + (P - P_inf) d log P_inf at the two ends.
// DDPM: the gain is that of the limit for every schedule, and v - v_inf = -lambda / z f.
#pragma once

#include "core/kernels/ddim.inl"
#include "core/kernels/ddpm.inl"
#include "core/limit.hpp"

namespace specsched {
namespace {

// What every block reads; zero eigenvalues reach their limit exactly and add nothing.
struct LimitRun {
    const StepTable& table;
    const EndTable& ends;
    KernelChunk& chunk;
    double scale2, fallen;  // fallen: r_0^2 - r_S^2
    WaitingRows waiting;
    EndSlopes slopes;
    Lanes total{0.0};

    LimitRun(const StepTable& table, const EndTable& ends, KernelChunk& chunk)
        : table(table),
          ends(ends),
          chunk(chunk),
          scale2(ends.scale * ends.scale),
          fallen((table.sigma[0] - table.sigma[table.steps]) * (table.sigma[0] + table.sigma[table.steps])),
          waiting(chunk.scratch, table.steps, chunk.gradient != nullptr) {}

    Lanes start_of(const Lanes& lambda) const { return Lanes(ends.start_variance) + lambda * Lanes(ends.own); }
    // The slope by log scale is twice the term.
    void finish() {
        chunk.sum = total.sum();
        if (!chunk.gradient) return;
        waiting.finish(chunk.gradient);
        chunk.gradient[0] = slopes.first.sum();
        chunk.gradient[table.steps] = slopes.last.sum() + 2.0 * ends.scale_slope * chunk.sum;
    }
};

struct DdimLimitChunk {
    static void run(const StepTable& table, const EndTable& ends, KernelChunk& chunk) {
        LimitRun r(table, ends, chunk);
        ZeroShare zeros;
        for (std::ptrdiff_t start = 0; start < chunk.count; start += lane_count)
            block(r, load_block(chunk, start, table.square[0], zeros), start);
        r.finish();
    }

  private:
    static void block(LimitRun& r, const Block& b, std::ptrdiff_t start) {
        const StepTable& table = r.table;
        const std::ptrdiff_t S = table.steps;
        const bool want_gradient = r.chunk.gradient != nullptr;
        double* const rows = r.waiting.next();
        const Lanes root = sqrt(b.lambda);
        const Lanes m =
            want_gradient ? ddim_block<true>(table, b, root, rows) : ddim_block<false>(table, b, root, rows);
        const Lanes by_high = Lanes(1.0) / (b.lambda + Lanes(table.square[0])), low = b.lambda + Lanes(table.square[S]);
        const Lanes limit = sqrt(low * by_high), grown = m + Lanes(1.0), stretch = sqrt(grown);
        const Lanes gap = -(limit * m / (grown + stretch)), gain = limit / stretch;
        const auto half_of = [&](const Block& x) {
            const Lanes share = x.weight * r.start_of(b.lambda) + x.mean_power * Lanes(r.ends.carried);
            return gap * share * Lanes(r.scale2);
        };
        const Lanes half = half_of(b);
        r.total = r.total + gap * half;
        answer_probe(r.chunk, start, b, [&](const Block& x) { return gap * half_of(x); });
        if (!want_gradient) return;
        const Lanes slope = Lanes(2.0) * half, by_gain = slope * gain;
        const Lanes first = Lanes::load(rows), top = Lanes(table.sigma[0]) * by_high;
        r.slopes.first = r.slopes.first + by_gain * first - slope * gap * top +
                         gap * gap * b.weight * Lanes(r.ends.start_slope * r.scale2);
        const double now = table.sigma[S - 1], then = table.sigma[S];
        const Lanes last = b.lambda * Lanes(now - then) / ((b.lambda + Lanes(table.product[S - 1])) * low);
        r.slopes.last = r.slopes.last + by_gain * last + slope * gap * Lanes(then) / low;
        r.waiting.push(by_gain);
    }
};

struct DdpmLimitChunk {
    static void run(const StepTable& table, const EndTable& ends, KernelChunk& chunk) {
        LimitRun r(table, ends, chunk);
        ZeroShare zeros;
        for (std::ptrdiff_t start = 0; start < chunk.count; start += lane_count)
            block(r, load_block(chunk, start, table.square[0], zeros), start);
        r.finish();
        if (chunk.gradient)  // 2 of the rows, 2 of x
            for (std::ptrdiff_t k = 1; k < table.steps; ++k) chunk.gradient[k] *= 4.0 * table.sigma[k];
    }

  private:
    static void block(LimitRun& r, const Block& b, std::ptrdiff_t start) {
        const StepTable& table = r.table;
        const std::ptrdiff_t S = table.steps;
        const bool want_gradient = r.chunk.gradient != nullptr;
        double* const rows = r.waiting.next();
        const DdpmSums<Lanes> s = want_gradient ? ddpm_block<true>(table, b, rows) : ddpm_block<false>(table, b, rows);
        const Lanes low = b.lambda + Lanes(table.square[S]), by_low = Lanes(1.0) / low, share = b.lambda * by_low;
        const Lanes gain = s.first, square = gain * gain;
        const Lanes beyond = Lanes(r.ends.surplus) + b.lambda * Lanes(r.ends.own);
        const Lanes defect = share * s.lack;  // v_inf - v
        const Lanes output = square * r.start_of(b.lambda) + s.injected;
        // 1 - square = (1 + gain) (r_0^2 - r_S^2) / (lambda + r_0^2).
        const Lanes lost = gain * by_low * Lanes(r.fallen) * (Lanes(1.0) + gain);
        const Lanes law = limit_variance(Lanes(1.0), b.lambda, Lanes(table.square[S]), square, lost, beyond);
        const Lanes std = sqrt(output), law_std = sqrt(law);
        const Lanes difference = defect / (std + law_std), weighted = difference * b.weight * Lanes(r.scale2);
        r.total = r.total + difference * weighted;
        answer_probe(r.chunk, start, b,
                     [&](const Block& x) { return difference * (difference * x.weight * Lanes(r.scale2)); });
        if (!want_gradient) return;
        const Lanes surplus = beyond - b.lambda;  // v_inf = lambda + r_S^2 + square surplus
        // By v and v_inf in y.
        const Lanes by_output = -(weighted / (std + Lanes(smallest_variance)));
        const Lanes by_law = weighted / (law_std + Lanes(smallest_variance)), both = by_output + by_law;
        const Lanes slope = -(by_output * share), by_high = gain * by_low;  // 1 / (lambda + r_0^2)
        const double r0 = table.sigma[0], rS = table.sigma[S];
        const Lanes prior = (Lanes(r.ends.start_slope - 2.0 * r0) - surplus * by_high * Lanes(4.0 * r0)) * square;
        r.slopes.first = r.slopes.first + both * prior + slope * Lanes::load(rows) * Lanes(4.0 * r0);
        // d f and the factors of z: as in ddpm.inl, with v - z = square surplus - defect.
        r.slopes.last = r.slopes.last + both * (Lanes(2.0 * rS) + by_low * square * surplus * Lanes(4.0 * rS)) -
                        by_output * by_low * defect * Lanes(4.0 * rS) - slope * s.end_fall * Lanes(4.0 * rS);
        r.waiting.push(slope);
    }
};

}  // namespace
}  // namespace specsched
