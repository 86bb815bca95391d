// The loss over the eigenvalues of one panel from the output moments at its nodes (docs/panels.md): a polynomial through
// them, read by Horner's rule; its adjoint, the power sums of the slopes, takes those back to the nodes.
#pragma once

#include "core/kernels/kernels.hpp"
#include "core/kernels/pack.hpp"
#include "core/losses/losses.hpp"

namespace specsched {
namespace {

// out = matrix * in, the matrix column by column.
inline void multiply(const double* matrix, const double* in, double* out) {
    Lanes sums[panel_rows / lane_count];
    for (Lanes& sum : sums) sum = Lanes(0.0);
    for (int j = 0; j < panel_nodes; ++j)
        for (int part = 0; part < panel_rows / lane_count; ++part)
            sums[part] = sums[part] + Lanes::load(matrix + j * panel_rows + part * lane_count) * Lanes(in[j]);
    for (int part = 0; part < panel_rows / lane_count; ++part) sums[part].store(out + part * lane_count);
}

// A series is trusted if its last two coefficients are negligible, or below the rounding of its values.
inline bool converged(const double* series, double rounding) {
    double largest = 0.0;
    for (int k = 0; k < panel_nodes; ++k) largest = std::fabs(series[k]) > largest ? std::fabs(series[k]) : largest;
    const double tail = std::fabs(series[panel_nodes - 1]) + std::fabs(series[panel_nodes - 2]);
    return tail <= 1e-13 * largest + rounding;
}

// The polynomial through values at the nodes: coefficients of the powers of t. Returns whether it converges.
inline bool fit_powers(const PanelBasis& basis, const double* values, double rounding, double* powers) {
    double series[panel_rows];
    multiply(basis.chebyshev, values, series);
    multiply(basis.powers, series, powers);
    return converged(series, rounding);
}

// The transpose: power sums to slopes at the nodes.
inline void to_nodes(const PanelBasis& basis, const Lanes* sums, double* slopes) {
    double moments[panel_nodes], series[panel_rows];
    for (int k = 0; k < panel_nodes; ++k) moments[k] = sums[k].sum();
    multiply(basis.from_powers, moments, series);
    multiply(basis.from_chebyshev, series, slopes);
}

struct PanelSeries {
    double spread[panel_rows], mean_error[panel_rows];
    bool converges;

    explicit PanelSeries(const PanelChunk& chunk) {
        converges = fit_powers(*chunk.basis, chunk.spread, 1e-15 * chunk.center, spread);
        if (chunk.mean_error) converges = fit_powers(*chunk.basis, chunk.mean_error, 1e-15, mean_error) && converges;
    }
};

// Two polynomials side by side, which fills the time that either of them waits; `second` may be null.
template <bool two>
inline void horner(const double* first, const double* second, const Pack& t, Pack& a, Pack& b) {
    a = Pack(first[panel_nodes - 1]);
    b = Pack(two ? second[panel_nodes - 1] : 0.0);
    for (int k = panel_nodes - 2; k >= 0; --k) {
        a = a * t + Pack(first[k]);
        if (two) b = b * t + Pack(second[k]);
    }
}

// sums[k] += slope t^k, for the slopes of both.
template <bool two>
inline void add_power_sums(Pack a, Pack b, const Pack& t, Lanes* first, Lanes* second) {
    for (int k = 0; k < panel_nodes; ++k) {
        first[k] = first[k] + a.fold();
        a = a * t;
        if (!two) continue;
        second[k] = second[k] + b.fold();
        b = b * t;
    }
}

// Lanes past the end hold a harmless eigenvalue without weight.
struct PanelBlock {
    Pack lambda, weight, mean_power, t;

    PanelBlock(const PanelChunk& chunk, std::ptrdiff_t start) {
        const std::ptrdiff_t left = chunk.count - start;
        lambda = load_padded(chunk.eigenvalues + start, left, chunk.center);
        weight = load_padded(chunk.weights + start, left, 0.0);
        mean_power = load_padded(chunk.mean_power + start, left, 0.0);
        t = (lambda - Pack(chunk.center)) / (lambda + Pack(chunk.center)) * Pack(panel_stretch);
    }
};

struct PanelSlopes {
    Pack by_excess, by_mean_error;
};

// The terms of a block, added to `total`.
template <class L>
SPECSCHED_FLATTEN PanelSlopes panel_slopes(const PanelBlock& b, double from_variance, const Pack& spread,
                                           const Pack& mean_error, Lanes& total) {
    using D = Dual<Lanes, 2>;
    PanelSlopes slopes;
    for (int g = 0; g < pack_groups; ++g) {
        const Lanes lambda = b.lambda.group[g], share = lambda * Lanes(from_variance);
        D variance(spread.group[g] + (lambda - share)), excess(spread.group[g] - share), mean(mean_error.group[g]);
        variance.d[0] = excess.d[0] = mean.d[1] = Lanes(1.0);
        variance.d[1] = excess.d[1] = mean.d[0] = Lanes(0.0);
        const OutputMoments<D> out{sqrt(variance), excess, mean};
        const D term = L::template term<D, Lanes>(lambda, sqrt(lambda), b.weight.group[g], b.mean_power.group[g], out);
        total = total + term.value;
        slopes.by_excess.group[g] = term.d[0];
        slopes.by_mean_error.group[g] = term.d[1];
    }
    return slopes;
}

template <class L, bool mean>
void run_panel(PanelChunk& chunk) {
    const PanelSeries series(chunk);
    chunk.resolved = series.converges;
    Lanes total(0.0), by_excess[panel_nodes], by_mean_error[panel_nodes];
    for (int k = 0; k < panel_nodes; ++k) by_excess[k] = by_mean_error[k] = Lanes(0.0);
    for (std::ptrdiff_t start = 0; start < chunk.count; start += pack_count) {
        const PanelBlock b(chunk, start);
        Pack spread, mean_error;
        horner<mean>(series.spread, series.mean_error, b.t, spread, mean_error);
        const PanelSlopes slopes = panel_slopes<L>(b, chunk.from_variance, spread, mean_error, total);
        if (chunk.slopes) add_power_sums<mean>(slopes.by_excess, slopes.by_mean_error, b.t, by_excess, by_mean_error);
    }
    chunk.sum = total.sum();
    if (!chunk.slopes) return;
    to_nodes(*chunk.basis, by_excess, chunk.slopes);
    to_nodes(*chunk.basis, by_mean_error, chunk.slopes + panel_rows);
}

template <class L>
struct PanelTerms {
    static void run(PanelChunk& chunk) {
        if (chunk.mean_error) return run_panel<L, true>(chunk);
        run_panel<L, false>(chunk);
    }
};

void panel_weights(const PanelWeights& panel) {
    PanelChunk chunk{};
    chunk.eigenvalues = panel.eigenvalues;
    chunk.weights = panel.weights;
    chunk.mean_power = panel.mean_power;
    chunk.count = panel.count;
    chunk.center = panel.center;
    Lanes weight[panel_nodes], power[panel_nodes];
    for (int k = 0; k < panel_nodes; ++k) weight[k] = power[k] = Lanes(0.0);
    for (std::ptrdiff_t start = 0; start < panel.count; start += pack_count) {
        const PanelBlock b(chunk, start);
        add_power_sums<true>(b.weight, b.mean_power, b.t, weight, power);
    }
    to_nodes(*panel.basis, weight, panel.out);
    to_nodes(*panel.basis, power, panel.out + panel_rows);
}

void panel_terms(int loss, PanelChunk& chunk) {
    with_loss(static_cast<Loss>(loss), [&](auto l) { PanelTerms<decltype(l)>::run(chunk); });
}

}  // namespace
}  // namespace specsched
