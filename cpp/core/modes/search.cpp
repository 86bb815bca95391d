#include "core/modes/search.hpp"

#include <algorithm>

#include "core/modes/run.hpp"

namespace specsched::modes {

namespace {

constexpr double longest_gap_step = 1.5;  // of the log of a gap: a local model knows no more
constexpr double longest_coefficient_step = 1.0;
constexpr double widest = 25.0;  // of the log of a gap over its room: beyond it nothing changes

}  // namespace

Search::Search(const Problem& problem, bool designs_table)
    : problem_(problem),
      designs_table_(designs_table),
      designs_levels_(problem.schedule.empty()),
      gaps_(problem.ends, problem.steps) {
    if (!designs_table) return;
    back_ = static_cast<int>(problem.spec.order) - 1;
    for (int n = 1; n < problem.steps; ++n)
        for (int j = 0; j < std::min(back_, n); ++j) entries_.emplace_back(n, j);
}

SolverSpec Search::spec_of(const Candidate& candidate) const {
    SolverSpec spec = problem_.spec;
    if (!designs_table_) return spec;
    spec.coefficients.clear();
    for (Eigen::Index n = 0; n < candidate.table.rows(); ++n)
        for (Eigen::Index j = 0; j < candidate.table.cols(); ++j) spec.coefficients.push_back(candidate.table(n, j));
    return spec;
}

double Search::sum(const Candidate& candidate) {
    ++evaluations_;
    const Sums sums = evaluate(problem_.source, spec_of(candidate), candidate.sigmas, problem_.eta);
    return sums.bias + sums.noise;
}

Eigen::VectorXd Search::pack(const Candidate& candidate) const {
    const int levels = designs_levels_ ? gaps_.size() : 0;
    Eigen::VectorXd z(levels + static_cast<int>(entries_.size()));
    if (designs_levels_) z.head(levels) = gaps_.from_levels(candidate.sigmas);
    for (std::size_t i = 0; i < entries_.size(); ++i)
        z[levels + static_cast<int>(i)] = candidate.table(entries_[i].first, entries_[i].second);
    return z;
}

Candidate Search::unpack(const Eigen::VectorXd& z, const Candidate& like) const {
    Candidate out = like;
    const int levels = designs_levels_ ? gaps_.size() : 0;
    if (designs_levels_) out.sigmas = gaps_.levels(z.head(levels));
    for (std::size_t i = 0; i < entries_.size(); ++i)
        out.table(entries_[i].first, entries_[i].second) = z[levels + static_cast<int>(i)];
    return out;
}

Squares Search::squares(const Candidate& at, const Eigen::VectorXd& z, bool derivatives) {
    Squares out;
    if (!derivatives) {
        out.sum = sum(at);
        return out;
    }
    ++evaluations_;
    const LevelsView view{at.sigmas.data(), static_cast<std::ptrdiff_t>(at.sigmas.size())};
    const Program program = record(spec_of(at), view, problem_.eta, Derivatives::first,
                                   designs_table_ ? Parameters::table : Parameters::none);
    const Run run(problem_.source, program, at.sigmas, true);
    out.sum = run.bias_sum() + run.noise_sum();
    const Columns columns{problem_.steps, back_};
    const Run::Normal normal = run.normal(columns, designs_table_);
    // Derivatives of the run's numbers by z.
    const int levels = designs_levels_ ? gaps_.size() : 0;
    Eigen::MatrixXd by = Eigen::MatrixXd::Zero(normal.gradient.size(), z.size());
    if (levels > 0) by.topLeftCorner(problem_.steps + 1, levels) = gaps_.slopes(z.head(levels));
    for (std::size_t i = 0; i < entries_.size(); ++i)
        by(columns.coefficient(entries_[i].first, entries_[i].second), levels + static_cast<int>(i)) = 1.0;
    out.gradient = by.transpose() * normal.gradient;
    out.matrix = by.transpose() * normal.matrix * by;
    return out;
}

Bounds Search::bounds(Eigen::Index size) const {
    const int levels = designs_levels_ ? gaps_.size() : 0;
    Bounds b{Eigen::VectorXd::Constant(size, -widest), Eigen::VectorXd::Constant(size, widest),
             Eigen::VectorXd::Constant(size, longest_gap_step)};
    const Eigen::Index entries = size - levels;
    b.low.tail(entries).setConstant(-problem_.coefficient_limit);
    b.high.tail(entries).setConstant(problem_.coefficient_limit);
    b.longest.tail(entries).setConstant(longest_coefficient_step);
    return b;
}

Candidate Search::polish(const Candidate& start, const LeastSquaresOptions& options, Found& found) {
    const Eigen::VectorXd z = pack(start);
    const LeastSquares best =
        minimise_squares([&](const Eigen::VectorXd& point,
                             bool derivatives) { return squares(unpack(point, start), point, derivatives); },
                         z, bounds(z.size()), options);
    found.slope = best.slope;
    found.iterations += best.iterations;
    found.converged = best.converged;
    Candidate out = unpack(best.z, start);
    out.sum = best.sum;
    return out;
}

}  // namespace specsched::modes
