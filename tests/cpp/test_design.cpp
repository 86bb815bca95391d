// Design: the paper's synthetic case, one eigenvalue (equal angles), exact Hessians, the order constraints, the
// many-step limit and the promises of a design (never worse than a start, floor and least ratio kept).
//
// Tolerances: the residual of a Newton step is taken by central differences of the exact gradient with step 1e-5 in
// log sigma, which leaves 1e-10 of the slopes' size: 1e-7 of the largest slope.

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <complex>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/design/dense_objective.hpp"
#include "core/design/design.hpp"
#include "core/design/many_step.hpp"
#include "core/design/pairwise.hpp"
#include "design_cases.hpp"

using namespace specsched;
using Eigen::Index;
using Eigen::VectorXd;

namespace {

// Sigma_0 = A^T A with A circulant, first row linear from -0.1 to 0.1, d = 50, every mean 0.05.
Data paper_case() {
    const int dim = 50;
    const double pi = std::acos(-1.0);
    Data data;
    for (int f = 0; f < dim; ++f) {
        std::complex<double> sum = 0.0;
        for (int j = 0; j < dim; ++j) sum += (-0.1 + 0.2 * j / (dim - 1)) * std::polar(1.0, -2.0 * pi * f * j / dim);
        data.eigenvalues.push_back(f == 0 ? 0.0 : std::norm(sum));
        data.weights.push_back(1.0);
        data.mean_power.push_back(f == 0 ? dim * 0.05 * 0.05 : 0.0);
    }
    return data;
}

const double paper_first = std::sqrt((1.0 - 4.036e-5) / 4.036e-5), paper_last = std::sqrt(1e-4 / 0.9999);

void test_paper_case() {
    const Data data = paper_case();
    const struct {
        std::ptrdiff_t steps;
        double most;
    } rows[] = {{10, 0.41293}, {28, 0.15385}, {60, 0.07287}, {112, 0.03975}};
    for (const auto& row : rows) {
        const DesignProblem problem = problem_of(data, "ddim", Loss::w2, paper_first, paper_last, row.steps);
        const DesignResult found = design(problem, nullptr, 0);
        const std::string name =
            "paper case, " + std::to_string(row.steps) + " steps: W2 " + std::to_string(found.loss);
        CHECK(found.loss <= row.most, name);
        CHECK(found.status == MinimizeStatus::converged && found.kkt_error <= 1e-9, name + " has converged");
    }
}

// One eigenvalue: r_s = sqrt(lambda) tan(phi), phi in equal steps.
void test_equal_angles() {
    for (const double lambda : {0.01, 1.0, 30.0})
        for (const double last : {0.0, 0.01}) {
            const Data data{{lambda}, {1.0}, {0.0}};
            const std::ptrdiff_t steps = 12;
            const auto found = design(problem_of(data, "ddim", Loss::w2, 100.0, last, steps), nullptr, 0);
            const double root = std::sqrt(lambda), high = std::atan(100.0 / root), low = std::atan(last / root);
            for (std::ptrdiff_t k = 0; k <= steps; ++k) {
                const double share = static_cast<double>(k) / static_cast<double>(steps);
                CHECK_CLOSE(found.sigmas[static_cast<std::size_t>(k)], root * std::tan(high + (low - high) * share),
                            1e-8, 0.0, "equal angles, level " + std::to_string(k));
            }
        }
}

// The relative residual of (H + damping) z = -g over the groups, with H z by differences of the gradient.
double residual(Objective& objective, const VectorXd& u, const Groups& groups, double damping, bool& solved) {
    VectorXd gradient, step, above, below;
    objective.gradient(u, gradient);
    objective.curve(u);
    const double mu = damping * objective.least_damping();
    solved = objective.newton_step(groups, gradient, mu, step);
    if (!solved) return 0.0;
    const double h = 1e-5 / std::max(1.0, step.cwiseAbs().maxCoeff());
    objective.gradient(u + h * step, above);
    objective.gradient(u - h * step, below);
    const VectorXd bent = (above - below) / (2.0 * h);
    VectorXd damped(groups.count());  // M z, from the quadratic form
    for (Index g = 0; g < groups.count(); ++g) {
        const VectorXd move = groups.expand(VectorXd::Unit(groups.count(), g));
        damped[g] = 0.25 * (objective.damped(step + move) - objective.damped(step - move));
    }
    const VectorXd rest = groups.reduce(bent + gradient) + mu * damped;
    return rest.cwiseAbs().maxCoeff() / gradient.cwiseAbs().maxCoeff();
}

void check_hessian(Objective& objective, const std::string& name) {
    const DesignProblem& p = objective.problem();
    const std::ptrdiff_t steps = p.steps;
    const std::vector<double> row = geometric(p.sigma_max, p.sigma_min, p.steps);
    std::mt19937_64 bits(7);
    std::uniform_real_distribution<double> uniform(-0.2, 0.2);
    VectorXd u(steps - 1);
    const double width = std::log(row[0] / row[1]);
    for (Index k = 0; k < u.size(); ++k) u[k] = std::log(row[static_cast<std::size_t>(k) + 1]) + width * uniform(bits);

    std::vector<char> active(static_cast<std::size_t>(steps), 0);
    bool solved = false;
    for (const bool tied : {false, true}) {
        if (tied) active[2] = active[3] = active.back() = 1;  // levels 1, 2, 3 move together, the last one not at all
        const double off = residual(objective, u, Groups(active), 1e5, solved);
        CHECK(solved && off < 1e-7,
              name + (tied ? ", tied" : "") + ": residual of the Newton step " + std::to_string(off));
    }
}

// Against the limit the same Newton steps serve, from both starts.
void test_limit_hessians() {
    const Data many = power_law(40), few = power_law(3);
    for (const Loss loss : {Loss::w2, Loss::kl, Loss::reverse_kl})
        for (const Start start : {Start::prior, Start::data})
            for (const double last : {0.0, 0.02}) {
                const std::string name =
                    ", limit, loss " + std::to_string(static_cast<int>(loss)) + ", last " + std::to_string(last);
                const auto against_limit = [&](const Data& data, const char* sampler, double error, std::ptrdiff_t n) {
                    DesignProblem problem = problem_of(data, sampler, loss, 80.0, last, n);
                    problem.sampler = make_sampler(sampler, {}, error);
                    problem.criterion = {Process::vp, loss, Target::limit, start};
                    return problem;
                };
                for (const char* sampler : {"ddim", "ddpm"}) {
                    PairwiseObjective dense(against_limit(many, sampler, 0.0, 9));
                    check_hessian(dense, std::string(sampler) + name);
                    PairwiseObjective low_rank(against_limit(few, sampler, 0.0, 40));
                    check_hessian(low_rank, std::string(sampler) + " low rank" + name);
                }
                for (const char* sampler : {"ddim", "heun", "dpmpp_2m", "dpmpp_2m_sde"}) {
                    DenseObjective engine(against_limit(many, sampler, 0.1, 9));
                    check_hessian(engine, std::string(sampler) + " on the engine" + name);
                }
            }
}

void test_hessians() {
    const Data many = power_law(40), few = power_law(3);  // few nodes, many steps: tridiagonal plus low rank
    for (const Loss loss : {Loss::w2, Loss::kl, Loss::reverse_kl})
        for (const double last : {0.0, 0.02}) {
            const std::string ends =
                ", loss " + std::to_string(static_cast<int>(loss)) + ", last " + std::to_string(last);
            for (const char* sampler : {"ddim", "ddpm"}) {
                PairwiseObjective dense(problem_of(many, sampler, loss, 80.0, last, 9));
                check_hessian(dense, std::string(sampler) + ends);
                PairwiseObjective low_rank(problem_of(few, sampler, loss, 80.0, last, 40));
                check_hessian(low_rank, std::string(sampler) + " low rank" + ends);
            }
            for (const char* sampler : {"ddim", "heun", "dpmpp_2m"}) {
                DenseObjective engine(problem_of(many, sampler, loss, 80.0, last, 9));
                check_hessian(engine, std::string(sampler) + " on the engine" + ends);
            }
        }
}

// Eigenvalues of 0 leave a loss without curvature, and dampings of a unit scale.
void test_no_curvature() {
    const Data zeros{{0.0, 0.0}, {1.0, 2.0}, {0.0, 0.0}}, some = power_law(2);
    const VectorXd u = (VectorXd(2) << 2.0, 0.0).finished();
    const auto damping = [&](auto& objective) {
        objective.curve(u);
        return objective.least_damping();
    };
    DenseObjective dense(problem_of(zeros, "dpmpp_2m", Loss::w2, 80.0, 0.1, 3));
    DenseObjective dense_some(problem_of(some, "dpmpp_2m", Loss::w2, 80.0, 0.1, 3));
    PairwiseObjective pairs(problem_of(zeros, "ddim", Loss::w2, 80.0, 0.1, 3));
    PairwiseObjective pairs_some(problem_of(some, "ddim", Loss::w2, 80.0, 0.1, 3));
    CHECK_CLOSE(damping(pairs), 1e-2 / 103.0, 1e-14, 0.0, "a share of 1, for two levels");
    CHECK(damping(dense) > 0.0 && std::isfinite(damping(dense)), "some, for other solvers");
    CHECK(damping(dense_some) != damping(dense) && damping(dense_some) > 0.0, "that of the curvature otherwise");
    CHECK(damping(pairs_some) != damping(pairs) && damping(pairs_some) > 0.0, "for pairs as well");
}

// Multipliers m of the active constraints satisfy gradient_k = m_{k+1} - m_k on tied levels and vanish elsewhere.
void test_multipliers() {
    const std::vector<std::vector<char>> cases{
        {0, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 0}, {1, 1, 0, 1, 0, 1}, {0, 1, 1, 0, 1, 1}, {1, 1, 1, 0, 0, 0}};
    std::mt19937_64 bits(3);
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    for (const std::vector<char>& active : cases) {
        const Index n = static_cast<Index>(active.size()) - 1;
        VectorXd multipliers = VectorXd::Zero(n + 1), gradient(n);
        for (Index j = 0; j <= n; ++j)
            if (active[static_cast<std::size_t>(j)]) multipliers[j] = uniform(bits);
        for (Index k = 0; k < n; ++k) gradient[k] = multipliers[k + 1] - multipliers[k];
        const Groups groups(active);
        const VectorXd reduced = groups.reduce(gradient), found = groups.multipliers(gradient);
        for (Index g = 0; g < reduced.size(); ++g)
            CHECK_CLOSE(reduced[g], 0.0, 1e-14, 1.0, "forces within a run cancel");
        for (Index j = 0; j <= n; ++j)
            CHECK_CLOSE(found[j], multipliers[j], 1e-14, 1.0, "multiplier " + std::to_string(j));
        const VectorXd moved = groups.expand(VectorXd::Ones(groups.count()));
        for (Index k = 0; k < n; ++k)
            CHECK(moved[k] == (groups.of_level(k) >= 0 ? 1.0 : 0.0), "levels held by an end stay");
    }
}

void test_many_steps() {
    const Data data = paper_case();
    for (const std::ptrdiff_t steps : {28, 112}) {
        const DesignProblem problem = problem_of(data, "ddim", Loss::w2, paper_first, paper_last, steps);
        const ManyStepDensity density(problem, std::log(paper_last));
        const auto objective = make_objective(problem);
        const VectorXd u = density.interior(steps);
        CHECK(u[0] < density.top() && u[u.size() - 1] > density.lowest_log(), "interior levels lie between the ends");
        for (Index k = 1; k < u.size(); ++k) CHECK(u[k] < u[k - 1], "the limit's levels decrease");
        const double limit = std::sqrt(objective->value(u)), best = design(problem, nullptr, 0).loss;
        CHECK(limit >= best * (1.0 - 1e-12) && limit <= 1.02 * best, "many-step limit at " + std::to_string(steps) +
                                                                         " steps: " + std::to_string(limit) +
                                                                         " against " + std::to_string(best));
        const VectorXd cut = density.interior(steps, density.lowest_log() + 1.0);
        CHECK_CLOSE(cut[cut.size() - 1], density.lowest_log() + 1.0, 1e-9, 1.0, "the last interior level is the cut");
    }
}

// So many steps that the noise left at the last level outweighs the discretisation: the levels rearrange for a large
// last step, along soft directions in which the Hessian is not definite.
void test_onset_of_large_last_step() {
    const Data data = paper_case();
    for (const std::ptrdiff_t steps : {1800, 2000}) {
        const DesignProblem problem = problem_of(data, "ddim", Loss::w2, paper_first, paper_last, steps);
        const DesignResult found = design(problem, nullptr, 0);
        CHECK(found.status == MinimizeStatus::converged && found.iterations < 40,
              "iterations at " + std::to_string(steps) + " steps: " + std::to_string(found.iterations));
        CHECK_CLOSE(found.loss, steps == 1800 ? 0.0102358251305625 : 0.0101947646692678, 1e-10, 0.0,
                    "loss at " + std::to_string(steps) + " steps");
    }
}

void test_promises() {
    const Data data = power_law(30);
    for (const char* sampler : {"ddim", "ddpm", "dpmpp_2m"})
        for (const Loss loss : {Loss::w2, Loss::kl})
            for (const std::ptrdiff_t steps : {1, 2, 3, 8}) {
                DesignProblem free_one = problem_of(data, sampler, loss, 80.0, 0.0, steps), bound = free_one;
                const std::vector<double> start = geometric(80.0, 0.0, steps);
                bound.settings.sigma_floor = 0.05;
                bound.settings.min_ratio = bound.settings.required_ratio = 1.2;
                const auto found = design(bound, start.data(), 1), free_found = design(free_one, start.data(), 1);
                const std::string name = std::string(sampler) + ", " + std::to_string(steps) + " steps";
                // The start itself may break floor and ratio; without them it must not win.
                CHECK(free_found.loss <= free_found.start_losses[0], name + ": no worse than the start");
                CHECK(found.loss >= free_found.loss * (1.0 - 1e-6), name + ": constraints do not lower the loss");
                CHECK(bound.admits(found.sigmas.data()), name + ": floor and least ratio");
                for (std::size_t k = 1; k + 1 < found.sigmas.size(); ++k) {
                    CHECK(found.sigmas[k] >= 0.05 * (1.0 - 1e-12), name + ": floor");
                    CHECK(found.sigmas[k - 1] / found.sigmas[k] >= 1.2 * (1.0 - 1e-9), name + ": least ratio");
                }
                free_one.settings.threads = 2;
                free_one.settings.parallel_work = 0;
                CHECK(design(free_one, start.data(), 1).sigmas == free_found.sigmas,
                      name + ": the same on two threads");
            }
}

// One definition of the KKT error: at what Newton found it is what Newton says, in and off the bounds; and a design that
// did not search returns the better start with the error that it has.
void test_kkt_errors() {
    const Data data = power_law(30);
    for (const double floor : {0.0, 0.3}) {
        DesignProblem problem = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 8);
        problem.settings.sigma_floor = floor;
        problem.settings.newton.max_iterations = 3;
        const DesignResult found = design(problem, nullptr, 0);
        const double again = kkt_error(problem, found.sigmas.data());
        CHECK_CLOSE(again, found.kkt_error, 1e-6, 1e-3, "KKT error of three iterations");
    }
    DesignProblem problem = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 8);
    const std::vector<double> best = design(problem, nullptr, 0).sigmas, other = geometric(80.0, 0.0, 8);
    const double losses[] = {problem.loss_of(other.data()), problem.loss_of(best.data())};
    std::vector<double> rows = other;
    rows.insert(rows.end(), best.begin(), best.end());
    CHECK(better_start(problem, losses[0], losses, rows.data(), 2) == 1, "the better start");
    CHECK(better_start(problem, losses[1], losses, rows.data(), 2) == -1, "no better start");
    problem.settings.required_ratio = problem.settings.min_ratio = 4.0;
    CHECK(better_start(problem, losses[0], losses, rows.data(), 2) == -1, "a start that breaks the ratio asked for");
}

}  // namespace

int main() {
    test_paper_case();
    test_equal_angles();
    test_hessians();
    test_limit_hessians();
    test_no_curvature();
    test_multipliers();
    test_many_steps();
    test_onset_of_large_last_step();
    test_promises();
    test_kkt_errors();
    return checks::report();
}
