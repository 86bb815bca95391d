#include <cmath>
#include <type_traits>

#include "core/engine/engine.hpp"
#include "core/engine/program.hpp"
#include "core/engine/solver_table.hpp"

namespace specsched {

namespace {

double make_variable(double value, int, double*) { return value; }
First make_variable(double value, int slot, First*) { return First::variable(value, slot); }
Second make_variable(double value, int slot, Second*) {
    Second x;
    x.value = Dual<double, window>::variable(value, slot);
    x.d[slot] = Dual<double, window>(1.0);
    return x;
}

Slope slope(int step, const First& x) {
    Slope s{step, true, {}};
    for (int j = 0; j < slots; ++j) {
        s.first[j] = x.d[j];
        s.constant = s.constant && x.d[j] == 0.0;
    }
    return s;
}
Slope slope(int step, const Second& x) {
    Slope s{step, true, {}};
    for (int j = 0; j < window; ++j) {
        s.first[j] = x.value.d[j];
        s.constant = s.constant && is_zero(x.d[j]);
    }
    return s;
}

Curvature curvature(const Second& x) {
    Curvature c;
    for (int i = 0; i < window; ++i)
        for (int j = 0; j < window; ++j) c.second[i * window + j] = x.d[i].d[j];
    return c;
}

// Share of the error's variance that the prediction before does not tell: 1 - rho^2 with the correlation
// rho = exp(-gap^2 / (2 error_length^2)), gap the distance in log sigma to the level of the schedule above. Steps by a
// table may give neighbours any weight, so that what they have in common need not be what it is in the limit: a table that
// uses only the second of two near levels would seem to be free of errors. There it is 1.
template <class T>
T error_share(const Step<T>& step, const T& level) {
    using std::expm1;
    using std::log;
    if (step.table) return T(1.0);
    const double own = value_of(level) * (1.0 + 1e-9);
    for (int j = 0; own > 0.0 && j < window && j <= step.index + 1; ++j) {
        if (!(value_of(step.levels[j]) > own)) continue;
        const T gap = log(step.levels[j] / level) / T(error_length);
        return -expm1(-(gap * gap));
    }
    return T(1.0);
}

// Appends one coefficient with the derivatives its type carries.
template <class T>
void append(int step, const T& x, std::vector<double>& value, std::vector<Slope>& slopes,
            std::vector<Curvature>& curvatures) {
    value.push_back(value_of(x));
    if constexpr (!std::is_same_v<T, double>) slopes.push_back(slope(step, x));
    if constexpr (std::is_same_v<T, Second>) curvatures.push_back(curvature(x));
}

// Moves what a step recorded to the flat program.
template <class T>
void flush(const Step<T>& step, Tape<T>& tape, Program& program) {
    const int index = step.index;
    for (const auto& record : tape.records()) {
        SweepOperation operation{static_cast<int>(record.operation), static_cast<int>(program.source.size()),
                                 record.count, -1, -1};
        if (record.operation == Operation::combine) {
            for (int t = record.first; t < record.first + record.count; ++t) {
                const Term<T>& term = tape.terms()[t];
                program.source.push_back(term.from);
                append(index, term.factor, program.factor, program.factor_slope, program.factor_curvature);
            }
        } else {
            const Term<T>& term = tape.terms()[record.first];
            program.source.push_back(term.from);
            append(index, program.error > 0.0 ? error_share(step, record.level) : T(1.0), program.factor,
                   program.factor_slope, program.factor_curvature);
            operation.level = static_cast<int>(program.level.size());
            program.level_kind.push_back(operation.kind);
            append(index, record.level, program.level, program.level_slope, program.level_curvature);
            ++program.evaluations;
        }
        if (!is_zero(record.noise)) {
            operation.noise = static_cast<int>(program.noise.size());
            append(index, record.noise, program.noise, program.noise_slope, program.noise_curvature);
        }
        program.operations.push_back(operation);
    }
    tape.clear();
}

// Row k of the table, as variables where derivatives by it are asked for.
template <class T>
StepTable<T> step_table(const SolverSpec& spec, int k, Parameters parameters) {
    const int back = spec.coefficients.empty() ? 0 : static_cast<int>(spec.order) - 1;
    StepTable<T> table{std::vector<T>(static_cast<std::size_t>(back)), T(0.0)};
    for (int j = 0; j < back; ++j) table.coefficient[j] = T(spec.coefficients[k * back + j]);
    if (!spec.model_times.empty()) table.model_time = T(spec.model_times[k]);
    if constexpr (std::is_same_v<T, First>) {
        if (parameters != Parameters::table) return table;
        for (int j = 0; j < back && j < table_slots; ++j) table.coefficient[j].d[table_slot + j] = 1.0;
        table.model_time.d[window] = 1.0;
    }
    return table;
}

template <class T, class StepFunction>
Program record_as(const SolverSpec& spec, const LevelsView& levels, double error, StepFunction step_function,
                  Parameters parameters) {
    const int steps = static_cast<int>(levels.steps());
    Program program;
    program.second_order = std::is_same_v<T, Second>;
    program.operations.reserve(4 * steps);
    program.source.reserve(8 * steps);
    program.factor.reserve(8 * steps);
    program.level.reserve(2 * steps);
    program.level_kind.reserve(2 * steps);
    program.step_end.reserve(steps);
    program.step_output.reserve(steps);
    if constexpr (!std::is_same_v<T, double>) {
        program.factor_slope.reserve(8 * steps);
        program.level_slope.reserve(2 * steps);
    }
    program.error = error * error;
    Tape<T> tape;
    Carry carry;
    const bool by_table = !spec.coefficients.empty() || !spec.model_times.empty();
    StepTable<T> table;
    for (int k = 0; k < steps; ++k) {
        const double eta = spec.eta_steps.empty() ? spec.eta : spec.eta_steps[k];
        Step<T> step{spec, k, steps, levels.last() == 0.0, {}, T(eta), by_table ? &table : nullptr};
        if (by_table) table = step_table<T>(spec, k, parameters);
        for (int j = 0; j < window && j <= k + 1; ++j)
            step.levels[j] = make_variable(levels.sigmas[k + 1 - j], j, static_cast<T*>(nullptr));
        if constexpr (std::is_same_v<T, First>)
            if (parameters == Parameters::eta) step.eta = First::variable(eta, window);
        step_function(step, tape, carry);
        flush(step, tape, program);
        program.step_end.push_back(static_cast<int>(program.operations.size()));
        program.step_output.push_back(carry.y);
    }
    return program;
}

}  // namespace

Program record(const SolverSpec& spec, const LevelsView& levels, double error, Derivatives derivatives,
               Parameters parameters) {
    const SolverRow& row = solver_table()[spec.solver];
    switch (derivatives) {
        case Derivatives::first: return record_as<First>(spec, levels, error, row.step_first, parameters);
        case Derivatives::second: return record_as<Second>(spec, levels, error, row.step_second, Parameters::none);
        case Derivatives::none: break;
    }
    return record_as<double>(spec, levels, error, row.step, Parameters::none);
}

}  // namespace specsched
