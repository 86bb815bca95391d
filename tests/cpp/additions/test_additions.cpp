// A loss and a solver that were added as docs/extending.md says, wherever losses and solvers go: names, values by formula,
// gradients, Hessians, kernels, panels, limits and designs.
//
// Tolerances: central differences with step 1e-5 in log sigma leave 1e-10 of the slopes' size: 1e-6 of the largest.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/design/design.hpp"
#include "core/engine/engine.hpp"
#include "core/panels/panels.hpp"
#include "core/sampler.hpp"
#include "spectra.hpp"

using namespace specsched;

namespace {

std::vector<double> levels(int steps, double last) {
    std::vector<double> sigmas;
    for (int k = 0; k <= steps; ++k) sigmas.push_back(20.0 * std::pow(last / 20.0, static_cast<double>(k) / steps));
    return sigmas;
}

const std::vector<const char*> samplers{"ddim", "ddpm", "heun", "dpmpp_2m", "ralston"};

void test_names() {
    std::vector<std::string> names;
    each_loss([&](const char* name, Loss loss, auto l) {
        names.push_back(name);
        CHECK(with_named_loss(loss,
                              [&](auto other) { return std::string(decltype(other)::title) == decltype(l)::title; }),
              std::string(name) + ": name and trait belong together");
    });
    CHECK(names.size() == 4 && std::count(names.begin(), names.end(), "relative") == 1, "the loss has its name");
    CHECK(parse_solver("ralston", {{"r", 0.75}}).r == 0.75, "the solver has its option");
}

// From the moments of the output, which know nothing of the loss.
void test_value() {
    const Data data = power_law(30, 10.0);
    const std::vector<double> sigmas = levels(8, 0.02);
    const Criterion criterion{Process::vp, Loss::relative};
    for (const char* name : samplers) {
        const Sampler sampler = make_sampler(name, {}, 0.0);
        std::vector<double> gain(30), variance(30);
        transfer(sampler, data.view(), view(sigmas), criterion, {gain.data(), variance.data()}, 1);
        const double scale = signal_scale(Process::vp, sigmas.back());
        double want = 0.0;
        for (std::size_t i = 0; i < 30; ++i) {
            const double error = variance[i] / data.eigenvalues[i] - 1.0, lost = 1.0 - scale * (1.0 - gain[i]);
            want += data.weights[i] * error * error + data.mean_power[i] * lost * lost / data.eigenvalues[i];
        }
        const double sum = loss_sum(sampler, data.view(), view(sigmas), criterion, nullptr, 1);
        CHECK_CLOSE(sum, want, 1e-10, 0.0, std::string(name) + ": the loss is what its formula says");
        CHECK_CLOSE(reported_loss(Loss::relative, sum), std::sqrt(want), 1e-10, 0.0, "reported as a root");
    }
}

double value_at(const Sampler& sampler, const Data& data, std::vector<double> sigmas, const Criterion& criterion,
                std::size_t moved, double by, double* gradient = nullptr) {
    sigmas[moved] *= std::exp(by);
    return loss_sum(sampler, data.view(), view(sigmas), criterion, gradient, 1);
}

void test_gradient(const Sampler& sampler, const Criterion& criterion, const std::string& name) {
    const Data data = power_law(20, 10.0);
    const std::vector<double> sigmas = levels(5, 0.02);
    std::vector<double> gradient(6);
    value_at(sampler, data, sigmas, criterion, 0, 0.0, gradient.data());
    double largest = 0.0;
    for (std::size_t k = 0; k < 6; ++k) largest = std::max(largest, std::fabs(gradient[k] * sigmas[k]));
    for (std::size_t k = 0; k < 6; ++k) {
        const double slope = (value_at(sampler, data, sigmas, criterion, k, 1e-5) -
                              value_at(sampler, data, sigmas, criterion, k, -1e-5)) /
                             2e-5;
        CHECK_CLOSE(gradient[k] * sigmas[k], slope, 1e-6, largest, name + ": slope " + std::to_string(k));
    }
}

void test_hessian(const char* name, const Criterion& criterion) {
    const Data data = power_law(20, 10.0);
    const std::vector<double> sigmas = levels(5, 0.02);
    const SolverSpec spec = parse_solver(name, {});
    std::vector<double> gradient(6), hessian(36), up(6), down(6);
    engine_loss_hessian(data.view(), view(sigmas), spec, criterion, 0.1, 1, gradient.data(), hessian.data());
    std::vector<std::vector<double>> rows;
    double largest = 0.0;
    for (std::size_t k = 0; k < 6; ++k) {
        std::vector<double> high = sigmas, low = sigmas;
        high[k] *= 1.0 + 1e-5;
        low[k] *= 1.0 - 1e-5;
        engine_loss_gradient(data.view(), view(high), spec, criterion, 0.1, 1, up.data());
        engine_loss_gradient(data.view(), view(low), spec, criterion, 0.1, 1, down.data());
        std::vector<double> row(6);
        for (std::size_t j = 0; j < 6; ++j) {
            row[j] = (up[j] - down[j]) / 2e-5 * sigmas[j];
            largest = std::max(largest, std::fabs(row[j]));
        }
        rows.push_back(row);
    }
    for (std::size_t k = 0; k < 6; ++k)
        for (std::size_t j = 0; j < 6; ++j)
            CHECK_CLOSE(hessian[k * 6 + j] * sigmas[k] * sigmas[j], rows[k][j], 1e-6, largest,
                        std::string(name) + ": second derivative " + std::to_string(k) + "," + std::to_string(j));
}

void test_derivatives() {
    for (const char* name : samplers)
        for (const Target target : {Target::data, Target::limit})
            for (const Start start : {Start::prior, Start::data})
                for (const Loss loss : {Loss::relative, Loss::w2}) {
                    const Criterion criterion{Process::flow, loss, target, start};
                    const Sampler sampler = make_sampler(name, {}, 0.0);
                    test_gradient(sampler, criterion,
                                  std::string(name) + ", target " + std::to_string(static_cast<int>(target)));
                    test_gradient(make_sampler(name, {}, 0.1), criterion, std::string(name) + ", with errors");
                    test_hessian(name, criterion);
                }
}

void test_panels() {
    const Data data = power_law(4000, 10.0);
    const Panels panels(data.view());
    const std::vector<double> sigmas = levels(20, 0.02);
    for (const char* name : samplers)
        for (const Target target : {Target::data, Target::limit}) {
            const Sampler sampler = make_sampler(name, {}, 0.0);
            const Criterion criterion{Process::vp, Loss::relative, target};
            const double plain = plain_loss_sum(sampler, data.view(), view(sigmas), criterion, nullptr, 1);
            SpectrumView spectrum = data.view();
            spectrum.panels = &panels;
            CHECK_CLOSE(loss_sum(sampler, spectrum, view(sigmas), criterion, nullptr, 1), plain, 1e-9, 0.0,
                        std::string(name) + ": panels");
        }
}

// Order 2: against the limit, twice the steps leave a quarter of the distance. (With the inner level in the middle the errors
// of these levels cancel to order 3.)
void test_order() {
    const Data data = power_law(10, 10.0);
    const Sampler sampler = make_sampler("ralston", {{"r", 0.75}}, 0.0);
    const auto distance = [&](int steps) {
        return std::sqrt(loss_sum(sampler, data.view(), view(levels(steps, 0.02)),
                                  {Process::vp, Loss::w2, Target::limit}, nullptr, 1));
    };
    const double ratio = distance(200) / distance(400);
    CHECK(ratio > 3.7 && ratio < 4.3, "Ralston's method is of order 2: " + std::to_string(ratio));
    CHECK(function_evaluations(parse_solver("ralston", {}), 7, false) == 14, "two evaluations a step");
}

void test_design() {
    const Data data = power_law(25, 10.0);
    for (const char* name : {"ddim", "ddpm", "ralston"})
        for (const Target target : {Target::data, Target::limit}) {
            DesignProblem problem{
                data.view(), make_sampler(name, {}, 0.0), {Process::vp, Loss::relative, target}, 20.0, 0.02, 6, {}};
            problem.settings.threads = 1;
            const std::vector<double> start = levels(6, 0.02);
            const DesignResult found = design(problem, start.data(), 1);
            CHECK(found.status == MinimizeStatus::converged && found.kkt_error < 1e-7,
                  std::string(name) + ": the design has converged, " + std::to_string(found.kkt_error));
            CHECK(found.loss < 0.98 * problem.loss_of(start.data()), std::string(name) + ": better than its start");
        }
}

}  // namespace

int main() {
    test_names();
    test_value();
    test_derivatives();
    test_panels();
    test_order();
    test_design();
    return checks::report();
}
