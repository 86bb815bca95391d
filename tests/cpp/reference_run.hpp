// A run of a sampler followed number by number: every quantity is a complex long double, so that an imaginary 1e-40 on
// one level gives the derivative by that level to all digits. A sample is the list of its coefficients on the start and on
// every noise drawn.
#pragma once

#include <algorithm>
#include <complex>
#include <map>
#include <string>
#include <vector>

namespace reference {

using Number = std::complex<long double>;
using Options = std::map<std::string, double>;

inline Number operator*(double a, const Number& b) { return static_cast<long double>(a) * b; }
inline Number operator+(double a, const Number& b) { return static_cast<long double>(a) + b; }
inline Number operator-(double a, const Number& b) { return static_cast<long double>(a) - b; }
inline Number operator/(double a, const Number& b) { return static_cast<long double>(a) / b; }
inline Number operator*(const Number& b, double a) { return static_cast<long double>(a) * b; }
inline Number operator-(const Number& b, double a) { return b - static_cast<long double>(a); }
inline Number operator+(const Number& b, double a) { return b + static_cast<long double>(a); }
inline Number operator/(const Number& b, double a) { return b / static_cast<long double>(a); }

struct Sample {
    std::vector<Number> on;  // [0] the start, then the noises
    Number operator[](std::size_t i) const { return i < on.size() ? on[i] : Number(0); }
};

inline Sample scaled(const Number& c, const Sample& a) {
    Sample z = a;
    for (Number& v : z.on) v *= c;
    return z;
}
inline Sample operator*(const Number& c, const Sample& a) { return scaled(c, a); }
inline Sample operator*(double c, const Sample& a) { return scaled(Number(c), a); }
inline Sample operator+(const Sample& a, const Sample& b) {
    Sample z;
    z.on.resize(std::max(a.on.size(), b.on.size()));
    for (std::size_t i = 0; i < z.on.size(); ++i) z.on[i] = a[i] + b[i];
    return z;
}
inline Sample operator-(const Sample& a, const Sample& b) { return a + scaled(Number(-1), b); }

struct Run {
    double lambda;
    std::vector<Number> sigmas;
    Options options;
    std::vector<int> disable_corrector{};
    double error = 0.0;
    int drawn = 0;
    int calls = 0;
    std::vector<int> errors;  // which of the draws are errors of the denoiser

    double option(const std::string& name, double fallback) const {
        const auto found = options.find(name);
        return found == options.end() ? fallback : found->second;
    }
    int steps() const { return static_cast<int>(sigmas.size()) - 1; }
    Sample noise() {
        Sample z;
        z.on.assign(++drawn + 1, Number(0));
        z.on.back() = 1;
        return z;
    }
    Sample denoise(const Sample& x, const Number& sigma) {
        ++calls;
        const Number square = sigma * sigma;
        const Sample clean = (lambda / (lambda + square)) * x;
        if (error == 0.0) return clean;
        errors.push_back(drawn + 1);
        return clean + (error * std::sqrt(lambda * square / (lambda + square))) * noise();
    }
    Sample slope(const Sample& x, const Sample& denoised, const Number& sigma) { return (1.0 / sigma) * (x - denoised); }
    bool zero(int k) const { return sigmas[k].real() == 0.0L; }
};

// diffusers' multistep order of step i.
inline int multistep_order(const Run& run, int i, int highest, double lower_default) {
    const int S = run.steps();
    const bool lower = run.option("lower_order_final", lower_default) != 0.0 && S < 15;
    if (i + 1 == S && (lower || run.option("euler_at_final", 0.0) != 0.0)) return 1;
    if (highest == 1 || i < 1) return 1;
    if (highest == 2 || i < 2 || (i + 2 == S && lower)) return 2;
    return std::min(highest, i + 1);
}

}  // namespace reference
