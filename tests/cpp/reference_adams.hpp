// Adams-Bashforth samplers, written out as the frameworks run them: DEIS, LMS, iPNDM, PLMS and PNDM.
#pragma once

#include <functional>

#include "reference_run.hpp"

namespace reference {

// Gauss-Legendre, 16 points on each of 8 panels: for integrals of polynomials and of polynomials in a logarithm.
inline Number integrate(const std::function<Number(Number)>& f, const Number& a, const Number& b) {
    constexpr int n = 16, panels = 8;
    static std::vector<long double> node, weight;
    if (node.empty())
        for (int i = 0; i < n; ++i) {
            long double z = std::cos(3.14159265358979323846264338327950288L * (i + 0.75L) / (n + 0.5L)), slope = 0;
            for (int it = 0; it < 60; ++it) {
                long double p0 = 1, p1 = z;
                for (int k = 2; k <= n; ++k) {
                    const long double p2 = ((2 * k - 1) * z * p1 - (k - 1) * p0) / k;
                    p0 = p1;
                    p1 = p2;
                }
                slope = n * (z * p1 - p0) / (z * z - 1);
                z -= p1 / slope;
            }
            node.push_back(z);
            weight.push_back(2 / ((1 - z * z) * slope * slope));
        }
    Number sum = 0;
    const Number half = (b - a) / (2.0L * panels);
    for (int panel = 0; panel < panels; ++panel)
        for (int i = 0; i < n; ++i) sum += weight[i] * half * f(a + half * (2.0L * panel + 1.0L + node[i]));
    return sum;
}

// x' = x + sum_j (integral over rho of the Lagrange polynomial in `map`(rho)) e_j.
inline Sample adams(Run& run, Sample x, bool logarithmic, int highest, double lower_default) {
    std::vector<Sample> e;
    for (int i = 0; i < run.steps(); ++i) {
        const Number from = run.sigmas[i], to = run.sigmas[i + 1];
        e.push_back(run.slope(x, run.denoise(x, from), from));
        const int order =
            logarithmic ? multistep_order(run, i, highest, lower_default) : std::min(highest, i + 1);
        const auto map = [&](const Number& rho) { return logarithmic ? std::log(rho) : rho; };
        Sample change;
        for (int j = 0; j < order; ++j) {
            const auto lagrange = [&](const Number& u) {
                Number product = 1;
                for (int k = 0; k < order; ++k)
                    if (k != j)
                        product *= (u - map(run.sigmas[i - k])) / (map(run.sigmas[i - j]) - map(run.sigmas[i - k]));
                return product;
            };
            Number c;
            if (!logarithmic) {
                c = integrate(lagrange, from, to);
            } else {
                // rho = e^u; from level 0 the integrand has died out 60 steps of u below.
                const Number low = run.zero(i + 1) ? std::log(from) - 60.0L : std::log(to);
                c = integrate([&](const Number& u) { return lagrange(u) * std::exp(u); }, std::log(from), low);
            }
            change = change + c * e[i - j];
        }
        x = x + change;
    }
    return x;
}

inline Sample adams_bashforth(const std::vector<Sample>& e, int highest) {
    const int order = std::min<int>(highest, static_cast<int>(e.size()));
    const Sample* p = &e.back();
    switch (order) {
        case 1: return p[0];
        case 2: return 0.5 * (3.0 * p[0] - p[-1]);
        case 3: return Number(1.0L / 12) * (23.0 * p[0] - 16.0 * p[-1] + 5.0 * p[-2]);
        default: return Number(1.0L / 24) * (55.0 * p[0] - 59.0 * p[-1] + 37.0 * p[-2] - 9.0 * p[-3]);
    }
}

inline Sample ipndm(Run& run, Sample x) {
    std::vector<Sample> e;
    for (int i = 0; i < run.steps(); ++i) {
        e.push_back(run.slope(x, run.denoise(x, run.sigmas[i]), run.sigmas[i]));
        x = x + (run.sigmas[i + 1] - run.sigmas[i]) * adams_bashforth(e, static_cast<int>(run.option("order", 4)));
    }
    return x;
}

// PNDM as published: three classical Runge-Kutta steps, each over two levels, then Adams-Bashforth.
inline Sample pndm(Run& run, Sample x) {
    const int S = run.steps();
    const auto slope = [&](const Sample& at, int level) {
        return run.slope(at, run.denoise(at, run.sigmas[level]), run.sigmas[level]);
    };
    std::vector<Sample> e;
    int i = 0;
    for (; i < 6 && i + 2 <= S && !run.zero(i + 2); i += 2) {
        const Number half = run.sigmas[i + 1] - run.sigmas[i], whole = run.sigmas[i + 2] - run.sigmas[i];
        const Sample k1 = slope(x, i), k2 = slope(x + half * k1, i + 1), k3 = slope(x + half * k2, i + 1);
        const Sample k4 = slope(x + whole * k3, i + 2);
        e.push_back(k1);
        x = x + whole * (Number(1.0L / 6) * (k1 + 2.0 * k2 + 2.0 * k3 + k4));
    }
    for (; i < S; ++i) {
        e.push_back(slope(x, i));
        x = x + (run.sigmas[i + 1] - run.sigmas[i]) * adams_bashforth(e, static_cast<int>(run.option("order", 4)));
    }
    return x;
}

// diffusers' PNDMScheduler with skip_prk_steps: the second level is visited twice.
inline Sample plms(Run& run, Sample x) {
    const int S = run.steps();
    std::vector<int> visits;
    for (int i = 0; i < S; ++i) {
        visits.push_back(i);
        if (i == 1) visits.push_back(i);
    }
    std::vector<Sample> e;
    Sample kept;
    for (std::size_t counter = 0; counter < visits.size(); ++counter) {
        int from = visits[counter], to = from + 1;
        const Sample now = run.slope(x, run.denoise(x, run.sigmas[from]), run.sigmas[from]);
        Sample used;
        if (counter == 1) {
            from = 0;
            to = 1;
            used = 0.5 * (now + e.back());
            x = kept;
        } else {
            e.push_back(now);
            if (counter == 0) kept = x;
            used = adams_bashforth(e, static_cast<int>(run.option("order", 4)));
        }
        x = x + (run.sigmas[to] - run.sigmas[from]) * used;
    }
    return x;
}

}  // namespace reference
