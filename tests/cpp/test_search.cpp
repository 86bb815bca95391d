// Searches at their edges: steps that lead nowhere, uphill or to infinite losses, levels that are wasted, blocks of
// levels, and bounds that leave no room.

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "core/design/design.hpp"
#include "core/design/moves.hpp"
#include "core/sort_by.hpp"
#include "design_cases.hpp"

using namespace specsched;
using Eigen::Index;
using Eigen::VectorXd;

namespace {

void test_sorting() {
    for (const int count : {0, 1, 2, 15, 40, 300}) {
        std::vector<std::pair<int, int>> items;  // key, place
        for (int i = 0; i < count; ++i) items.emplace_back((i * 37) % 11, i);
        const auto given = items;
        sort_by(items, [](const auto& item) { return item.first; });
        bool good = std::is_permutation(items.begin(), items.end(), given.begin(), given.end());
        for (std::size_t i = 1; i < items.size(); ++i) good = good && items[i - 1] < items[i];
        CHECK(good, "by key, then as they were: " + std::to_string(count));
    }
}

void test_descending() {
    const VectorXd given = (VectorXd(5) << 1.0, 3.0, -2.0, 3.0, 0.5).finished();
    CHECK(descending(given) == (VectorXd(5) << 3.0, 3.0, 1.0, 0.5, -2.0).finished(), "the largest first");
}

// Bounds that leave less than the least gaps: repaired levels keep the gaps from the bound below.
void test_repair_without_room() {
    const OrderConstraints order{0.0, -1.0, 0.5, 0.5};
    const VectorXd u = repaired((VectorXd(3) << 2.0, -0.3, -7.0).finished(), order, 1e-3);
    for (Index k = 0; k < 3; ++k)
        CHECK_CLOSE(u[k], -1.0 + 0.5 * static_cast<double>(3 - k), 1e-15, 0.0, "equal gaps from below");
    const OrderConstraints wide{0.0, -10.0, 0.5, 0.5};
    const VectorXd kept = repaired((VectorXd(2) << -1.0, -3.0).finished(), wide, 1e-3);
    CHECK(kept == (VectorXd(2) << -1.0, -3.0).finished(), "levels in order stay");
}

// The loss of a problem, with Newton steps that a test makes up.
class Steered : public Objective {
  public:
    using Steer = std::function<bool(VectorXd& step)>;
    Steered(const DesignProblem& problem, Steer steer) : Objective(problem), steer_(std::move(steer)) {}
    void curve(const VectorXd&) override {}
    bool newton_step(const Groups&, const VectorXd& gradient, double, VectorXd& step) override {
        ++asked;
        step = VectorXd::Zero(gradient.size());
        return steer_(step);
    }
    double least_damping() const override { return 1e-6; }
    int asked = 0;

  private:
    Steer steer_;
};

VectorXd one(double value) { return VectorXd::Constant(1, value); }

struct Steering {
    Minimum found;
    int asked;
};
Steering steered(const DesignProblem& problem, const VectorXd& u, const Steered::Steer& steer) {
    Steered objective(problem, steer);
    const Minimum found = minimize(objective, order_of(problem), u, problem.settings.newton);
    return {found, objective.asked};
}

void test_steps_that_lead_nowhere() {
    const Data data = power_law(5);
    DesignProblem problem = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 2);
    const VectorXd start = one(0.5);
    const double there = make_objective(problem)->value(start);
    const auto stays = [&](const Steering& search, int asked, const std::string& name) {
        CHECK(search.found.u == start && search.found.sum == there, name + ": stays where it began");
        CHECK(search.found.status == MinimizeStatus::stalled && search.found.kkt_error > 1e-3, name + ": says so");
        CHECK(search.asked == asked, name + ": " + std::to_string(search.asked) + " steps asked for");
    };
    const int attempts = problem.settings.newton.attempts;
    stays(steered(problem, start, [](VectorXd&) { return false; }), attempts, "no step at any damping");
    stays(steered(problem, start, [](VectorXd&) { return true; }), 1, "a step of no length");
    const double uphill = make_objective(problem)->value(one(0.5 + 1e-3)) > there ? 1e-3 : -1e-3;
    const auto climb = [&](VectorXd& step) {
        step[0] = uphill;
        return true;
    };
    stays(steered(problem, start, climb), attempts, "uphill");
    problem.settings.interrupted = [] { return true; };
    stays(steered(problem, start, climb), 0, "interrupted");
    CHECK(std::string(describe(MinimizeStatus::stalled)) == "no further progress", "in words");
}

// Steps are taken back from where the loss is infinite: KL of a variance that underflows.
void test_steps_to_infinite_losses() {
    const Data data{{1.0, 1e-155}, {1.0, 1.0}, {0.0, 0.0}};
    const DesignProblem problem = problem_of(data, "ddim", Loss::kl, 80.0, 0.0, 2);
    const auto objective = make_objective(problem);
    VectorXd u = one(-3.0);
    const double there = objective->value(u);
    CHECK(std::isfinite(there) && !std::isfinite(objective->value(one(-2.0))), "finite here, infinite there");
    const Steering out = steered(problem, u, [](VectorXd& step) {
        step[0] = 1.0;
        return true;
    });
    CHECK(out.found.u == u && out.found.sum == there, "no step to where the loss is infinite");
    CHECK(out.asked == problem.settings.newton.attempts, "every damping tried");
    const Minimum hopeless = minimize(*objective, order_of(problem), one(0.0), problem.settings.newton);
    CHECK(hopeless.status == MinimizeStatus::not_finite && !std::isfinite(hopeless.sum),
          "nothing finite to begin from");
}

// A step whose model predicts a rise, and which falls: taken, as the loss is what counts.
void test_falls_that_no_model_predicts() {
    const Data data{{100.0, 1e-4}, {1.0, 1e6}, {0.0, 0.0}};
    DesignProblem problem = problem_of(data, "ddim", Loss::w2, 1e3, 1e-4, 2);
    problem.settings.newton.largest_step = 20.0;
    const auto objective = make_objective(problem);
    VectorXd slope, u;
    double across = 0.0;
    for (double x = 6.0; x > -8.0 && across == 0.0; x -= 0.05)
        for (const double step : {6.0, -6.0}) {
            u = one(x);
            const double sum = objective->gradient(u, slope);
            if (slope[0] * step > 0.0 && objective->value(one(x + step)) < 0.99 * sum) across = step;
            if (across != 0.0) break;
        }
    CHECK(across != 0.0, "two valleys, and a step from the flank of one to the other");
    int steps = 0;
    const Steering out = steered(problem, u, [&](VectorXd& step) {
        if (++steps > 1) return false;
        step[0] = across;
        return true;
    });
    CHECK(out.found.u[0] == u[0] + across && out.found.iterations == 1, "taken");
    CHECK(out.found.sum == objective->value(out.found.u) && out.found.sum < objective->value(u), "and lower");
}

// Tied levels are wasted: as many again, evenly over the index of those left.
void test_respread() {
    const OrderConstraints order{0.0, -10.0, 1e-3, 1e-3};
    Minimum at;
    at.u = (VectorXd(3) << -1.0, -1.001, -3.0).finished();
    at.active = {0, 1, 0, 0};
    CHECK(has_ties(at), "tied to its neighbour");
    const VectorXd u = respread(at, order);
    CHECK_CLOSE(u[0], -2.0 / 3.0, 1e-14, 0.0, "two thirds of the way to -1");
    CHECK_CLOSE(u[1], -1.0 - 2.0 / 3.0, 1e-14, 0.0, "a third of the way from -1 to -3");
    CHECK_CLOSE(u[2], -3.0, 1e-14, 0.0, "the last one kept");
    at.active = {1, 1, 1, 0};
    CHECK(respread(at, order).size() == 0, "no level left");
    at.active = {0, 0, 0, 1};
    CHECK(!has_ties(at), "the bound below is no neighbour");
}

// Searches of many levels, whose neighbours a least ratio ties: admitted, converged, and no worse than equal ratios.
void test_many_tied_levels() {
    const Data data{{4.0, 1e-5}, {1.0, 3.0}, {0.0, 0.0}};
    for (const char* sampler : {"ddim", "ddpm"}) {
        DesignProblem problem = problem_of(data, sampler, Loss::w2, 100.0, 1e-4, 40);
        problem.settings.min_ratio = problem.settings.required_ratio = 1.25;
        const std::vector<double> even = geometric(100.0, 1e-4, 40);
        const DesignResult found = design(problem, even.data(), 1);
        const std::string name = std::string(sampler) + ", 40 levels with a least ratio";
        CHECK(problem.admits(found.sigmas.data()), name + ": kept");
        CHECK(found.status == MinimizeStatus::converged && found.kkt_error <= 1e-9, name + ": converged");
        CHECK(found.loss <= found.start_losses[0], name + ": no worse than equal ratios");
        int tied = 0;
        for (std::size_t k = 0; k < 40; ++k) tied += found.sigmas[k] / found.sigmas[k + 1] < 1.25 * (1.0 + 1e-9);
        CHECK(tied > 0, name + ": " + std::to_string(tied) + " at the least ratio");
    }
}

// Pairs of levels far apart: each pair is a block, up to the number of blocks asked for.
void test_moves_between_blocks() {
    const Data data = power_law(40);
    VectorXd u(16);
    for (Index k = 0; k < 16; ++k) u[k] = 4.0 - 1.3 * static_cast<double>(k / 2) - 0.2 * static_cast<double>(k % 2);
    for (const int most : {3, 6, 20}) {
        DesignProblem problem = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 17);
        problem.settings.moves.most_blocks = most;
        problem.settings.moves.block_moves = 1000;
        problem.settings.moves.hopeless = HUGE_VAL;
        const auto objective = make_objective(problem);
        const std::vector<VectorXd> moves = moves_between_blocks(*objective, u);
        const std::size_t blocks = static_cast<std::size_t>(std::min(most, 8));
        CHECK(moves.size() == blocks * (blocks - 1), "each block to each other: " + std::to_string(moves.size()));
        bool ordered = true, decreasing = true;
        for (std::size_t i = 0; i < moves.size(); ++i) {
            ordered = ordered && (i == 0 || objective->value(moves[i - 1]) <= objective->value(moves[i]));
            for (Index k = 1; k < 16; ++k) decreasing = decreasing && moves[i][k] <= moves[i][k - 1];
        }
        CHECK(ordered, "the best first");
        CHECK(decreasing, "levels in order");
        problem.settings.moves.block_moves = 2;
        CHECK(moves_between_blocks(*make_objective(problem), u).size() == 2, "as many as are followed");
        problem.settings.moves.hopeless = 0.0;
        CHECK(moves_between_blocks(*make_objective(problem), u).empty(), "none that is hopeless");
    }
    const DesignProblem problem = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 17);
    const auto objective = make_objective(problem);
    CHECK(moves_between_blocks(*objective, one(0.0)).empty(), "one level");
    CHECK(moves_between_blocks(*objective, VectorXd::LinSpaced(16, 4.0, -4.0)).empty(), "no block in even levels");
}

// A least ratio that leaves no choice: equal ratios, whatever the search.
void test_no_room() {
    const Data data = power_law(12);
    const std::vector<double> even = geometric(100.0, 0.01, 4);
    for (const char* sampler : {"ddim", "ddpm", "dpmpp_2m", "heun"}) {
        DesignProblem problem = problem_of(data, sampler, Loss::w2, 100.0, 0.01, 4);
        problem.settings.min_ratio = problem.settings.required_ratio = 10.0;
        CHECK(problem.wrong().empty(), "just room enough");
        const DesignResult found = design(problem, nullptr, 0);
        for (std::size_t k = 0; k <= 4; ++k)
            CHECK_CLOSE(found.sigmas[k], even[k], 1e-9, 0.0, std::string(sampler) + ", level " + std::to_string(k));
    }
}

// Searches cut short, each in its own way: admitted, never worse than the start, and no better than with more effort.
void test_limited_efforts() {
    const Data data = power_law(30);
    const std::vector<double> even = geometric(80.0, 0.01, 20);
    using Limit = std::function<void(DesignSettings&)>;
    const std::pair<const char*, Limit> limits[] = {
        {"as it is", [](DesignSettings&) {}},
        {"many levels", [](DesignSettings& s) { s.many_levels = 5; }},
        {"many levels, one start", [](DesignSettings& s) { s.many_levels = 5, s.starts.followed = 1; }},
        {"many levels, few iterations",
         [](DesignSettings& s) { s.many_levels = 5, s.newton.max_iterations = 6, s.starts.followed_many = 4; }},
        {"many levels, short glances",
         [](DesignSettings& s) { s.many_levels = 5, s.moves.glance = 1, s.starts.followed_many = 4; }},
        {"no relocation", [](DesignSettings& s) { s.moves.relocations = 0, s.moves.block_rounds = 0; }},
        {"one round of moves", [](DesignSettings& s) { s.moves.block_rounds = 1, s.moves.hopeless = 10.0; }},
        {"one iteration", [](DesignSettings& s) { s.newton.max_iterations = 1; }},
        {"one start, more to follow", [](DesignSettings& s) { s.starts.followed = 1, s.hops.followed = 5; }},
        {"more hops with many levels", [](DesignSettings& s) { s.hops.many = 3, s.hops.hops_many = 20; }},
    };
    for (const char* sampler : {"ddim", "ddpm", "dpmpp_2m"}) {
        double free = 0.0;
        for (const auto& [what, limit] : limits) {
            DesignProblem problem = problem_of(data, sampler, Loss::w2, 80.0, 0.01, 20);
            limit(problem.settings);
            const DesignResult found = design(problem, even.data(), 1);
            const std::string name = std::string(sampler) + ", " + what;
            CHECK(problem.admits(found.sigmas.data()), name + ": admitted");
            CHECK(found.loss <= found.start_losses[0], name + ": no worse than its start");
            CHECK_CLOSE(found.loss, problem.loss_of(found.sigmas.data()), 1e-12, 0.0,
                        name + ": the loss of its levels");
            if (free == 0.0) free = found.loss;
            CHECK(found.loss >= free * (1.0 - 0.02), name + ": hardly better than with all effort");
            const bool converged = found.status == MinimizeStatus::converged;
            CHECK(converged == (found.kkt_error <= problem.settings.newton.tolerance), name + ": says how it ended");
        }
    }
}

// Fewer hops take fewer evaluations, and each that is taken can only help.
void test_hops() {
    const Data data = power_law(20);
    double before = HUGE_VAL;
    long evaluations = 0;
    for (const int hops : {0, 2, 8}) {
        DesignProblem problem = problem_of(data, "dpmpp_2m", Loss::w2, 80.0, 0.0, 15);
        problem.settings.hops.hops = hops;
        const DesignResult found = design(problem, nullptr, 0);
        const std::string name = std::to_string(hops) + " hops";
        CHECK(found.loss <= before, name + ": no worse than fewer");
        CHECK(found.evaluations > evaluations, name + ": more evaluations than fewer");
        before = found.loss;
        evaluations = found.evaluations;
    }
}

}  // namespace

int main() {
    test_sorting();
    test_descending();
    test_repair_without_room();
    test_steps_that_lead_nowhere();
    test_steps_to_infinite_losses();
    test_falls_that_no_model_predicts();
    test_respread();
    test_many_tied_levels();
    test_moves_between_blocks();
    test_no_room();
    test_limited_efforts();
    test_hops();
    return checks::report();
}
