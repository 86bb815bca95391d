// The dense kernels, DDIM and DDPM: the same bits from every instruction set and thread count, the engine's values,
// finite differences of the loss, and what zero eigenvalues must give.
//
// Tolerances: kernels and engine differ by rounding only, 1e-12, and 1e-11 of the largest slope after cancellation. Central differences in log sigma
// with step 1e-5 leave 1e-10 of truncation and 1e-11 of rounding on a loss of order 1: 1e-7.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/sampler.hpp"
#include "spectra.hpp"

using namespace specsched;

namespace {

constexpr Process processes[] = {Process::vp, Process::ve, Process::flow};
constexpr Loss losses[] = {Loss::w2, Loss::kl, Loss::reverse_kl};
const char* const process_names[] = {"vp", "ve", "flow"};
const char* const loss_names[] = {"w2", "kl", "reverse_kl"};

// Log-uniform over six decades, some with a mean.
Data random_spectrum(std::size_t size, unsigned seed) {
    std::mt19937_64 bits(seed);
    std::uniform_real_distribution<double> uniform;
    Data data;
    for (std::size_t i = 0; i < size; ++i) {
        data.eigenvalues.push_back(std::pow(10.0, 6.0 * uniform(bits) - 4.0));
        data.weights.push_back(0.5 + uniform(bits));
        data.mean_power.push_back(i % 3 == 0 ? 0.1 * uniform(bits) : 0.0);
    }
    return data;
}

// From 80 down to `last`, unevenly spaced.
std::vector<double> levels(std::ptrdiff_t steps, double last) {
    std::vector<double> sigmas;
    for (std::ptrdiff_t k = 0; k < steps; ++k) {
        const double share = static_cast<double>(k) / static_cast<double>(steps);
        sigmas.push_back(80.0 * std::pow(0.02 / 80.0, share * (0.7 + 0.3 * share)));
    }
    sigmas.push_back(last);
    return sigmas;
}

// Far below every level: of a divergence's slope nothing may cancel there.
constexpr double faint = 1e-25;

struct Case {
    Sampler sampler;
    Process process;
    Loss loss;
    std::vector<double> sigmas;
    std::string name;

    LevelsView view() const { return {sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())}; }
};

std::vector<Case> cases(const std::vector<std::ptrdiff_t>& steps) {
    std::vector<Case> all;
    for (const double eta : {0.0, 1.0})
        for (const Process process : processes)
            for (const Loss loss : losses)
                for (const std::ptrdiff_t count : steps)
                    for (const double last : {0.0, 0.01}) {
                        const std::string name = "eta=" + std::to_string(eta) + " " +
                                                 process_names[static_cast<int>(process)] + " " +
                                                 loss_names[static_cast<int>(loss)] + " S=" + std::to_string(count) +
                                                 " last=" + std::to_string(last);
                        all.push_back(
                            {make_sampler("ddim", {{"eta", eta}}, 0.0), process, loss, levels(count, last), name});
                    }
    return all;
}

struct Values {
    double sum;
    std::vector<double> gradient;
};

Values evaluate(const Case& c, const Sampler& sampler, const Data& data, int threads) {
    Values out{0.0, std::vector<double>(c.sigmas.size())};
    out.sum = loss_sum(sampler, data.view(), c.view(), {c.process, c.loss}, out.gradient.data(), threads);
    return out;
}

double largest(const std::vector<double>& values) {
    double most = 0.0;
    for (const double v : values) most = std::max(most, std::fabs(v));
    return most;
}

void test_same_bits() {
    const std::vector<std::string> names = available_kernels();
    CHECK(names.back() == "baseline", "the plain kernels are always there");
    CHECK(!select_kernels("no such kernels"), "unknown kernels are refused");
    for (const std::size_t size : {std::size_t(1), std::size_t(7), std::size_t(50), std::size_t(1030)}) {
        const Data data = random_spectrum(size, 1);
        for (const Case& c : cases({1, 2, 10, 33})) {
            CHECK(select_kernels("baseline"), "baseline");
            const Values want = evaluate(c, c.sampler, data, 1);
            for (const std::string& name : names)
                for (const int threads : {1, 2, 3}) {
                    CHECK(select_kernels(name), name);
                    const Values got = evaluate(c, c.sampler, data, threads);
                    CHECK(got.sum == want.sum && got.gradient == want.gradient,
                          c.name + ", " + std::to_string(size) + " eigenvalues: " + name + " on " +
                              std::to_string(threads) + " threads differs from baseline on one");
                }
        }
    }
    select_kernels(names.front());
}

void test_loss_alone_is_the_same() {
    const Data data = random_spectrum(70, 2);
    for (const Case& c : cases({1, 5, 20})) {
        const double alone = loss_sum(c.sampler, data.view(), c.view(), {c.process, c.loss}, nullptr, 1);
        CHECK_CLOSE(alone, evaluate(c, c.sampler, data, 1).sum, 1e-12, 0.0, c.name + ": loss without gradient");
    }
}

void test_engine_agrees() {
    Data data = random_spectrum(90, 3);
    data.eigenvalues[5] = faint;
    for (const Case& c : cases({2, 3, 10, 60})) {
        CHECK(c.sampler.dense, c.name + " has its own kernel");
        const Values dense = evaluate(c, c.sampler, data, 1), engine = evaluate(c, on_engine(c.sampler), data, 1);
        CHECK_CLOSE(dense.sum, engine.sum, 1e-12, 0.0, c.name + ": loss");
        const double scale = largest(engine.gradient);
        for (std::size_t k = 0; k < c.sigmas.size(); ++k)
            CHECK_CLOSE(dense.gradient[k], engine.gradient[k], 1e-11, scale, c.name + ": slope " + std::to_string(k));
    }
}

void test_transfer_agrees() {
    const Data data = random_spectrum(41, 4);
    std::vector<double> gain(41), variance(41), engine_gain(41), engine_variance(41);
    for (const Case& c : cases({1, 8, 40})) {
        transfer(c.sampler, data.view(), c.view(), {c.process, Loss::w2}, {gain.data(), variance.data()}, 1);
        transfer(on_engine(c.sampler), data.view(), c.view(), {c.process, Loss::w2},
                 {engine_gain.data(), engine_variance.data()}, 1);
        for (std::size_t i = 0; i < gain.size(); ++i) {
            CHECK_CLOSE(gain[i], engine_gain[i], 1e-12, 1e-3, c.name + ": gain " + std::to_string(i));
            CHECK_CLOSE(variance[i], engine_variance[i], 1e-12, 1e-3, c.name + ": variance " + std::to_string(i));
        }
    }
}

void test_gradient_is_that_of_the_loss() {
    Data data = random_spectrum(30, 5);
    data.eigenvalues[5] = faint;
    const double step = 1e-5;
    for (const Case& c : cases({3, 6})) {
        const Values at = evaluate(c, c.sampler, data, 1);
        double scale = at.sum;
        for (std::size_t k = 0; k < c.sigmas.size(); ++k)
            scale = std::max(scale, std::fabs(at.gradient[k] * c.sigmas[k]));
        for (std::size_t k = 0; k < c.sigmas.size(); ++k) {
            if (c.sigmas[k] == 0.0) continue;  // no logarithm; the engine's tests cover it
            Case up = c, down = c;
            up.sigmas[k] *= std::exp(step);
            down.sigmas[k] *= std::exp(-step);
            const double slope =
                (evaluate(up, c.sampler, data, 1).sum - evaluate(down, c.sampler, data, 1).sum) / (2.0 * step);
            CHECK_CLOSE(at.gradient[k] * c.sigmas[k], slope, 1e-7, scale, c.name + ": slope " + std::to_string(k));
        }
    }
}

// A probe tells the terms that the entries would have with other weights.
void test_probes() {
    const Data data = random_spectrum(90, 3), other = random_spectrum(90, 4);
    Data weighed = data;
    weighed.weights = other.weights;
    weighed.mean_power = other.mean_power;
    const std::vector<double> sigmas = levels(10, 0.01);
    const LevelsView view{sigmas.data(), 11};
    std::vector<double> terms(90), stake(90), slopes(sigmas.size());
    const TermProbe probe{other.weights.data(), other.mean_power.data(), terms.data(), stake.data()};
    for (const char* name : {"ddim", "ddpm", "heun"})
        for (const Loss loss : losses)
            for (const Target target : {Target::data, Target::limit})
                for (const bool gradient : {false, true}) {
                    const Sampler sampler = make_sampler(name, {}, 0.0);
                    const Criterion criterion{Process::vp, loss, target};
                    double* const out = gradient ? slopes.data() : nullptr;
                    const double own = plain_loss_sum(sampler, data.view(), view, criterion, out, 1, &probe);
                    const double want = plain_loss_sum(sampler, weighed.view(), view, criterion, nullptr, 1);
                    CHECK_CLOSE(std::accumulate(terms.begin(), terms.end(), 0.0), want, 1e-12, 0.0,
                                std::string(name) + ": terms by other weights");
                    CHECK_CLOSE(own, plain_loss_sum(sampler, data.view(), view, criterion, out, 1), 1e-14, 0.0,
                                std::string(name) + ": the sum is its own");
                }
}

// DDIM and DDPM against their limits, from both starts, zero eigenvalues among the others.
void test_limits_agree() {
    Data data = random_spectrum(90, 3);
    data.eigenvalues[7] = data.eigenvalues[40] = 0.0;
    for (const double eta : {0.0, 1.0})
        for (const Process process : processes)
            for (const Start start : {Start::prior, Start::data})
                for (const std::ptrdiff_t count : {1, 2, 3, 10, 60})
                    for (const double last : {0.0, 0.01}) {
                        const Sampler sampler = make_sampler("ddim", {{"eta", eta}}, 0.0);
                        const Criterion criterion{process, Loss::w2, Target::limit, start};
                        CHECK(dense_serves(criterion), "a kernel of its own");
                        const std::vector<double> sigmas = levels(count, last);
                        const LevelsView view{sigmas.data(), count + 1};
                        std::vector<double> dense(sigmas.size()), engine(sigmas.size());
                        const double a = loss_sum(sampler, data.view(), view, criterion, dense.data(), 1);
                        const double b = loss_sum(on_engine(sampler), data.view(), view, criterion, engine.data(), 1);
                        const std::string name = "limit, eta " + std::to_string(eta) + ", S=" + std::to_string(count) +
                                                 ", process " + process_names[static_cast<int>(process)];
                        CHECK_CLOSE(a, b, 1e-9, 0.0, name + ": loss");
                        CHECK_CLOSE(loss_sum(sampler, data.view(), view, criterion, nullptr, 1), a, 1e-13, 0.0, name);
                        for (std::size_t k = 0; k < sigmas.size(); ++k)
                            CHECK_CLOSE(dense[k], engine[k], 1e-9, largest(engine),
                                        name + ": slope " + std::to_string(k));
                    }
}

// Whole blocks of eigenvalues whose products would overflow or underflow, and zeros with no weight, no mean or neither:
// steps then share no division, and the numbers stay those of the engine.
void test_extreme_eigenvalues() {
    const struct {
        const char* name;
        double low, high;
    } rows[] = {{"tiny", 1e-50, 0.5}, {"huge", 0.5, 1e40}};
    for (const auto& row : rows) {
        Data data = random_spectrum(19, 6);
        for (std::size_t i = 0; i < 8; ++i) data.eigenvalues[i] = i % 3 == 1 ? row.low : row.high;
        Data zeros = data;  // for W2 alone: divergences from them are infinite
        for (const std::size_t zero : {16, 17, 18}) zeros.eigenvalues[zero] = 0.0;
        zeros.weights[16] = zeros.mean_power[17] = 0.0;
        zeros.mean_power[16] = 0.3;
        for (const double eta : {0.0, 1.0})
            for (const Loss loss : losses)
                for (const Target target : {Target::data, Target::limit})
                    for (const std::ptrdiff_t steps : {1, 9}) {
                        // The variance of this limit is lost in rounding where an eigenvalue is 1e16 levels squared.
                        if (eta == 1.0 && target == Target::limit && row.high > 1.0) continue;
                        const Sampler sampler = make_sampler("ddim", {{"eta", eta}}, 0.0);
                        const Criterion criterion{Process::vp, loss, target};
                        const std::vector<double> sigmas = levels(steps, 0.01);
                        std::vector<double> dense(sigmas.size()), engine(sigmas.size());
                        const auto sum = [&](const Sampler& with, double* slopes) {
                            const Data& given = loss == Loss::w2 ? zeros : data;
                            return loss_sum(with, given.view(), view(sigmas), criterion, slopes, 1);
                        };
                        const double a = sum(sampler, dense.data()), b = sum(on_engine(sampler), engine.data());
                        const std::string name = std::string(row.name) + " eigenvalues, eta " + std::to_string(eta) +
                                                 ", " + loss_names[static_cast<int>(loss)];
                        CHECK_CLOSE(a, b, 1e-9, 0.0, name + ": loss");
                        CHECK_CLOSE(sum(sampler, nullptr), a, 1e-12, 0.0, name + ": loss without gradient");
                        for (std::size_t k = 0; k < sigmas.size(); ++k)
                            CHECK_CLOSE(dense[k], engine[k], 1e-9, largest(engine),
                                        name + ": slope " + std::to_string(k));
                    }
    }
}

// At lambda = 0 every denoiser returns the mean: DDIM scales what it starts from by r_S / r_0, DDPM too, and adds noise.
void test_zero_eigenvalues() {
    const Data zero{{0.0, 0.0}, {3.0, 1.0}, {0.2, 0.0}};
    for (const Process process : processes)
        for (const double last : {0.0, 0.01}) {
            const std::vector<double> sigmas = levels(9, last);
            const LevelsView view{sigmas.data(), 10};
            const double alpha = signal_scale(process, last), share = last / sigmas[0];
            const double start = start_variance(process, sigmas[0]);
            const Sampler ddim = make_sampler("ddim", {}, 0.0);
            const double lost = 1.0 - alpha * (1.0 - share);
            const double want = 4.0 * alpha * alpha * share * share * start + 0.2 * lost * lost;
            const std::string name = std::string("zero eigenvalues, ") + process_names[static_cast<int>(process)] +
                                     ", last " + std::to_string(last);
            CHECK_CLOSE(loss_sum(ddim, zero.view(), view, {process, Loss::w2}, nullptr, 1), want, 1e-12, 1e-300, name);
            for (const char* solver : {"ddim", "ddpm"}) {
                const Sampler sampler = make_sampler(solver, {}, 0.0);
                std::vector<double> dense(10), engine(10);
                const double a = loss_sum(sampler, zero.view(), view, {process, Loss::w2}, dense.data(), 1);
                const double b = loss_sum(on_engine(sampler), zero.view(), view, {process, Loss::w2}, engine.data(), 1);
                CHECK_CLOSE(a, b, 1e-12, 1e-300, name + ", " + solver + ": loss");
                for (std::size_t k = 0; k < 10; ++k) {
                    CHECK(std::isfinite(dense[k]), name + ", " + solver + ": finite slopes");
                    CHECK_CLOSE(dense[k], engine[k], 1e-12, std::max(largest(engine), 1e-12),
                                name + ", " + solver + ": slope " + std::to_string(k));
                }
                double gain[2], variance[2], engine_gain[2], engine_variance[2];
                const Criterion criterion{process, Loss::w2};
                transfer(sampler, zero.view(), view, criterion, {gain, variance}, 1);
                transfer(on_engine(sampler), zero.view(), view, criterion, {engine_gain, engine_variance}, 1);
                CHECK_CLOSE(gain[1], engine_gain[1], 1e-12, 1e-300, name + ", " + solver + ": gain");
                CHECK_CLOSE(variance[1], engine_variance[1], 1e-12, 1e-300, name + ", " + solver + ": variance");
            }
        }
}

// Products of matrices within larger ones: sums in the order of k, the same from every instruction set.
void test_products() {
    std::mt19937_64 bits(7);
    std::normal_distribution<double> normal;
    std::vector<double> a(40 * 30), b(40 * 30);
    for (std::vector<double>* const numbers : {&a, &b})
        for (double& x : *numbers) x = normal(bits);
    const std::vector<std::string> names = available_kernels();
    for (const std::ptrdiff_t rows : {1, 7, 8, 12, 29, 40})
        for (const std::ptrdiff_t inner : {0, 1, 29})
            for (const std::ptrdiff_t columns : {0, 1, 3, 4, 21})
                for (const bool turned : {false, true}) {
                    std::vector<double> want(static_cast<std::size_t>(41 * 21), 0.5);
                    const std::ptrdiff_t b_row = turned ? 30 : 1, b_column = turned ? 1 : 40;
                    for (std::ptrdiff_t j = 0; j < columns; ++j)
                        for (std::ptrdiff_t i = 0; i < rows; ++i) {
                            double sum = 0.0;
                            for (std::ptrdiff_t k = 0; k < inner; ++k)
                                sum += a[static_cast<std::size_t>(i + 40 * k)] *
                                       b[static_cast<std::size_t>(k * b_row + j * b_column)];
                            want[static_cast<std::size_t>(i + 41 * j)] = sum;
                        }
                    for (const std::string& name : names) {
                        CHECK(select_kernels(name), name);
                        std::vector<double> got(want.size(), 0.5);
                        kernels().product(
                            {a.data(), 40, b.data(), b_row, b_column, got.data(), 41, rows, inner, columns});
                        CHECK(got == want, name + ": a product of " + std::to_string(rows) + " x " +
                                               std::to_string(inner) + " x " + std::to_string(columns));
                    }
                    select_kernels(names.front());
                }
}

}  // namespace

int main() {
    test_same_bits();
    test_products();
    test_loss_alone_is_the_same();
    test_engine_agrees();
    test_transfer_agrees();
    test_gradient_is_that_of_the_loss();
    test_extreme_eigenvalues();
    test_zero_eigenvalues();
    test_limits_agree();
    test_probes();
    return checks::report();
}
