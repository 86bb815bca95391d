#include "core/modes/design.hpp"

#include <algorithm>
#include <cmath>

#include "core/modes/search.hpp"
#include "core/sort_by.hpp"

namespace specsched::modes {

Sums evaluate(const Source& source, const SolverSpec& spec, const std::vector<double>& sigmas, double eta) {
    const LevelsView view{sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())};
    const Program program = record(spec, view, eta, Derivatives::none);
    return sums(source, program, sigmas);
}

namespace {

using Levels = std::vector<double>;

// Exponents of the EDM family that starts are taken from, 1 (equal steps in sigma) to nearly equal steps in log sigma.
constexpr double edm_exponents[] = {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0};
// Lowest positive levels of these starts where neither a last level nor a floor says it, as shares of the first.
constexpr double lowest_shares[] = {1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4};

Levels edm(const Ends& ends, int steps, double lowest, double rho) {
    const int inner = ends.last > 0.0 ? steps : steps - 1;
    Levels sigmas(static_cast<std::size_t>(steps) + 1, ends.last);
    const double high = std::pow(ends.first, 1.0 / rho), low = std::pow(lowest, 1.0 / rho);
    for (int k = 0; k <= inner; ++k)
        sigmas[static_cast<std::size_t>(k)] = inner == 0 ? ends.first : std::pow(high + (low - high) * k / inner, rho);
    sigmas[0] = ends.first;
    if (ends.last > 0.0) sigmas[static_cast<std::size_t>(steps)] = ends.last;
    return sigmas;
}

bool allowed(const Levels& sigmas, const Ends& ends) {
    constexpr double near = 1.0 - 1e-12;
    for (std::size_t k = 0; k + 1 < sigmas.size(); ++k) {
        if (sigmas[k + 1] == 0.0) return sigmas[k] >= ends.floor * near;
        if (!(sigmas[k] >= sigmas[k + 1] * ends.least_ratio * near) || !(sigmas[k] > sigmas[k + 1])) return false;
    }
    return true;
}

std::vector<Levels> all_starts(const Problem& problem, const std::vector<Levels>& given) {
    if (!problem.schedule.empty()) return {problem.schedule};
    std::vector<Levels> out;
    for (const Levels& start : given)
        if (allowed(start, problem.ends)) out.push_back(start);
    std::vector<double> lowest;
    const double known = problem.ends.last > 0.0 ? problem.ends.last : problem.ends.floor;
    if (known > 0.0) lowest.push_back(known);
    if (problem.ends.last == 0.0)
        for (const double share : lowest_shares)
            if (share * problem.ends.first > known) lowest.push_back(share * problem.ends.first);
    for (const double low : lowest)
        for (const double rho : edm_exponents) {
            const Levels sigmas = edm(problem.ends, problem.steps, low, rho);
            if (allowed(sigmas, problem.ends)) out.push_back(sigmas);
        }
    // Where the least ratio leaves room for equal steps in log sigma alone.
    if (out.empty())
        out.push_back(
            Gaps(problem.ends, problem.steps).levels(Eigen::VectorXd::Zero(Gaps(problem.ends, problem.steps).size())));
    return out;
}

// Largest difference in log of the levels, and of the coefficients.
bool same(const Candidate& a, const Candidate& b) {
    for (std::size_t k = 1; k < a.sigmas.size(); ++k)
        if (a.sigmas[k] > 0.0 && std::fabs(std::log(a.sigmas[k] / b.sigmas[k])) > 0.02) return false;
    return a.table.size() == 0 || (a.table - b.table).cwiseAbs().maxCoeff() < 0.05;
}

class Designer {
  public:
    Designer(const Problem& problem, const Options& options, bool designs_table)
        : problem_(problem), search_(problem, designs_table) {
        least_.max_iterations = options.max_iterations;
        least_.tolerance = options.tolerance;
        most_ = options.most_starts;
    }

    // The best of searches from the best candidates; among equals the one with the smallest coefficients.
    Found from(std::vector<Candidate> candidates) {
        for (Candidate& c : candidates) c.sum = search_.sum(c);
        sort_by(candidates, [](const Candidate& c) { return c.sum; });
        std::vector<Candidate> taken;
        for (const Candidate& c : candidates) {
            if (static_cast<int>(taken.size()) == most_) break;
            if (std::none_of(taken.begin(), taken.end(), [&](const Candidate& t) { return same(t, c); }))
                taken.push_back(c);
        }
        for (const Candidate& c : taken) consider(search_.polish(c, least_, found_));
        // The search starts from a point within bounds, which a start need not be: never worse than a fixed solver.
        if (candidates.front().sum < best_.sum) consider(candidates.front());
        if (problem_.schedule.empty()) relocate();
        return finish();
    }

  private:
    void consider(const Candidate& c) {
        const bool first = best_.sigmas.empty();
        constexpr double equal = 1.01;  // sums this close are one: half a per cent of the loss
        const bool smoother = c.table.size() > 0 && !first && c.table.squaredNorm() < best_.table.squaredNorm();
        const bool rougher = c.table.size() > 0 && !first && !smoother;
        const double allowance = smoother ? equal : rougher ? 1.0 / equal : 1.0;
        if (first || c.sum < best_.sum * allowance) {
            best_ = c;
            best_slope_ = found_.slope;
            best_converged_ = found_.converged;
        }
    }

    // Moves one level elsewhere as long as that helps: leaves the local optima in which levels are wasted.
    void relocate() {
        constexpr int rounds = 4;
        for (int round = 0; round < rounds && problem_.steps > 2; ++round) {
            const Candidate moved = best_move();
            if (moved.sigmas.empty()) return;
            const Candidate polished = search_.polish(moved, least_, found_);
            if (!(polished.sum < best_.sum * (1.0 - 1e-4))) return;
            consider(polished);
        }
    }

    // The best schedule with level k taken out and one put into another gap.
    Candidate best_move() {
        Candidate best;
        const int inner = problem_.steps - 1;
        for (int k = 1; k <= inner; ++k) {
            Levels without = best_.sigmas;
            without.erase(without.begin() + k);
            for (std::size_t gap = 0; gap + 1 < without.size(); ++gap) {
                if (static_cast<int>(gap) == k - 1) continue;
                Candidate c = best_;
                c.sigmas = without;
                const double middle =
                    without[gap + 1] > 0.0 ? std::sqrt(without[gap] * without[gap + 1]) : 0.3 * without[gap];
                c.sigmas.insert(c.sigmas.begin() + static_cast<std::ptrdiff_t>(gap) + 1, middle);
                if (!allowed(c.sigmas, problem_.ends)) continue;
                if (c.table.size() > 0)
                    c.table = greedy_table(problem_.source, c.sigmas, static_cast<int>(c.table.cols()), problem_.eta,
                                           problem_.coefficient_limit);
                c.sum = search_.sum(c);
                if (best.sigmas.empty() || c.sum < best.sum) best = c;
            }
        }
        // A move that makes matters much worse leads into a worse basin.
        constexpr double worth_a_search = 4.0;
        return best.sigmas.empty() || best.sum > worth_a_search * best_.sum ? Candidate{} : best;
    }

    Found finish() {
        const Sums sums = evaluate(problem_.source, search_.spec_of(best_), best_.sigmas, problem_.eta);
        found_.sigmas = best_.sigmas;
        found_.table = best_.table;
        found_.bias_sum = sums.bias;
        found_.noise_sum = sums.noise;
        found_.slope = best_slope_;
        found_.converged = best_converged_;
        found_.evaluations = search_.evaluations();
        found_.origin = best_.origin;
        return found_;
    }

    const Problem& problem_;
    Search search_;
    LeastSquaresOptions least_;
    int most_;
    Found found_;
    Candidate best_;
    double best_slope_ = 0.0;
    bool best_converged_ = false;
};

// Fixed solvers whose tables a design of this order, 2 or more, starts from.
std::vector<SolverSpec> fixed_solvers(double order) {
    std::vector<SolverSpec> out;
    out.push_back(parse_solver("dpmpp_2m", {}));
    if (order >= 3.0) out.push_back(parse_solver("dpmpp_3m", {{"lower_order_final", 0.0}}));
    out.push_back(parse_solver("deis", {{"order", std::min(order, 4.0)}, {"lower_order_final", 0.0}}));
    return out;
}

Table truncated(const Table& table, int back) {
    Table out = Table::Zero(table.rows(), back);
    const Eigen::Index kept = std::min<Eigen::Index>(table.cols(), back);
    out.leftCols(kept) = table.leftCols(kept);
    return out;
}

Candidate with_greedy_table(const Problem& problem, const Levels& sigmas, const std::string& origin) {
    const int back = static_cast<int>(problem.spec.order) - 1;
    return {sigmas, greedy_table(problem.source, sigmas, back, problem.eta, problem.coefficient_limit), 0.0, origin};
}

Found design_levels(const Problem& problem, const std::vector<Levels>& starts, const Options& options) {
    std::vector<Candidate> candidates;
    for (const Levels& sigmas : starts) candidates.push_back({sigmas, Table(), 0.0, "levels"});
    return Designer(problem, options, false).from(std::move(candidates));
}

// Levels and table: from the tables of fixed solvers at their own best levels, and from greedy tables there and at the
// best starts.
Found design_table(const Problem& problem, const std::vector<Levels>& starts, const Options& options) {
    const int back = static_cast<int>(problem.spec.order) - 1;
    std::vector<Candidate> candidates;
    int iterations = 0, evaluations = 0;
    for (const SolverSpec& spec : fixed_solvers(problem.spec.order)) {
        Problem fixed{problem.source,  spec, problem.ends, problem.steps, problem.eta, problem.coefficient_limit,
                      problem.schedule};
        Options few = options;
        few.most_starts = std::min(options.most_starts, 2);
        const Found own = problem.schedule.empty() ? design_levels(fixed, starts, few)
                                                   : Found{problem.schedule, {}, 0, 0, 0, 0, 0, true, ""};
        iterations += own.iterations;
        evaluations += own.evaluations;
        const LevelsView view{own.sigmas.data(), static_cast<std::ptrdiff_t>(own.sigmas.size())};
        const Table table = truncated(table_of(record(spec, view, 0.0, Derivatives::none), own.sigmas), back);
        const std::string name = solver_list()[static_cast<std::size_t>(spec.solver)].name;
        candidates.push_back({own.sigmas, table, 0.0, name});
        candidates.push_back(with_greedy_table(problem, own.sigmas, name + ", greedy"));
    }
    for (const Levels& sigmas : starts) candidates.push_back(with_greedy_table(problem, sigmas, "greedy"));
    Found found = Designer(problem, options, true).from(std::move(candidates));
    found.iterations += iterations;
    found.evaluations += evaluations;
    return found;
}

}  // namespace

Found design(const Problem& problem, const std::vector<Levels>& starts, const Options& options) {
    const std::vector<Levels> all = all_starts(problem, starts);
    const bool multistep = solver_list()[static_cast<std::size_t>(problem.spec.solver)].name == "multistep";
    const bool designs_table = multistep && problem.spec.coefficients.empty() && problem.spec.order > 1.0;
    return designs_table ? design_table(problem, all, options) : design_levels(problem, all, options);
}

}  // namespace specsched::modes
