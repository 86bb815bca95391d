// The engine against samplers written out step by step (reference_samplers.hpp): transfer, variance, trace, loss,
// gradient and Hessian of every solver and option, for all processes and losses.
//
// Tolerances: the reference has 64 bits of mantissa and complex-step derivatives, so what is left is the rounding of the
// engine: 1e-11 of the largest entry, where multistep weights of close levels amplify it. Second derivatives are
// differences of complex-step gradients (step 1e-6, error 1e-12): 1e-8.

#include <algorithm>
#include <vector>

#include "check.hpp"
#include "core/engine/engine.hpp"
#include "core/kernels/dispatch.hpp"
#include "reference_loss.hpp"

using namespace specsched;
using namespace reference;

namespace {

const std::vector<Case> cases{
    {"ddim", {}},
    {"ddim", {{"eta", 0.4}}},
    {"ddim", {{"eta", 0.7}, {"s_churn", 2.0}, {"s_noise", 1.1}}},
    {"ddim", {{"eta", 0.9}}},
    {"ddim", {{"eta", 0.5}, {"s_churn", 2.0}, {"s_noise", 1.1}, {"diffusers_churn", 1.0}}},
    {"ddpm", {}},
    {"heun", {}},
    {"heun", {{"s_churn", 3.0}, {"s_tmin", 0.1}, {"s_tmax", 20.0}, {"s_noise", 1.01}}},
    {"edm_stochastic", {}},
    {"dpm_2", {}},
    {"dpm_2", {{"s_churn", 1.0}}},
    {"dpm_2_ancestral", {}},
    {"dpmpp_2s", {}},
    {"dpmpp_2s", {{"r", 0.3}}},
    {"dpmpp_2s_ancestral", {{"eta", 0.6}}},
    {"dpmpp_2s_ancestral", {}},
    {"dpmpp_sde", {}},
    {"dpmpp_sde", {{"eta", 0.5}, {"r", 0.4}, {"s_noise", 0.9}}},
    {"dpmpp_sde", {{"brownian", 0.0}}},
    {"dpmpp_sde", {{"eta", 0.0}}},
    {"dpmpp_singlestep", {}},
    {"dpmpp_singlestep", {{"heun", 1.0}}},
    {"dpmpp_singlestep", {{"order", 3.0}}},
    {"dpmpp_singlestep", {{"order", 3.0}, {"heun", 1.0}, {"lower_order_final", 1.0}}},
    {"dpmpp_singlestep", {{"order", 1.0}}},
    {"dpmpp_2m", {}},
    {"dpmpp_2m", {{"heun", 1.0}}},
    {"dpmpp_2m", {{"lower_order_final", 1.0}}},
    {"dpmpp_2m", {{"euler_at_final", 1.0}}},
    {"dpmpp_2m", {{"order", 1.0}}},
    {"dpmpp_3m", {}},
    {"dpmpp_3m", {{"heun", 1.0}, {"lower_order_final", 0.0}}},
    {"dpmpp_2m_sde", {}},
    {"dpmpp_2m_sde", {{"eta", 0.4}, {"s_noise", 1.2}}},
    {"dpmpp_2m_sde_heun", {}},
    {"dpmpp_3m_sde", {}},
    {"dpmpp_3m_sde", {{"diffusers_d2", 1.0}, {"heun", 0.0}, {"lower_order_final", 1.0}}},
    {"dpmpp_3m_sde", {{"eta", 0.3}}},
    {"dpm_multistep", {}},
    {"dpm_multistep", {{"heun", 1.0}, {"lower_order_final", 0.0}}},
    {"dpm_multistep", {{"order", 3.0}, {"lower_order_final", 0.0}}},
    {"dpm_multistep_sde", {}},
    {"dpm_multistep_sde", {{"heun", 1.0}, {"eta", 0.4}, {"s_noise", 1.2}, {"lower_order_final", 0.0}}},
    {"unipc", {}},
    {"unipc", {{"bh", 1.0}}},
    {"unipc", {{"order", 1.0}}},
    {"unipc", {{"order", 3.0}}},
    {"unipc", {{"order", 3.0}, {"bh", 1.0}, {"lower_order_final", 0.0}}},
    {"unipc", {{"order", 3.0}, {"corrector", 0.0}}},
    {"unipc", {{"order", 3.0}, {"lower_order_final", 0.0}}, {0, 2}},
    {"unipc", {{"predict_x0", 0.0}}},
    {"unipc", {{"predict_x0", 0.0}, {"order", 1.0}, {"bh", 1.0}}},
    {"unipc", {{"predict_x0", 0.0}, {"order", 3.0}, {"lower_order_final", 0.0}}, {1}},
    {"unipc", {{"predict_x0", 0.0}, {"bh", 1.0}, {"corrector", 0.0}}},
    {"deis", {}},
    {"deis", {{"order", 3.0}}},
    {"deis", {{"order", 4.0}, {"lower_order_final", 0.0}}},
    {"lms", {}},
    {"lms", {{"order", 2.0}}},
    {"lms", {{"order", 3.0}}},
    {"ipndm", {}},
    {"ipndm", {{"order", 2.0}}},
    {"plms", {}},
    {"plms", {{"order", 3.0}}},
    {"plms", {{"skip_prk_steps", 0.0}}},
    {"plms", {{"skip_prk_steps", 0.0}, {"order", 2.0}}},
};

const std::vector<std::vector<double>> schedules{
    {80.0, 24.0, 9.0, 5.5, 2.1, 0.9, 0.31, 0.09, 0.0},
    {30.0, 11.0, 10.2, 3.0, 0.8, 0.35, 0.12, 0.03},
    {14.6, 4.0, 1.1, 0.2, 0.0},
    {14.6, 2.0, 0.4},
    {5.0, 0.1},
    {120.0, 90.0, 60.0, 40.0, 25.0, 17.0, 12.0, 8.0, 5.0, 3.4, 2.2, 1.5, 1.0, 0.6, 0.4, 0.2, 0.1, 0.02},
};

const std::vector<double> eigenvalues{2500.0, 63.0, 4.0, 1.0, 0.3, 0.02, 1e-3, 1e-6, 0.0};

std::string label(const Case& c, std::size_t schedule, const std::string& what) {
    std::string text = c.name;
    for (const auto& [name, value] : c.options) text += " " + name + "=" + std::to_string(value);
    for (const int step : c.disable_corrector) text += " step " + std::to_string(step) + " uncorrected";
    return text + ", schedule " + std::to_string(schedule) + ", " + what;
}

SolverSpec spec_of(const Case& c) {
    SolverSpec spec = parse_solver(c.name, c.options);
    spec.disable_corrector = c.disable_corrector;
    return spec;
}

LevelsView view(const std::vector<double>& sigmas) {
    return {sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())};
}

Problem make_problem(std::size_t count, bool with_zero) {
    Problem p;
    for (std::size_t i = 0; i < count; ++i) {
        p.eigenvalues.push_back(eigenvalues[i % (eigenvalues.size() - 1)] * (1.0 + 0.01 * (i / 8)));
        p.weights.push_back(1.0 + i % 3);
        p.mean_power.push_back(i % 4 == 0 ? 0.7 : 0.0);
    }
    if (with_zero) p.eigenvalues.back() = 0.0;
    return p;
}

std::vector<long double> widened(const std::vector<double>& sigmas) { return {sigmas.begin(), sigmas.end()}; }

bool fits(const Case& c, const std::vector<double>& sigmas) {
    return check(spec_of(c), view(sigmas)).empty();
}

void test_transfer() {
    for (const Case& c : cases)
        for (std::size_t s = 0; s < schedules.size(); ++s) {
            if (!fits(c, schedules[s])) continue;
            const SolverSpec spec = spec_of(c);
            const std::size_t n = eigenvalues.size();
            for (double error : {0.0, 0.2}) {
                std::vector<double> gain(n), injected(n);
                engine_transfer(eigenvalues.data(), n, view(schedules[s]), spec, error, gain.data(), injected.data(), 1);
                for (std::size_t i = 0; i < n; ++i) {
                    const Moments m = reference_moments(c, widened(schedules[s]), eigenvalues[i], error);
                    const double scale = 1.0 / schedules[s].front();
                    CHECK_CLOSE(gain[i], static_cast<double>(m.gain.real()), 1e-11, scale, label(c, s, "gain"));
                    CHECK_CLOSE(injected[i], static_cast<double>(m.injected.real()), 1e-11, 1e-9,
                                label(c, s, "injected"));
                    CHECK(function_evaluations(spec, view(schedules[s]).steps(), schedules[s].back() == 0.0) == m.calls,
                          label(c, s, "evaluations"));
                }
            }
        }
}

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
            const Moments m = reference_moments(c, {sigmas[0], sigmas[1]}, eigenvalues[i], 0.1);
            CHECK_CLOSE(gains[i * columns + 1], static_cast<double>(m.gain.real()), 1e-12, 1e-3, label(c, 1, "step 1"));
        }
    }
}

void test_derivatives(const Case& c, std::size_t s, const Criterion& criterion, double error, bool second) {
    const std::vector<double>& sigmas = schedules[s];
    if (!fits(c, sigmas)) return;
    if (criterion.target == Target::limit && !check_limit(spec_of(c)).empty()) return;
    const SolverSpec spec = spec_of(c);
    // The slope of the last level at 0 belongs to levels that end above 0, for solvers that treat 0 apart.
    const int n = static_cast<int>(sigmas.size()), free = sigmas.back() == 0.0 ? n - 1 : n;
    const Problem p = make_problem(7, criterion.loss == Loss::w2);
    std::vector<double> gradient(n), again(n), hessian(n * n);
    const double value = engine_loss_gradient(p.view(), view(sigmas), spec, criterion, error, 1, gradient.data());
    CHECK_CLOSE(engine_loss(p.view(), view(sigmas), spec, criterion, error, 1), value, 1e-11, 0.0,
                label(c, s, "loss twice"));
    const std::vector<long double> levels = widened(sigmas);
    const long double tiny = 1e-40L, shift = 1e-6L;
    const Number direct = reference_loss(c, levels, p, criterion, error, -1, 0);
    CHECK_CLOSE(value, static_cast<double>(direct.real()), 1e-10, 0.0, label(c, s, "loss"));
    std::vector<double> want(n);
    // In log sigma: that is the scale on which the levels differ.
    double largest = 0.0;
    for (int k = 0; k < free; ++k) {
        want[k] = static_cast<double>(reference_loss(c, levels, p, criterion, error, k, tiny).imag() / tiny);
        largest = std::max(largest, std::fabs(want[k] * sigmas[k]));
    }
    for (int k = 0; k < free; ++k)
        CHECK_CLOSE(gradient[k] * sigmas[k], want[k] * sigmas[k], 1e-10, largest,
                    label(c, s, "gradient " + std::to_string(k)));
    if (!second) return;
    engine_loss_hessian(p.view(), view(sigmas), spec, criterion, error, 1, again.data(), hessian.data());
    for (int k = 0; k < n; ++k)
        CHECK_CLOSE(again[k], gradient[k], 1e-12, largest / std::fmax(sigmas[k], 1e-3), label(c, s, "gradient twice"));
    std::vector<double> row(n);
    double widest = 0.0;
    std::vector<std::vector<double>> rows;
    for (int k = 0; k < free; ++k) {
        std::vector<long double> up = levels, down = levels;
        up[k] *= 1 + shift;
        down[k] *= 1 - shift;
        for (int j = 0; j < free; ++j) {
            const Number change = reference_loss(c, up, p, criterion, error, j, tiny) -
                                  reference_loss(c, down, p, criterion, error, j, tiny);
            row[j] = static_cast<double>(change.imag() / tiny / (2 * shift) * levels[j]);
            widest = std::max(widest, std::fabs(row[j]));
        }
        rows.push_back(row);
    }
    for (int k = 0; k < free; ++k)
        for (int j = 0; j < free; ++j) {
            CHECK_CLOSE(hessian[k * n + j] * sigmas[k] * sigmas[j], rows[k][j], 1e-8, widest,
                        label(c, s, "hessian " + std::to_string(k) + "," + std::to_string(j)));
            CHECK(hessian[k * n + j] == hessian[j * n + k] ||
                      std::fabs(hessian[k * n + j] - hessian[j * n + k]) * sigmas[k] * sigmas[j] < 1e-12 * widest,
                  label(c, s, "symmetric"));
        }
}

void test_all_derivatives() {
    for (const Case& c : cases) {
        test_derivatives(c, 0, {Process::vp, Loss::w2}, 0.0, false);
        test_derivatives(c, 1, {Process::flow, Loss::w2}, 0.15, true);
        test_derivatives(c, 2, {Process::ve, Loss::w2}, 0.15, true);
        test_derivatives(c, 1, {Process::vp, Loss::kl}, 0.0, false);
        test_derivatives(c, 4, {Process::flow, Loss::reverse_kl}, 0.0, true);
        test_derivatives(c, 3, {Process::flow, Loss::reverse_kl}, 0.1, true);
        test_derivatives(c, 3, {Process::flow, Loss::w2, Target::data, Start::data}, 0.0, true);
        test_derivatives(c, 5, {Process::vp, Loss::w2}, 0.0, false);
        test_derivatives(c, 3, {Process::flow, Loss::w2, Target::limit}, 0.15, true);
        test_derivatives(c, 2, {Process::vp, Loss::w2, Target::limit}, 0.0, true);
        test_derivatives(c, 3, {Process::vp, Loss::w2, Target::limit, Start::data}, 0.1, true);
        test_derivatives(c, 4, {Process::flow, Loss::kl, Target::limit}, 0.1, true);
        test_derivatives(c, 3, {Process::vp, Loss::reverse_kl, Target::limit, Start::data}, 0.1, true);
        test_derivatives(c, 1, {Process::ve, Loss::reverse_kl, Target::limit}, 0.1, false);
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

void test_many_steps() {
    std::vector<double> sigmas;
    for (int k = 0; k < 200; ++k) sigmas.push_back(std::pow(1.0 - k / 200.0 * 0.6, 12.0) * 80.0);
    sigmas.push_back(0.0);
    const std::vector<double> some{30.0, 0.02};
    for (const Case& c : cases) {
        if (!fits(c, sigmas) || !c.options.empty()) continue;
        std::vector<double> gain(2), injected(2);
        engine_transfer(some.data(), 2, view(sigmas), parse_solver(c.name, {}), 0.0, gain.data(), injected.data(), 1);
        for (int i = 0; i < 2; ++i) {
            const Moments m = reference_moments(c, widened(sigmas), some[i], 0.0);
            CHECK_CLOSE(gain[i], static_cast<double>(m.gain.real()), 1e-11, 1e-2, label(c, 200, "gain, 200 steps"));
            CHECK_CLOSE(injected[i], static_cast<double>(m.injected.real()), 1e-11, 1e-9,
                        label(c, 200, "injected, 200 steps"));
        }
    }
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
            CHECK(std::sqrt(sum / power) < 1e-3, label(c, 20000, "limit, off by " + std::to_string(std::sqrt(sum / power))));
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
    CHECK(message([] { parse_solver("nope", {}); }).find("dpmpp_2m") != std::string::npos, "unknown solver lists names");
    CHECK(message([] { parse_solver("heun", {{"eta", 1.0}}); }).find("s_churn") != std::string::npos,
          "unknown option lists options");
    CHECK(message([] { parse_solver("lms", {{"order", 5.0}}); }).find("order") != std::string::npos, "order too high");
    CHECK(message([] { parse_solver("lms", {{"order", 2.5}}); }).find("integer") != std::string::npos, "order 2.5");
    CHECK(message([] { parse_solver("ddim", {{"eta", -0.1}}); }).find("eta") != std::string::npos, "negative eta");
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

}  // namespace

int main() {
    test_names();
    test_closed_forms();
    test_transfer();
    test_trace();
    test_eta();
    test_threads();
    test_instruction_sets();
    test_many_steps();
    test_limits();
    test_all_derivatives();
    return checks::report();
}
