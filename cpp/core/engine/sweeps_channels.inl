// Sweeps of a program over the channels of affine modes (core/modes/gradient.hpp), included once per instruction set: a
// prediction is D = k y + a, or (y - D) / r, with k and a from tables.

#include <cstddef>

#include "core/engine/sweeps.hpp"
#include "core/kernels/lanes.hpp"

namespace specsched {
namespace {

static_assert(channel_padding == lane_count, "rows are whole blocks");

// What an operation that predicts makes of a register is factor ((k - own) y + a).
struct ChannelPrediction {
    double factor, own;
    std::ptrdiff_t place;  // of its level in the tables

    ChannelPrediction(const ChannelSweep& s, int o) {
        const SweepOperation& op = s.program.operation[o];
        const bool of_noise = op.kind != 1;
        factor = of_noise ? -1.0 / s.program.level[op.level] : 1.0;
        own = of_noise ? 1.0 : 0.0;
        place = s.rows * s.column[o];
    }
};

void channel_gains(const ChannelSweep& s) {
    const SweepProgram& p = s.program;
    for (int o = p.operations - 1; o >= 0; --o) {
        const SweepOperation& op = p.operation[o];
        const double* const made = s.gain + s.rows * (o + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                double* const read = s.gain + s.rows * p.source[t];
                const Lanes factor(p.factor[t]);
                for (std::ptrdiff_t i = 0; i < s.rows; i += lane_count)
                    (Lanes::load(read + i) + factor * Lanes::load(made + i)).store(read + i);
            }
            continue;
        }
        const ChannelPrediction of(s, o);
        const Lanes factor(of.factor), own(of.own);
        double* const read = s.gain + s.rows * p.source[op.first];
        for (std::ptrdiff_t i = 0; i < s.rows; i += lane_count) {
            const Lanes carried = factor * Lanes::load(made + i);
            double *const to = read + i, *const sum = s.by_shift + of.place + i;
            (Lanes::load(to) + (Lanes::load(s.slope + of.place + i) - own) * carried).store(to);
            (Lanes::load(sum) + carried).store(sum);
        }
    }
}

void channel_adjoints(const ChannelSweep& s, const ChannelAdjoints& to) {
    const SweepProgram& p = s.program;
    for (int o = 0; o < p.operations; ++o) {
        const SweepOperation& op = p.operation[o];
        const double* const gain = s.gain + s.rows * (o + 1);
        double* const made = to.moments + s.rows * (o + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                const double* const read = to.moments + s.rows * p.source[t];
                const Lanes factor(p.factor[t]);
                Lanes sum(0.0);
                for (std::ptrdiff_t i = 0; i < s.rows; i += lane_count) {
                    const Lanes y = Lanes::load(read + i);
                    (Lanes::load(made + i) + factor * y).store(made + i);
                    sum = sum + Lanes::load(gain + i) * y;
                }
                to.by_factor[t] += sum.sum();
            }
            continue;
        }
        const ChannelPrediction of(s, o);
        const Lanes factor(of.factor), own(of.own);
        const double* const read = to.moments + s.rows * p.source[op.first];
        Lanes sum(0.0);
        for (std::ptrdiff_t i = 0; i < s.rows; i += lane_count) {
            const std::ptrdiff_t at = of.place + i;
            const Lanes y = Lanes::load(read + i);
            const Lanes said = factor * (Lanes::load(to.shift + at) + (Lanes::load(s.slope + at) - own) * y);
            const Lanes moved = factor * (Lanes::load(s.slope_d + at) * y + Lanes::load(to.shift_d + at));
            (Lanes::load(made + i) + said).store(made + i);
            sum = sum + Lanes::load(gain + i) * (moved - own * said);
        }
        to.by_log[op.level] += sum.sum();
    }
}

}  // namespace
}  // namespace specsched
