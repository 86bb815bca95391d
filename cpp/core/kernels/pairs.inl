// Second derivatives of DDIM's loss by the log-levels, included once per instruction set (docs/design.md).
//
// theta = sum over pairs of log(lambda + r r') - log(lambda + r^2). With a = r r' / (lambda + r r') of a pair and
// b = r^2 / (lambda + r^2) of a level, d theta / d log r = a_above + a_below - 2 b, and a (1 - a), b (1 - b) bend it.
#pragma once

#include "core/kernels/kernels.hpp"
#include "core/kernels/lanes.hpp"

namespace specsched {
namespace {

SPECSCHED_INLINE Lanes absolute(const Lanes& x) {
    return map_lanes(x, [](double v) { return v < 0.0 ? -v : v; });
}

// Sums by lanes: of a pair's bend, of a level's bend, of a pair's stiffness.
struct PairSums {
    double *pair, *level, *stiff;

    PairSums(double* scratch, std::ptrdiff_t levels)
        : pair(scratch), level(pair + lane_count * (levels + 1)), stiff(level + lane_count * (levels + 1)) {
        for (std::ptrdiff_t i = 0; i < lane_count * pair_rows(levels); ++i) scratch[i] = 0.0;
    }
    static SPECSCHED_INLINE void add(double* row, std::ptrdiff_t k, const Lanes& x) {
        (Lanes::load(row + lane_count * k) + x).store(row + lane_count * k);
    }
    static double at(const double* row, std::ptrdiff_t k) { return Lanes::load(row + lane_count * k).sum(); }
};

SPECSCHED_FLATTEN void ddim_pairs_of(const PairDerivatives& p, std::ptrdiff_t row, const PairSums& sums) {
    const Lanes one(1.0), lambda = Lanes::load(p.eigenvalues + row), slope = Lanes::load(p.slope + row);
    const Lanes root = Lanes::load(p.root + row), steep = p.stiffness ? absolute(slope) : slope;
    Lanes above(0.0);
    for (std::ptrdiff_t k = 0; k <= p.levels; ++k) {  // the pair of levels k and k + 1
        const double r = p.sigma[k];
        const Lanes product(r * p.sigma[k + 1]), a = product / (lambda + product), bend = a * (one - a);
        Lanes level(0.0);
        if (k > 0) {
            const Lanes square(r * r), b = square / (lambda + square);
            level = b * (one - b);
            (root * (above + a - b - b)).store(p.jacobian + (k - 1) * p.rows + row);
            PairSums::add(sums.level, k, slope * level);
        }
        PairSums::add(sums.pair, k, slope * bend);
        // Below the last pair there is no spring to a free level: its own bend and the level's act together.
        if (p.stiffness) {
            const Lanes net = k == p.levels ? absolute(bend - Lanes(4.0) * level) : bend;
            PairSums::add(sums.stiff, k, steep * net);
        }
        above = a;
    }
}

void ddim_pairs(const PairDerivatives& p) {
    const PairSums sums(p.scratch, p.levels);
    for (std::ptrdiff_t row = 0; row < p.rows; row += lane_count) ddim_pairs_of(p, row, sums);
    double before = 0.0;
    for (std::ptrdiff_t k = 0; k <= p.levels; ++k) {
        const double bend = PairSums::at(sums.pair, k);
        if (k > 0) p.diagonal[k - 1] = before + bend - 4.0 * PairSums::at(sums.level, k);
        if (k > 0 && k < p.levels) p.off_diagonal[k - 1] = bend;
        if (p.stiffness) p.stiffness[k] = PairSums::at(sums.stiff, k);
        before = bend;
    }
}

}  // namespace
}  // namespace specsched
