// Gauss rules of discrete measures: n nodes with positive weights that integrate polynomials of degree 2n - 1 exactly.
#pragma once

#include <Eigen/Core>

#include "core/compress/measure.hpp"

namespace specsched::compression {

// Recurrence coefficients of the orthonormal polynomials on x = centre + half * t; leading blocks give smaller rules.
struct Jacobi {
    std::vector<double> diagonal;
    std::vector<double> off_diagonal;
    double mass = 0.0;
    double centre = 0.0;
    double half = 1.0;

    int size() const { return static_cast<int>(diagonal.size()); }
};

// Lanczos with full reorthogonalisation, no further than asked for: every coefficient costs more than the one before.
// Stops early once the measure is exhausted.
class Lanczos {
  public:
    Lanczos(const Measure& measure, int max_nodes);
    const Jacobi& up_to(int nodes);
    int most() const { return static_cast<int>(basis_.cols()); }

  private:
    void advance();

    Jacobi found_;
    bool exhausted_ = false;
    Eigen::VectorXd t_, next_, overlap_;
    Eigen::MatrixXd basis_;
};

inline Jacobi lanczos(const Measure& measure, int max_nodes) { return Lanczos(measure, max_nodes).up_to(max_nodes); }

// The rule of the leading `nodes` coefficients (Golub and Welsch 1969), nodes ascending.
Measure gauss_rule(const Jacobi& jacobi, int nodes);

// Moments of t^0 ... t^7, t in [-1, 1], that a cell of the binning keeps: enough for four nodes.
constexpr int cell_moments = 8;

// Appends the rule of one cell, x = centre + half * t, with as many nodes as its moments determine.
void append_cell_rule(const double* moments, double centre, double half, Measure& out);

}  // namespace specsched::compression
