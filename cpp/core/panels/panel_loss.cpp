#include "core/panels/panel_loss.hpp"

#include <algorithm>
#include <cmath>

#include "core/ends.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/panels/panels.hpp"
#include "core/parallel.hpp"

namespace specsched {
namespace {

// Chebyshev points of the first kind on (-1, 1), and the matrices between values there, series and powers.
struct Basis {
    double point[panel_nodes];
    PanelBasis matrices{};

    Basis() {
        const double pi = std::acos(-1.0);
        for (int j = 0; j < panel_nodes; ++j) {
            const double angle = pi * (j + 0.5) / panel_nodes;
            point[j] = std::cos(angle);
            for (int k = 0; k < panel_nodes; ++k) {
                const double entry = (k == 0 ? 1.0 : 2.0) / panel_nodes * std::cos(k * angle);
                matrices.chebyshev[j * panel_rows + k] = matrices.from_chebyshev[k * panel_rows + j] = entry;
            }
        }
        // Powers of T_n: T_{n + 1} = 2 t T_n - T_{n - 1}, exact in integers.
        double power[panel_nodes][panel_nodes] = {{1.0}, {0.0, 1.0}};
        for (int n = 2; n < panel_nodes; ++n)
            for (int k = 0; k <= n; ++k) power[n][k] = (k > 0 ? 2.0 * power[n - 1][k - 1] : 0.0) - power[n - 2][k];
        for (int n = 0; n < panel_nodes; ++n)
            for (int k = 0; k < panel_nodes; ++k)
                matrices.powers[n * panel_rows + k] = matrices.from_powers[k * panel_rows + n] = power[n][k];
    }
};
const Basis& basis() {
    static const Basis made;
    return made;
}

// The moments of the output at all nodes, panel by panel.
struct Nodes {
    std::vector<double> eigenvalues, nothing, gain, variance, excess, mean_error;

    explicit Nodes(const std::vector<Panel>& panels) {
        eigenvalues.reserve(panels.size() * panel_nodes);
        for (const Panel& panel : panels)
            for (const double point : basis().point) {
                const double x = point / panel_stretch;
                eigenvalues.push_back(panel.center * (1.0 + x) / (1.0 - x));
            }
    }
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

// A piece of a panel: the work of one thread at a time.
struct Piece {
    std::size_t panel;
    std::ptrdiff_t begin, count;
};

std::vector<Piece> cut(const std::vector<Panel>& panels) {
    constexpr std::ptrdiff_t longest = 512;
    std::vector<Piece> pieces;
    for (std::size_t p = 0; p < panels.size(); ++p)
        for (std::ptrdiff_t done = 0; done < panels[p].count; done += longest)
            pieces.push_back({p, panels[p].begin + done, std::min(longest, panels[p].count - done)});
    return pieces;
}

bool has_mean(const SpectrumView& s, const Piece& piece) {
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
    const std::vector<Piece> pieces = cut(panels);
    std::vector<double> sums(pieces.size()), memory(slopes ? pieces.size() * 2 * panel_rows : 0);
    std::vector<char> resolved(pieces.size());
    const PanelKernel kernel = kernels().panel_terms;
    parallel_for(static_cast<std::ptrdiff_t>(pieces.size()), threads, [&](std::ptrdiff_t i) {
        const Piece& piece = pieces[i];
        const std::size_t node = piece.panel * panel_nodes;
        const Spread spread = spread_of(nodes, piece.panel);
        if (spread == Spread::neither) return;
        const bool from_variance = spread == Spread::variance;
        PanelChunk chunk{s.eigenvalues + piece.begin,
                         s.weights + piece.begin,
                         s.mean_power + piece.begin,
                         piece.count,
                         panels[piece.panel].center,
                         &basis().matrices,
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

// The eigenvalues that go one by one.
struct Rest {
    std::vector<double> eigenvalues, weights, mean_power;

    void add(const SpectrumView& s, const Panel& panel) {
        const auto append = [&](std::vector<double>& to, const double* from) {
            to.insert(to.end(), from + panel.begin, from + panel.begin + panel.count);
        };
        append(eigenvalues, s.eigenvalues);
        append(weights, s.weights);
        append(mean_power, s.mean_power);
    }
    SpectrumView view() const {
        return {eigenvalues.data(), weights.data(), mean_power.data(), static_cast<std::ptrdiff_t>(eigenvalues.size())};
    }
};

// The other way, for losses that are no function of the output moments (against the limit, or with errors of the
// denoiser): the term of an eigenvalue is weight A + mean_power B, with A and B polynomials on a panel, so that the
// panel is a sum over its nodes with weights that depend on the spectrum alone.
std::vector<double> node_weights(const SpectrumView& s, const std::vector<Panel>& panels, int threads) {
    const std::vector<Piece> pieces = cut(panels);
    std::vector<double> memory(pieces.size() * 2 * panel_rows), out(panels.size() * 2 * panel_nodes);
    const WeightKernel kernel = kernels().panel_weights;
    parallel_for(static_cast<std::ptrdiff_t>(pieces.size()), threads, [&](std::ptrdiff_t i) {
        const Piece& piece = pieces[i];
        kernel({s.eigenvalues + piece.begin, s.weights + piece.begin, s.mean_power + piece.begin, piece.count,
                panels[piece.panel].center, &basis().matrices, memory.data() + i * 2 * panel_rows});
    });
    const std::size_t half = panels.size() * panel_nodes;
    for (std::size_t i = 0; i < pieces.size(); ++i)
        for (int j = 0; j < panel_nodes; ++j) {
            out[pieces[i].panel * panel_nodes + j] += memory[i * 2 * panel_rows + j];
            out[half + pieces[i].panel * panel_nodes + j] += memory[(i * 2 + 1) * panel_rows + j];
        }
    return out;
}

// Whether values at the nodes of a panel are those of a polynomial of lower degree, up to rounding.
bool is_resolved(const double* values) {
    double largest = 0.0, tail = 0.0;
    for (int k = 0; k < panel_nodes; ++k) {
        double coefficient = 0.0;
        for (int j = 0; j < panel_nodes; ++j) coefficient += basis().matrices.chebyshev[j * panel_rows + k] * values[j];
        if (k >= panel_nodes - 2) tail += std::fabs(coefficient);
        largest = std::max(largest, std::fabs(coefficient));
    }
    return tail <= 1e-13 * largest;  // false for nan
}

// Sum over the nodes; panels whose terms do not converge lose their weights and are marked.
double sum_over_nodes(const Sampler& sampler, const SpectrumView& s, const std::vector<Panel>& panels,
                      const Nodes& nodes, const LevelsView& levels, const Criterion& criterion, double* gradient,
                      int threads, int workers, std::vector<char>& resolved) {
    const std::size_t count = nodes.eigenvalues.size();
    std::vector<double> both = node_weights(s, panels, workers);
    const std::vector<double> one(count, 1.0), none(count, 0.0);
    std::vector<double> of_weight(count), of_mean(count);
    loss_terms(sampler, nodes.view(one, none), levels, criterion, of_weight.data(), threads);
    const bool mean = std::any_of(both.begin() + static_cast<std::ptrdiff_t>(count), both.end(),
                                  [](double power) { return power != 0.0; });
    if (mean) loss_terms(sampler, nodes.view(none, one), levels, criterion, of_mean.data(), threads);
    double sum = 0.0;
    for (std::size_t p = 0; p < panels.size(); ++p) {
        const std::size_t first = p * panel_nodes;
        resolved[p] = is_resolved(of_weight.data() + first) && (!mean || is_resolved(of_mean.data() + first));
        for (std::size_t i = first; i < first + panel_nodes; ++i) {
            if (!resolved[p]) both[i] = both[count + i] = 0.0;
            if (resolved[p]) sum += both[i] * of_weight[i] + both[count + i] * of_mean[i];
        }
    }
    const std::vector<double> weights(both.begin(), both.begin() + static_cast<std::ptrdiff_t>(count)),
        power(both.begin() + static_cast<std::ptrdiff_t>(count), both.end());
    if (gradient) plain_loss_sum(sampler, nodes.view(weights, power), levels, criterion, gradient, threads);
    return sum;
}

// Eigenvalues x steps that nodes save, against eigenvalues that must be looked up: costs measured in docs/panels.md.
bool gains(const Sampler& sampler, std::ptrdiff_t size, std::ptrdiff_t on_nodes, std::ptrdiff_t steps) {
    const std::ptrdiff_t lookup = sampler.dense ? 8 : 5;
    return (size - 2 * on_nodes) * steps > lookup * size;
}

}  // namespace

bool panel_loss(const Sampler& sampler, const SpectrumView& spectrum, const LevelsView& levels,
                const Criterion& criterion, double* gradient, int threads, double& sum) {
    const std::ptrdiff_t steps = levels.steps();
    if (!sampler.panels || spectrum.size < least_panel_spectrum || criterion.loss == Loss::linear ||
        !gains(sampler, spectrum.size, 0, steps))
        return false;
    const Panels panels(spectrum);
    std::ptrdiff_t on_nodes = spectrum.size;
    for (const Panel& panel : panels.full) on_nodes -= panel.count - panel_nodes;
    if (!gains(sampler, spectrum.size, on_nodes, steps)) return false;

    Nodes nodes(panels.full);
    constexpr double per_eigenvalue = 16.0;  // operations, whatever the steps
    const int workers = resolve_threads_for(per_eigenvalue * static_cast<double>(spectrum.size), threads);
    std::vector<char> resolved(panels.full.size());
    if (criterion.target == Target::limit || sampler.error != 0.0) {
        sum = sum_over_nodes(sampler, panels.sorted, panels.full, nodes, levels, criterion, gradient, threads, workers,
                             resolved);
    } else {
        nodes.fill(sampler, levels, criterion, threads);
        const PanelSums part =
            sum_panels(panels.sorted, panels.full, nodes, criterion.loss, gradient != nullptr, workers);
        sum = part.sum;
        resolved = part.resolved;
        Criterion linear = criterion;
        linear.loss = Loss::linear;
        if (gradient)
            plain_loss_sum(sampler, nodes.view(part.by_excess, part.by_mean_error), levels, linear, gradient, threads);
    }
    Rest rest;
    for (const Panel& panel : panels.sparse) rest.add(panels.sorted, panel);
    for (std::size_t p = 0; p < panels.full.size(); ++p)
        if (!resolved[p]) rest.add(panels.sorted, panels.full[p]);
    if (rest.eigenvalues.empty()) return true;
    std::vector<double> slopes(gradient ? levels.count : 0);
    sum += plain_loss_sum(sampler, rest.view(), levels, criterion, gradient ? slopes.data() : nullptr, threads);
    for (std::size_t k = 0; k < slopes.size(); ++k) gradient[k] += slopes[k];
    return true;
}

}  // namespace specsched
