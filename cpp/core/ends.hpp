// The two ends of a schedule: the start at the first level and the scale of the result at the last one.
#pragma once

#include <cmath>

#include "core/criterion.hpp"
#include "core/problem.hpp"

namespace specsched {

// T is double, or a Dual when the end levels are variables. Var y_S = start_variance + own * lambda.
template <class T>
struct Ends {
    T scale;           // alpha at the last level: x_0 = scale * y_0
    T missing;         // (1 - scale^2) / scale^2
    T lost;            // 1 - scale
    T start_variance;  // Var y_S that every direction has
    T surplus;         // start_variance - r_S^2
    double own;        // share of the eigenvalue itself in Var y_S: 1 where the start is the noised data, else 0
    double carried;    // share of the mean that the start lacks: 1 for the prior, 0 for the noised data

    Ends(const Criterion& criterion, const T& first, const T& last)
        : scale(signal_scale(criterion.process, last)),
          missing(missing_signal(criterion.process, last)),
          lost(missing * scale * scale / (T(1.0) + scale)),
          start_variance(from_data(criterion) ? first * first : specsched::start_variance(criterion.process, first)),
          surplus(from_data(criterion) ? T(0.0) : start_surplus(criterion.process, first)),
          own(from_data(criterion) ? 1.0 : 0.0),
          carried(1.0 - own) {}

    T start_of(double lambda) const { return start_variance + T(own * lambda); }

  private:
    static bool from_data(const Criterion& criterion) { return criterion.start == Start::data; }
};

}  // namespace specsched
