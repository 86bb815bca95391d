// A recorded program run over modes: errors at the end, what the errors of predictions become, and exact derivatives.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "core/engine/program.hpp"
#include "core/modes/source.hpp"

namespace specsched::modes {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int noise_prediction = 2;  // kind of an operation, as in enum Operation

// Numbers of the derivatives of a run: log r (or r) of each level, then the coefficients of each step (at most table_slots),
// then the model time of each step.
struct Columns {
    int steps, back;
    bool by_log = true;

    int level(int k) const { return k; }
    int coefficient(int step, int j) const { return steps + 1 + step * back + j; }
    int model_time(int step) const { return (steps + 1) + steps * back + step; }
    int count(bool table) const { return table ? steps + 1 + steps * (back + 1) : steps + 1; }
};

// Calls visit(column, value) for each derivative of a program's number.
template <class Visit>
void for_columns(const Slope& slope, const Columns& columns, bool table, const std::vector<double>& sigmas,
                 const Visit& visit) {
    if (slope.constant) return;
    const int newest = slope.step + 1;
    for (int j = 0; j < slots; ++j) {
        const double value = slope.first[static_cast<std::size_t>(j)];
        if (value == 0.0) continue;
        if (table && j >= table_slot) {
            if (j == window)
                visit(columns.model_time(slope.step), value);
            else if (j - table_slot < columns.back)
                visit(columns.coefficient(slope.step, j - table_slot), value);
        } else if (j < window && j <= newest) {
            visit(columns.level(newest - j),
                  columns.by_log ? value * sigmas[static_cast<std::size_t>(newest - j)] : value);
        }
    }
}

class Run {
  public:
    // The program is one of a deterministic solver, with the error of its predictions. Source, program and levels
    // outlive the run. Without `derivatives`, only the errors are there.
    Run(const Source& source, const Program& program, const std::vector<double>& sigmas, bool derivatives);

    // sqrt(weight) (y_0 - exact y_0), one row per mode.
    const ArrayXd& bias() const { return bias_; }
    // Standard deviations of what the error of each prediction adds to y_0: column p for prediction p [channels x p].
    const ArrayXXd& noise() const { return noise_; }
    double bias_sum() const { return bias_.square().sum(); }
    double noise_sum() const { return noise_.square().sum(); }

    // Sums J^T e and J^T J over all rows, by the numbers of `columns`; the ends move along the exact solution. With a
    // table, the program must have been recorded with Parameters::table.
    struct Normal {
        VectorXd gradient;
        MatrixXd matrix;
    };
    Normal normal(const Columns& columns, bool table) const;
    // The rows themselves: modes, then channels of prediction 0, 1, ...
    MatrixXd jacobian(const Columns& columns, bool table) const;

  private:
    struct Prediction {
        int operation;
        ArrayXd gain, gain_d, spread, spread_d;  // [channels]; of the operation, derivatives by its level
        ArrayXd spread_by_share;  // by the share of the smooth error that is its own
        ArrayXd mode_gain, mode_gain_d;  // gain at each mode
        ArrayXd shift, shift_d;  // [modes]
    };
    using Row = std::vector<std::pair<int, double>>;

    Prediction predict(int operation) const;
    void forward();
    void backward();
    void sensitivities();
    Row row(const Slope& slope, const Columns& columns, bool table) const;
    MatrixXd bias_rows(const Columns& columns, bool table) const;
    MatrixXd noise_rows(std::size_t prediction, const Columns& columns, bool table) const;

    const Source& source_;
    const Program& program_;
    const std::vector<double>& sigmas_;
    std::vector<Prediction> predictions_;
    std::vector<int> prediction_of_;  // of each operation, or -1
    ArrayXXd value_;  // [modes x registers]
    ArrayXXd gain_;  // from each register to the output [channels x registers]
    std::vector<ArrayXXd> from_;  // of each prediction: gain from it to each register [channels x registers]
    ArrayXd bias_;
    ArrayXXd noise_;
};

}  // namespace specsched::modes
