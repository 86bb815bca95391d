// Kernels, engine and their choice at the edges: the loss that users cannot name, zeros under divergences, spectra and
// levels so large or small that divisions are not shared, and kernels named in the environment.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/ends.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/sampler.hpp"
#include "spectra.hpp"

using namespace specsched;

namespace {

const std::vector<double> sigmas{80.0, 31.0, 12.0, 5.0, 2.0, 0.9, 0.4, 0.15, 0.05, 0.01};

struct Run {
    double sum;
    std::vector<double> gradient;
};
Run run(const Sampler& sampler, const Data& data, const Criterion& criterion, const std::vector<double>& at = sigmas) {
    Run out{0.0, std::vector<double>(at.size())};
    out.sum = loss_sum(sampler, data.view(), view(at), criterion, out.gradient.data(), 1);
    return out;
}
double loss_alone(const Sampler& sampler, const Data& data, const Criterion& criterion) {
    return loss_sum(sampler, data.view(), view(sigmas), criterion, nullptr, 1);
}
double largest(const std::vector<double>& values) {
    double most = 0.0;
    for (const double v : values) most = std::max(most, std::fabs(v));
    return most;
}

std::vector<Sampler> samplers() {
    std::vector<Sampler> all;
    for (const char* name : {"ddim", "ddpm", "heun", "dpmpp_2m_sde"}) all.push_back(make_sampler(name, {}, 0.0));
    all.push_back(on_engine(all[0]));
    all.push_back(on_engine(all[1]));
    return all;
}
std::string label(const Sampler& sampler) {
    return solver_list()[static_cast<std::size_t>(sampler.spec.solver)].name + (sampler.dense ? "" : " on the engine");
}

// Power laws with an odd number of entries; zeros with a weight, a mean, or neither; and a block that shares no division.
std::vector<Data> spectra() {
    std::vector<Data> all{power_law(19, 30.0), power_law(8, 30.0), power_law(19, 30.0), power_law(27, 30.0)};
    for (Data* const data : {&all[0], &all[3]}) {
        data->add(0.0, 2.0, 0.0);
        data->add(0.0, 0.0, 0.4);
        data->add(0.0, 0.0, 0.0);
    }
    all[2].add(0.0, 0.0, 0.7);
    all[3].eigenvalues[2] = 1e-50;
    all[3].eigenvalues[9] = 1e38;
    all[3].weights[9] = 1e-38;
    return all;
}

// Excess and mean error of every entry, weighed: against the transfer functions, and finite differences of itself.
void test_linear_loss() {
    for (const Sampler& sampler : samplers())
        for (const Data& data : spectra()) {
            const Criterion criterion{Process::vp, Loss::linear};
            const std::size_t size = data.eigenvalues.size();
            std::vector<double> gain(size), variance(size), excess(size);
            transfer(sampler, data.view(), view(sigmas), criterion, {gain.data(), variance.data(), excess.data()}, 1);
            const Ends<double> ends(criterion, sigmas.front(), sigmas.back());
            double want = 0.0, scale = 0.0;
            for (std::size_t i = 0; i < size; ++i) {
                const double term = excess[i] * data.weights[i] +
                                    (gain[i] * ends.scale * ends.carried + ends.lost) * data.mean_power[i];
                want += term;
                scale += std::fabs(term);
            }
            const std::string name = label(sampler) + ", linear, " + std::to_string(size) + " entries";
            const Run got = run(sampler, data, criterion);
            CHECK_CLOSE(got.sum, want, 1e-9, scale, name);
            CHECK_CLOSE(loss_alone(sampler, data, criterion), got.sum, 1e-12, scale, name + ", without slopes");
            for (std::size_t k = 0; k < sigmas.size(); ++k) {
                std::vector<double> up = sigmas, down = sigmas;
                up[k] *= std::exp(1e-5);
                down[k] *= std::exp(-1e-5);
                const double slope =
                    (run(sampler, data, criterion, up).sum - run(sampler, data, criterion, down).sum) / 2e-5;
                CHECK_CLOSE(got.gradient[k] * sigmas[k], slope, 1e-6, std::max(scale, largest(got.gradient)),
                            name + ", slope " + std::to_string(k));
            }
        }
}

// A divergence from what does not vary is infinite; an entry of no weight and no mean is none.
void test_divergences_of_zeros() {
    const Data without = power_law(19, 30.0);
    for (const Sampler& sampler : samplers())
        for (const Loss loss : {Loss::kl, Loss::reverse_kl}) {
            const Criterion criterion{Process::vp, loss};
            const std::string name = label(sampler) + ", divergence " + std::to_string(static_cast<int>(loss));
            const Run want = run(sampler, without, criterion);
            for (const bool weight : {false, true})
                for (const bool mean : {false, true}) {
                    if (!sampler.dense && !weight && !mean) continue;  // 0 times infinity there
                    Data data = without;
                    data.add(0.0, weight ? 1.0 : 0.0, mean ? 0.3 : 0.0);
                    const Run got = run(sampler, data, criterion);
                    if (weight || mean) {
                        CHECK(!std::isfinite(got.sum), name + ": infinite");
                        CHECK(!std::isfinite(loss_alone(sampler, data, criterion)), name + ": infinite without slopes");
                        continue;
                    }
                    CHECK_CLOSE(got.sum, want.sum, 1e-14, 0.0, name + ": nothing added");
                    for (std::size_t k = 0; k < sigmas.size(); ++k)
                        CHECK_CLOSE(got.gradient[k], want.gradient[k], 1e-12, largest(want.gradient), name);
                }
        }
}

// Data, levels and errors in other units: W2 grows with them. Units beyond 1e18 leave the range in which four levels
// share a division.
void test_units() {
    const Data data = power_law(19, 30.0);
    for (const char* solver : {"ddim", "ddpm", "heun", "dpmpp_2m_sde"})
        for (const double unit : {1e-21, 1e-17, 1e20}) {
            Data other = data;
            for (double& x : other.eigenvalues) x *= unit * unit;
            for (double& x : other.mean_power) x *= unit * unit;
            std::vector<double> levels = sigmas;
            for (double& x : levels) x *= unit;
            const Sampler sampler = on_engine(make_sampler(solver, {}, 0.0));
            const Criterion criterion{Process::ve, Loss::w2};
            const Run here = run(sampler, data, criterion), there = run(sampler, other, criterion, levels);
            const std::string name = std::string(solver) + " in units of " + std::to_string(std::log10(unit));
            CHECK_CLOSE(there.sum / unit / unit, here.sum, 1e-10, 0.0, name + ": the same loss");
            for (std::size_t k = 0; k < sigmas.size(); ++k)
                CHECK_CLOSE(there.gradient[k] / unit, here.gradient[k], 1e-9, largest(here.gradient), name + ": slope");
        }
}

// One entry so large that its products would overflow, weighed so that it counts as much as the others.
void test_one_huge_entry() {
    const Data data = power_law(19, 30.0);
    Data huge;
    huge.add(1e37, 1e-36, 0.0);
    Data both = data;
    both.add(1e37, 1e-36, 0.0);
    for (const char* solver : {"heun", "dpmpp_2m", "dpmpp_sde"}) {
        const Sampler sampler = make_sampler(solver, {}, 0.0);
        const Criterion criterion{Process::ve, Loss::w2};
        const double apart = loss_alone(sampler, data, criterion) + loss_alone(sampler, huge, criterion);
        CHECK_CLOSE(loss_alone(sampler, both, criterion), apart, 1e-12, 0.0, std::string(solver) + ": sums add up");
    }
}

void test_kernels_of_the_environment() {
    // The first use reads it, so that one program can ask once: for what does not exist.
    CHECK(kernels().name == available_kernels().front(), "unknown names in the environment change nothing");
    CHECK(available_kernels().back() == "baseline", "the plain kernels are there");
}

}  // namespace

int main() {
#if !defined(_WIN32)
    setenv("SPECSCHED_KERNELS", "no such kernels", 1);
#endif
    test_kernels_of_the_environment();
    test_linear_loss();
    test_divergences_of_zeros();
    test_units();
    test_one_huge_entry();
    return checks::report();
}
