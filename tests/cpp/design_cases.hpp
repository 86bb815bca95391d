// Problems of designs and levels to start them from, for tests.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "core/design/design.hpp"
#include "spectra.hpp"

namespace specsched {

inline Data power_law(int size) {
    Data data;
    for (int i = 1; i <= size; ++i) {
        data.eigenvalues.push_back(10.0 / (i * i));
        data.weights.push_back(1.0 + i % 3);
        data.mean_power.push_back(i == 2 ? 0.3 : 0.0);
    }
    return data;
}

inline DesignProblem problem_of(const Data& data, const char* sampler, Loss loss, double first, double last,
                                std::ptrdiff_t steps) {
    DesignProblem problem{data.view(), make_sampler(sampler, {}, 0.0), {Process::vp, loss}, first, last, steps, {}};
    problem.settings.threads = 1;
    return problem;
}

inline std::vector<double> geometric(double first, double last, std::ptrdiff_t steps) {
    std::vector<double> row;
    const double low = last > 0.0 ? last : 0.02;
    for (std::ptrdiff_t k = 0; k <= steps; ++k)
        row.push_back(first * std::pow(low / first, static_cast<double>(k) / static_cast<double>(steps)));
    row.back() = last;
    return row;
}

}  // namespace specsched
