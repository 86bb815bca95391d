// The distance between the output N(m, v) and the data N(mu, lambda) of one eigendirection, summed with weights.
// A loss is one `term`; all derivatives follow from evaluating it on dual numbers.
#pragma once

#include <cmath>
#include <type_traits>

#include "core/dual.hpp"

namespace specsched {

// `linear` is any loss taken at one output: weight and mean_power are its slopes by excess and mean error, so that its
// gradient by the levels is that of the loss it stands for.
enum class Loss { w2, kl, reverse_kl, linear };

// One eigenvalue's output, in the units of the data.
//   std         standard deviation sqrt(v)
//   excess      v - lambda, given apart because a direct subtraction would lose the digits that matter
//   mean_error  1 - D2, the share of the mean that is lost
template <class T>
struct OutputMoments {
    T std;
    T excess;
    T mean_error;
};

// The term of one eigenvalue: weight * spread error + mean_power * mean error. For w2 this is the SQUARED distance.
template <Loss loss, class T, class B>
T loss_term(const B& lambda, const B& root_lambda, const B& weight, const B& mean_power, const OutputMoments<T>& out) {
    [[maybe_unused]] const T mean_square = out.mean_error * out.mean_error;
    if constexpr (loss == Loss::w2) {
        // (sqrt v - sqrt lambda)^2 with the difference of roots written as excess over their sum (Theorem 4.1).
        const T difference = out.excess / (out.std + root_lambda);
        return difference * difference * weight + mean_square * mean_power;
    } else if constexpr (loss == Loss::kl) {
        // KL(data || model): with x = lambda/v - 1, log(v/lambda) - 1 + lambda/v = x - log(1 + x) (Theorem 4.2).
        const T variance = out.std * out.std;
        const T x = -out.excess / variance;
        const T ratio = T(lambda) / variance;
        return (excess_over_log(x, ratio) * weight + mean_square / variance * mean_power) * B(0.5);
    } else if constexpr (loss == Loss::linear) {
        return out.excess * weight + out.mean_error * mean_power;
    } else {
        const T x = out.excess / lambda;
        const T ratio = out.std * out.std / lambda;
        return (excess_over_log(x, ratio) * weight + mean_square * (mean_power / lambda)) * B(0.5);
    }
}

// Calls body(std::integral_constant<Loss, ...>) for a loss known only at run time.
template <class Body>
auto with_loss(Loss loss, const Body& body) {
    switch (loss) {
        case Loss::kl: return body(std::integral_constant<Loss, Loss::kl>{});
        case Loss::reverse_kl: return body(std::integral_constant<Loss, Loss::reverse_kl>{});
        case Loss::linear: return body(std::integral_constant<Loss, Loss::linear>{});
        case Loss::w2: break;
    }
    return body(std::integral_constant<Loss, Loss::w2>{});
}

// The sum of terms is the squared distance for w2: what users see is the distance.
inline double reported_loss(Loss loss, double sum) { return loss == Loss::w2 ? std::sqrt(sum) : sum; }

// d reported / d sum; 0 where the distance is 0 (its minimum, where it has a kink).
inline double reported_slope(Loss loss, double sum) {
    if (loss != Loss::w2) return 1.0;
    return sum > 0.0 ? 0.5 / std::sqrt(sum) : 0.0;
}

}  // namespace specsched
