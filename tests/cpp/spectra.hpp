// Spectra and levels that own their numbers, for tests.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "core/problem.hpp"

namespace specsched {

struct Data {
    std::vector<double> eigenvalues, weights, mean_power;

    void add(double eigenvalue, double weight, double power) {
        eigenvalues.push_back(eigenvalue);
        weights.push_back(weight);
        mean_power.push_back(power);
    }
    SpectrumView view() const {
        return {eigenvalues.data(), weights.data(), mean_power.data(), static_cast<std::ptrdiff_t>(eigenvalues.size())};
    }
};

// first / i^1.5, with multiplicities of 1 to 3; every fourth entry has a mean.
inline Data power_law(int size, double first) {
    Data data;
    for (int i = 1; i <= size; ++i) data.add(first * std::pow(i, -1.5), 1.0 + i % 3, i % 4 == 0 ? 0.1 : 0.0);
    return data;
}

inline LevelsView view(const std::vector<double>& sigmas) {
    return {sigmas.data(), static_cast<std::ptrdiff_t>(sigmas.size())};
}

}  // namespace specsched
