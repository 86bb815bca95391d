// What the sweeps over eigenvalues offer, whatever the instruction set. Plain data only: the sweep file is compiled once
// per instruction set with the namespace renamed, and meets the rest of the library in this table.
#pragma once

#include <cstddef>

#include "core/limit.hpp"
#include "core/problem.hpp"

namespace specsched {

struct SweepOperation {
    int kind;  // as in enum Operation: 0 combine, 1 predict, 2 predict_noise
    int first;  // first term
    int count;  // terms
    int level;  // index of the prediction's level, or -1
    int noise;  // index of the noise variance added, or -1
};

// Operation i makes register i + 1; register 0 is the start.
struct SweepProgram {
    int operations, terms, levels, noises;
    const SweepOperation* operation;
    const int* source;  // per term
    const double* factor;  // per term; of a prediction: the share of its error's variance
    const double* level;  // per prediction
    const int* level_kind;  // per prediction: kind of its operation
    const double* noise;  // variance per injection
    int output;  // register of y_0
    double error;  // square of the relative error of a prediction; 0: exact
};

struct SweepEnds {
    Criterion criterion;
    Limit limit;  // of the sampler, where that is what the output is compared with
    double first, last;
};

struct SweepChunk {
    const double* eigenvalues;
    const double* weights;
    const double* mean_power;
    std::ptrdiff_t count;
    double* scratch;
    TermProbe probe{};  // `loss` and `gradient` fill its terms unless they are null
};

// Sums over eigenvalues; a sweep adds to them.
struct SweepSums {
    double sum;
    double by_first, by_last;  // direct derivatives by the end levels
    double* by_factor;  // [terms]
    double* by_level;  // [levels]
    double* by_noise;  // [noises]
};

constexpr int tile_size = 64;  // eigenvalues that one call of `hessian` takes at most
constexpr int slope_width = 5;

// Second derivatives by `directions` levels. Slopes of operation o's coefficients: slot j belongs to direction
// newest[o] - j.
struct SweepTile {
    int directions;
    const int* newest;  // [operations]
    const double* factor_slope;  // [terms x slope_width]
    const double* level_slope;  // [levels x slope_width]
    const double* noise_slope;  // [noises x slope_width]
    SweepSums* sums;
    double* by_level_curvature;  // [levels]: adjoint of gain and error times their second derivatives by the level
    double* by_share_level;  // [levels]: mixed derivative by share and level of a prediction's error
    double* hessian;  // [directions x directions], lower triangle of the symmetric parts
    double* cross;  // [directions x directions]: H += cross + cross^T
};

// A program over channels of affine modes. Rows of all tables are channels, a multiple of channel_padding; those past the
// last channel hold zeros.
constexpr std::ptrdiff_t channel_padding = 8;
struct ChannelSweep {
    SweepProgram program;
    const std::ptrdiff_t* column;  // per operation that predicts: of its level in the tables
    std::ptrdiff_t rows;
    const double *slope, *slope_d;  // k and its derivative by log r [rows x columns]
    double* gain;  // from each register to the output [rows x registers]; holds zeros, and ones for the output
    double* by_shift;  // sums of the gains of a [rows x columns]; holds zeros
};

// The forward sweep after it: m of every register, the sum over a channel's modes of error slope times register.
struct ChannelAdjoints {
    const double *shift, *shift_d;  // the same sums of a, and of its derivative by log r [rows x columns]
    double* moments;  // [rows x registers]; holds m of the start, and what errors of predictions feed
    double *by_factor, *by_log;  // [terms], [levels]: sums of adjoints, of levels by their logarithm; added to
};

struct SweepTable {
    const char* name;
    std::ptrdiff_t (*scratch_size)(const SweepProgram&);
    std::ptrdiff_t (*tile_scratch_size)(const SweepProgram&, int directions);
    void (*transfer)(const SweepProgram&, const SweepChunk&, double* gain, double* injected);
    double (*loss)(const SweepProgram&, const SweepEnds&, const SweepChunk&);
    void (*gradient)(const SweepProgram&, const SweepEnds&, const SweepChunk&, SweepSums&);
    void (*hessian)(const SweepProgram&, const SweepEnds&, const SweepChunk&, const SweepTile&);
    void (*channel_gains)(const ChannelSweep&);
    void (*channel_adjoints)(const ChannelSweep&, const ChannelAdjoints&);
};

// The table for this machine (sweeps_dispatch.cpp).
const SweepTable& sweeps();

}  // namespace specsched
