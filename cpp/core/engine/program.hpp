// A recorded run as flat arrays of numbers: what the sweeps over eigenvalues execute.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/engine/sweeps.hpp"
#include "core/engine/tape.hpp"
#include "core/problem.hpp"

namespace specsched {

static_assert(window == slope_width, "tape and sweeps must agree");
constexpr int slots = window + 1;  // derivatives of a coefficient: by the levels of its step, and by eta

// Derivatives of one coefficient (a factor, a level or a noise variance) of step `step`;
// slot j < window belongs to sigmas[step + 1 - j] (but see Parameters::table).
struct Slope {
    int step;
    bool constant;
    std::array<double, slots> first;
};
struct Curvature {
    std::array<double, window * window> second;
};

// Coefficients are numbered: factors of terms, then levels of predictions, then noise variances. The factor of a
// prediction's one term is the share of its error's variance (1 without errors).
struct Program {
    std::vector<SweepOperation> operations;
    std::vector<int> source, level_kind;
    std::vector<double> factor, level, noise;
    std::vector<Slope> factor_slope, level_slope, noise_slope;
    std::vector<Curvature> factor_curvature, level_curvature, noise_curvature;
    std::vector<int> step_end;     // operations recorded up to the end of each step
    std::vector<int> step_output;  // register of y after each step
    int evaluations = 0;
    double error = 0.0;            // square of the relative error of a prediction
    bool second_order = false;

    SweepProgram view() const {
        return {static_cast<int>(operations.size()),
                static_cast<int>(source.size()),
                static_cast<int>(level.size()),
                static_cast<int>(noise.size()),
                operations.data(),
                source.data(),
                factor.data(),
                level.data(),
                level_kind.data(),
                noise.data(),
                step_output.back(),
                error};
    }
};

enum class Derivatives { none, first, second };

// What slots of the first derivatives belong to besides levels. eta: slot `window` to the eta of the step. table: slots
// `table_slot` + j to coefficient j of the step, slot `window` to its model time; a step by a table depends on no level
// before its own, so that these slots are free.
enum class Parameters { none, eta, table };
constexpr int table_slot = 2;
constexpr int table_slots = window - table_slot;  // further coefficients have no derivatives

// Runs the solver over the schedule. `error` is the relative denoiser error (engine.hpp).
Program record(const SolverSpec& spec, const LevelsView& levels, double error, Derivatives derivatives,
               Parameters parameters = Parameters::none);

}  // namespace specsched
