// The two ends of a schedule: the prior at the first level and the scale of the result at the last one.
#pragma once

#include <cmath>

#include "core/losses.hpp"
#include "core/problem.hpp"

namespace specsched {

// T is double, or a Dual when the end levels are variables.
template <class T>
struct Ends {
    T scale;           // alpha at the last level: x_0 = scale * y_0
    T missing;         // (1 - scale^2) / scale^2
    T lost;            // 1 - scale
    T start_variance;  // Var y_S
    T surplus;         // Var y_S - r_S^2

    Ends(Process process, const T& first, const T& last)
        : scale(signal_scale(process, last)),
          missing(missing_signal(process, last)),
          lost(missing * scale * scale / (T(1.0) + scale)),
          start_variance(specsched::start_variance(process, first)),
          surplus(start_surplus(process, first)) {}
};

// Output moments from the gain P of the deviation from the mean (y_0 - mu = P (y_S - mu)) and the variance Q that the
// sampler injects, both in y. Every consistent solver keeps x = mu fixed, hence D2 = scale (1 - P).
template <class T, class E>
OutputMoments<T> output_moments(const Ends<E>& ends, double lambda, const T& gain, const T& injected) {
    using std::sqrt;
    const T variance = (gain * gain * ends.start_variance + injected) * (ends.scale * ends.scale);
    return {sqrt(variance), variance - lambda, gain * ends.scale + ends.lost};
}

}  // namespace specsched
