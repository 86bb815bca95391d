// Sets of modes of each kind, for tests.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/modes/floored.hpp"
#include "core/modes/gaussian.hpp"
#include "core/modes/recorded.hpp"

namespace mode_cases {

using namespace specsched;
using modes::ArrayXd;
using modes::ArrayXXd;

constexpr double top = 20.0, lowest = 0.05;

inline ArrayXd numbers(const std::vector<double>& values) {
    return Eigen::Map<const ArrayXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

inline modes::GroupPointer gaussian() {
    return std::make_shared<modes::Gaussian>(numbers({4.0, 0.3, 0.02}), numbers({1.0, 3.0, 9.0}),
                                             numbers({401.0, 1203.0, 3609.0}), top);
}

inline modes::GroupPointer guided(double scale = 2.5) {
    return std::make_shared<modes::Guided>(
        numbers({4.0, 0.3}), numbers({6.0, 1.0}), scale, numbers({1.0, 3.0}), numbers({401.0, 1203.0, 1.0, 1.0, 1.0}),
        modes::Guided::Means{{0, 1, 1}, numbers({0.7, -0.2, 0.05}), numbers({0.1, 0.3, 0.02})}, top);
}

// Two bands with two modes each. Slopes stay between 0 and 1, as those of data do.
inline modes::GroupPointer recorded() {
    ArrayXXd prediction(4, 5), slope(2, 3), roughness(2, 2);
    prediction << 0.9, -0.4, 0.1, 0.03, 0.01, -0.5, 0.2, 0.05, -0.02, 0.0, 0.3, 0.1, -0.07, 0.01, 0.004, -0.1, 0.05,
        0.0, 0.02, -0.01;
    slope << 0.5, -0.45, 0.03, 0.6, -0.3, -0.1;
    roughness << 0.02, 0.01, 0.01, 0.0;
    return std::make_shared<modes::Recorded>(
        lowest, top, prediction, std::vector<int>{0, 0, 1, 1}, numbers({1.0, 2.0, 0.5, 1.5}),
        modes::Recorded::Bands{slope, roughness, numbers({2.0, 0.1}), numbers({5.0, 11.0})});
}

// Many modes in few bands, in turn: more in each than their series have terms; the last band has none.
inline modes::GroupPointer crowded() {
    constexpr Eigen::Index count = 17, terms = 4;
    ArrayXXd prediction(count, terms), slope(3, 2);
    ArrayXd weight(count);
    std::vector<int> band;
    for (Eigen::Index i = 0; i < count; ++i) {
        for (Eigen::Index j = 0; j < terms; ++j)
            prediction(i, j) = std::sin(1.0 + 3.0 * static_cast<double>(i + 5 * j)) / static_cast<double>(1 + j * j);
        weight[i] = 0.5 + 0.1 * static_cast<double>(i % 4);
        band.push_back(static_cast<int>(i % 2));
    }
    slope << 0.5, -0.45, 0.6, -0.3, 0.2, 0.1;
    return std::make_shared<modes::Recorded>(
        lowest, top, prediction, band, weight,
        modes::Recorded::Bands{slope, ArrayXXd(3, 0), numbers({2.0, 0.1, 0.5}), numbers({5.0, 11.0, 2.0})});
}

inline modes::GroupPointer floored(const modes::GroupPointer& group) {
    return std::make_shared<modes::Floored>(group, lowest);
}

struct Case {
    std::string name;
    modes::Source source;
};

inline const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"gaussian", {{gaussian()}, {1.0}}},
        {"guided", {{guided()}, {1.0}}},
        {"recorded", {{recorded()}, {1.0}}},
        {"crowded", {{crowded()}, {1.0}}},
        {"together", {{recorded(), gaussian(), guided()}, {0.5, 0.2, 0.3}}},
        {"floored", {{floored(gaussian()), floored(guided())}, {0.7, 0.3}}},
    };
    return all;
}

// d f / d log r by five points; exact to 1e-11 or so of the values.
template <class F>
ArrayXd by_log(const F& f, double r) {
    constexpr double step = 1e-3;
    const auto at = [&](int places) { return ArrayXd(f(r * std::exp(places * step))); };
    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step);
}

}  // namespace mode_cases
