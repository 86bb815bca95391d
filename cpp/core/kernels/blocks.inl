// What the dense kernels share: blocks of eigenvalues, their loss terms, zero eigenvalues and the two ends.
#pragma once

#include <cstddef>

#include "core/ends.hpp"
#include "core/kernels/kernels.hpp"
#include "core/kernels/lanes.hpp"

namespace specsched {
namespace {

// Within these bounds a product of eight denominators neither overflows nor underflows.
constexpr double group_low = 1e-36, group_high = 1e36;

constexpr double smallest_variance = 1e-300;

// Steps that share one division, and blocks whose slopes share one pass over the accumulators.
constexpr int group = 4, blocks_at_once = 2;

// One block of eigenvalues; entries that count as zero are parked at 1 with no weight and summed apart.
struct Block {
    Lanes lambda, weight, mean_power;
    bool groupable;
};

struct ZeroShare {
    double weight = 0.0, mean_power = 0.0;
    bool any() const { return weight > 0.0 || mean_power > 0.0; }
};

// Blocks with lanes past the end, zero eigenvalues, or eigenvalues that cannot share divisions.
Block load_odd_block(const KernelChunk& chunk, std::ptrdiff_t start, double largest_square, ZeroShare& zeros) {
    double value[lane_count], weight[lane_count], power[lane_count];
    bool groupable = largest_square <= group_high;
    for (int l = 0; l < lane_count; ++l) {
        const std::ptrdiff_t i = start + l;
        const bool inside = i < chunk.count;
        const double x = inside ? chunk.eigenvalues[i] : 1.0;
        const bool zero = x < smallest_eigenvalue;
        value[l] = zero ? 1.0 : x;
        weight[l] = inside && !zero ? chunk.weights[i] : 0.0;
        power[l] = inside && !zero ? chunk.mean_power[i] : 0.0;
        if (inside && zero) {
            zeros.weight += chunk.weights[i];
            zeros.mean_power += chunk.mean_power[i];
        }
        groupable = groupable && value[l] >= group_low && value[l] <= group_high;
    }
    return {Lanes::load(value), Lanes::load(weight), Lanes::load(power), groupable};
}

SPECSCHED_INLINE Block load_block(const KernelChunk& chunk, std::ptrdiff_t start, double largest_square,
                                  ZeroShare& zeros) {
    if (start + lane_count <= chunk.count) {
        bool plain = largest_square <= group_high;
        for (int l = 0; l < lane_count; ++l)
            plain &= chunk.eigenvalues[start + l] >= group_low && chunk.eigenvalues[start + l] <= group_high;
        if (plain)
            return {Lanes::load(chunk.eigenvalues + start), Lanes::load(chunk.weights + start),
                    Lanes::load(chunk.mean_power + start), true};
    }
    return load_odd_block(chunk, start, largest_square, zeros);
}

// Calls body(first lane) for each strip of a block.
template <class Body>
inline void for_strips(const Body& body) {
    for (int at = 0; at < lane_count; at += Strip::size) body(at);
}

// top / (lambda + x) of a group of steps with one division.
struct Reciprocals {
    Strip value[group];
};
inline Reciprocals reciprocals(const Strip& top, const Strip& lambda, const double* x) {
    Strip d[group];
    for (int j = 0; j < group; ++j) d[j] = lambda + Strip(x[j]);
    const Strip d01 = d[0] * d[1], d23 = d[2] * d[3];
    const Strip inverse = top / (d01 * d23);
    const Strip i01 = inverse * d23, i23 = inverse * d01;
    return {{i01 * d[1], i01 * d[0], i23 * d[3], i23 * d[2]}};
}

// The loss term of a block and its two slopes: by log std at fixed mean error, and by the mean error.
struct BlockTerm {
    Lanes value, by_log_std, by_mean_error;

    // Slope by the variance in y; where that underflows the slope by its logarithm is 0, and stays 0.
    Lanes by_variance(const Lanes& variance) const {
        return by_log_std * Lanes(0.5) / (variance + Lanes(smallest_variance));
    }
};

template <class L>
SPECSCHED_FLATTEN BlockTerm block_term(const Block& b, const Lanes& root, const Lanes& std, const Lanes& excess,
                                       const Lanes& mean_error) {
    using D = Dual<Lanes, 2>;
    OutputMoments<D> out;
    out.std = D(std);
    out.std.d[0] = std;
    out.std.d[1] = Lanes(0.0);
    out.excess = D(excess);
    out.excess.d[0] = std * std * Lanes(2.0);
    out.excess.d[1] = Lanes(0.0);
    out.mean_error = D(mean_error);
    out.mean_error.d[0] = Lanes(0.0);
    out.mean_error.d[1] = Lanes(1.0);
    const D term = L::template term<D, Lanes>(b.lambda, root, b.weight, b.mean_power, out);
    return {term.value, term.d[0], term.d[1]};
}

// Writes what the chunk's probe asks for: term_of(block) with its weights. Zero eigenvalues are summed apart.
template <class TermOf>
inline void answer_probe(const KernelChunk& chunk, std::ptrdiff_t start, const Block& b, const TermOf& term_of) {
    if (!chunk.probe.terms) return;
    double weight[lane_count] = {}, power[lane_count] = {}, each[lane_count];
    for (int l = 0; l < lane_count && start + l < chunk.count; ++l) {
        weight[l] = chunk.probe.weights[start + l];
        power[l] = chunk.probe.mean_power[start + l];
    }
    term_of(Block{b.lambda, Lanes::load(weight), Lanes::load(power), b.groupable}).store(each);
    for (int l = 0; l < lane_count && start + l < chunk.count; ++l)
        chunk.probe.terms[start + l] = chunk.eigenvalues[start + l] < smallest_eigenvalue ? 0.0 : each[l];
}

// d/d r_0, d/d r_S and d/d log scale of a block.
struct EndSlopes {
    Lanes first{0.0}, last{0.0}, scale{0.0};

    // The scale of the result acts on the spread and on the mean error in the same way for every sampler.
    void add_scale(const BlockTerm& term, const EndTable& ends, const Lanes& gain) {
        scale = scale + term.by_log_std - term.by_mean_error * Lanes(ends.scale) * (Lanes(1.0) - gain);
    }
};

inline void clear_rows(double* rows, std::ptrdiff_t count) {
    for (std::ptrdiff_t i = 0; i < lane_count * count; ++i) rows[i] = 0.0;
}

// Adds slope_b * row k of block b to accumulator k for 1 <= k < steps; each accumulator is touched once.
template <int blocks>
void add_rows(std::ptrdiff_t steps, const double* rows, std::ptrdiff_t stride, const Lanes* slope,
              double* accumulators) {
    for (std::ptrdiff_t k = 1; k < steps; ++k) {
        Lanes sum = Lanes::load(accumulators + lane_count * k);
        for (int b = 0; b < blocks; ++b) sum = sum + Lanes::load(rows + b * stride + lane_count * k) * slope[b];
        sum.store(accumulators + lane_count * k);
    }
}

// Slope rows that wait for one common pass.
class WaitingRows {
  public:
    WaitingRows(double* scratch, std::ptrdiff_t steps, bool wanted)
        : scratch_(scratch), steps_(steps), accumulators_(scratch + blocks_at_once * stride()) {
        if (wanted) clear_rows(accumulators_, steps + 1);
    }
    static std::ptrdiff_t rows(std::ptrdiff_t steps) { return blocks_at_once * steps + steps + 1; }

    // Where the next block writes its rows.
    double* next() { return scratch_ + waiting_ * stride(); }
    void push(const Lanes& slope) {
        slopes_[waiting_++] = slope;
        if (waiting_ < blocks_at_once) return;
        add_rows<blocks_at_once>(steps_, scratch_, stride(), slopes_, accumulators_);
        waiting_ = 0;
    }
    void finish(double* gradient) {
        for (int b = 0; b < waiting_; ++b) add_rows<1>(steps_, scratch_ + b * stride(), 0, slopes_ + b, accumulators_);
        for (std::ptrdiff_t k = 1; k < steps_; ++k) gradient[k] = Lanes::load(accumulators_ + lane_count * k).sum();
    }

  private:
    std::ptrdiff_t stride() const { return lane_count * steps_; }
    double* scratch_;
    std::ptrdiff_t steps_;
    double* accumulators_;
    Lanes slopes_[blocks_at_once];
    int waiting_ = 0;
};

// ---- lambda = 0 --------------------------------------------------------------------------------------------------

// What a zero eigenvalue becomes: P, and the variance in y.
struct ZeroMoments {
    double gain, variance;
};

// Samplers whose result at lambda = 0 depends on the two ends alone: Form gives it in closed form.
template <class Form>
struct ClosedZero {
    static ZeroMoments moments(const StepTable& table, const EndTable& ends) {
        const double first = table.sigma[0], last = table.sigma[table.steps];
        return {Form::gain(first, last), Form::variance(first, last, ends.start_variance)};
    }
    template <class L>
    static double sum(const StepTable& table, const EndTable& end_table, const ZeroShare& share, KernelChunk& chunk) {
        using D = Dual<double, 2>;
        const D first = D::variable(table.sigma[0], 0), last = D::variable(table.sigma[table.steps], 1);
        Criterion criterion;
        criterion.process = static_cast<Process>(end_table.process);
        const Ends<D> ends(criterion, first, last);
        const D variance = Form::variance(first, last, ends.start_variance) * (ends.scale * ends.scale);
        const D mean_error = Form::gain(first, last) * ends.scale + ends.lost;
        const D sum = L::at_zero(variance, mean_error, share.weight, share.mean_power);
        if (chunk.gradient) {
            chunk.gradient[0] += sum.d[0];
            chunk.gradient[table.steps] += sum.d[1];
        }
        return sum.value;
    }
};

// Writes the gain and variance of a block where they are asked for.
inline void write_moments(const KernelChunk& chunk, const EndTable& ends, const ZeroMoments& zero, std::ptrdiff_t start,
                          const Lanes& gain, const Lanes& variance, const Lanes& excess) {
    double p[lane_count], v[lane_count], e[lane_count];
    gain.store(p);
    variance.store(v);
    excess.store(e);
    for (int l = 0; l < lane_count && start + l < chunk.count; ++l) {
        const bool is_zero = chunk.eigenvalues[start + l] < smallest_eigenvalue;
        chunk.gain[start + l] = is_zero ? zero.gain : p[l];
        chunk.variance[start + l] = is_zero ? zero.variance * ends.scale * ends.scale : v[l];
        if (chunk.excess) chunk.excess[start + l] = is_zero ? chunk.variance[start + l] : e[l];
    }
}

}  // namespace
}  // namespace specsched
