// The noising processes. All three are one recursion in y = x / alpha with levels sigma = noise / signal;
// they differ in the variance of the start and in the scale of the result.
#pragma once

#include <cmath>

namespace specsched {

enum class Process { vp, ve, flow };

// alpha at level r: the factor between y and x.
template <class T>
T signal_scale(Process process, const T& r) {
    using std::sqrt;
    switch (process) {
        case Process::vp: return T(1.0) / sqrt(T(1.0) + r * r);
        case Process::flow: return T(1.0) / (T(1.0) + r);
        case Process::ve: break;
    }
    return T(1.0);
}

// 1 - alpha^2 = dirt * alpha^2: how much signal power is missing at level r, free of cancellation.
template <class T>
T missing_signal(Process process, const T& r) {
    switch (process) {
        case Process::vp: return r * r;
        case Process::flow: return r * (T(2.0) + r);
        case Process::ve: break;
    }
    return T(0.0);
}

// Variance of y at the first level, where x is drawn from the prior.
template <class T>
T start_variance(Process process, const T& r) {
    switch (process) {
        case Process::vp: return T(1.0) + r * r;
        case Process::flow: return (T(1.0) + r) * (T(1.0) + r);
        case Process::ve: break;
    }
    return r * r;
}

// start_variance - r^2, without the cancellation: what the prior has beyond the noise.
template <class T>
T start_surplus(Process process, const T& r) {
    switch (process) {
        case Process::vp: return T(1.0);
        case Process::flow: return T(1.0) + T(2.0) * r;
        case Process::ve: break;
    }
    return T(0.0);
}

}  // namespace specsched
