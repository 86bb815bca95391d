// Concurrent callers: several threads of a program evaluate, compress and design at the same time, and each must get the
// bits that it gets alone. Built with ThreadSanitizer this is the test for data races: between callers, and (with several
// threads in every call) between the bodies of one parallel region.

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "core/compress/compress.hpp"
#include "core/design/design.hpp"
#include "core/sampler.hpp"
#include "spectra.hpp"

using namespace specsched;

namespace {

std::vector<double> levels(int steps) {
    std::vector<double> sigmas;
    for (int k = 0; k <= steps; ++k) sigmas.push_back(80.0 * std::pow(0.01 / 80.0, static_cast<double>(k) / steps));
    return sigmas;
}

// Loss and gradient of every kind of sampler, on a spectrum small enough for one eigenvalue at a time and on one that
// goes by panels and is worth several threads.
std::vector<double> evaluations(int threads) {
    std::vector<double> numbers;
    for (const int size : {40, 3000}) {
        const Data data = power_law(size, 300.0);
        const std::vector<double> sigmas = levels(20);
        for (const char* name : {"ddim", "ddpm", "heun", "dpmpp_2m", "dpmpp_sde", "unipc"}) {
            const Sampler sampler = make_sampler(name, {}, 0.0);
            std::vector<double> gradient(sigmas.size());
            numbers.push_back(
                loss_sum(sampler, data.view(), {sigmas.data(), 21}, {Process::vp, Loss::w2}, gradient.data(), threads));
            numbers.insert(numbers.end(), gradient.begin(), gradient.end());
            numbers.push_back(plain_loss_sum(one_by_one(sampler), data.view(), {sigmas.data(), 21},
                                             {Process::flow, Loss::kl}, gradient.data(), threads));
            numbers.insert(numbers.end(), gradient.begin(), gradient.end());
        }
    }
    return numbers;
}

std::vector<double> nodes(int threads) {
    const Data data = power_law(20000, 300.0);
    const CompressedSpectrum small = compress(data.view(), 1e-11, 0, threads);
    std::vector<double> numbers = small.eigenvalues;
    numbers.insert(numbers.end(), small.weights.begin(), small.weights.end());
    numbers.insert(numbers.end(), small.mean_power.begin(), small.mean_power.end());
    return numbers;
}

// Designs side by side, by the pairwise kernels and by the engine.
std::vector<double> designs(int threads) {
    const Data data = power_law(30, 300.0);
    std::vector<DesignProblem> problems;
    for (const char* name : {"ddim", "dpmpp_2m"})
        for (const double last : {0.0, 0.02})
            problems.push_back({data.view(), make_sampler(name, {}, 0.0), {Process::vp, Loss::w2}, 80.0, last, 6, {}});
    std::vector<const DesignProblem*> all;
    for (const DesignProblem& problem : problems) all.push_back(&problem);
    std::vector<double> numbers;
    for (const BatchDesign& one : design_batch(all, nullptr, 0, nullptr, 0, threads)) {
        if (!one.error.empty()) return {};  // found by the caller: checks count in one thread only
        numbers.insert(numbers.end(), one.found.sigmas.begin(), one.found.sigmas.end());
    }
    return numbers;
}

// Nothing of the library has run before: what it sets up on first use is set up by all callers at once.
template <class Work>
void test_callers(const Work& work, const std::string& what) {
    constexpr std::size_t callers = 4;
    std::vector<std::vector<double>> found(callers);
    std::atomic<std::size_t> ready{0};
    std::vector<std::thread> team;
    team.reserve(callers);
    for (std::size_t t = 0; t < callers; ++t)
        team.emplace_back([&, t] {
            ++ready;
            while (ready < callers) std::this_thread::yield();
            found[t] = work(t % 2 == 0 ? 1 : 3);
        });
    for (std::thread& caller : team) caller.join();
    const std::vector<double> alone = work(1);
    CHECK(!alone.empty(), what + ": numbers to compare");
    for (std::size_t t = 0; t < callers; ++t) CHECK(found[t] == alone, what + ": caller " + std::to_string(t));
}

}  // namespace

int main() {
    test_callers(evaluations, "evaluations");
    test_callers(nodes, "compression");
    test_callers(designs, "designs");
    return checks::report();
}
