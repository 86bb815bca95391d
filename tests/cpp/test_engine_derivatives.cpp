// First and second derivatives of the engine's losses by the levels, for every solver, option, process, loss, target and
// start: against differences of the losses, and of the gradients. Losses and gradients are tested in 50 digits from
// Python: tests/analysis/test_solvers_reference.py.
//
// Tolerances: five-point differences with step 2e-4 in log sigma are exact to 1e-12 of a derivative, but for the rounding
// of the loss (1e-12) and of the gradient (1e-11) over the step: 1e-8 and 1e-7 of the largest entry.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/engine/solvers/formulas.hpp"
#include "engine_cases.hpp"

using namespace engine_cases;

namespace {

// d f / d log sigma_k.
template <class F>
double difference(const F& f, std::vector<double> sigmas, std::size_t k) {
    constexpr double step = 2e-4;
    const double level = sigmas[k];
    const auto at = [&](int places) {
        sigmas[k] = level * std::exp(places * step);
        return f(sigmas);
    };
    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step);
}

void test_hessian(const Case& c, std::size_t s, const Problem& p, const Criterion& criterion, double error,
                  const std::vector<double>& gradient, std::size_t free) {
    const std::vector<double>& sigmas = schedules[s];
    const SolverSpec spec = spec_of(c);
    const std::size_t n = sigmas.size();
    std::vector<double> again(n), hessian(n * n), moved(n);
    engine_loss_hessian(p.view(), view(sigmas), spec, criterion, error, 1, again.data(), hessian.data());
    double largest = 0.0, widest = 0.0;
    for (std::size_t k = 0; k < free; ++k) largest = std::max(largest, std::fabs(gradient[k] * sigmas[k]));
    for (std::size_t k = 0; k < n; ++k)
        CHECK_CLOSE(again[k], gradient[k], 1e-12, largest / std::fmax(sigmas[k], 1e-3), label(c, s, "gradient twice"));
    std::vector<double> want(n * n);
    for (std::size_t k = 0; k < free; ++k)
        for (std::size_t j = 0; j < free; ++j) {
            const auto slope = [&](const std::vector<double>& levels) {
                engine_loss_gradient(p.view(), view(levels), spec, criterion, error, 1, moved.data());
                return moved[j];
            };
            want[k * n + j] = difference(slope, sigmas, k) * sigmas[j];
            widest = std::max(widest, std::fabs(want[k * n + j]));
        }
    for (std::size_t k = 0; k < free; ++k)
        for (std::size_t j = 0; j < free; ++j) {
            const double scale = sigmas[k] * sigmas[j];
            CHECK_CLOSE(hessian[k * n + j] * scale, want[k * n + j], 1e-7, widest,
                        label(c, s, "hessian " + std::to_string(k) + "," + std::to_string(j)));
            CHECK(std::fabs(hessian[k * n + j] - hessian[j * n + k]) * scale <= 1e-12 * widest,
                  label(c, s, "symmetric"));
        }
}

void test_derivatives(const Case& c, std::size_t s, const Criterion& criterion, double error, bool second,
                      double faint = 0.0) {
    const std::vector<double>& sigmas = schedules[s];
    if (!fits(c, sigmas)) return;
    if (criterion.target == Target::limit && !check_limit(spec_of(c)).empty()) return;
    const SolverSpec spec = spec_of(c);
    // The slope of the last level at 0 belongs to levels that end above 0, for solvers that treat 0 apart.
    const std::size_t n = sigmas.size(), free = sigmas.back() == 0.0 ? n - 1 : n;
    Problem p = make_problem(7, criterion.loss == Loss::w2);
    if (faint > 0.0) p.eigenvalues.back() = faint;
    std::vector<double> gradient(n), want(n);
    const auto loss = [&](const std::vector<double>& levels) {
        return engine_loss(p.view(), view(levels), spec, criterion, error, 1);
    };
    const double value = engine_loss_gradient(p.view(), view(sigmas), spec, criterion, error, 1, gradient.data());
    CHECK_CLOSE(loss(sigmas), value, 1e-11, 0.0, label(c, s, "loss twice"));
    double largest = value;
    for (std::size_t k = 0; k < free; ++k) {
        want[k] = difference(loss, sigmas, k);
        largest = std::max(largest, std::fabs(want[k]));
    }
    for (std::size_t k = 0; k < free; ++k)
        CHECK_CLOSE(gradient[k] * sigmas[k], want[k], 1e-8, largest, label(c, s, "gradient " + std::to_string(k)));
    if (second) test_hessian(c, s, p, criterion, error, gradient, free);
}

void test_all_derivatives() {
    for (const Case& c : cases) {
        test_derivatives(c, 0, {Process::vp, Loss::w2}, 0.0, false);
        test_derivatives(c, 1, {Process::flow, Loss::w2}, 0.15, true);
        test_derivatives(c, 2, {Process::ve, Loss::w2}, 0.15, true);
        test_derivatives(c, 1, {Process::vp, Loss::kl}, 0.0, false);
        test_derivatives(c, 3, {Process::flow, Loss::kl}, 0.0, true, 1e-25);  // far below every level
        test_derivatives(c, 4, {Process::flow, Loss::reverse_kl}, 0.0, true);
        test_derivatives(c, 3, {Process::flow, Loss::reverse_kl}, 0.07, true);
        test_derivatives(c, 3, {Process::flow, Loss::w2, Target::data, Start::data}, 0.0, true);
        test_derivatives(c, 5, {Process::vp, Loss::w2}, 0.0, false);
        test_derivatives(c, 3, {Process::flow, Loss::w2, Target::limit}, 0.15, true);
        test_derivatives(c, 2, {Process::vp, Loss::w2, Target::limit}, 0.0, true);
        test_derivatives(c, 3, {Process::vp, Loss::w2, Target::limit, Start::data}, 0.07, true);
        test_derivatives(c, 4, {Process::flow, Loss::kl, Target::limit}, 0.07, true);
        test_derivatives(c, 3, {Process::vp, Loss::reverse_kl, Target::limit, Start::data}, 0.07, true);
        test_derivatives(c, 1, {Process::ve, Loss::reverse_kl, Target::limit}, 0.07, false);
    }
}

// phi_k against its series, where the recursion cancels and where it does not.
void test_exponential_functions() {
    for (const double z : {-4.0, -1.001, -0.999, -0.3, -1e-3, -1e-9, 0.0, 0.5, 2.0})
        for (int k = 1; k <= 4; ++k) {
            long double term = 1.0L, sum = 0.0L;
            for (int i = 2; i <= k; ++i) term /= i;
            for (int n = 0; n < 60; ++n, term *= z / static_cast<long double>(n + k)) sum += term;
            CHECK_CLOSE(solvers::phi(k, z), static_cast<double>(sum), 1e-13, 0.0,
                        "phi " + std::to_string(k) + " at " + std::to_string(z));
        }
}

}  // namespace

int main() {
    test_exponential_functions();
    test_all_derivatives();
    return checks::report();
}
