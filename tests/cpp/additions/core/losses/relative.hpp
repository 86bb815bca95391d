// A loss added as docs/extending.md says: the relative error of the variances, sqrt(sum of (v / lambda - 1)^2).
#pragma once

#include <cmath>

#include "core/losses/loss.hpp"

namespace specsched {
namespace losses {

struct Relative : LossDefaults<Relative> {
    static constexpr const char *title = "relative error of the variances", *heading = "relative error";

    template <class T, class B>
    static T term(const B& lambda, const B&, const B& weight, const B& mean_power, const OutputMoments<T>& out) {
        const T error = out.excess / lambda;
        return error * error * weight + out.mean_error * out.mean_error * (mean_power / lambda);
    }
    template <class B>
    static B error_price(const B& weight, const B& lambda) {
        return weight / lambda;
    }
    static double reported(double sum) { return std::sqrt(sum); }
    static double reported_slope(double sum) { return sum > 0.0 ? 0.5 / std::sqrt(sum) : 0.0; }
};

}  // namespace losses
}  // namespace specsched
