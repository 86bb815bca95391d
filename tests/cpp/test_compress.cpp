// Compressed spectra against sums over every eigenvalue, with DDIM's losses and slopes written out in long double.
//
// Tolerance 1e-11, ten times what compress() is asked for: its probes are other schedules than the ones used here. The
// reference has 64 bits of mantissa, so the cancellation in sqrt(v) - sqrt(lambda) does not show.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/compress/binning.hpp"
#include "core/compress/compress.hpp"
#include "core/compress/gauss.hpp"

using namespace specsched;
using Number = long double;

namespace {

constexpr double tolerance = 1e-12;
constexpr double admitted = 1e-11;

struct Data {
    std::string name;
    std::vector<double> eigenvalues, weights, mean_power;

    SpectrumView view() const {
        return {eigenvalues.data(), weights.data(), mean_power.data(), static_cast<std::ptrdiff_t>(eigenvalues.size())};
    }
};

std::mt19937_64& random_bits() {
    static std::mt19937_64 bits(20250207);
    return bits;
}
double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(random_bits()); }
double normal() { return std::normal_distribution<double>()(random_bits()); }

template <class Draw>
Data draw(const std::string& name, int size, const Draw& eigenvalue) {
    Data out{name, {}, {}, {}};
    for (int i = 0; i < size; ++i) {
        out.eigenvalues.push_back(eigenvalue(i));
        out.weights.push_back(uniform(0.5, 3.0));
        out.mean_power.push_back(i % 3 == 0 ? uniform(0.0, 1.0) * std::sqrt(out.eigenvalues.back()) : 0.0);
    }
    return out;
}

std::vector<Data> spectra() {
    constexpr int d = 20000;
    const double centres[] = {1e-6, 1e-3, 1e-2, 30.0};
    return {
        draw("power law", d, [](int i) { return 100.0 * std::pow(i + 1.0, -2.02); }),
        draw("log-normal", d, [](int) { return std::exp(-4.0 + 2.0 * normal()); }),
        draw("log-uniform", d, [](int) { return std::pow(10.0, uniform(-6.7, 2.0)); }),
        draw("clusters", d, [&](int i) { return centres[i % 4] * std::exp(1e-3 * normal()); }),
        draw("bimodal", d, [](int i) { return std::exp(i % 2 ? -12.0 + normal() : 2.0 + 0.5 * normal()); }),
        draw("one dominates", d, [](int i) { return i == 7 ? 1e3 : std::pow(10.0, uniform(-8.0, -3.0)); }),
        draw("rounding noise", d,
             [](int i) { return std::pow(10.0, i % 2 ? uniform(-36.0, -30.0) : uniform(-6.0, 2.0)); }),
        draw("with zeros", d, [](int i) { return i % 5 == 0 ? 0.0 : std::pow(10.0, uniform(-5.0, 1.0)); }),
        draw("three values", d, [](int i) { return i == 0    ? 1e4
                                                   : i < 101 ? 1e-2
                                                             : 1e-8; }),
        draw("few", 400, [](int) { return std::pow(10.0, uniform(-4.0, 1.0)); }),
    };
}

std::vector<double> geometric(int steps, double first, double last) {
    std::vector<double> r;
    for (int k = 0; k <= steps; ++k) r.push_back(first * std::pow(last / first, static_cast<double>(k) / steps));
    return r;
}

std::vector<std::vector<double>> schedules() {
    std::vector<std::vector<double>> out;
    for (int steps : {3, 10, 112}) out.push_back(geometric(steps, 157.4, 0.01));
    for (int steps : {2, 9, 111}) {
        out.push_back(geometric(steps, 80.0, 0.02));
        out.back().push_back(0.0);
    }
    out.push_back({1e3, 900.0, 0.05, 0.04});  // one step does nearly all
    return out;
}

constexpr std::size_t slopes_at = 4, kinds = 3, terms = slopes_at + 3 * kinds;

struct Sums {
    std::vector<Number> value = std::vector<Number>(terms, 0), size = value;
    void add(std::size_t slot, Number term) {
        value[slot] += term;
        size[slot] += std::abs(term);
    }
};

// W2 squared and KL, spread and mean, and their slopes by the log of three levels (d log D1 / d log r_k).
void add_terms(Sums& sums, Number lambda, Number weight, Number power, const std::vector<double>& r) {
    Number gain = 1;
    for (std::size_t k = 0; k + 1 < r.size(); ++k) {
        const Number a = r[k], b = r[k + 1];
        gain *= (lambda + a * b) / (lambda + a * a);
    }
    const Number first = r.front(), last = r.back();
    const Number scale = 1 / std::sqrt(1 + last * last);
    const Number std_out = scale * gain * std::sqrt(1 + first * first), v = std_out * std_out;
    const Number gap = std_out - std::sqrt(lambda), lost = 1 - scale * (1 - gain);
    sums.add(0, weight * gap * gap);
    sums.add(1, power * lost * lost);
    if (lambda <= 0) return;
    sums.add(2, weight * (std::log(v / lambda) - 1 + lambda / v));
    sums.add(3, power * lost * lost / v);
    const std::size_t levels[] = {1, r.size() / 2, r.size() - 2};
    for (std::size_t j = 0; j < 3; ++j) {
        const Number p = r[levels[j]], a = r[levels[j] - 1], b = r[levels[j] + 1];
        const Number slope = lambda * p * ((a - p) / (lambda + p * a) + (b - p) / (lambda + p * b)) / (lambda + p * p);
        sums.add(slopes_at + kinds * j, weight * gap * std_out * slope);
        sums.add(slopes_at + kinds * j + 1, weight * (1 - lambda / v) * slope);
        sums.add(slopes_at + kinds * j + 2, power * lost * gain * slope);
    }
}

Sums sums_of(SpectrumView s, const std::vector<double>& r) {
    Sums out;
    for (std::ptrdiff_t i = 0; i < s.size; ++i) add_terms(out, s.eigenvalues[i], s.weights[i], s.mean_power[i], r);
    return out;
}

SpectrumView view(const CompressedSpectrum& s) {
    return {s.eigenvalues.data(), s.weights.data(), s.mean_power.data(),
            static_cast<std::ptrdiff_t>(s.eigenvalues.size())};
}

bool same(const CompressedSpectrum& a, const CompressedSpectrum& b) {
    return a.eigenvalues == b.eigenvalues && a.weights == b.weights && a.mean_power == b.mean_power &&
           a.error == b.error;
}

double worst_error(const Data& data, const CompressedSpectrum& small) {
    double worst = 0.0;
    for (const auto& r : schedules()) {
        const Sums exact = sums_of(data.view(), r), got = sums_of(view(small), r);
        for (std::size_t k = 0; k < terms; ++k) {
            if (exact.size[k] == 0) continue;
            worst = std::max(worst, static_cast<double>(std::abs(got.value[k] - exact.value[k]) / exact.size[k]));
        }
    }
    return worst;
}

void test_losses_and_slopes() {
    for (const Data& data : spectra()) {
        const CompressedSpectrum small = compress(data.view(), tolerance, 0, 2);
        const double worst = worst_error(data, small);
        CHECK_CLOSE(worst, 0.0, admitted, 1.0, data.name + ": losses and slopes");
        CHECK(worst <= 10.0 * small.error, data.name + ": the stated error is honest");
        CHECK(small.error < 5e-12, data.name + ": the stated error is small");
        CHECK(small.eigenvalues.size() < 200, data.name + ": few nodes");
        CHECK(std::is_sorted(small.eigenvalues.begin(), small.eigenvalues.end()), data.name + ": ascending");
        const auto positive = [](double w) { return w >= 0.0; };
        CHECK(std::all_of(small.weights.begin(), small.weights.end(), positive), data.name + ": weights >= 0");
        CHECK(std::all_of(small.mean_power.begin(), small.mean_power.end(), positive), data.name + ": mean power >= 0");
    }
}

void test_loose_tolerance_is_honest_too() {
    for (const Data& data : spectra()) {
        const CompressedSpectrum loose = compress(data.view(), 1e-7, 0, 1);
        const CompressedSpectrum tight = compress(data.view(), tolerance, 0, 1);
        CHECK(loose.eigenvalues.size() <= tight.eigenvalues.size(), data.name + ": fewer nodes");
        CHECK(loose.error <= 1e-7 + 2e-14, data.name + ": reaches the tolerance");
        CHECK(worst_error(data, loose) <= 10.0 * loose.error, data.name + ": and says how far off it is");
    }
}

void test_zeros_are_an_atom() {
    Data data = draw("zeros", 5000, [](int i) { return i % 4 == 0 ? 0.0 : uniform(0.1, 10.0); });
    data.eigenvalues[1] = 1e-250;  // counts as zero
    double weight = data.weights[1], power = data.mean_power[1];
    for (std::size_t i = 0; i < data.weights.size(); i += 4) {
        weight += data.weights[i];
        power += data.mean_power[i];
    }
    const CompressedSpectrum small = compress(data.view(), tolerance, 0, 1);
    CHECK(small.eigenvalues[0] == 0.0 && small.eigenvalues[1] > 0.05, "one entry at zero");
    CHECK_CLOSE(small.weights[0], weight, 1e-13, 0.0, "its weight");
    CHECK_CLOSE(small.mean_power[0], power, 1e-13, 0.0, "its mean power");
}

// A range so wide that the place of the largest eigenvalue rounds to the end of the cells, and that few sums of cells fit
// into memory at once: nothing is lost, whatever the number of threads.
void test_widest_range() {
    const double top = 2.0 - std::numeric_limits<double>::epsilon(), low = std::exp2(-900.0);
    const Data data = draw("widest", 450000, [&](int i) { return i == 7 ? top : i == 8 ? low : uniform(0.5, 1.0); });
    const CompressedSpectrum small = compress(data.view(), tolerance, 0, 1);
    const auto sum = [](const std::vector<double>& values) {
        return std::accumulate(values.begin(), values.end(), 0.0);
    };
    CHECK_CLOSE(sum(small.weights), sum(data.weights), 1e-11, 0.0, "all of the weight");
    CHECK_CLOSE(sum(small.mean_power), sum(data.mean_power), 1e-11, 0.0, "all of the mean power");
    CHECK(small.eigenvalues.front() >= 0.0 && small.eigenvalues.back() <= 2.0, "within the range");
    CHECK(same(small, compress(data.view(), tolerance, 0, 3)), "on three threads");
    Data zeros = draw("zeros alone", 1000, [](int) { return 0.0; });
    const CompressedSpectrum atom = compress(zeros.view(), tolerance, 0, 1);
    CHECK(atom.eigenvalues == std::vector<double>{0.0}, "zeros alone are one entry");
    CHECK_CLOSE(atom.weights[0], sum(zeros.weights), 1e-12, 0.0, "with all of their weight");
}

void test_nothing_to_gain() {
    const Data few{"few", {3.0, 1.0, 2.0}, {1.0, 2.0, 3.0}, {0.0, 0.5, 0.0}};
    const CompressedSpectrum kept = compress(few.view(), tolerance, 0, 1);
    CHECK(kept.eigenvalues == few.eigenvalues && kept.weights == few.weights && kept.mean_power == few.mean_power,
          "few entries come back in their order");
    CHECK(kept.error == 0.0, "without error");
    const Data twice{"twice", {2.0, 1.0, 2.0}, {1.0, 2.0, 3.0}, {0.25, 0.0, 0.5}};
    const CompressedSpectrum merged = compress(twice.view(), tolerance, 0, 1);
    CHECK(merged.eigenvalues == std::vector<double>({1.0, 2.0}) && merged.weights == std::vector<double>({2.0, 4.0}) &&
              merged.mean_power == std::vector<double>({0.0, 0.75}) && merged.error == 0.0,
          "duplicates are merged");
    const Data zeros{"zeros", {0.0, 0.0}, {1.0, 1.0}, {0.0, 0.0}};
    CHECK(compress(zeros.view(), tolerance, 0, 1).weights == std::vector<double>({2.0}), "all zero");
    const Data weightless{"weightless", {1.0, 2.0}, {0.0, 0.0}, {0.0, 0.0}};
    CHECK(compress(weightless.view(), tolerance, 0, 1).eigenvalues == weightless.eigenvalues, "no weight at all");
}

void test_number_of_nodes() {
    const Data data = draw("log-uniform", 20000, [](int) { return std::pow(10.0, uniform(-6.0, 2.0)); });
    const auto counted = [](const CompressedSpectrum& s) {
        return std::count_if(s.weights.begin(), s.weights.end(), [](double w) { return w > 0.0; });
    };
    const CompressedSpectrum ten = compress(data.view(), 0.0, 10, 1), many = compress(data.view(), 0.0, 300, 1);
    CHECK(counted(ten) == 10 && ten.error > 1e-6, "ten nodes are not enough, and the error says so");
    CHECK(counted(many) == 300 && many.error < 1e-12, "more nodes than the losses need");
    CHECK(counted(compress(data.view(), tolerance, 10, 1)) == 10, "a limit is a limit");
}

void test_threads() {
    const Data data = draw("log-normal", 300000, [](int) { return std::exp(3.0 * normal()); });
    const CompressedSpectrum serial = compress(data.view(), tolerance, 0, 1);
    for (int threads : {2, 3, 7}) CHECK(same(serial, compress(data.view(), tolerance, 0, threads)), "any thread count");
}

// A Gauss rule of n nodes integrates t^0 ... t^(2n-1) exactly.
void test_gauss_rule() {
    compression::Measure measure;
    for (int i = 0; i < 50; ++i) measure.add(uniform(-1.0, 1.0), uniform(0.1, 1.0));
    const compression::Measure rule = compression::gauss_rule(compression::lanczos(measure, 8), 8);
    for (int degree = 0; degree < 16; ++degree) {
        Number exact = 0, got = 0;
        for (std::size_t i = 0; i < measure.size(); ++i)
            exact += measure.mass[i] * std::pow(Number(measure.x[i]), degree);
        for (std::size_t i = 0; i < rule.size(); ++i) got += rule.mass[i] * std::pow(Number(rule.x[i]), degree);
        const std::string what = "moment " + std::to_string(degree);
        CHECK_CLOSE(static_cast<double>(got), static_cast<double>(exact), 1e-13, 1.0, what);
    }
}

// Cells keep the first eight moments of log2(eigenvalue) within a cell, whatever lies in it.
void test_cell_rule() {
    for (const double spread : {1.0, 1e-2, 1e-6, 1e-10, 0.0}) {
        double moments[compression::cell_moments] = {};
        for (int i = 0; i < 100; ++i) {
            double term = uniform(0.5, 1.5);
            const double t = 0.3 * (1.0 - spread) + spread * uniform(-1.0, 1.0);
            for (double& m : moments) {
                m += term;
                term *= t;
            }
        }
        compression::Measure rule;
        compression::append_cell_rule(moments, 0.0, 1.0, rule);
        CHECK(rule.size() == (spread == 1.0 ? 4u : rule.size()) && rule.size() >= 1, "four nodes for a full cell");
        for (int k = 0; k < compression::cell_moments; ++k) {
            double got = 0.0;
            for (std::size_t i = 0; i < rule.size(); ++i) got += rule.mass[i] * std::pow(rule.x[i], k);
            // A node is left out where its part of the moments, times the cell's radius to that power, is rounding.
            CHECK_CLOSE(got, moments[k], k < 2 ? 1e-13 : k < 4 ? 1e-10 : 1e-6, moments[0], "moment of a cell");
        }
    }
}

}  // namespace

int main() {
    test_losses_and_slopes();
    test_loose_tolerance_is_honest_too();
    test_zeros_are_an_atom();
    test_widest_range();
    test_nothing_to_gain();
    test_number_of_nodes();
    test_threads();
    test_gauss_rule();
    test_cell_rule();
    return checks::report();
}
