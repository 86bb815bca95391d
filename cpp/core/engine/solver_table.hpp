// The table of solvers: one row each. Adding a solver means one header in solvers/ and one row in solver_table.cpp.
#pragma once

#include <string>
#include <vector>

#include "core/engine/tape.hpp"

namespace specsched {

using First = Dual<double, window + 1>;
using Second = Dual<Dual<double, window>, window>;

struct OptionRow {
    const char* name;
    double SolverSpec::* field;
    double value, low, high;
    bool integer;
};

struct SolverRow {
    std::string name;
    std::vector<std::string> aliases;
    std::vector<OptionRow> options;
    bool needs_noise_at_end;  // cannot end at level 0
    double eta_power;  // many-step limit: the deviation from the mean drifts 1 + eta^eta_power times as fast as
    // in the probability flow (2 for ancestral steps, 1 for integrators of the SDE)
    bool needs_table;  // of coefficients
    void (*step)(const Step<double>&, Tape<double>&, Carry&);
    void (*step_first)(const Step<First>&, Tape<First>&, Carry&);
    void (*step_second)(const Step<Second>&, Tape<Second>&, Carry&);
};

const std::vector<SolverRow>& solver_table();

inline bool has_option(const SolverRow& row, double SolverSpec::* field) {
    for (const OptionRow& option : row.options)
        if (option.field == field) return true;
    return false;
}

}  // namespace specsched
