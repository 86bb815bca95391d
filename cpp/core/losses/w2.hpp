// The 2-Wasserstein distance (Theorem 4.1 of Benita, Elad & Keshet, arXiv 2502.00180). Its terms are SQUARED distances.
#pragma once

#include <cmath>

#include "core/losses/loss.hpp"

namespace specsched {
namespace losses {

struct W2 : LossDefaults<W2> {
    static constexpr const char *title = "W2 distance", *heading = title;
    static constexpr bool has_unit = true, admits_zeros = true, follows_runs = true, limit_kernels = true;

    // (sqrt v - sqrt lambda)^2 with the difference of roots written as excess over their sum.
    template <class T, class B>
    static T term(const B&, const B& root, const B& weight, const B& mean_power, const OutputMoments<T>& out) {
        const T mean_square = out.mean_error * out.mean_error;
        const T difference = out.excess / (out.std + root);
        return difference * difference * weight + mean_square * mean_power;
    }
    template <class B>
    static B error_price(const B& weight, const B&) {
        return weight;
    }

    static double reported(double sum) { return std::sqrt(sum); }
    // 0 where the distance is 0 (its minimum, where it has a kink).
    static double reported_slope(double sum) { return sum > 0.0 ? 0.5 / std::sqrt(sum) : 0.0; }

    template <class T>
    static T at_zero(const T& variance, const T& mean_error, double weight, double mean_power) {
        return variance * weight + mean_error * mean_error * mean_power;
    }
    static double share(double weight, double variance) { return weight * variance; }
    static double power(double weight, double lambda, double mean_power) { return weight * lambda + mean_power; }

    template <class T, class Root>
    static LawTerm<T> against_law(const LawMoments<T>& m, const Root& root) {
        const T mean = m.square * (m.gap * m.gap) * m.mean_power;
        const T difference = m.excess / (root(m.output) + root(m.law));
        return {difference * difference * m.weight + mean, m.weight * m.square};
    }
};

}  // namespace losses
}  // namespace specsched
