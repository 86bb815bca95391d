#include "core/compress/binning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/compress/gauss.hpp"
#include "core/kernels/kernels.hpp"
#include "core/parallel.hpp"

namespace specsched::compression {
namespace {

constexpr int cells_per_octave = 8;
constexpr double octaves_per_panel = 2.0;
constexpr int panel_nodes = 12;
constexpr std::ptrdiff_t chunk_size = 16384;
constexpr std::ptrdiff_t max_chunks = 64;
constexpr std::ptrdiff_t max_accumulators = std::ptrdiff_t{1} << 22;  // doubles: 32 MB in all

struct Range {
    double low = std::numeric_limits<double>::infinity();
    double high = 0.0;
    double mean_power = 0.0;

    void include(const Range& other) {
        low = std::min(low, other.low);
        high = std::max(high, other.high);
        mean_power = std::max(mean_power, other.mean_power);
    }
};

// Where chunk i of `count` begins: fixed by the data alone, so that sums do not depend on the thread count.
std::ptrdiff_t chunk_start(std::ptrdiff_t size, std::ptrdiff_t count, std::ptrdiff_t i) {
    return size / count * i + std::min(i, size % count);
}

Range range_of(SpectrumView s, std::ptrdiff_t from, std::ptrdiff_t to) {
    Range r;
    for (std::ptrdiff_t i = from; i < to; ++i) {
        const double value = s.eigenvalues[i];
        r.low = std::min(r.low, value < smallest_eigenvalue ? r.low : value);
        r.high = std::max(r.high, value);
        r.mean_power = std::max(r.mean_power, s.mean_power[i]);
    }
    return r;
}

struct Grid {
    double first_octave;
    std::ptrdiff_t cells;
    bool with_mean;

    std::ptrdiff_t slots() const { return cells * cell_moments * (with_mean ? 2 : 1); }
};

struct Sums {
    std::vector<double> moments;  // cells x 8, then the same for the mean power
    double zero_weight = 0.0;
    double zero_mean_power = 0.0;
};

inline void add_moments(double* to, const double* powers, double mass) {
    for (int k = 0; k < cell_moments; ++k) to[k] += mass * powers[k];
}

template <bool with_mean>
void accumulate(SpectrumView s, std::ptrdiff_t from, std::ptrdiff_t to, const Grid& grid, Sums& sums) {
    double* const counts = sums.moments.data();
    double* const means = counts + grid.cells * cell_moments;
    for (std::ptrdiff_t i = from; i < to; ++i) {
        const double value = s.eigenvalues[i];
        if (value < smallest_eigenvalue) {
            sums.zero_weight += s.weights[i];
            sums.zero_mean_power += s.mean_power[i];
            continue;
        }
        const double position = (std::log2(value) - grid.first_octave) * cells_per_octave;
        const std::ptrdiff_t cell = std::min(static_cast<std::ptrdiff_t>(position), grid.cells - 1);
        const double t = 2.0 * (position - static_cast<double>(cell)) - 1.0;
        const double t2 = t * t, t3 = t2 * t, t4 = t2 * t2;
        const double powers[cell_moments] = {1.0, t, t2, t3, t4, t4 * t, t4 * t2, t4 * t3};
        add_moments(counts + cell * cell_moments, powers, s.weights[i]);
        if constexpr (with_mean) {
            if (s.mean_power[i] > 0.0) add_moments(means + cell * cell_moments, powers, s.mean_power[i]);
        }
    }
}

Measure cell_rules(const double* moments, const Grid& grid) {
    Measure out;
    for (std::ptrdiff_t c = 0; c < grid.cells; ++c) {
        const double centre = grid.first_octave + (static_cast<double>(c) + 0.5) / cells_per_octave;
        append_cell_rule(moments + c * cell_moments, centre, 0.5 / cells_per_octave, out);
    }
    return out;
}

Range full_range(SpectrumView s, std::ptrdiff_t chunks, int threads) {
    std::vector<Range> ranges(chunks);
    parallel_for(chunks, threads, [&](std::ptrdiff_t i) {
        ranges[i] = range_of(s, chunk_start(s.size, chunks, i), chunk_start(s.size, chunks, i + 1));
    });
    Range all;
    for (const Range& r : ranges) all.include(r);
    return all;
}

Grid grid_for(const Range& range) {
    if (range.high < smallest_eigenvalue) return {0.0, 1, range.mean_power > 0.0};
    const double first = std::floor(std::log2(range.low));
    const double octaves = std::floor(std::log2(range.high)) + 1.0 - first;
    return {first, static_cast<std::ptrdiff_t>(octaves) * cells_per_octave, range.mean_power > 0.0};
}

}  // namespace

Binned bin_spectrum(SpectrumView s, int threads) {
    threads = resolve_threads(threads);
    std::ptrdiff_t chunks = std::clamp<std::ptrdiff_t>(s.size / chunk_size, 1, max_chunks);
    const Grid grid = grid_for(full_range(s, chunks, threads));
    chunks = std::clamp<std::ptrdiff_t>(max_accumulators / grid.slots(), 1, chunks);
    std::vector<Sums> parts(chunks);
    for (Sums& part : parts) part.moments.resize(grid.slots());
    parallel_for(chunks, threads, [&](std::ptrdiff_t i) {
        const std::ptrdiff_t from = chunk_start(s.size, chunks, i), to = chunk_start(s.size, chunks, i + 1);
        if (grid.with_mean) {
            accumulate<true>(s, from, to, grid, parts[i]);
        } else {
            accumulate<false>(s, from, to, grid, parts[i]);
        }
    });
    Sums& total = parts[0];
    for (std::ptrdiff_t i = 1; i < chunks; ++i) {
        for (std::ptrdiff_t k = 0; k < grid.slots(); ++k) total.moments[k] += parts[i].moments[k];
        total.zero_weight += parts[i].zero_weight;
        total.zero_mean_power += parts[i].zero_mean_power;
    }
    Binned out;
    out.counts = cell_rules(total.moments.data(), grid);
    if (grid.with_mean) out.mean_power = cell_rules(total.moments.data() + grid.cells * cell_moments, grid);
    out.zero_weight = total.zero_weight;
    out.zero_mean_power = total.zero_mean_power;
    return out;
}

Measure merge_octaves(const Measure& sorted) {
    Measure out;
    std::size_t from = 0;
    while (from < sorted.size()) {
        const double panel = std::floor(sorted.x[from] / octaves_per_panel);
        Measure part;
        for (; from < sorted.size() && std::floor(sorted.x[from] / octaves_per_panel) == panel; ++from) {
            part.add(sorted.x[from], sorted.mass[from]);
        }
        out.append(part.size() > panel_nodes ? gauss_rule(lanczos(part, panel_nodes), panel_nodes) : part);
    }
    return out;
}

}  // namespace specsched::compression
