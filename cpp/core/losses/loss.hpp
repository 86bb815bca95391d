// What a loss has to say (docs/extending.md): the distance between the output N(m, v) and the data N(mu, lambda) of one
// eigendirection, summed with weights, and what else differs between losses. All derivatives of a term follow from
// evaluating it on dual numbers.
#pragma once

#include <limits>

#include "core/dual.hpp"

namespace specsched {

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

// The same against the law that the sampler approaches with ever more steps, which moves with the ends as the output does.
template <class T>
struct LawMoments {
    T output, law, excess;  // the two variances in the units of the data, and their difference
    T gap, scale, square;  // difference of the gains in y; what makes it a mean error; scale of y, squared
    T weight, mean_power;
};

// A loss term, and what a unit of error variance in y_0 costs beside it.
template <class T>
struct LawTerm {
    T term, price;
};

namespace losses {

// What most losses share. Own states
//   title, heading                             for people: in a sentence, and over a column
//   term(lambda, root, weight, mean_power, m)  weight * spread error + mean_power * mean error, of T by constants of B
//   error_price(weight, lambda)                what a unit of error variance of the denoiser in x_0 costs: a term of
//                                              its own, which nothing can cancel. As part of the output variance it
//                                              could make up for the variance that a coarse schedule loses, and a
//                                              design would seek it.
// and hides what of the following does not fit.
template <class Own>
struct LossDefaults {
    static constexpr bool has_unit = false;  // grows with the data, so that large data outweigh small ones
    static constexpr bool admits_zeros = false;  // finite where an eigenvalue, or the output's variance, is 0
    static constexpr bool follows_runs = false;  // against the limit, deterministic runs are compared start by start
    static constexpr bool limit_kernels = false;  // kernels/limit.inl computes it

    // From the sum of terms to what users see, and the slope of that.
    static double reported(double sum) { return sum; }
    static double reported_slope(double) { return 1.0; }

    // The term of a zero eigenvalue whose output has this variance.
    template <class T>
    static T at_zero(const T&, const T&, double, double) {
        return T(std::numeric_limits<double>::infinity());
    }
    // What a lost share of the standard deviation costs, up to a factor: where a many-step design puts its levels.
    static double share(double weight, double /*variance*/) { return weight; }
    // What relative errors are measured against where the loss is nearly 0.
    static double power(double weight, double /*lambda*/, double /*mean_power*/) { return weight; }

    // Against a law in place of an eigenvalue; root(v) is the standard deviation of a variance.
    template <class T, class Root>
    static LawTerm<T> against_law(const LawMoments<T>& m, const Root& root) {
        const OutputMoments<T> out{root(m.output), m.excess, m.scale * m.gap};
        return {Own::template term<T, T>(m.law, root(m.law), m.weight, m.mean_power, out),
                Own::error_price(m.weight, m.law) * m.square};
    }
};

}  // namespace losses
}  // namespace specsched
