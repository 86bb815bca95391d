#include "core/panels/panels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>

#include "core/kernels/dispatch.hpp"
#include "core/panels/basis.hpp"
#include "core/parallel.hpp"

namespace specsched {
namespace {

constexpr int bias = 1023;
constexpr int widest = 100;  // panels cover 2^-100 ... 2^101
constexpr int keys = widest + 2;
constexpr std::ptrdiff_t least_count = 2 * panel_nodes;

// Number of the panel, from the exponent alone; 0: out of range.
inline int key_of(double eigenvalue) {
    std::uint64_t bits;
    std::memcpy(&bits, &eigenvalue, sizeof bits);
    const int exponent = static_cast<int>(bits >> 52) - bias + widest;
    return exponent >= 0 && exponent <= 2 * widest + 1 ? 1 + exponent / 2 : 0;
}
double center_of(int key) { return std::ldexp(1.0, 2 * (key - 1) - widest + 1); }

// Neighbours often have the same key: counters of their own keep one increment from waiting for the one before.
constexpr int streams = 4;
struct Counters {
    std::ptrdiff_t of[keys][streams] = {};

    std::ptrdiff_t& at(int key, std::ptrdiff_t i) { return of[key][i % streams]; }
    std::ptrdiff_t total(int key) const {
        std::ptrdiff_t sum = 0;
        for (const std::ptrdiff_t count : of[key]) sum += count;
        return sum;
    }
};

// Counting sort by key.
Entries sorted_by_key(const SpectrumView& s, const Counters& counters) {
    Entries sorted;
    for (std::vector<double>* array : {&sorted.eigenvalues, &sorted.weights, &sorted.mean_power})
        array->resize(static_cast<std::size_t>(s.size));
    Counters next;
    std::ptrdiff_t sum = 0;
    for (int key = 0; key < keys; ++key)
        for (int stream = 0; stream < streams; ++stream) {
            next.of[key][stream] = sum;
            sum += counters.of[key][stream];
        }
    for (std::ptrdiff_t i = 0; i < s.size; ++i) {
        const std::ptrdiff_t place = next.at(key_of(s.eigenvalues[i]), i)++;
        sorted.eigenvalues[place] = s.eigenvalues[i];
        sorted.weights[place] = s.weights[i];
        sorted.mean_power[place] = s.mean_power[i];
    }
    return sorted;
}

}  // namespace

std::vector<PanelPiece> cut(const std::vector<Panel>& panels) {
    constexpr std::ptrdiff_t longest = 512;
    std::vector<PanelPiece> pieces;
    for (std::size_t p = 0; p < panels.size(); ++p)
        for (std::ptrdiff_t done = 0; done < panels[p].count; done += longest)
            pieces.push_back({p, panels[p].begin + done, std::min(longest, panels[p].count - done)});
    return pieces;
}

void Entries::add(const SpectrumView& s, std::ptrdiff_t begin, std::ptrdiff_t count) {
    const auto append = [&](std::vector<double>& to, const double* from) {
        to.insert(to.end(), from + begin, from + begin + count);
    };
    append(eigenvalues, s.eigenvalues);
    append(weights, s.weights);
    append(mean_power, s.mean_power);
}

SpectrumView Entries::view() const { return {eigenvalues.data(), weights.data(), mean_power.data(), size()}; }

// A term weight A + mean_power B with A and B polynomials on a panel is a sum over the panel's nodes: their weights are
// sums over its eigenvalues of weight, and of mean power, times the nodes' Lagrange polynomials.
void Panels::weigh_nodes(int threads) {
    const std::vector<PanelPiece> pieces = cut(full);
    std::vector<double> memory(pieces.size() * 2 * panel_rows);
    const WeightKernel kernel = kernels().panel_weights;
    constexpr double per_eigenvalue = 16.0;  // operations
    const int workers = resolve_threads_for(per_eigenvalue * static_cast<double>(sorted.size), threads);
    parallel_for(static_cast<std::ptrdiff_t>(pieces.size()), workers, [&](std::ptrdiff_t i) {
        const PanelPiece& piece = pieces[i];
        kernel({sorted.eigenvalues + piece.begin, sorted.weights + piece.begin, sorted.mean_power + piece.begin,
                piece.count, full[piece.panel].center, &node_basis().matrices, memory.data() + i * 2 * panel_rows});
    });
    const std::size_t count = full.size() * panel_nodes;
    few.eigenvalues.resize(count);
    for (std::vector<double>* array : {&few.weights, &few.mean_power, &panel_weight, &panel_power})
        array->assign(count, 0.0);
    for (std::size_t i = 0; i < pieces.size(); ++i)
        for (int j = 0; j < panel_nodes; ++j) {
            few.weights[pieces[i].panel * panel_nodes + j] += memory[i * 2 * panel_rows + j];
            few.mean_power[pieces[i].panel * panel_nodes + j] += memory[(i * 2 + 1) * panel_rows + j];
        }
    const auto total = [](const std::vector<double>& of, std::size_t first, std::vector<double>& to) {
        const double sum = std::accumulate(of.begin() + first, of.begin() + first + panel_nodes, 0.0);
        std::fill_n(to.begin() + first, panel_nodes, sum);
    };
    for (std::size_t p = 0; p < full.size(); ++p) {
        const std::size_t first = p * panel_nodes;
        for (int j = 0; j < panel_nodes; ++j) few.eigenvalues[first + j] = node_of(full[p].center, j);
        total(few.weights, first, panel_weight);
        total(few.mean_power, first, panel_power);
    }
}

Panels::Panels(const SpectrumView& spectrum, int threads) : sorted(spectrum) {
    Counters counters;
    int runs = 0, occupied = 0, before = -1;
    for (std::ptrdiff_t i = 0; i < spectrum.size; ++i) {
        const int key = key_of(spectrum.eigenvalues[i]);
        ++counters.at(key, i);
        runs += key != before;  // no branch: the order of the eigenvalues may be anything
        before = key;
    }
    for (int key = 0; key < keys; ++key) occupied += counters.total(key) > 0;
    // A sorted spectrum, the usual one, stays where it is.
    if (runs != occupied) {
        own_ = sorted_by_key(spectrum, counters);
        sorted = own_.view();
    }
    for (std::ptrdiff_t begin = 0; begin < spectrum.size;) {
        const int key = key_of(sorted.eigenvalues[begin]);
        const std::ptrdiff_t count = counters.total(key);
        std::vector<Panel>& kind = key > 0 && count >= least_count ? full : sparse;
        kind.push_back({begin, count, center_of(key)});
        begin += count;
    }
    weigh_nodes(threads);
    for (const Panel& panel : sparse) few.add(sorted, panel.begin, panel.count);
    panel_weight.resize(few.weights.size());
    panel_power.resize(few.weights.size());
}

}  // namespace specsched
