// DDIM. With n_k = lambda + r_k r_{k+1} and d_k = lambda + r_k^2, the angles phi_k = arctan(r_k / sqrt lambda) turn by
// tau_k = tan(phi_k - phi_{k+1}) = sqrt(lambda) (r_k - r_{k+1}) / n_k in a step, and
//   P^2 = (d_S / d_0) prod cos^2 = (d_S / d_0) / (1 + m),   1 + m = prod(1 + tau_k^2).
// m is a sum of positive terms, so that small errors keep all their digits, and
//   d log P / d r_k = sqrt(lambda) / d_k * (tau_{k-1} - tau_k).
#pragma once

#include "core/kernels/blocks.inl"

namespace specsched {
namespace {

// sqrt(lambda) / n_k and sqrt(lambda) / d_k of a group of steps.
struct DdimGroup {
    Strip by_n[group], by_d[group];
};

// One division for the whole group: products of pairs, of pairs of pairs, and back.
template <bool slopes>
inline DdimGroup ddim_group(const StepTable& table, std::ptrdiff_t k, const Strip& lambda, const Strip& root) {
    Strip n[group], d[group], q[group];
    for (int j = 0; j < group; ++j) {
        n[j] = lambda + Strip(table.product[k + j]);
        if (slopes) d[j] = lambda + Strip(table.square[k + j]);
        q[j] = slopes ? n[j] * d[j] : n[j];
    }
    const Strip q01 = q[0] * q[1], q23 = q[2] * q[3];
    const Strip inverse = root / (q01 * q23);
    const Strip i01 = inverse * q23, i23 = inverse * q01;
    const Strip i[group] = {i01 * q[1], i01 * q[0], i23 * q[3], i23 * q[2]};
    DdimGroup out;
    for (int j = 0; j < group; ++j) {
        out.by_n[j] = slopes ? i[j] * d[j] : i[j];
        if (slopes) out.by_d[j] = i[j] * n[j];
    }
    return out;
}

// (1 + m) (1 + v) - 1.
inline Strip compose(const Strip& m, const Strip& v) { return m + v * (m + Strip(1.0)); }

// Returns m. With `slopes`, row k of `rows` gets d log P / d r_k for the interior levels; row 0 lacks its end term.
template <bool grouped, bool slopes>
Strip ddim_steps(const StepTable& table, const Strip& lambda, const Strip& root, double* rows) {
    Strip m(0.0), before(0.0), v[group];  // before: tau of the step before
    DdimGroup g, ahead;
    std::ptrdiff_t k = 0;
    const auto finish_step = [&](int j) {
        const Strip tau = g.by_n[j] * Strip(table.gap[k + j]);
        v[j] = tau * tau;
        if (slopes) (g.by_d[j] * (before - tau)).store(rows + lane_count * (k + j));
        before = tau;
    };
    if (grouped) {
        // With slopes a group is long: its division starts while the group before it is being finished.
        if (slopes && group <= table.steps) ahead = ddim_group<slopes>(table, 0, lambda, root);
        for (; k + group <= table.steps; k += group) {
            g = slopes ? ahead : ddim_group<slopes>(table, k, lambda, root);
            if (slopes && k + 2 * group <= table.steps) ahead = ddim_group<slopes>(table, k + group, lambda, root);
            for (int j = 0; j < group; ++j) finish_step(j);
            m = compose(m, compose(compose(v[0], v[1]), compose(v[2], v[3])));
        }
    }
    for (; k < table.steps; ++k) {
        g.by_n[0] = root / (lambda + Strip(table.product[k]));
        if (slopes) g.by_d[0] = root / (lambda + Strip(table.square[k]));
        finish_step(0);
        m = compose(m, v[0]);
    }
    return m;
}

template <bool slopes>
Lanes ddim_block(const StepTable& table, const Block& b, const Lanes& root, double* rows) {
    double lambdas[lane_count], roots[lane_count], m[lane_count];
    b.lambda.store(lambdas);
    root.store(roots);
    for_strips([&](int at) {
        const Strip lambda = Strip::load(lambdas + at), strip_root = Strip::load(roots + at);
        const Strip part = b.groupable ? ddim_steps<true, slopes>(table, lambda, strip_root, rows + at)
                                       : ddim_steps<false, slopes>(table, lambda, strip_root, rows + at);
        part.store(m + at);
    });
    return Lanes::load(m);
}

struct DdimForm {
    template <class T>
    static T gain(const T& first, const T& last) {
        return last / first;
    }
    template <class T>
    static T variance(const T& first, const T& last, const T& start) {
        return start * (last * last) / (first * first);
    }
};
using DdimZero = ClosedZero<DdimForm>;

// row0: -lambda / d_0 * (r_0 - r_1) / n_0. The prior's share has its own term, in a form that does not cancel.
inline void ddim_end_slopes(const StepTable& table, const EndTable& ends, const Lanes& lambda, const BlockTerm& term,
                            const Lanes& gain, const Lanes& t0, const Lanes& row0, EndSlopes& out) {
    const std::ptrdiff_t S = table.steps;
    const double r0 = table.sigma[0];
    const Lanes scaled = term.by_mean_error * gain * Lanes(ends.scale);
    const Lanes slope = term.by_log_std + scaled;
    const Lanes prior =
        (Lanes(ends.surplus_slope) * (lambda + Lanes(table.square[0])) - Lanes(r0) * (Lanes(ends.surplus) - lambda)) *
        Lanes(1.0 / ends.start_variance);
    out.first = out.first + slope * row0 + (term.by_log_std * prior - scaled * Lanes(r0)) * t0;
    out.last = out.last + slope * Lanes(table.sigma[S - 1]) / (lambda + Lanes(table.product[S - 1]));
    out.add_scale(term, ends, gain);
}

template <class L>
struct DdimChunk {
    static void run(const StepTable& table, const EndTable& ends, KernelChunk& chunk) {
        const std::ptrdiff_t S = table.steps;
        const double first2 = table.square[0], last2 = table.square[S];
        const bool want_gradient = chunk.gradient != nullptr;
        const ZeroMoments zero = DdimZero::moments(table, ends);
        WaitingRows waiting(chunk.scratch, S, want_gradient);
        EndSlopes end_slopes;
        ZeroShare zeros;
        Lanes total(0.0);
        for (std::ptrdiff_t start = 0; start < chunk.count; start += lane_count) {
            const Block b = load_block(chunk, start, first2, zeros);
            double* const rows = waiting.next();
            const Lanes root = sqrt(b.lambda);
            const Lanes m =
                want_gradient ? ddim_block<true>(table, b, root, rows) : ddim_block<false>(table, b, root, rows);
            const Lanes t0 = Lanes(1.0) / (b.lambda + Lanes(first2)), keep = Lanes(1.0) / (m + Lanes(1.0));
            const Lanes last = b.lambda + Lanes(last2);
            const Lanes gain = sqrt(last * t0 * keep);
            const Lanes std = gain * Lanes(ends.scale * std::sqrt(ends.start_variance));
            // v = scale^2 last (1 + change): change is (the start's own deviation - m) / (1 + m).
            const Lanes change = ((Lanes(ends.surplus) - b.lambda) * t0 - m) * keep;
            const Lanes excess =
                (Lanes(last2) - b.lambda * Lanes(ends.missing) + last * change) * Lanes(ends.scale * ends.scale);
            const Lanes mean_error = gain * Lanes(ends.scale) + Lanes(ends.lost);
            const BlockTerm term = block_term<L>(b, root, std, excess, mean_error);
            total = total + term.value;
            answer_probe(chunk, start, b,
                         [&](const Block& x) { return block_term<L>(x, root, std, excess, mean_error).value; });
            if (want_gradient) {
                ddim_end_slopes(table, ends, b.lambda, term, gain, t0, Lanes::load(rows), end_slopes);
                waiting.push(term.by_log_std + term.by_mean_error * gain * Lanes(ends.scale));
            }
            if (chunk.gain) write_moments(chunk, ends, zero, start, gain, std * std, excess);
        }
        chunk.sum = total.sum();
        if (want_gradient) {
            waiting.finish(chunk.gradient);
            chunk.gradient[0] = end_slopes.first.sum();
            chunk.gradient[S] = end_slopes.last.sum() + ends.scale_slope * end_slopes.scale.sum();
        }
        if (zeros.any()) chunk.sum += DdimZero::sum<L>(table, ends, zeros, chunk);
    }
};

std::ptrdiff_t ddim_rows(std::ptrdiff_t steps) { return WaitingRows::rows(steps); }

}  // namespace
}  // namespace specsched
