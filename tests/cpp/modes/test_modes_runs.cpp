// Runs over modes: against plain loops in long double, and their derivatives against differences.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/modes/design.hpp"
#include "core/modes/gradient.hpp"
#include "core/modes/run.hpp"
#include "modes/mode_cases.hpp"

using namespace mode_cases;
using modes::MatrixXd;
using modes::VectorXd;

namespace {

using Levels = std::vector<double>;

const Levels to_zero{top, 8.0, 3.1, 1.2, 0.5, 0.2, 0.0}, to_floor{top, 9.0, 2.0, 0.6, 0.15, 0.07};

LevelsView view(const Levels& sigmas) { return {sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())}; }

struct Solver {
    std::string name;
    SolverSpec spec;
};

SolverSpec with_table() {
    SolverSpec spec = parse_solver("multistep", {{"order", 3.0}});
    // Row n: the coefficients of step n; step 0 has no earlier predictions, step 1 has one.
    spec.coefficients = {0.0, 0.0, 0.4, 0.0, 0.6, -0.1, 0.3, 0.2, 0.5, -0.3, 0.2, 0.1};
    spec.model_times = {0.02, -0.03, 0.01, 0.05, -0.02, 0.03};
    return spec;
}

const std::vector<Solver>& solvers() {
    static const std::vector<Solver> all{
        {"ddim", parse_solver("ddim", {})},
        {"dpmpp_2m", parse_solver("dpmpp_2m", {})},
        {"dpmpp_3m", parse_solver("dpmpp_3m", {{"lower_order_final", 0.0}})},
        {"deis", parse_solver("deis", {{"order", 3.0}})},
        {"ipndm", parse_solver("ipndm", {})},
        {"unipc", parse_solver("unipc", {{"order", 3.0}})},
        {"heun", parse_solver("heun", {})},
        {"multistep", with_table()},
    };
    return all;
}

// DDIM and DPM-Solver++(2M) in y = x / alpha: y' = q y + (1 - q) D with q = r'/r, D extrapolated by h / (2 h_before).
long double loop(const modes::Source& source, std::ptrdiff_t mode, const Levels& sigmas, bool second_order) {
    long double y = source.solution(top)[mode], before = 0.0L, h_before = 0.0L;
    for (std::size_t n = 0; n + 1 < sigmas.size(); ++n) {
        const modes::Answers at = source.answer(sigmas[n], 0.0);
        const long double r = sigmas[n], next = sigmas[n + 1], q = next / r;
        const long double prediction = static_cast<long double>(source.spread_out(at.slope)[mode]) * y + at.shift[mode];
        const long double h = next > 0.0L ? std::log(r / next) : 0.0L;
        const bool two = second_order && n > 0 && next > 0.0L;
        const long double slope = two ? 0.5L * h / h_before * (prediction - before) : 0.0L;
        y = q * y + (1.0L - q) * (prediction + slope);
        before = prediction;
        h_before = h;
    }
    return y;
}

void test_against_loops(const Case& c, const Levels& sigmas) {
    for (const bool second_order : {false, true}) {
        const SolverSpec spec = parse_solver(second_order ? "dpmpp_2m" : "ddim", {});
        const Program program = record(spec, view(sigmas), 0.0, Derivatives::none);
        const modes::Run run(c.source, program, sigmas, false);
        const ArrayXd end = c.source.solution(sigmas.back());
        for (std::ptrdiff_t i = 0; i < c.source.size(); ++i) {
            const long double want = loop(c.source, i, sigmas, second_order) - end[i];
            CHECK_CLOSE(run.bias()[i] / c.source.root_weight()[i], static_cast<double>(want), 1e-12, 0.1,
                        c.name + (second_order ? ", 2m, mode " : ", ddim, mode ") + std::to_string(i));
        }
        CHECK(run.noise_sum() == 0.0, c.name + ", exact predictions");
    }
}

// One DDIM step to 0 returns its prediction: error of that is the error of the sample.
void test_noise_of_one_step() {
    const modes::Source source({gaussian()}, {1.0});
    const Levels sigmas{top, 0.0};
    const modes::Sums sums = modes::evaluate(source, parse_solver("ddim", {}), sigmas, 0.15);
    CHECK_CLOSE(sums.noise, source.answer(top, 0.15).spread.square().sum(), 1e-14, 0.0, "one step");
}

VectorXd rows_of(const modes::Source& source, const SolverSpec& spec, const Levels& sigmas, double eta) {
    const Program program = record(spec, view(sigmas), eta, Derivatives::first, Parameters::none);
    const modes::Run run(source, program, sigmas, false);
    VectorXd rows(run.bias().size() + run.noise().size());
    rows << run.bias().matrix(), Eigen::Map<const VectorXd>(run.noise().data(), run.noise().size());
    return rows;
}

// d rows / d log of one level, or d a number of the solver, by five points.
template <class Move>
VectorXd difference(const modes::Source& source, const Solver& solver, const Levels& sigmas, double eta,
                    const Move& move) {
    constexpr double step = 1e-4;
    const auto at = [&](int places) {
        SolverSpec spec = solver.spec;
        Levels moved = sigmas;
        move(spec, moved, places * step);
        return rows_of(source, spec, moved, eta);
    };
    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step);
}

void check_column(const MatrixXd& jacobian, int column, const VectorXd& want, double scale, const std::string& what) {
    const double error = (jacobian.col(column) - want).cwiseAbs().maxCoeff();
    CHECK(error <= 1e-7 * scale, what + ": off by " + std::to_string(error / scale));
}

void test_jacobian(const Case& c, const Solver& solver, const Levels& sigmas, double eta) {
    const bool table = !solver.spec.coefficients.empty();
    const int steps = static_cast<int>(sigmas.size()) - 1;
    const modes::Columns columns{steps, table ? 2 : 0, true};
    const Program program =
        record(solver.spec, view(sigmas), eta, Derivatives::first, table ? Parameters::table : Parameters::none);
    const modes::Run run(c.source, program, sigmas, true);
    const MatrixXd jacobian = run.jacobian(columns, table);
    const std::string name = c.name + ", " + solver.name + ", ";
    const double scale = std::max(1e-3, jacobian.cwiseAbs().maxCoeff());
    const int free = sigmas.back() == 0.0 ? steps : steps + 1;
    for (int k = 1; k < free; ++k) {  // the first level is the recording's own: it moves along the exact solution
        const auto move = [&](SolverSpec&, Levels& moved, double by) {
            moved[static_cast<std::size_t>(k)] *= std::exp(by);
        };
        check_column(jacobian, columns.level(k), difference(c.source, solver, sigmas, eta, move), scale,
                     name + "level " + std::to_string(k));
    }
    for (int n = 1; table && n < steps; ++n) {
        for (int j = 0; j < std::min(n, 2); ++j) {
            const auto move = [&](SolverSpec& spec, Levels&, double by) {
                spec.coefficients[static_cast<std::size_t>(2 * n + j)] += by;
            };
            check_column(jacobian, columns.coefficient(n, j), difference(c.source, solver, sigmas, eta, move), scale,
                         name + "coefficient " + std::to_string(n) + "," + std::to_string(j));
        }
        const auto move = [&](SolverSpec& spec, Levels&, double by) {
            spec.model_times[static_cast<std::size_t>(n)] += by;
        };
        check_column(jacobian, columns.model_time(n), difference(c.source, solver, sigmas, eta, move), scale,
                     name + "model time " + std::to_string(n));
    }
    // What searches use: J^T e and J^T J of the same rows.
    const VectorXd rows = rows_of(c.source, solver.spec, sigmas, eta);
    const modes::Run::Normal normal = run.normal(columns, table);
    const MatrixXd square = jacobian.transpose() * jacobian;
    CHECK((normal.gradient - jacobian.transpose() * rows).cwiseAbs().maxCoeff() <= 1e-11 * scale * rows.norm(),
          name + "gradient of the sum");
    CHECK((normal.matrix - square).cwiseAbs().maxCoeff() <= 1e-11 * square.cwiseAbs().maxCoeff(), name + "matrix");
    CHECK_CLOSE(run.bias_sum() + run.noise_sum(), rows.squaredNorm(), 1e-13, 0.0, name + "sum");
}

// The sums and their gradient by two sweeps are those of the rows.
void test_sums_and_gradient(const Case& c, const Solver& solver, const Levels& sigmas, double eta) {
    const bool table = !solver.spec.coefficients.empty();
    const modes::Columns columns{static_cast<int>(sigmas.size()) - 1, table ? 2 : 0, eta > 0.0};
    const Program program =
        record(solver.spec, view(sigmas), eta, Derivatives::first, table ? Parameters::table : Parameters::none);
    const modes::Run run(c.source, program, sigmas, true);
    const VectorXd want = 2.0 * run.normal(columns, table).gradient;
    const std::string name = c.name + ", " + solver.name + ", ";
    const modes::SumsAndGradient got = modes::sums_and_gradient(c.source, program, sigmas, columns, table);
    const modes::Sums alone = modes::sums(c.source, program, sigmas);
    CHECK(alone.bias == got.bias && alone.noise == got.noise, name + "sums alone");
    CHECK_CLOSE(got.bias, run.bias_sum(), 1e-12, 0.0, name + "errors of modes");
    CHECK_CLOSE(got.noise, run.noise_sum(), 1e-13, 0.0, name + "errors of predictions");
    // The slope by a last level of 0 is a difference quotient (gradient.cpp).
    const double off = (got.slopes - want).cwiseAbs().maxCoeff() / want.cwiseAbs().maxCoeff();
    CHECK(off <= (columns.by_log ? 1e-11 : 1e-7), name + "gradient, off by " + std::to_string(off));
}

// More channels than a register has lanes, and no multiple of them.
Case many_channels() {
    const ArrayXd eigenvalues = 4.0 * ArrayXd::LinSpaced(17, 0.0, -5.0).exp();
    const ArrayXd multiplicity = ArrayXd::LinSpaced(17, 1.0, 9.0);
    return {"many channels",
            {{std::make_shared<modes::Gaussian>(eigenvalues, multiplicity, 400.0 * multiplicity, top)}, {1.0}}};
}

}  // namespace

int main() {
    const Case many = many_channels();
    for (const Solver& solver : solvers()) test_sums_and_gradient(many, solver, to_zero, 0.07);
    for (const Case& c : cases()) {
        test_against_loops(c, to_zero);
        test_against_loops(c, to_floor);
        for (const Solver& solver : solvers()) {
            test_jacobian(c, solver, to_zero, 0.1);
            test_sums_and_gradient(c, solver, to_zero, 0.07);
            test_sums_and_gradient(c, solver, to_zero, 0.0);
            if (solver.name != "multistep") test_sums_and_gradient(c, solver, to_floor, 0.07);
            if (solver.name != "multistep") test_jacobian(c, solver, to_floor, 0.0);
        }
    }
    test_noise_of_one_step();
    return checks::report();
}
