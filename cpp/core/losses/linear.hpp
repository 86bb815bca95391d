// Any loss taken at one output: weight and mean_power are its slopes by excess and mean error, so that its gradient by the
// levels is that of the loss it stands for. The core's own: users cannot ask for it.
#pragma once

#include "core/losses/loss.hpp"

namespace specsched {
namespace losses {

struct Linear : LossDefaults<Linear> {
    template <class T, class B>
    static T term(const B&, const B&, const B& weight, const B& mean_power, const OutputMoments<T>& out) {
        return out.excess * weight + out.mean_error * mean_power;
    }
    template <class T>
    static T at_zero(const T& variance, const T& mean_error, double weight, double mean_power) {
        return variance * weight + mean_error * mean_power;
    }
    // The panels that use it serve exact denoisers alone.
    template <class B>
    static B error_price(const B& weight, const B&) {
        return weight;
    }
};

}  // namespace losses
}  // namespace specsched
