// Sets of modes: closed forms in long double, derivatives against differences, and the flow that defines the solutions.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "core/modes/quadrature.hpp"
#include "modes/mode_cases.hpp"

using namespace mode_cases;

namespace {

const std::vector<double> levels{0.06, 0.2, 0.7, 1.3, 5.0, 17.0};

// The largest difference, relative to the largest of the expected values.
double off(const ArrayXd& got, const ArrayXd& want) {
    if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
    if (got.size() == 0) return 0.0;
    return (got - want).abs().maxCoeff() / std::max(want.abs().maxCoeff(), 1e-3);
}

void test_derivatives(const Case& c) {
    std::vector<double> places = levels;
    places.insert(places.end(), {0.5 * lowest, 1.5 * top});  // what a recording says is constant beyond its ends
    for (const double r : places) {
        const modes::Answers at = c.source.answer(r, 0.15);
        const std::string place = c.name + " at " + std::to_string(r);
        const auto part = [&](auto member) {
            return by_log([&](double level) { return c.source.answer(level, 0.15).*member; }, r);
        };
        CHECK(off(at.slope_d, part(&modes::Answers::slope)) < 1e-9, place + ", slope");
        CHECK(off(at.spread_d, part(&modes::Answers::spread)) < 1e-9, place + ", spread");
        CHECK(off(at.rough_d, part(&modes::Answers::rough)) < 1e-9, place + ", rough");
        CHECK(off(at.shift_d, part(&modes::Answers::shift)) < 1e-9, place + ", shift");
    }
}

// At its highest level a recording's trajectory still moves.
void test_highest_level() {
    const modes::Source network({recorded()}, {1.0});
    const ArrayXd at = network.answer(top, 0.0).shift_d, below = network.answer(top * (1.0 - 1e-9), 0.0).shift_d;
    CHECK(off(at, below) < 1e-7, "recorded, derivatives at the highest level");
}

// dy / d log r = y - D(y, r) for solutions, and for deviations without the shift.
void test_flow(const Case& c) {
    for (const double r : levels) {
        const modes::Answers at = c.source.answer(r, 0.0);
        const ArrayXd y = c.source.solution(r);
        const ArrayXd want = y - c.source.spread_out(at.slope) * y - at.shift;
        const ArrayXd slope = by_log([&](double level) { return c.source.solution(level); }, r);
        CHECK(off(slope, want) < 1e-8, c.name + ", solution at " + std::to_string(r));
        const ArrayXd gain = c.source.flow(top, r);
        const ArrayXd moved = by_log([&](double level) { return c.source.flow(top, level); }, r);
        CHECK(off(moved, gain * (1.0 - at.slope)) < 1e-8, c.name + ", flow to " + std::to_string(r));
        CHECK(off(c.source.flow(r, 0.1) * gain, c.source.flow(top, 0.1)) < 1e-12, c.name + ", flow in two parts");
    }
    CHECK(off(c.source.flow(1.0, 1.0), ArrayXd::Ones(c.source.channels())) == 0.0, c.name + ", no flow");
}

void test_ends_of_solutions() {
    const auto start = [](std::size_t which) { return cases()[which].source.solution(top); };
    CHECK(off(start(0), ArrayXd::Ones(3)) == 0.0, "gaussian, from 1");
    CHECK(off(start(1), numbers({1.0, 1.0, 0.0, 0.0, 0.0})) < 1e-14, "guided, deviations from 1, means from 0");
    CHECK(start(2).abs().maxCoeff() < 1e-13, "recorded, from 0");
    // With guidance 1 the unconditional side counts for nothing, and means arrive at those of the data.
    const modes::Source plain({guided(1.0)}, {1.0});
    const ArrayXd end = plain.solution(0.0);
    const std::vector<double> variance{4.0, 0.3, 0.3}, mean{0.7, -0.2, 0.05};
    for (int i = 0; i < 2; ++i)
        CHECK_CLOSE(
            end[i],
            std::sqrt(variance[static_cast<std::size_t>(i)] / (variance[static_cast<std::size_t>(i)] + top * top)),
            1e-14, 0.0, "guidance 1, deviation");
    for (std::size_t i = 0; i < 3; ++i) {  // what is left of the difference at the top, where the run starts from 0
        const double kept = std::sqrt(variance[i] / (variance[i] + top * top));
        CHECK_CLOSE(end[2 + static_cast<int>(i)], mean[i] * (1.0 - kept), 1e-11, 0.0, "guidance 1, mean");
    }
    // Below the lowest level a recorded network, and one with a floor, says what it said there.
    for (const modes::GroupPointer& group : {recorded(), floored(gaussian()), floored(guided())}) {
        const modes::Source network({group}, {1.0});
        const ArrayXd said = network.answer(lowest, 0.0).shift +
                             network.spread_out(network.answer(lowest, 0.0).slope) * network.solution(lowest);
        CHECK(off(network.solution(0.0), said) < 1e-12, "the end of a network that is never asked below a level");
        CHECK(off(network.solution(0.5 * lowest), 0.5 * (network.solution(lowest) + said)) < 1e-12, "below it");
    }
}

// A deviation from the floor on meets the prediction there; what a floor leaves out is small beside large variances.
void test_floor() {
    const modes::Source with({floored(gaussian())}, {1.0}), without({gaussian()}, {1.0});
    const ArrayXd k = with.answer(lowest, 0.0).slope, down = without.flow(top, lowest);
    CHECK(off(with.flow(top, lowest), down) == 0.0, "down to the floor, as without");
    CHECK(off(with.flow(top, 0.0), down * k) < 1e-15, "to 0");
    CHECK(off(with.flow(top, 0.25 * lowest), down * (0.25 + 0.75 * k)) < 1e-15, "below the floor");
    const ArrayXd ratio = with.solution(0.0) / without.solution(0.0);
    const std::vector<double> variance{4.0, 0.3, 0.02};
    for (std::size_t i = 0; i < 3; ++i)
        CHECK_CLOSE(ratio[static_cast<Eigen::Index>(i)], std::sqrt(variance[i] / (variance[i] + lowest * lowest)),
                    1e-14, 0.0, "what a floor costs");
}

void test_closed_forms() {
    const long double lambda = 0.3L, eta = 0.15L;
    const modes::Source source({gaussian()}, {0.25});
    for (const double level : levels) {
        const long double r = level, k = lambda / (lambda + r * r);
        const modes::Answers at = source.answer(level, static_cast<double>(eta));
        CHECK_CLOSE(at.slope[1], static_cast<double>(k), 1e-15, 0.0, "slope");
        // Three directions, a quarter of the squares.
        CHECK_CLOSE(at.spread[1], static_cast<double>(eta * r * std::sqrt(0.75L * k)), 1e-15, 0.0, "spread");
        CHECK(at.rough.abs().maxCoeff() == 0.0, "Gaussian data have no roughness");
    }
    CHECK_CLOSE(source.root_weight()[2], std::sqrt(0.25 * 3609.0), 1e-15, 0.0, "shares multiply weights");
}

void test_sources() {
    const modes::Source all({recorded(), gaussian()}, {1.0, 1.0});
    CHECK(all.size() == 7 && all.channels() == 5, "sizes add");
    CHECK((all.channel() == std::vector<int>{0, 0, 1, 1, 2, 3, 4}), "channels follow each other");
    CHECK(off(all.spread_out(numbers({1.0, 2.0, 3.0, 4.0, 5.0})), numbers({1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 5.0})) == 0.0,
          "values of channels at modes");
    const auto refused = [](std::vector<modes::GroupPointer> groups, std::vector<double> shares) {
        try {
            modes::Source(std::move(groups), std::move(shares));
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    CHECK(refused({}, {}) && refused({gaussian()}, {1.0, 1.0}), "no groups, or shares of others");
}

void test_quadrature() {
    double sum = 0.0, length = 0.0;
    modes::integrate(-3.0, 4.5, [&](double x, double weight) {
        sum += weight / std::cosh(x);  // singular at i pi / 2, as the integrands of means are
        length += weight;
    });
    const long double want = 2.0L * (std::atan(std::tanh(2.25L)) + std::atan(std::tanh(1.5L)));
    CHECK_CLOSE(sum, static_cast<double>(want), 1e-12, 0.0, "sech");
    CHECK_CLOSE(length, 7.5, 1e-14, 0.0, "weights");
}

}  // namespace

int main() {
    for (const Case& c : cases()) {
        test_derivatives(c);
        test_flow(c);
    }
    test_highest_level();
    test_ends_of_solutions();
    test_floor();
    test_closed_forms();
    test_sources();
    test_quadrature();
    return checks::report();
}
