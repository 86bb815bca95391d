// One search from one start: levels as gaps, and coefficients, by least squares.
#pragma once

#include "core/modes/design.hpp"
#include "core/modes/least_squares.hpp"

namespace specsched::modes {

// A point of the design space. `table` is empty for solvers that have none.
struct Candidate {
    std::vector<double> sigmas;
    Table table;
    double sum = 0.0;
    std::string origin;
};

class Search {
  public:
    // The sum over the modes of this problem, for its solver (with free coefficients if `designs_table`).
    Search(const Problem& problem, bool designs_table);

    double sum(const Candidate& candidate);
    // The local optimum from here; writes slope, iterations and evaluations to `found`.
    Candidate polish(const Candidate& start, const LeastSquaresOptions& options, Found& found);
    SolverSpec spec_of(const Candidate& candidate) const;
    int evaluations() const { return evaluations_; }

  private:
    Eigen::VectorXd pack(const Candidate& candidate) const;
    Candidate unpack(const Eigen::VectorXd& z, const Candidate& like) const;
    Squares squares(const Candidate& at, const Eigen::VectorXd& z, bool derivatives);
    Bounds bounds(Eigen::Index size) const;

    const Problem& problem_;
    bool designs_table_, designs_levels_;
    int back_ = 0;
    Gaps gaps_;
    std::vector<std::pair<int, int>> entries_;  // of the table that are free: step, column
    int evaluations_ = 0;
};

}  // namespace specsched::modes
