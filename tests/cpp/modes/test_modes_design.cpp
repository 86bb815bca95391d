// Designs on modes: free numbers of levels, least squares within bounds, tables, and optima that no neighbour beats.

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/modes/design.hpp"
#include "core/modes/least_squares.hpp"
#include "modes/mode_cases.hpp"

using namespace mode_cases;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

using Levels = std::vector<double>;

LevelsView view(const Levels& sigmas) { return {sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())}; }

void test_gaps(const modes::Ends& ends, const Levels& sigmas, const std::string& name) {
    const modes::Gaps gaps(ends, static_cast<int>(sigmas.size()) - 1);
    const VectorXd z = gaps.from_levels(sigmas);
    const Levels back = gaps.levels(z);
    for (std::size_t k = 0; k < sigmas.size(); ++k) CHECK_CLOSE(back[k], sigmas[k], 1e-12, 0.0, name + ", and back");
    constexpr double step = 1e-4;
    const MatrixXd slopes = gaps.slopes(z);
    CHECK(slopes.rows() == static_cast<Eigen::Index>(sigmas.size()) && slopes.cols() == gaps.size(), name + ", shape");
    for (int i = 0; i < gaps.size(); ++i) {
        VectorXd up = z, down = z;
        up[i] += step;
        down[i] -= step;
        const Levels higher = gaps.levels(up), lower = gaps.levels(down);
        for (std::size_t k = 1; k + 1 < sigmas.size(); ++k)
            CHECK_CLOSE(slopes(static_cast<Eigen::Index>(k), i), std::log(higher[k] / lower[k]) / (2.0 * step), 1e-6,
                        1.0, name + ", slope");
    }
    CHECK(slopes.row(0).isZero() && slopes.bottomRows(1).isZero(), name + ", ends do not move");
}

// Whatever the numbers, ends, order, floor and least ratio hold.
void test_gaps_anywhere(const modes::Ends& ends, const std::string& name) {
    const modes::Gaps gaps(ends, 5);
    for (const double far : {-60.0, -3.0, 0.0, 2.0, 60.0})
        for (int i = 0; i < gaps.size(); ++i) {
            VectorXd z = VectorXd::Constant(gaps.size(), 0.3);
            z[i] = far;
            const Levels sigmas = gaps.levels(z);
            CHECK(sigmas.front() == ends.first && sigmas.back() == ends.last, name + ", ends");
            for (std::size_t k = 0; k + 1 < sigmas.size(); ++k)
                if (sigmas[k + 1] > 0.0)
                    CHECK(sigmas[k] >= ends.least_ratio * sigmas[k + 1] * (1.0 - 1e-12), name + ", least ratio");
            if (ends.floor > 0.0) CHECK(sigmas[4] >= ends.floor, name + ", floor");
        }
}

// Rosenbrock's valley as squares: e = (10 (y - x^2), 1 - x), least at (1, 1).
modes::Squares valley(const VectorXd& z, bool derivatives) {
    const double x = z[0], y = z[1];
    const Eigen::Vector2d e(10.0 * (y - x * x), 1.0 - x);
    modes::Squares out;
    out.sum = e.squaredNorm();
    if (!derivatives) return out;
    Eigen::Matrix2d j;
    j << -20.0 * x, 10.0, -1.0, 0.0;
    out.gradient = j.transpose() * e;
    out.matrix = j.transpose() * j;
    return out;
}

void test_least_squares() {
    const VectorXd wide = VectorXd::Constant(2, 10.0), start = (VectorXd(2) << -1.2, 1.0).finished();
    const modes::LeastSquares free =
        modes::minimise_squares(&valley, start, {-wide, wide, wide}, modes::LeastSquaresOptions{200, 1e-12});
    CHECK(free.converged && free.sum < 1e-15, "the valley's end");
    CHECK_CLOSE(free.z[0], 1.0, 1e-6, 0.0, "x");
    CHECK(free.iterations > 3 && free.evaluations >= free.iterations, "counts");
    // x held at 1/2: y = 1/4 and a sum of (1 - 1/2)^2.
    VectorXd high = wide;
    high[0] = 0.5;
    const modes::LeastSquares held =
        modes::minimise_squares(&valley, start, {-wide, high, wide}, modes::LeastSquaresOptions{200, 1e-12});
    CHECK_CLOSE(held.sum, 0.25, 1e-9, 0.0, "at a bound");
    CHECK(held.z[0] == 0.5 && held.converged, "held there");
    // A start outside is moved inside, and a search of no steps says what is there.
    const modes::LeastSquares none = modes::minimise_squares(&valley, VectorXd::Constant(2, 99.0), {-wide, high, wide},
                                                             modes::LeastSquaresOptions{0, 1e-12});
    CHECK(none.iterations == 0 && !none.converged && none.z[0] == 0.5 && none.z[1] == 10.0, "no step");
}

modes::Table table_of(const std::string& name, const std::map<std::string, double>& options, const Levels& sigmas) {
    return modes::table_of(record(parse_solver(name, options), view(sigmas), 0.0, Derivatives::none), sigmas);
}

void test_tables_of_solvers() {
    const Levels sigmas{20.0, 7.0, 3.0, 0.9, 0.2};
    CHECK(table_of("ddim", {}, sigmas).isZero(1e-13), "DDIM looks back at nothing");
    const modes::Table second = table_of("dpmpp_2m", {}, sigmas);
    CHECK(second.row(0).isZero(), "nothing lies behind the first step");
    for (int n = 1; n < 4; ++n) {
        const auto h = [&](int step) {
            return std::log(sigmas[static_cast<std::size_t>(step)] / sigmas[static_cast<std::size_t>(step) + 1]);
        };
        // y' = q y + (1 - q) (D + c (D - D_before)), c = h / (2 h_before).
        CHECK_CLOSE(std::fabs(second(n, 0)), 0.5 * h(n) / h(n - 1), 1e-12, 0.0, "2M, step " + std::to_string(n));
        for (int j = 1; j < second.cols(); ++j) CHECK(std::fabs(second(n, j)) < 1e-13, "2M, further back");
    }
    const auto refused = [&](const std::string& name) {
        try {
            table_of(name, {}, sigmas);
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    SolverSpec told = parse_solver("multistep", {{"order", 1.0}});
    told.model_times = {0.1, 0.0, 0.0, 0.0};
    try {
        modes::table_of(record(told, view(sigmas), 0.0, Derivatives::none), sigmas);
        CHECK(false, "levels that the network is told are no table");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("at its first level") != std::string::npos, error.what());
    }
    CHECK(refused("heun") && refused("dpmpp_2s") && refused("ddpm"), "other solvers are no tables");
}

// The table of a fixed solver, run as a table, is that solver.
void test_tables_run_as_their_solvers() {
    const Levels sigmas{top, 7.0, 3.0, 0.9, 0.2, 0.0};
    for (const std::string name : {"dpmpp_2m", "deis", "ipndm"}) {
        const modes::Table table = table_of(name, {}, sigmas);
        SolverSpec spec = parse_solver("multistep", {{"order", 5.0}});
        for (int n = 0; n < 5; ++n)
            for (int j = 0; j < 4; ++j) spec.coefficients.push_back(table(n, j));
        for (const Case& c : cases()) {
            const modes::Sums want = modes::evaluate(c.source, parse_solver(name, {}), sigmas, 0.0);
            const modes::Sums got = modes::evaluate(c.source, spec, sigmas, 0.0);
            CHECK_CLOSE(got.bias, want.bias, 1e-9, 0.0, name + " as a table, " + c.name);
        }
    }
}

double total(const modes::Sums& sums) { return sums.bias + sums.noise; }

modes::Problem problem_of(const modes::Source& source, const std::string& name,
                          const std::map<std::string, double>& options, int steps, double eta) {
    return {source, parse_solver(name, options), {top, 0.0, lowest, 1.05}, steps, eta, 4.0, {}};
}

void check_admitted(const modes::Problem& problem, const Levels& sigmas, const std::string& name) {
    bool good = sigmas.front() == problem.ends.first && sigmas.back() == problem.ends.last;
    for (std::size_t k = 0; k + 2 < sigmas.size(); ++k)
        good = good && sigmas[k] >= problem.ends.least_ratio * sigmas[k + 1] * (1.0 - 1e-12);
    CHECK(good && sigmas[sigmas.size() - 2] >= problem.ends.floor, name + ", admitted levels");
}

// Never above its start, and below all neighbours that move one level by a hundredth.
void test_designs_of_levels(const Case& c) {
    const Levels start{top, 8.0, 2.5, 0.8, 0.2, 0.0};
    for (const std::string solver : {"ddim", "dpmpp_2m"}) {
        const modes::Problem problem = problem_of(c.source, solver, {}, 5, 0.1);
        const modes::Found found = modes::design(problem, {start}, {});
        const std::string name = c.name + ", " + solver;
        const double value = found.bias_sum + found.noise_sum;
        CHECK_CLOSE(value, total(modes::evaluate(c.source, problem.spec, found.sigmas, 0.1)), 1e-12, 0.0,
                    name + ", sums");
        CHECK(value <= total(modes::evaluate(c.source, problem.spec, start, 0.1)), name + ", never worse");
        CHECK(found.converged && found.table.size() == 0, name + ", converged");
        check_admitted(problem, found.sigmas, name);
        for (std::size_t k = 1; k + 1 < found.sigmas.size(); ++k)
            for (const double factor : {0.99, 1.01}) {
                Levels moved = found.sigmas;
                moved[k] *= factor;
                const bool allowed = moved[k] > 1.05 * moved[k + 1] && moved[k - 1] > 1.05 * moved[k] &&
                                     (k + 2 < moved.size() || moved[k] >= lowest);
                const double there = total(modes::evaluate(c.source, problem.spec, moved, 0.1));
                CHECK(!allowed || there >= value * (1.0 - 1e-5), name + ", level " + std::to_string(k));
            }
    }
}

void test_designs_of_tables(const Case& c) {
    const Levels start{top, 7.0, 2.0, 0.5, 0.0};
    modes::Problem problem = problem_of(c.source, "multistep", {{"order", 3.0}}, 4, 0.1);
    const modes::Found found = modes::design(problem, {start}, {});
    const double value = found.bias_sum + found.noise_sum;
    CHECK(found.table.rows() == 4 && found.table.cols() == 2, c.name + ", a table");
    CHECK(found.table.row(0).isZero() && found.table(1, 1) == 0.0, c.name + ", nothing behind the start");
    CHECK(found.table.cwiseAbs().maxCoeff() <= 4.0, c.name + ", limit of coefficients");
    check_admitted(problem, found.sigmas, c.name + ", table");
    const modes::Problem fixed = problem_of(c.source, "dpmpp_2m", {}, 4, 0.1);
    const modes::Found second = modes::design(fixed, {start}, {});
    CHECK(value <= (second.bias_sum + second.noise_sum) * (1.0 + 1e-9), c.name + ", never worse than 2M");
    CHECK(!found.origin.empty() && found.evaluations > found.iterations, c.name + ", where it began");
    // Fixed levels stay, and only coefficients are found.
    problem.schedule = start;
    const modes::Found kept = modes::design(problem, {start}, {});
    CHECK(kept.sigmas == start, c.name + ", given levels");
    const double greedy = [&] {
        SolverSpec spec = problem.spec;
        const modes::Table table = modes::greedy_table(c.source, start, 2, 0.1, 4.0);
        for (int n = 0; n < 4; ++n)
            for (int j = 0; j < 2; ++j) spec.coefficients.push_back(table(n, j));
        return total(modes::evaluate(c.source, spec, start, 0.1));
    }();
    CHECK(kept.bias_sum + kept.noise_sum <= greedy * (1.0 + 1e-9), c.name + ", never worse than step by step");
    CHECK(greedy <= 1.2 * total(modes::evaluate(c.source, fixed.spec, start, 0.1)),
          c.name + ", step by step is no bad start");
}

// A least ratio that leaves next to no room: no start of the EDM family fits, equal ratios do.
void test_little_room(const Case& c) {
    for (const modes::Ends& ends : {modes::Ends{top, lowest, 0.0, 4.47}, modes::Ends{top, 0.0, lowest, 4.47}}) {
        const int steps = ends.last > 0.0 ? 4 : 5;
        const modes::Problem problem{c.source, parse_solver("dpmpp_2m", {}), ends, steps, 0.1, 4.0, {}};
        const modes::Found found = modes::design(problem, {}, {});
        for (int k = 0; k <= 4; ++k)
            CHECK_CLOSE(found.sigmas[static_cast<std::size_t>(k)], top * std::pow(lowest / top, k / 4.0), 2e-3, 0.0,
                        c.name + ", no room, level " + std::to_string(k));
        check_admitted(problem, found.sigmas, c.name + ", no room");
    }
}

// Coefficients stay within what is asked for, but for those of a fixed solver that does better as it is.
void test_small_coefficients(const Case& c) {
    const Levels sigmas{top, 7.0, 2.0, 0.5, 0.0};
    for (const double limit : {0.05, 4.0}) {
        modes::Problem problem = problem_of(c.source, "multistep", {{"order", 2.0}}, 4, 0.1);
        problem.coefficient_limit = limit;
        problem.schedule = sigmas;
        const modes::Found found = modes::design(problem, {}, {});
        const bool outside = found.table.cwiseAbs().maxCoeff() > limit;
        const std::string name = c.name + ", coefficients within " + std::to_string(limit);
        CHECK(outside == (limit < 1.0), name + ": from " + found.origin);
        if (outside) {
            const std::map<std::string, double> options{{"order", 2.0}, {"lower_order_final", 0.0}};
            const modes::Table own = table_of(found.origin, options, sigmas).leftCols(1);
            CHECK((found.table - own).isZero(1e-12), name + ": those of " + found.origin);
        }
        // Sums within 1 % count as equal, one after the other.
        const double second = total(modes::evaluate(c.source, parse_solver("dpmpp_2m", {}), sigmas, 0.1));
        CHECK_CLOSE(std::max(found.bias_sum + found.noise_sum, second), second, 0.02, 0.0, name + ": no worse than 2M");
    }
}

// Runs without a floor, of one step, from starts that are not admitted, and with tables of more columns than steps.
void test_unusual_problems(const Case& c) {
    const modes::Problem free{c.source, parse_solver("ddim", {}), {top, 0.0, 0.0, 1.0}, 3, 0.1, 4.0, {}};
    const Levels tied{top, 2.0, 2.0, 0.0}, rising{top, 0.5, 2.0, 0.0}, good{top, 3.0, 0.3, 0.0};
    const modes::Found found = modes::design(free, {tied, rising, good}, {});
    const double start = total(modes::evaluate(c.source, free.spec, good, 0.1));
    CHECK(found.bias_sum + found.noise_sum <= start, c.name + ", no floor: no worse than its start");
    for (std::size_t k = 0; k < 3; ++k) CHECK(found.sigmas[k] > found.sigmas[k + 1], c.name + ", no floor: in order");
    const modes::Problem short_run{c.source, parse_solver("dpmpp_2m", {}), {top, 0.0, lowest, 1.0}, 1, 0.1, 4.0, {}};
    const modes::Found one = modes::design(short_run, {}, {});
    CHECK(one.sigmas == (Levels{top, 0.0}), c.name + ", one step");
    modes::Options few;
    few.most_starts = 1;
    const modes::Problem wide = problem_of(c.source, "multistep", {{"order", 6.0}}, 3, 0.0);
    const modes::Found all = modes::design(wide, {good}, few);
    CHECK(all.table.rows() == 3 && all.table.cols() == 5, c.name + ", more columns than steps");
    CHECK(all.table.rightCols(3).isZero() && all.table(2, 1) != 0.0, c.name + ", what lies before the start is 0");
}

// Solvers that need no table, or bring one, get levels alone.
void test_given_tables(const Case& c) {
    modes::Problem problem = problem_of(c.source, "multistep", {{"order", 1.0}}, 4, 0.1);
    const modes::Found first = modes::design(problem, {}, {});
    const modes::Found euler = modes::design(problem_of(c.source, "ddim", {}, 4, 0.1), {}, {});
    CHECK(first.sigmas == euler.sigmas && first.table.size() == 0, c.name + ", order 1 is DDIM");
    problem.spec = parse_solver("multistep", {{"order", 2.0}});
    problem.spec.coefficients = {0.0, 0.4, 0.4, 0.1};
    const modes::Found given = modes::design(problem, {}, {});
    CHECK(given.table.size() == 0, c.name + ", coefficients that are given stay");
    CHECK_CLOSE(given.bias_sum + given.noise_sum,
                total(modes::evaluate(c.source, problem.spec, given.sigmas, problem.eta)), 1e-12, 0.0,
                c.name + ", and count");
}

// One step back at a time, each coefficient the best for what follows: better than none, with and without errors.
void test_greedy_tables(const Case& c) {
    const Levels sigmas{top, 7.0, 2.0, 0.5, 0.1, 0.0};
    for (const double eta : {0.0, 0.1}) {
        SolverSpec spec = parse_solver("multistep", {{"order", 3.0}});
        const modes::Table table = modes::greedy_table(c.source, sigmas, 2, eta, 4.0);
        for (int n = 0; n < 5; ++n)
            for (int j = 0; j < 2; ++j) spec.coefficients.push_back(table(n, j));
        const double with = total(modes::evaluate(c.source, spec, sigmas, eta));
        CHECK(with < total(modes::evaluate(c.source, parse_solver("ddim", {}), sigmas, eta)),
              c.name + ", greedy table");
    }
}

}  // namespace

int main() {
    const Levels to_zero{20.0, 9.0, 3.0, 1.0, 0.2, 0.0}, to_floor{20.0, 9.0, 3.0, 1.0, 0.2, 0.05};
    test_gaps({20.0, 0.0, 0.0, 1.0}, to_zero, "no floor");
    test_gaps({20.0, 0.0, 0.05, 1.1}, to_zero, "a floor");
    test_gaps({20.0, 0.05, 0.0, 1.1}, to_floor, "a positive end");
    test_gaps_anywhere({20.0, 0.0, 0.05, 1.1}, "a floor");
    test_gaps_anywhere({20.0, 0.05, 0.0, 1.1}, "a positive end");
    CHECK(modes::Gaps({20.0, 0.0, 0.0, 1.0}, 1).levels(VectorXd(0)) == (Levels{20.0, 0.0}), "one step to 0");
    test_least_squares();
    test_tables_of_solvers();
    test_tables_run_as_their_solvers();
    for (const Case& c : cases()) {
        test_designs_of_levels(c);
        test_designs_of_tables(c);
        test_little_room(c);
        test_small_coefficients(c);
        test_unusual_problems(c);
        test_given_tables(c);
        test_greedy_tables(c);
    }
    return checks::report();
}
