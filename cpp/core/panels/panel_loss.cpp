#include "core/panels/panel_loss.hpp"

#include <algorithm>
#include <cmath>

#include "core/ends.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/panels/basis.hpp"
#include "core/panels/panels.hpp"
#include "core/parallel.hpp"

namespace specsched {
namespace {

// The moments of the output at all nodes, panel by panel.
struct Nodes {
    std::vector<double> eigenvalues, nothing, gain, variance, excess, mean_error;

    explicit Nodes(const Panels& panels)
        : eigenvalues(panels.few.eigenvalues.begin(),
                      panels.few.eigenvalues.begin() + static_cast<std::ptrdiff_t>(panels.full.size() * panel_nodes)) {}
    void fill(const Sampler& sampler, const LevelsView& levels, const Criterion& criterion, int threads) {
        for (std::vector<double>* array : {&nothing, &gain, &variance, &excess, &mean_error})
            array->assign(eigenvalues.size(), 0.0);
        transfer(sampler, view(nothing, nothing), levels, criterion, {gain.data(), variance.data(), excess.data()},
                 threads);
        const Ends<double> ends(criterion, levels.first(), levels.last());
        const double carried = ends.scale * ends.carried;
        for (std::size_t i = 0; i < gain.size(); ++i) mean_error[i] = gain[i] * carried + ends.lost;
    }
    SpectrumView view(const std::vector<double>& weights, const std::vector<double>& mean_power) const {
        return {eigenvalues.data(), weights.data(), mean_power.data(), static_cast<std::ptrdiff_t>(eigenvalues.size())};
    }
};

bool has_mean(const SpectrumView& s, const PanelPiece& piece) {
    const double* const from = s.mean_power + piece.begin;
    return std::any_of(from, from + piece.count, [](double power) { return power != 0.0; });
}

// Which moment to interpolate. The excess keeps the digits of a small error, the variance those of a small output; a
// variance that comes close to 0 inside a panel, where its root has a kink, is left to the plain sum.
enum class Spread { excess, variance, neither };
Spread spread_of(const Nodes& nodes, std::size_t panel) {
    const double* const variance = nodes.variance.data() + panel * panel_nodes;
    const double* const lambda = nodes.eigenvalues.data() + panel * panel_nodes;
    const auto [least, most] = std::minmax_element(variance, variance + panel_nodes);
    if (!(*least > 0.02 * *most) || !std::isfinite(*most)) return Spread::neither;
    double share = 1.0;
    for (int j = 0; j < panel_nodes; ++j) share = std::min(share, variance[j] / lambda[j]);
    return share > 0.01 ? Spread::excess : Spread::variance;
}

// What the full panels give: a sum, slopes at the nodes, and which panels did not converge.
struct PanelSums {
    double sum = 0.0;
    std::vector<double> by_excess, by_mean_error;
    std::vector<char> resolved;  // per panel
};

PanelSums sum_panels(const SpectrumView& s, const std::vector<Panel>& panels, const Nodes& nodes, Loss loss,
                     bool slopes, int threads) {
    const std::vector<PanelPiece> pieces = cut(panels);
    std::vector<double> sums(pieces.size()), memory(slopes ? pieces.size() * 2 * panel_rows : 0);
    std::vector<char> resolved(pieces.size());
    const PanelKernel kernel = kernels().panel_terms;
    parallel_for(static_cast<std::ptrdiff_t>(pieces.size()), threads, [&](std::ptrdiff_t i) {
        const PanelPiece& piece = pieces[i];
        const std::size_t node = piece.panel * panel_nodes;
        const Spread spread = spread_of(nodes, piece.panel);
        if (spread == Spread::neither) return;
        const bool from_variance = spread == Spread::variance;
        PanelChunk chunk{s.eigenvalues + piece.begin,
                         s.weights + piece.begin,
                         s.mean_power + piece.begin,
                         piece.count,
                         panels[piece.panel].center,
                         &node_basis().matrices,
                         (from_variance ? nodes.variance : nodes.excess).data() + node,
                         from_variance ? 1.0 : 0.0,
                         has_mean(s, piece) ? nodes.mean_error.data() + node : nullptr,
                         slopes ? memory.data() + i * 2 * panel_rows : nullptr,
                         0.0,
                         false};
        kernel(static_cast<int>(loss), chunk);
        sums[i] = chunk.sum;
        resolved[i] = chunk.resolved;
    });
    PanelSums out;
    out.resolved.assign(panels.size(), 1);
    for (std::size_t i = 0; i < pieces.size(); ++i)
        if (!resolved[i]) out.resolved[pieces[i].panel] = 0;
    out.by_excess.assign(slopes ? nodes.eigenvalues.size() : 0, 0.0);
    out.by_mean_error = out.by_excess;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const std::size_t panel = pieces[i].panel;
        if (!out.resolved[panel]) continue;
        out.sum += sums[i];
        for (int j = 0; slopes && j < panel_nodes; ++j) {
            out.by_excess[panel * panel_nodes + j] += memory[i * 2 * panel_rows + j];
            out.by_mean_error[panel * panel_nodes + j] += memory[(i * 2 + 1) * panel_rows + j];
        }
    }
    return out;
}

// Adds the eigenvalues of what did not resolve, which go one by one.
void add_unresolved(const Panels& panels, const std::vector<char>& resolved, Entries& to) {
    for (std::size_t p = 0; p < panels.full.size(); ++p)
        if (!resolved[p]) to.add(panels.sorted, panels.full[p].begin, panels.full[p].count);
}

double sum_by_moments(const Sampler& sampler, const Panels& panels, const LevelsView& levels,
                      const Criterion& criterion, double* gradient, int threads) {
    Nodes nodes(panels);
    nodes.fill(sampler, levels, criterion, threads);
    constexpr double per_eigenvalue = 16.0;  // operations, whatever the steps
    const int workers = resolve_threads_for(per_eigenvalue * static_cast<double>(panels.sorted.size), threads);
    const PanelSums part = sum_panels(panels.sorted, panels.full, nodes, criterion.loss, gradient != nullptr, workers);
    double sum = part.sum;
    Criterion linear = criterion;
    linear.loss = Loss::linear;
    if (gradient)
        plain_loss_sum(sampler, nodes.view(part.by_excess, part.by_mean_error), levels, linear, gradient, threads);
    Entries rest;
    for (const Panel& panel : panels.sparse) rest.add(panels.sorted, panel.begin, panel.count);
    add_unresolved(panels, part.resolved, rest);
    if (rest.size() == 0) return sum;
    std::vector<double> slopes(gradient ? levels.count : 0);
    sum += plain_loss_sum(sampler, rest.view(), levels, criterion, gradient ? slopes.data() : nullptr, threads);
    for (std::size_t k = 0; k < slopes.size(); ++k) gradient[k] += slopes[k];
    return sum;
}

// Whether values at the nodes of a panel are those of a polynomial of lower degree, up to rounding: their own, and
// that of the output moments, of which much more may cancel in a term. On the engine, whose roundings add up over the
// steps, the last two coefficients of smooth terms were seen up to 4e-15 of what is at stake. The dense kernels keep the
// digits of an error that falls like 1 / steps, against roundings that grow like the root of the steps: seen 3e-12 of
// the largest coefficient at 1000 steps, and below 1e-13 at 100.
bool is_resolved(const double* values, const double* at_stake, std::ptrdiff_t steps) {
    double largest = 0.0, tail = 0.0;
    for (int k = 0; k < panel_nodes; ++k) {
        double coefficient = 0.0;
        for (int j = 0; j < panel_nodes; ++j)
            coefficient += node_basis().matrices.chebyshev[j * panel_rows + k] * values[j];
        if (k >= panel_nodes - 2) tail += std::fabs(coefficient);
        largest = std::max(largest, std::fabs(coefficient));
    }
    const double noise = 1e-13 * std::pow(std::max(1.0, static_cast<double>(steps) / 100.0), 1.5);
    return tail <= noise * largest + 4e-15 * *std::max_element(at_stake, at_stake + panel_nodes);  // false for nan
}

// The other way: where a term is weight A + mean_power B with A and B polynomials on a panel, the panel is a sum over
// its nodes with weights that depend on the spectrum alone.
double sum_over_nodes(const Sampler& sampler, const Panels& panels, const LevelsView& levels,
                      const Criterion& criterion, double* gradient, int threads) {
    std::vector<double> terms(panels.few.eigenvalues.size()), at_stake(terms.size());
    const TermProbe probe{panels.panel_weight.data(), panels.panel_power.data(), terms.data(), at_stake.data()};
    const double sum = plain_loss_sum(sampler, panels.few.view(), levels, criterion, gradient, threads, &probe);
    std::vector<char> resolved;
    for (std::size_t p = 0; p < panels.full.size(); ++p)
        resolved.push_back(
            is_resolved(terms.data() + p * panel_nodes, at_stake.data() + p * panel_nodes, levels.steps()));
    if (std::all_of(resolved.begin(), resolved.end(), [](char yes) { return yes; })) return sum;
    Entries all;
    const SpectrumView few = panels.few.view();
    for (std::size_t p = 0; p < panels.full.size(); ++p)
        if (resolved[p]) all.add(few, static_cast<std::ptrdiff_t>(p) * panel_nodes, panel_nodes);
    const auto nodes = static_cast<std::ptrdiff_t>(panels.full.size()) * panel_nodes;
    all.add(few, nodes, few.size - nodes);
    add_unresolved(panels, resolved, all);
    return plain_loss_sum(sampler, all.view(), levels, criterion, gradient, threads);
}

// Losses against the limit, and those that include errors of the predictions, are no functions of the output moments.
// The root of the variance is smooth between its zeros on the real axis where the run injects no noise, elsewhere it may
// have branch points near the axis.
bool by_nodes(const Sampler& sampler, const Criterion& criterion) {
    return criterion.target == Target::limit || sampler.error != 0.0 || is_deterministic(sampler.spec);
}

// Eigenvalues x steps that nodes save, against eigenvalues that must be looked up: costs measured in docs/panels.md.
bool gains(const Sampler& sampler, const Panels& panels, const Criterion& criterion, std::ptrdiff_t steps) {
    const std::ptrdiff_t size = panels.sorted.size;
    const std::ptrdiff_t lookup = by_nodes(sampler, criterion) ? 0 : (sampler.dense ? 8 : 5);
    return (size - 2 * panels.few.size()) * steps > lookup * size;
}

}  // namespace

bool panel_loss(const Sampler& sampler, const Panels& panels, const LevelsView& levels, const Criterion& criterion,
                double* gradient, int threads, double& sum) {
    if (!sampler.panels || !gains(sampler, panels, criterion, levels.steps())) return false;
    sum = by_nodes(sampler, criterion) ? sum_over_nodes(sampler, panels, levels, criterion, gradient, threads)
                                       : sum_by_moments(sampler, panels, levels, criterion, gradient, threads);
    return true;
}

}  // namespace specsched
