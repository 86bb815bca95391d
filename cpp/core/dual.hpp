// Forward-mode derivatives: Dual carries N first derivatives, over any base type (double, lanes, Dual itself).
// Second derivatives come from nesting: Dual<Dual<double, 1>, N>.
#pragma once

#include <cmath>

namespace specsched {

// A number as a T, however deeply nested.
template <class T>
struct Constant {
    static T of(double x) { return T(x); }
};
template <class T>
T constant(double x) {
    return Constant<T>::of(x);
}

// x - log(1 + x) to full relative accuracy, given x and ratio = 1 + x apart: each knows the digits that the other has
// lost. Near 0, with s = x / (2 + x): x s - 2 (s^3/3 + s^5/5 + ...).
inline double excess_over_log(double x, double ratio) {
    if (x < -0.35 || x > 0.5) return x - std::log(ratio);
    const double s = x / (2.0 + x);
    const double q = s * s;
    double series = 0.0;
    for (int n = 27; n >= 3; n -= 2) series = series * q + 1.0 / n;
    return x * s - 2.0 * s * q * series;
}

template <class B, int N>
struct Dual {
    B value{};
    B d[N]{};

    Dual() = default;
    Dual(const B& v) : value(v) {}  // NOLINT: constants convert
    static Dual variable(const B& v, int slot) {
        Dual x(v);
        x.d[slot] = B(1.0);
        return x;
    }
};

template <class B, int N>
struct Constant<Dual<B, N>> {
    static Dual<B, N> of(double x) { return Dual<B, N>(constant<B>(x)); }
};

template <class B, int N>
Dual<B, N> chain(const Dual<B, N>& x, const B& value, const B& slope) {
    Dual<B, N> y(value);
    for (int n = 0; n < N; ++n) y.d[n] = slope * x.d[n];
    return y;
}

template <class B, int N>
Dual<B, N> operator+(const Dual<B, N>& x, const Dual<B, N>& y) {
    Dual<B, N> z(x.value + y.value);
    for (int n = 0; n < N; ++n) z.d[n] = x.d[n] + y.d[n];
    return z;
}
template <class B, int N>
Dual<B, N> operator-(const Dual<B, N>& x, const Dual<B, N>& y) {
    Dual<B, N> z(x.value - y.value);
    for (int n = 0; n < N; ++n) z.d[n] = x.d[n] - y.d[n];
    return z;
}
template <class B, int N>
Dual<B, N> operator*(const Dual<B, N>& x, const Dual<B, N>& y) {
    Dual<B, N> z(x.value * y.value);
    for (int n = 0; n < N; ++n) z.d[n] = x.d[n] * y.value + x.value * y.d[n];
    return z;
}
template <class B, int N>
Dual<B, N> operator/(const Dual<B, N>& x, const Dual<B, N>& y) {
    const B inverse = B(1.0) / y.value;
    Dual<B, N> z(x.value * inverse);
    for (int n = 0; n < N; ++n) z.d[n] = (x.d[n] - z.value * y.d[n]) * inverse;
    return z;
}
template <class B, int N>
Dual<B, N> operator-(const Dual<B, N>& x) {
    return chain(x, -x.value, B(-1.0));
}
// Mixed forms with the base type, so that constants stay cheap.
template <class B, int N>
Dual<B, N> operator+(const Dual<B, N>& x, const B& c) {
    Dual<B, N> z = x;
    z.value = z.value + c;
    return z;
}
template <class B, int N>
Dual<B, N> operator+(const B& c, const Dual<B, N>& x) {
    return x + c;
}
template <class B, int N>
Dual<B, N> operator-(const Dual<B, N>& x, const B& c) {
    Dual<B, N> z = x;
    z.value = z.value - c;
    return z;
}
template <class B, int N>
Dual<B, N> operator-(const B& c, const Dual<B, N>& x) {
    return chain(x, c - x.value, B(-1.0));
}
template <class B, int N>
Dual<B, N> operator*(const Dual<B, N>& x, const B& c) {
    return chain(x, x.value * c, c);
}
template <class B, int N>
Dual<B, N> operator*(const B& c, const Dual<B, N>& x) {
    return x * c;
}
template <class B, int N>
Dual<B, N> operator/(const Dual<B, N>& x, const B& c) {
    return x * (B(1.0) / c);
}

template <class B, int N>
Dual<B, N> sqrt(const Dual<B, N>& x) {
    using std::sqrt;
    const B root = sqrt(x.value);
    return chain(x, root, B(0.5) / root);
}
template <class B, int N>
Dual<B, N> exp(const Dual<B, N>& x) {
    using std::exp;
    const B e = exp(x.value);
    return chain(x, e, e);
}
template <class B, int N>
Dual<B, N> log(const Dual<B, N>& x) {
    using std::log;
    return chain(x, log(x.value), B(1.0) / x.value);
}
template <class B, int N>
Dual<B, N> expm1(const Dual<B, N>& x) {
    using std::exp;
    using std::expm1;
    return chain(x, expm1(x.value), exp(x.value));
}
template <class B, int N>
Dual<B, N> log1p(const Dual<B, N>& x) {
    using std::log1p;
    return chain(x, log1p(x.value), B(1.0) / (B(1.0) + x.value));
}
// x with the derivatives of ratio = 1 + x, which keep all their digits where the ratio is small and those of x cancel.
template <class B>
B with_slopes_of(const B& x, const B&) {
    return x;
}
template <class B, int N>
Dual<B, N> with_slopes_of(const Dual<B, N>& x, const Dual<B, N>& ratio) {
    Dual<B, N> z = ratio;
    z.value = with_slopes_of(x.value, ratio.value);
    return z;
}
template <class B, int N>
Dual<B, N> excess_over_log(const Dual<B, N>& x, const Dual<B, N>& ratio) {
    const Dual<B, N> followed = with_slopes_of(x, ratio);
    return chain(followed, excess_over_log(x.value, ratio.value), followed.value / ratio.value);
}

}  // namespace specsched
