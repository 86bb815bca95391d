// The two Kullback-Leibler divergences, in nats (Theorem 4.2 of Benita, Elad & Keshet, arXiv 2502.00180). With
// x = ratio - 1 of the variances, log(1 / ratio) - 1 + ratio = x - log(1 + x).
#pragma once

#include "core/losses/loss.hpp"

namespace specsched {
namespace losses {

template <class Own>
struct Divergence : LossDefaults<Own> {
    template <class B>
    static B error_price(const B& weight, const B& lambda) {
        return weight / lambda * B(0.5);
    }
};

// KL(data || model).
struct Kl : Divergence<Kl> {
    static constexpr const char *title = "KL(data || model), nats", *heading = "KL, nats";

    template <class T, class B>
    static T term(const B& lambda, const B&, const B& weight, const B& mean_power, const OutputMoments<T>& out) {
        const T mean_square = out.mean_error * out.mean_error;
        const T variance = out.std * out.std;
        const T x = -out.excess / variance;
        const T ratio = T(lambda) / variance;
        return (excess_over_log(x, ratio) * weight + mean_square / variance * mean_power) * B(0.5);
    }

    // One division for everything.
    template <class T, class Root>
    static LawTerm<T> against_law(const LawMoments<T>& m, const Root&) {
        const T mean = m.square * (m.gap * m.gap) * m.mean_power, half = constant<T>(0.5);
        const T inverse = constant<T>(1.0) / m.output;
        return {(excess_over_log(-m.excess * inverse, m.law * inverse) * m.weight + mean * inverse) * half,
                half * m.weight * m.square / m.law};
    }
};

// KL(model || data).
struct ReverseKl : Divergence<ReverseKl> {
    static constexpr const char *title = "KL(model || data), nats", *heading = "reverse KL, nats";

    template <class T, class B>
    static T term(const B& lambda, const B&, const B& weight, const B& mean_power, const OutputMoments<T>& out) {
        const T mean_square = out.mean_error * out.mean_error;
        const T x = out.excess / lambda;
        const T ratio = out.std * out.std / lambda;
        return (excess_over_log(x, ratio) * weight + mean_square * (mean_power / lambda)) * B(0.5);
    }

    template <class T, class Root>
    static LawTerm<T> against_law(const LawMoments<T>& m, const Root&) {
        const T mean = m.square * (m.gap * m.gap) * m.mean_power, half = constant<T>(0.5);
        const T inverse = constant<T>(1.0) / m.law;
        return {(excess_over_log(m.excess * inverse, m.output * inverse) * m.weight + mean * inverse) * half,
                half * m.weight * m.square * inverse};
    }
};

}  // namespace losses
}  // namespace specsched
