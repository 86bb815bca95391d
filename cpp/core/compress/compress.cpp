#include "core/compress/compress.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/compress/binning.hpp"
#include "core/compress/reduce.hpp"
#include "core/kernels/kernels.hpp"
#include "core/sort_by.hpp"

namespace specsched {
namespace {

using namespace compression;

constexpr int default_max_nodes = 512;
constexpr std::ptrdiff_t sorted_up_to = 512;  // below, sorting is cheaper than cells
constexpr double stage_error = 1e-14;  // bound on what cells, panels and rounding add to the probe errors

// Sorted by eigenvalue, exact duplicates merged, zeros first.
CompressedSpectrum merge_duplicates(SpectrumView s) {
    std::vector<std::ptrdiff_t> order(s.size);
    std::iota(order.begin(), order.end(), std::ptrdiff_t{0});
    sort_by(order, [&](std::ptrdiff_t i) { return s.eigenvalues[i]; });
    CompressedSpectrum out{};
    for (std::ptrdiff_t i : order) {
        if (out.eigenvalues.empty() || out.eigenvalues.back() != s.eigenvalues[i]) {
            out.eigenvalues.push_back(s.eigenvalues[i]);
            out.weights.push_back(0.0);
            out.mean_power.push_back(0.0);
        }
        out.weights.back() += s.weights[i];
        out.mean_power.back() += s.mean_power[i];
    }
    return out;
}

CompressedSpectrum unchanged(SpectrumView s) {
    return {{s.eigenvalues, s.eigenvalues + s.size},
            {s.weights, s.weights + s.size},
            {s.mean_power, s.mean_power + s.size},
            0.0};
}

SpectrumView view(const CompressedSpectrum& s) {
    return {s.eigenvalues.data(), s.weights.data(), s.mean_power.data(),
            static_cast<std::ptrdiff_t>(s.eigenvalues.size())};
}

// The measures of a spectrum that is already sorted and small.
Binned as_measures(SpectrumView s) {
    Binned out;
    for (std::ptrdiff_t i = 0; i < s.size; ++i) {
        if (s.eigenvalues[i] < smallest_eigenvalue) {
            out.zero_weight += s.weights[i];
            out.zero_mean_power += s.mean_power[i];
            continue;
        }
        const double x = std::log2(s.eigenvalues[i]);
        if (s.weights[i] > 0.0) out.counts.add(x, s.weights[i]);
        if (s.mean_power[i] > 0.0) out.mean_power.add(x, s.mean_power[i]);
    }
    return out;
}

CompressedSpectrum assemble(const Binned& binned, const Reduced& counts, const Reduced& means) {
    std::vector<double> eigenvalues, weights, mean_power;
    const auto add = [&](double value, double weight, double power) {
        if (!(weight > 0.0 || power > 0.0)) return;
        eigenvalues.push_back(value);
        weights.push_back(weight);
        mean_power.push_back(power);
    };
    add(0.0, binned.zero_weight, binned.zero_mean_power);
    for (std::size_t i = 0; i < counts.nodes.size(); ++i) add(std::exp2(counts.nodes.x[i]), counts.nodes.mass[i], 0.0);
    for (std::size_t i = 0; i < means.nodes.size(); ++i) add(std::exp2(means.nodes.x[i]), 0.0, means.nodes.mass[i]);
    CompressedSpectrum out = merge_duplicates(
        {eigenvalues.data(), weights.data(), mean_power.data(), static_cast<std::ptrdiff_t>(eigenvalues.size())});
    out.error = std::max(counts.error, means.error) + stage_error;
    return out;
}

CompressedSpectrum reduced(const Binned& binned, double tol, int max_nodes) {
    const Reduced counts = reduce(binned.counts, Carried::counts, tol, max_nodes);
    const Reduced means = reduce(binned.mean_power, Carried::mean_power, tol, max_nodes);
    return assemble(binned, counts, means);
}

}  // namespace

CompressedSpectrum compress(SpectrumView spectrum, double tol, int max_nodes, int threads) {
    if (max_nodes <= 0) max_nodes = default_max_nodes;
    const bool sorted = spectrum.size <= sorted_up_to;
    const CompressedSpectrum distinct = sorted ? merge_duplicates(spectrum) : CompressedSpectrum{};
    const std::size_t entries = sorted ? distinct.eigenvalues.size() : static_cast<std::size_t>(spectrum.size);
    const Binned binned = sorted ? as_measures(view(distinct)) : bin_spectrum(spectrum, threads);
    CompressedSpectrum small = reduced(binned, tol, max_nodes);
    if (!small.eigenvalues.empty() && small.eigenvalues.size() < entries) return small;
    return entries < static_cast<std::size_t>(spectrum.size) ? distinct : unchanged(spectrum);
}

}  // namespace specsched
