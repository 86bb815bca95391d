// Levels, and coefficients of the multistep solver, with the least error on a set of modes.
#pragma once

#include <string>
#include <vector>

#include "core/engine/solver_spec.hpp"
#include "core/modes/gaps.hpp"
#include "core/modes/gradient.hpp"
#include "core/modes/source.hpp"
#include "core/modes/table.hpp"

namespace specsched::modes {

struct Problem {
    const Source& source;
    SolverSpec spec;  // deterministic; multistep without coefficients: they are designed too
    Ends ends;
    int steps;
    double eta;                      // error of predictions, a fraction of the posterior's spread (source.hpp)
    double coefficient_limit = 4.0;  // searches stay within +- this; tables of fixed solvers may lie outside
    std::vector<double> schedule;    // fixed levels; empty: they are designed
};

struct Options {
    int max_iterations = 60;
    double tolerance = 1e-7;  // relative decrease of the sum at which a search ends
    int most_starts = 6;      // searches from different starts
};

struct Found {
    std::vector<double> sigmas;
    Table table;                           // designed coefficients [steps x order - 1], or empty
    double bias_sum = 0.0, noise_sum = 0.0;  // sums of squares (run.hpp)
    double slope = 0.0;                    // largest free derivative of the sum, relative to it
    int iterations = 0, evaluations = 0;
    bool converged = false;
    std::string origin;                    // of the start that led here
};

// `starts`: rows of levels with the ends of the problem. Never worse, in bias + noise, than any start that meets floor and
// least ratio, or than the fixed tables that a designed one starts from.
Found design(const Problem& problem, const std::vector<std::vector<double>>& starts, const Options& options);

Sums evaluate(const Source& source, const SolverSpec& spec, const std::vector<double>& sigmas, double eta);

}  // namespace specsched::modes
