// What a design is asked and what it answers: settings that do not fit, losses as they are reported, batches, slopes,
// problems without a finite loss, and exceptions in parallel loops.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/design/design.hpp"
#include "core/parallel.hpp"
#include "design_cases.hpp"

using namespace specsched;

namespace {

// A search is only as good as its settings allow: what is wrong with them is named.
void test_wrong_problems() {
    const Data data = power_law(3);
    const DesignProblem good = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 5);
    CHECK(good.wrong().empty(), "nothing wrong: " + good.wrong());
    const auto expect = [&](const char* name, const auto& spoil) {
        DesignProblem bad = good;
        spoil(bad);
        CHECK(bad.wrong().rfind(name, 0) == 0, std::string(name) + " is named: " + bad.wrong());
    };
    expect("sigma_max", [](DesignProblem& p) { p.sigma_max = 1e51; });
    expect("sigma_max", [](DesignProblem& p) { p.sigma_max = std::nan(""); });
    expect("sigma_min", [](DesignProblem& p) { p.sigma_min = 80.0; });
    expect("sigma_min", [](DesignProblem& p) { p.sigma_min = 1e-101; });
    expect("sigma_floor", [](DesignProblem& p) { p.settings.sigma_floor = 1e-101; });
    expect("sigma_floor", [](DesignProblem& p) { p.settings.sigma_floor = std::nan(""); });
    expect("sigma_floor", [](DesignProblem& p) { p.settings.sigma_floor = 90.0; });
    expect("sigma_floor", [](DesignProblem& p) { p.sigma_min = p.settings.sigma_floor = 0.1; });
    expect("min_ratio", [](DesignProblem& p) { p.settings.min_ratio = std::nan(""); });
    expect("min_ratio", [](DesignProblem& p) { p.settings.min_ratio = HUGE_VAL; });
    expect("min_ratio", [](DesignProblem& p) {
        p.settings.min_ratio = 10.0;
        p.sigma_min = 0.01;
    });
    expect("required_ratio", [](DesignProblem& p) { p.settings.required_ratio = 2.0; });
    expect("required_ratio", [](DesignProblem& p) { p.settings.required_ratio = 0.5; });
    expect("tol", [](DesignProblem& p) { p.settings.newton.tolerance = 0.0; });
    expect("tol", [](DesignProblem& p) { p.settings.newton.tolerance = HUGE_VAL; });
    expect("max_iter", [](DesignProblem& p) { p.settings.newton.max_iterations = 0; });
    expect("threads", [](DesignProblem& p) { p.settings.threads = -1; });
    expect("steps", [](DesignProblem& p) { p.steps = 0; });
    expect("eigenvalues", [](DesignProblem& p) { p.nodes.size = 0; });
    Data negative = data, huge = data;
    negative.weights[1] = -1.0;
    huge.mean_power[2] = 1e101;
    expect("eigenvalues", [&](DesignProblem& p) { p.nodes = negative.view(); });
    expect("eigenvalues", [&](DesignProblem& p) { p.nodes = huge.view(); });
}

// Searched with errors of the predictions, reported without: of the levels found and of the starts.
void test_reported_losses() {
    const Data data = power_law(30);
    DesignProblem problem = problem_of(data, "ddim", Loss::w2, 80.0, 0.0, 8);
    problem.sampler = make_sampler("ddim", {}, 0.1);
    const std::vector<double> start = geometric(80.0, 0.0, 8);
    const DesignResult found = design(problem, start.data(), 1);
    CHECK(found.loss == problem.reported_loss_of(found.sigmas.data()), "reported without errors");
    CHECK(found.start_losses[0] == problem.reported_loss_of(start.data()), "the start's too");
    CHECK_CLOSE(found.searched_loss, problem.loss_of(found.sigmas.data()), 1e-13, 0.0, "searched with them");
    CHECK(found.searched_loss > found.loss, "errors of the predictions add to the loss");

    // A start that is at the minimum already is not lost in one iteration.
    DesignProblem brief = problem_of(data, "dpmpp_2m", Loss::w2, 80.0, 0.0, 8);
    const DesignResult best = design(brief, start.data(), 1);
    brief.settings.newton.max_iterations = 1;
    CHECK(design(brief, best.sigmas.data(), 1).searched_loss <= best.searched_loss, "never worse than the minimum");
}

// Problems of a batch know nothing of each other: levels as by themselves, on any number of threads; the error of one
// without a finite loss stays its own.
void test_batches() {
    const Data data = power_law(12), hopeless{{1.0, 1e-160}, {1.0, 1.0}, {0.0, 0.0}};
    std::vector<DesignProblem> problems;
    for (const double first : {40.0, 80.0}) problems.push_back(problem_of(data, "ddim", Loss::kl, first, 0.0, 5));
    problems.insert(problems.begin() + 1, problem_of(hopeless, "ddim", Loss::kl, 80.0, 0.0, 5));
    std::vector<const DesignProblem*> pointers;
    std::vector<double> own;
    for (const DesignProblem& p : problems) {
        pointers.push_back(&p);
        const std::vector<double> row = geometric(p.sigma_max, 0.0, 5);
        own.insert(own.end(), row.begin(), row.end());
    }
    for (const int threads : {1, 3}) {
        const std::vector<BatchDesign> found = design_batch(pointers, nullptr, 0, own.data(), 1, threads);
        for (const std::size_t i : {0, 2}) {
            const DesignResult alone = design(problems[i], own.data() + 6 * i, 1);
            CHECK(found[i].error.empty() && found[i].found.sigmas == alone.sigmas, "as by itself");
        }
        CHECK(!found[1].error.empty() && found[1].found.sigmas.empty(), "an error instead of levels");
    }
    pointers.resize(1);
    const std::vector<BatchDesign> one = design_batch(pointers, nullptr, 0, own.data(), 1, 2);
    CHECK(one[0].found.sigmas == design(problems[0], own.data(), 1).sigmas, "a batch of one has all the threads");
}

// Slopes by each level, relative to the sum: what the KKT error is the largest of, where no level is held.
void test_relative_gradient() {
    const Data data = power_law(30);
    const DesignProblem problem = problem_of(data, "dpmpp_2m", Loss::w2, 80.0, 0.0, 8);
    const std::vector<double> sigmas = geometric(80.0, 0.0, 8), slopes = relative_gradient(problem, sigmas.data());
    double largest = 0.0;
    for (std::size_t k = 1; k + 1 < sigmas.size(); ++k) largest = std::max(largest, std::abs(slopes[k] * sigmas[k]));
    CHECK_CLOSE(kkt_error(problem, sigmas.data()), largest, 1e-10, 0.0, "largest slope by the logarithm of a level");
    CHECK_CLOSE(kkt_error(problem, sigmas.data(), slopes.data()), largest, 1e-10, 0.0, "the same from slopes given");
    const DesignProblem fixed = problem_of(data, "dpmpp_2m", Loss::w2, 80.0, 0.0, 1);
    const double ends[] = {80.0, 0.0};
    CHECK(kkt_error(fixed, ends) == 0.0, "nothing to choose, nothing to gain");
}

// Where every start's loss is infinite (the output variance of the small eigenvalue underflows) nothing is found.
void test_no_finite_loss() {
    const Data data{{1.0, 1e-160}, {1.0, 1.0}, {0.0, 0.0}};
    const std::vector<double> start = geometric(80.0, 0.0, 5);
    for (const char* sampler : {"ddim", "ddpm", "dpmpp_2m"}) {
        const DesignResult found = design(problem_of(data, sampler, Loss::kl, 80.0, 0.0, 5), start.data(), 1);
        CHECK(found.status == MinimizeStatus::not_finite && found.sigmas.empty(), std::string(sampler) + ": no levels");
    }
}

void test_no_power() {
    const Data data{{0.0, 0.0}, {1.0, 1.0}, {0.0, 0.0}};
    for (const double last : {0.0, 0.1}) {
        const DesignResult found = design(problem_of(data, "ddim", Loss::w2, 80.0, last, 5), nullptr, 0);
        CHECK(found.status == MinimizeStatus::converged && found.kkt_error == 0.0, "nothing to gain: converged");
    }
}

// The exception of the lowest index leaves a parallel loop, whatever the number of threads.
void test_exceptions_leave_parallel_loops() {
    for (const int threads : {1, 4}) {
        std::string caught;
        try {
            parallel_for(64, threads, [](std::ptrdiff_t i) {
                if (i % 3 == 1) throw std::runtime_error(std::to_string(i));
            });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "1", "caught '" + caught + "' on " + std::to_string(threads) + " threads");
    }
}

}  // namespace

int main() {
    test_wrong_problems();
    test_reported_losses();
    test_batches();
    test_relative_gradient();
    test_no_finite_loss();
    test_no_power();
    test_exceptions_leave_parallel_loops();
    return checks::report();
}
