// The engine by itself: closed forms, traces, slopes by eta, limits, the same bits for every thread count and instruction
// set, names. What the solvers compute is tested in 50 digits from Python: tests/analysis/test_solvers_reference.py.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/kernels/dispatch.hpp"
#include "engine_cases.hpp"

using namespace engine_cases;

namespace {

void test_trace() {
    for (const Case& c : cases) {
        const std::vector<double>& sigmas = schedules[1];
        const SolverSpec spec = spec_of(c);
        const std::size_t n = eigenvalues.size(), columns = sigmas.size();
        std::vector<double> gain(n), injected(n), gains(n * columns), variances(n * columns);
        engine_transfer(eigenvalues.data(), n, view(sigmas), spec, 0.1, gain.data(), injected.data(), 1);
        engine_trace(eigenvalues.data(), n, view(sigmas), spec, 0.1, gains.data(), variances.data(), 1);
        for (std::size_t i = 0; i < n; ++i) {
            CHECK(gains[i * columns] == 1.0 && variances[i * columns] == 0.0, label(c, 1, "trace starts at 1 and 0"));
            CHECK_CLOSE(gains[(i + 1) * columns - 1], gain[i], 1e-12, 0.1, label(c, 1, "trace ends at the transfer"));
            CHECK_CLOSE(variances[(i + 1) * columns - 1], injected[i], 1e-12, 0.1,
                        label(c, 1, "trace ends at the variance"));
            // The first step is a run of one step, unless it depends on how many follow.
            if (c.options.count("s_churn") || c.name == "edm_stochastic" || c.name == "plms") continue;
            double first, noise;
            engine_transfer(&eigenvalues[i], 1, {sigmas.data(), 2}, spec, 0.1, &first, &noise, 1);
            CHECK_CLOSE(gains[i * columns + 1], first, 1e-12, 1e-3, label(c, 1, "step 1"));
            CHECK_CLOSE(variances[i * columns + 1], noise, 1e-12, 1e-9, label(c, 1, "noise of step 1"));
        }
    }
}

// Derivatives by eta: against central differences of the loss.
void test_eta() {
    for (const std::string name : {"ddim", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m_sde",
                                   "dpmpp_3m_sde", "dpm_multistep_sde"}) {
        const std::vector<double>& sigmas = schedules[1];
        const Problem p = make_problem(11, true);
        SolverSpec spec = parse_solver(name, {{"eta", 0.6}});
        spec.eta_steps = {0.3, 0.6, 0.5, 0.4, 0.9, 0.2, 0.7};
        CHECK(check(spec, view(sigmas)).empty(), name + ": one eta per step");
        std::vector<double> gradient(sigmas.size()), by_eta(spec.eta_steps.size());
        engine_loss_gradient(p.view(), view(sigmas), spec, {Process::vp, Loss::w2}, 0.0, 1, gradient.data(),
                             by_eta.data());
        for (std::size_t k = 0; k < by_eta.size(); ++k) {
            SolverSpec up = spec, down = spec;
            up.eta_steps[k] += 1e-5;
            down.eta_steps[k] -= 1e-5;
            const double change = engine_loss(p.view(), view(sigmas), up, {Process::vp, Loss::w2}, 0.0, 1) -
                                  engine_loss(p.view(), view(sigmas), down, {Process::vp, Loss::w2}, 0.0, 1);
            CHECK_CLOSE(by_eta[k], change / 2e-5, 1e-5, 0.1, name + ": d loss / d eta of step " + std::to_string(k));
        }
        spec.eta_steps.pop_back();
        CHECK(!check(spec, view(sigmas)).empty(), name + ": wrong number of etas is noticed");
    }
}

// theory.md: DDIM's gain is a product, DDPM's telescopes and its variance is a sum.
void test_closed_forms() {
    for (const std::vector<double>& r : schedules) {
        const std::size_t n = eigenvalues.size(), S = r.size() - 1;
        std::vector<double> gain(n), injected(n);
        engine_transfer(eigenvalues.data(), n, view(r), parse_solver("ddim", {}), 0.0, gain.data(), injected.data(), 1);
        for (std::size_t i = 0; i < n; ++i) {
            double want = 1.0;
            for (std::size_t k = 0; k < S; ++k)
                want *= (eigenvalues[i] + r[k] * r[k + 1]) / (eigenvalues[i] + r[k] * r[k]);
            CHECK_CLOSE(gain[i], want, 1e-13, 1e-300, "DDIM, closed form");
            CHECK(injected[i] == 0.0, "DDIM injects nothing");
        }
        engine_transfer(eigenvalues.data(), n, view(r), parse_solver("ddpm", {}), 0.0, gain.data(), injected.data(), 1);
        for (std::size_t i = 0; i < n; ++i) {
            const double lambda = eigenvalues[i], end = lambda + r[S] * r[S];
            CHECK_CLOSE(gain[i], end / (lambda + r[0] * r[0]), 1e-13, 1e-300, "DDPM, closed form");
            double sum = 0.0;
            for (std::size_t k = 0; k < S; ++k) {
                const double a = r[k] * r[k], b = r[k + 1] * r[k + 1];
                if (b > 0.0) sum += b * (a - b) / (a * (lambda + b) * (lambda + b));
            }
            CHECK_CLOSE(injected[i], end * end * sum, 1e-12, 1e-300, "DDPM variance, closed form");
        }
    }
}

void test_threads() {
    const Problem p = make_problem(3001, true);
    const std::vector<double>& sigmas = schedules[5];
    const int n = static_cast<int>(sigmas.size());
    for (const char* name : {"dpmpp_2m", "dpmpp_sde", "unipc"}) {
        const SolverSpec spec = parse_solver(name, {});
        std::vector<double> one(n), three(n), H1(n * n), H3(n * n);
        const double a =
            engine_loss_gradient(p.view(), view(sigmas), spec, {Process::vp, Loss::w2}, 0.1, 1, one.data());
        const double b =
            engine_loss_gradient(p.view(), view(sigmas), spec, {Process::vp, Loss::w2}, 0.1, 3, three.data());
        CHECK(a == b && one == three, std::string(name) + ": same bits for every thread count");
        engine_loss_hessian(p.view(), view(sigmas), spec, {Process::vp, Loss::w2}, 0.1, 1, one.data(), H1.data());
        engine_loss_hessian(p.view(), view(sigmas), spec, {Process::vp, Loss::w2}, 0.1, 3, three.data(), H3.data());
        CHECK(H1 == H3, std::string(name) + ": same bits of the Hessian for every thread count");
    }
}

void test_instruction_sets() {
    const Problem p = make_problem(77, true);
    const std::vector<double>& sigmas = schedules[0];
    const int n = static_cast<int>(sigmas.size());
    std::vector<double> first, gradient(n), hessian(n * n);
    for (const std::string& name : available_kernels()) {
        select_kernels(name);
        std::vector<double> all;
        for (const char* solver : {"dpmpp_3m", "heun", "ddpm"}) {
            const SolverSpec spec = parse_solver(solver, {});
            all.push_back(engine_loss_hessian(p.view(), view(sigmas), spec, {Process::flow, Loss::w2}, 0.1, 1,
                                              gradient.data(), hessian.data()));
            all.insert(all.end(), gradient.begin(), gradient.end());
            all.insert(all.end(), hessian.begin(), hessian.end());
            engine_loss_gradient(p.view(), view(sigmas), spec, {Process::flow, Loss::w2}, 0.1, 1, gradient.data());
            all.insert(all.end(), gradient.begin(), gradient.end());
        }
        if (first.empty()) first = all;
        CHECK(all == first, name + ": the same bits as " + available_kernels().front());
    }
    select_kernels(available_kernels().front());
}

// With 20,000 steps every sampler is within 1e-3 of its limit, in W2 relative to the root of the total power.
void test_limits() {
    std::vector<double> sigmas;
    const int steps = 20000;
    for (int k = 0; k <= steps; ++k) sigmas.push_back(80.0 * std::pow(0.002 / 80.0, static_cast<double>(k) / steps));
    const Problem p = make_problem(8, true);
    double power = 0.0;
    for (std::size_t i = 0; i < p.eigenvalues.size(); ++i) power += p.weights[i] * p.eigenvalues[i] + p.mean_power[i];
    for (const Case& c : cases) {
        const SolverSpec spec = spec_of(c);
        if (!check_limit(spec).empty()) continue;
        for (const Start start : {Start::prior, Start::data}) {
            const double sum =
                engine_loss(p.view(), view(sigmas), spec, {Process::vp, Loss::w2, Target::limit, start}, 0.0, 1);
            CHECK(std::sqrt(sum / power) < 1e-3,
                  label(c, 20000, "limit, off by " + std::to_string(std::sqrt(sum / power))));
        }
    }
    SolverSpec churned = parse_solver("heun", {{"s_churn", 1.0}}), uneven = parse_solver("ddim", {});
    uneven.eta_steps = {0.1, 0.2};
    CHECK(check_limit(churned).find("s_churn") != std::string::npos, "no limit with churn");
    CHECK(check_limit(uneven).find("target='data'") != std::string::npos, "no limit with an eta per step");
}

template <class Body>
std::string message(const Body& body) {
    try {
        body();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

void test_names() {
    CHECK(message([] { parse_solver("nope", {}); }).find("dpmpp_2m") != std::string::npos,
          "unknown solver lists names");
    CHECK(message([] { parse_solver("heun", {{"eta", 1.0}}); }).find("s_churn") != std::string::npos,
          "unknown option lists options");
    CHECK(message([] { parse_solver("lms", {{"order", 5.0}}); }).find("order") != std::string::npos, "order too high");
    CHECK(message([] { parse_solver("lms", {{"order", 2.5}}); }).find("integer") != std::string::npos, "order 2.5");
    CHECK(message([] { parse_solver("ddim", {{"eta", -0.1}}); }).find("eta") != std::string::npos, "negative eta");
    CHECK(message([] { parse_solver("ddpm", {{"s_noise", HUGE_VAL}}); }).find("finite") != std::string::npos,
          "infinite noise");
    CHECK(parse_solver("heun", {{"s_tmax", HUGE_VAL}}).s_tmax == HUGE_VAL, "no end to the churn");
    CHECK(parse_solver("euler", {}).solver == parse_solver("ddim", {}).solver, "aliases");
    CHECK(!check(parse_solver("dpm_multistep", {}), view(schedules[0])).empty(), "noise prediction cannot end at 0");
    std::vector<std::string> seen;
    for (const SolverInfo& info : solver_list()) {
        seen.push_back(info.name);
        const bool tested = std::any_of(cases.begin(), cases.end(), [&](const Case& c) { return c.name == info.name; });
        // Tables of coefficients are tested where they are made: tests/samplers/test_multistep.py.
        CHECK(tested || info.name == "multistep", info.name + " is tested");
    }
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end(), "names are unique");
}

// What does not fit is said before anything runs.
void test_solvers_and_levels() {
    const std::vector<double> sigmas{10.0, 3.0, 1.0, 0.0};
    const auto expect = [&](const char* words, const char* solver, const std::map<std::string, double>& options,
                            const auto& spoil) {
        SolverSpec spec = parse_solver(solver, options);
        spoil(spec);
        const std::string wrong = check(spec, view(sigmas));
        CHECK(wrong.find(words) != std::string::npos, std::string(solver) + ": " + wrong);
    };
    const auto nothing = [](SolverSpec&) {};
    expect("no coefficients yet", "multistep", {{"order", 3.0}}, nothing);
    expect("2 rows for 3 steps", "multistep", {{"order", 3.0}}, [](SolverSpec& s) { s.coefficients.assign(4, 0.1); });
    expect("2 values for 3 steps", "multistep", {{"order", 3.0}}, [](SolverSpec& s) {
        s.coefficients.assign(6, 0.1);
        s.model_times.assign(2, 0.0);
    });
    expect("2 values for 3 steps", "ddim", {}, [](SolverSpec& s) { s.eta_steps.assign(2, 0.5); });
    expect("no option 'eta'", "heun", {}, [](SolverSpec& s) { s.eta_steps.assign(3, 0.5); });
    CHECK(check(parse_solver("multistep", {{"order", 1.0}}), view(sigmas)).empty(), "order 1 needs no table");
    CHECK(!check(parse_solver("ddim", {}), {sigmas.data(), 1}).empty(), "one level is no schedule");
    CHECK(function_evaluations(parse_solver("heun", {}), 5, true) == 9, "no correction of the last step to 0");
    CHECK(function_evaluations(parse_solver("heun", {}), 5, false) == 10, "two for every step");
}

// Levels that the network is told, without coefficients or beside ones that are 0: the same solver of order 1.
void test_model_times() {
    const Problem p = make_problem(12, true);
    const std::vector<double> sigmas{10.0, 3.0, 1.0, 0.0}, times{0.0, 0.1, -0.05};
    const auto loss = [&](double order, int coefficients, const std::vector<double>& told) {
        SolverSpec spec = parse_solver("multistep", {{"order", order}});
        spec.coefficients.assign(static_cast<std::size_t>(coefficients), 0.0);
        spec.model_times = told;
        return engine_loss(p.view(), view(sigmas), spec, {Process::vp, Loss::w2}, 0.0, 1);
    };
    const double plain = loss(1.0, 0, {});
    CHECK(plain == engine_loss(p.view(), view(sigmas), parse_solver("ddim", {}), {Process::vp, Loss::w2}, 0.0, 1),
          "order 1 is DDIM");
    CHECK(loss(1.0, 0, times) == loss(2.0, 3, times), "zeros change nothing");
    CHECK(loss(1.0, 0, {0.0, 0.0, 0.0}) == plain, "times of 0 change nothing");
    CHECK(loss(1.0, 0, times) != plain, "others do: " + std::to_string(loss(1.0, 0, times) / plain - 1.0));
}

}  // namespace

int main() {
    test_names();
    test_model_times();
    test_solvers_and_levels();
    test_closed_forms();
    test_trace();
    test_eta();
    test_threads();
    test_instruction_sets();
    test_limits();
    return checks::report();
}
