// Losses of large spectra by panels: the plain sums, for every solver, loss and process; the same bits from every
// instruction set and thread count; and every eigenvalue counted once.
//
// Tolerances: interpolation is exact to rounding. What remains is how much rounding the plain sums amplify themselves:
// nothing in the dense kernels (1e-13); on the engine, where one unit in the last place of an eigenvalue moves slopes by
// 1e-10 and more (small losses are differences of variances; solvers of third order amplify), 1e-8 of the largest slope
// and 1e-11 of the loss.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/kernels/kernels.hpp"
#include "core/panels/panel_loss.hpp"
#include "core/panels/panels.hpp"
#include "spectra.hpp"

using namespace specsched;

namespace {

constexpr Process processes[] = {Process::vp, Process::ve, Process::flow};
constexpr Loss losses[] = {Loss::w2, Loss::kl, Loss::reverse_kl};

// Log-uniform between two powers of ten, in no order; a third of them with a mean.
Data scattered(std::size_t size, double low, double high, bool mean) {
    std::mt19937_64 bits(1);
    std::uniform_real_distribution<double> uniform;
    Data data;
    for (std::size_t i = 0; i < size; ++i)
        data.add(std::pow(10.0, low + (high - low) * uniform(bits)), 0.5 + uniform(bits),
                 mean && i % 3 == 0 ? 0.1 * uniform(bits) : 0.0);
    return data;
}

Data falling(std::size_t size) {
    Data data;
    for (std::size_t i = 0; i < size; ++i) data.add(300.0 * std::pow(1.0 + i, -1.5), 1.0, 0.0);
    return data;
}

std::vector<double> levels(std::ptrdiff_t steps, double last) {
    std::vector<double> sigmas;
    for (std::ptrdiff_t k = 0; k < steps; ++k)
        sigmas.push_back(80.0 * std::pow(0.02 / 80.0, static_cast<double>(k) / static_cast<double>(steps)));
    sigmas.push_back(last);
    return sigmas;
}

double largest(const std::vector<double>& values) {
    double most = 0.0;
    for (const double v : values) most = std::max(most, std::fabs(v));
    return most;
}

void compare(const Sampler& sampler, const Data& data, const std::vector<double>& sigmas, const Criterion& criterion,
             const std::string& name) {
    std::vector<double> fast(sigmas.size()), plain(sigmas.size());
    double sum = 0.0, alone = 0.0;
    const Panels panels(data.view());
    CHECK(panel_loss(sampler, panels, view(sigmas), criterion, fast.data(), 1, sum), name + ": goes by panels");
    CHECK(panel_loss(sampler, panels, view(sigmas), criterion, nullptr, 1, alone), name + ": the loss alone");
    const double want = plain_loss_sum(sampler, data.view(), view(sigmas), criterion, plain.data(), 1);
    const double tolerance = sampler.dense ? 1e-13 : 1e-8;
    CHECK_CLOSE(sum, want, sampler.dense ? 1e-13 : 1e-11, 0.0, name + ": loss");
    CHECK_CLOSE(alone, sum, sampler.dense ? 1e-13 : 1e-11, 0.0, name + ": loss without gradient");
    for (std::size_t k = 0; k < plain.size(); ++k)
        CHECK_CLOSE(fast[k], plain[k], tolerance, largest(plain), name + ": slope " + std::to_string(k));
}

std::vector<Sampler> all_samplers() {
    std::vector<Sampler> all;
    for (const SolverInfo& info : solver_list()) all.push_back(make_sampler(info.name, {}, 0.0));
    all.push_back(make_sampler("ddim", {{"eta", 0.4}}, 0.0));
    return all;
}

void test_plain_sums() {
    const Data many = scattered(3000, -4.0, 3.0, true), sorted = falling(2500);
    for (const Sampler& sampler : all_samplers()) {
        const std::string solver = solver_list()[sampler.spec.solver].name;
        for (const std::ptrdiff_t steps : {20, 60}) {
            const std::vector<double> sigmas = levels(steps, 0.01);
            for (const Process process : processes)
                compare(sampler, many, sigmas, {process, Loss::w2},
                        solver + ", process " + std::to_string(int(process)));
            for (const Loss loss : losses) {
                compare(sampler, many, sigmas, {Process::vp, loss}, solver + ", loss " + std::to_string(int(loss)));
                compare(sampler, sorted, sigmas, {Process::vp, loss}, solver + ", sorted");
            }
        }
    }
}

// What stands for a spectrum has its totals, and those of each panel.
void test_totals() {
    const Data data = scattered(3000, -5.0, 3.0, true);
    const Panels panels(data.view());
    const auto sum = [](const std::vector<double>& values) {
        return std::accumulate(values.begin(), values.end(), 0.0);
    };
    CHECK_CLOSE(sum(panels.few.weights), sum(data.weights), 1e-13, 0.0, "weights");
    CHECK_CLOSE(sum(panels.few.mean_power), sum(data.mean_power), 1e-13, 0.0, "mean power");
    for (std::size_t p = 0; p < panels.full.size(); ++p) {
        const double* const begin = panels.sorted.weights + panels.full[p].begin;
        const double want = std::accumulate(begin, begin + panels.full[p].count, 0.0);
        for (std::size_t j = p * panel_nodes; j < (p + 1) * panel_nodes; ++j)
            CHECK_CLOSE(panels.panel_weight[j], want, 1e-13, 0.0, "weight of a panel");
    }
}

// Against the limit, and with errors of the denoiser: sums over the nodes, whatever the sampler.
void test_node_sums() {
    const Data many = scattered(3000, -4.0, 3.0, true), sorted = falling(2500);
    const std::vector<double> sigmas = levels(40, 0.01);
    for (const char* name : {"ddim", "ddpm", "dpmpp_2m", "heun", "dpmpp_2m_sde", "unipc"})
        for (const double error : {0.0, 0.1})
            for (const Start start : {Start::prior, Start::data}) {
                const Sampler sampler = make_sampler(name, {}, error);
                for (const Loss loss : losses)
                    compare(sampler, many, sigmas, {Process::flow, loss, Target::limit, start},
                            std::string(name) + ", limit, loss " + std::to_string(int(loss)));
                compare(sampler, sorted, sigmas, {Process::vp, Loss::w2, Target::limit, start},
                        std::string(name) + ", limit, sorted");
                if (error > 0.0)
                    compare(sampler, many, sigmas, {Process::vp, Loss::w2, Target::data, start},
                            std::string(name) + ", data, with errors");
            }
}

// Zeros, eigenvalues out of range, lone ones, a last level of 0, and outputs that vanish beside the data.
void test_hard_spectra() {
    Data data = scattered(4000, -9.0, 6.0, true);
    for (int i = 0; i < 60; ++i) data.add(0.0, 1.0, 0.01);
    for (const double lone : {1e-250, 1e-40, 1e-20, 1e12}) data.add(lone, 2.0, 0.0);
    for (const char* name : {"ddim", "ddpm"}) {
        const Sampler sampler = make_sampler(name, {}, 0.0);
        for (const std::ptrdiff_t steps : {40, 300})
            for (const double last : {0.0, 0.01})
                for (const Process process : processes)
                    compare(sampler, data, levels(steps, last), {process, Loss::w2}, std::string(name) + ", hard");
    }
    // Gains that cross zero inside a panel: the root of the variance has a kink there.
    const Data wide = scattered(4000, -6.0, 4.0, true);
    std::vector<double> uneven = levels(24, 0.0);
    for (std::size_t k = 1; k + 2 < uneven.size(); k += 2) uneven[k] = uneven[k + 1] * 1.05;
    for (const char* name : {"dpmpp_2m", "lms", "unipc"})
        compare(make_sampler(name, {}, 0.0), wide, uneven, {Process::vp, Loss::w2}, std::string(name) + ", uneven");
}

void test_same_bits() {
    const Data data = scattered(3000, -5.0, 3.0, true);
    const std::vector<double> sigmas = levels(60, 0.01);
    const std::vector<std::string> names = available_kernels();
    for (const char* solver : {"ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde"})
        for (const Loss loss : losses) {
            const Sampler sampler = make_sampler(solver, {}, 0.0);
            CHECK(select_kernels("baseline"), "baseline");
            std::vector<double> want(sigmas.size()), got(sigmas.size());
            double sum = 0.0, again = 0.0;
            panel_loss(sampler, Panels(data.view()), view(sigmas), {Process::vp, loss}, want.data(), 1, sum);
            for (const std::string& name : names)
                for (const int threads : {1, 2, 3}) {
                    CHECK(select_kernels(name), name);
                    const Panels panels(data.view(), threads);
                    panel_loss(sampler, panels, view(sigmas), {Process::vp, loss}, got.data(), threads, again);
                    CHECK(again == sum && got == want,
                          std::string(solver) + ": " + name + " on " + std::to_string(threads) + " threads differs");
                }
        }
    select_kernels(names.front());
}

void test_every_eigenvalue_once() {
    Data data = scattered(1500, -40.0, 10.0, true);
    const Data middle = scattered(500, -1.0, 1.0, false);
    for (const double x : middle.eigenvalues) data.add(x, 1.0, 0.0);
    for (const bool in_order : {false, true}) {
        if (in_order) std::sort(data.eigenvalues.begin(), data.eigenvalues.end());
        const Panels panels(data.view());
        std::vector<double> seen;
        for (const auto* kind : {&panels.full, &panels.sparse})
            for (const Panel& panel : *kind)
                for (std::ptrdiff_t i = panel.begin; i < panel.begin + panel.count; ++i) {
                    const double x = panels.sorted.eigenvalues[i];
                    seen.push_back(x);
                    if (kind == &panels.full)
                        CHECK(x >= 0.5 * panel.center && x < 2.0 * panel.center, "an eigenvalue outside its panel");
                }
        std::vector<double> want = data.eigenvalues;
        std::sort(want.begin(), want.end());
        std::sort(seen.begin(), seen.end());
        CHECK(seen == want, "every eigenvalue belongs to one panel");
        CHECK(!panels.full.empty() && !panels.sparse.empty(), "both kinds of panel");
        CHECK(!in_order || panels.sorted.eigenvalues == data.eigenvalues.data(), "a sorted spectrum stays in place");
    }
}

void test_when_it_gains() {
    const std::vector<double> sigmas = levels(60, 0.01);
    double sum = 0.0;
    const auto used = [&](const Data& data, const Sampler& sampler) {
        return panel_loss(sampler, Panels(data.view()), view(sigmas), {Process::vp, Loss::w2}, nullptr, 1, sum);
    };
    const Sampler ddim = make_sampler("ddim", {}, 0.0);
    CHECK(!used(scattered(100, -2.0, 2.0, false), ddim), "few eigenvalues go one by one");
    CHECK(!used(scattered(1000, -30.0, 30.0, false), ddim), "so do eigenvalues far apart");
    CHECK(used(scattered(3000, -2.0, 2.0, false), make_sampler("ddim", {}, 0.01)), "denoisers with an error, too");
    CHECK(used(scattered(3000, -2.0, 2.0, false), ddim), "many go by panels");
}

}  // namespace

int main() {
    test_plain_sums();
    test_totals();
    test_node_sums();
    test_hard_spectra();
    test_same_bits();
    test_every_eigenvalue_once();
    test_when_it_gains();
    return checks::report();
}
