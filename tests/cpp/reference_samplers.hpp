// The samplers again, written out as the frameworks run them. Nothing here is shared with the engine.
#pragma once

#include <functional>

#include "reference_run.hpp"

namespace reference {

inline Number lambda_of(const Number& sigma) { return -std::log(sigma); }

// k-diffusion's split of an ancestral step.
struct Ancestral {
    Number down, up;
};
inline Ancestral ancestral(const Number& from, const Number& to, double eta) {
    if (eta == 0.0) return {to, 0};
    Number up = eta * std::sqrt(to * to * (from * from - to * to) / (from * from));
    if (up.real() > to.real()) up = to;
    return {std::sqrt(to * to - up * up), up};
}

inline Number churned(Run& run, int i, Sample& x) {
    const double level = static_cast<double>(run.sigmas[i].real());
    const bool inside = run.option("s_tmin", 0.0) <= level && level <= run.option("s_tmax", 1e300);
    const double gamma = inside ? std::min(run.option("s_churn", 0.0) / run.steps(), std::sqrt(2.0) - 1.0) : 0.0;
    if (gamma == 0.0) return run.sigmas[i];
    const Number hat = (1.0 + gamma) * run.sigmas[i];
    x = x + (run.option("s_noise", 1.0) * std::sqrt(hat * hat - run.sigmas[i] * run.sigmas[i])) * run.noise();
    return hat;
}

inline Sample euler_ancestral(Run& run, Sample x, double default_eta) {
    for (int i = 0; i < run.steps(); ++i) {
        const Number hat = churned(run, i, x);
        const Sample d = run.slope(x, run.denoise(x, hat), hat);
        const Ancestral a = ancestral(hat, run.sigmas[i + 1], run.option("eta", default_eta));
        x = x + (a.down - hat) * d;
        if (a.up != Number(0)) x = x + (run.option("s_noise", 1.0) * a.up) * run.noise();
    }
    return x;
}

inline Sample heun(Run& run, Sample x) {
    for (int i = 0; i < run.steps(); ++i) {
        const Number hat = churned(run, i, x), dt = run.sigmas[i + 1] - hat;
        const Sample d = run.slope(x, run.denoise(x, hat), hat);
        if (run.zero(i + 1)) {
            x = x + dt * d;
        } else {
            const Sample x2 = x + dt * d;
            const Sample d2 = run.slope(x2, run.denoise(x2, run.sigmas[i + 1]), run.sigmas[i + 1]);
            x = x + dt * (0.5 * (d + d2));
        }
    }
    return x;
}

inline Sample dpm_2(Run& run, Sample x, double default_eta) {
    for (int i = 0; i < run.steps(); ++i) {
        const Number hat = churned(run, i, x);
        const Ancestral a = ancestral(hat, run.sigmas[i + 1], run.option("eta", default_eta));
        const Sample d = run.slope(x, run.denoise(x, hat), hat);
        if (a.down.real() == 0.0L) {
            x = x + (a.down - hat) * d;
        } else {
            const Number middle = std::exp(0.5 * (std::log(hat) + std::log(a.down)));
            const Sample x2 = x + (middle - hat) * d;
            const Sample d2 = run.slope(x2, run.denoise(x2, middle), middle);
            x = x + (a.down - hat) * d2;
        }
        if (a.up != Number(0)) x = x + (run.option("s_noise", 1.0) * a.up) * run.noise();
    }
    return x;
}

inline Sample dpmpp_2s(Run& run, Sample x, double default_eta) {
    const double r = run.option("r", 0.5);
    for (int i = 0; i < run.steps(); ++i) {
        const Number from = run.sigmas[i];
        const Ancestral a = ancestral(from, run.sigmas[i + 1], run.option("eta", default_eta));
        const Sample denoised = run.denoise(x, from);
        if (a.down.real() == 0.0L) {
            x = x + (a.down - from) * run.slope(x, denoised, from);
        } else {
            const Number t = lambda_of(from), h = lambda_of(a.down) - t, s = t + r * h;
            const Sample x2 = (std::exp(-s) / std::exp(-t)) * x - (std::exp(-r * h) - 1.0) * denoised;
            const Sample denoised2 = run.denoise(x2, std::exp(-s));
            const Sample mixed = (1.0 - 1.0 / (2.0 * r)) * denoised + (1.0 / (2.0 * r)) * denoised2;
            x = std::exp(-h) * x - (std::exp(-h) - 1.0) * mixed;
        }
        if (a.up != Number(0)) x = x + (run.option("s_noise", 1.0) * a.up) * run.noise();
    }
    return x;
}

inline Sample dpmpp_sde(Run& run, Sample x) {
    const double r = run.option("r", 0.5), eta = run.option("eta", 1.0), s_noise = run.option("s_noise", 1.0);
    for (int i = 0; i < run.steps(); ++i) {
        const Number from = run.sigmas[i], to = run.sigmas[i + 1];
        const Sample denoised = run.denoise(x, from);
        if (run.zero(i + 1)) {
            x = x + (to - from) * run.slope(x, denoised, from);
            continue;
        }
        const Number t = lambda_of(from), s = lambda_of(to), middle = std::exp(-(t + r * (s - t)));
        // Increments of one Brownian path in sigma, over [middle, from] and [to, from].
        const Sample early = std::sqrt(from - middle) * run.noise(), late = std::sqrt(middle - to) * run.noise();
        const Sample first = (1.0 / std::sqrt(from - middle)) * early;
        const Sample both = run.option("brownian", 1.0) != 0.0 ? (1.0 / std::sqrt(from - to)) * (early + late)
                                                               : run.noise();
        const Ancestral a = ancestral(from, middle, eta);
        const Number s_ = lambda_of(a.down);
        Sample x2 = (a.down / from) * x - (std::exp(t - s_) - 1.0) * denoised;
        x2 = x2 + (s_noise * a.up) * first;
        const Sample denoised2 = run.denoise(x2, middle);
        const Ancestral b = ancestral(from, to, eta);
        const Number t_ = lambda_of(b.down);
        const double fac = 1.0 / (2.0 * r);
        const Sample mixed = (1.0 - fac) * denoised + fac * denoised2;
        x = (b.down / from) * x - (std::exp(t - t_) - 1.0) * mixed;
        x = x + (s_noise * b.up) * both;
    }
    return x;
}

// diffusers' multistep order of step i.
inline int multistep_order(const Run& run, int i, int highest, double lower_default) {
    const int S = run.steps();
    const bool lower = run.option("lower_order_final", lower_default) != 0.0 && S < 15;
    if (i + 1 == S && (lower || run.option("euler_at_final", 0.0) != 0.0)) return 1;
    if (highest == 1 || i < 1) return 1;
    if (highest == 2 || i < 2 || (i + 2 == S && lower)) return 2;
    return std::min(highest, i + 1);
}

// DPM-Solver multistep in variance-preserving variables, x = alpha y, as diffusers writes it; eta generalises the SDE.
inline Sample dpm_multistep(Run& run, Sample y, int highest, double heun_default, double eta_default, double lower,
                            bool noise_prediction) {
    const double heun = run.option("heun", heun_default), eta = run.option("eta", eta_default);
    const auto alpha = [](const Number& s) { return 1.0 / std::sqrt(1.0 + s * s); };
    Sample x = alpha(run.sigmas[0]) * y;
    std::vector<Sample> m;
    for (int i = 0; i < run.steps(); ++i) {
        const Number s0 = run.sigmas[i], st = run.sigmas[i + 1];
        const Number a0 = alpha(s0), at = alpha(st), sg0 = s0 * a0, sgt = st * at;
        const Sample clean = run.denoise((1.0 / a0) * x, s0);
        m.push_back(noise_prediction ? (1.0 / sg0) * (x - a0 * clean) : clean);
        const int order = run.zero(i + 1) ? 1 : multistep_order(run, i, highest, lower);
        if (run.zero(i + 1)) {
            x = (st / s0) * (at / a0) * x + (at * (1.0 - st / s0)) * clean;
            continue;
        }
        const Number h = std::log(s0) - std::log(st);
        Sample D1, D2;
        if (order > 1) {
            const Number r0 = (std::log(run.sigmas[i - 1]) - std::log(s0)) / h;
            D1 = (1.0 / r0) * (m[i] - m[i - 1]);
            if (order > 2) {
                const Number r1 = (std::log(run.sigmas[i - 2]) - std::log(run.sigmas[i - 1])) / h;
                const Sample D10 = D1, D11 = (1.0 / r1) * (m[i - 1] - m[i - 2]);
                D1 = D10 + (r0 / (r0 + r1)) * (D10 - D11);
                D2 = (1.0 / (r0 + r1)) * (D10 - D11);
            }
        }
        const bool midpoint = order == 2 && heun == 0.0;
        if (noise_prediction) {
            const Number e = std::exp(h) - 1.0;
            x = (at / a0) * x - (sgt * e) * m[i];
            if (midpoint) x = x - (0.5 * sgt * e) * D1;
            if (order > 1 && !midpoint) x = x - (sgt * (e / h - 1.0)) * D1;
            if (order > 2) x = x - (sgt * ((e - h) / (h * h) - 0.5)) * D2;
        } else {
            const Number H = (1.0 + eta) * h, e = 1.0 - std::exp(-H);
            x = (sgt / sg0 * std::exp(-eta * h)) * x + (at * e) * m[i];
            if (midpoint) x = x + (0.5 * at * e) * D1;
            if (order > 1 && !midpoint) x = x + (at * (e / (-H) + 1.0)) * D1;
            const double sign = run.option("diffusers_d2", 0.0) != 0.0 ? -0.5 : 0.5;
            if (order > 2) x = x + (at * ((e - H) / (H * H) + sign)) * D2;
            if (eta != 0.0)
                x = x + (run.option("s_noise", 1.0) * sgt * std::sqrt(1.0 - std::exp(-2.0 * eta * h))) * run.noise();
        }
    }
    return (1.0 / alpha(run.sigmas.back())) * x;
}

inline std::vector<int> singlestep_orders(int order, int steps, bool lower, bool zero) {
    std::vector<int> list;
    const auto repeat = [&](std::vector<int> block, int times) {
        for (int i = 0; i < times; ++i) list.insert(list.end(), block.begin(), block.end());
    };
    lower = lower || zero || steps % order != 0;
    if (order == 3 && lower) {
        if (steps % 3 == 0) {
            repeat({1, 2, 3}, steps / 3 - 1);
            repeat({1, 2, 1}, 1);
        } else {
            repeat({1, 2, 3}, steps / 3);
            repeat(steps % 3 == 1 ? std::vector<int>{1} : std::vector<int>{1, 2}, 1);
        }
    } else if (order == 2 && lower) {
        repeat({1, 2}, steps % 2 == 0 ? steps / 2 - 1 : steps / 2);
        repeat(steps % 2 == 0 ? std::vector<int>{1, 1} : std::vector<int>{1}, 1);
    } else if (order == 3) {
        repeat({1, 2, 3}, steps / 3);
    } else if (order == 2) {
        repeat({1, 2}, steps / 2);
    } else {
        repeat({1}, steps);
    }
    if (zero) list.back() = 1;
    return list;
}

inline Sample singlestep(Run& run, Sample x) {
    const int highest = static_cast<int>(run.option("order", 2));
    const bool heun = run.option("heun", 0.0) != 0.0;
    const std::vector<int> orders =
        singlestep_orders(highest, run.steps(), run.option("lower_order_final", 0.0) != 0.0, run.zero(run.steps()));
    std::vector<Sample> m;
    Sample start = x;
    for (int i = 0; i < run.steps(); ++i) {
        m.push_back(run.denoise(x, run.sigmas[i]));
        const int order = orders[i];
        if (order == 1) start = x;
        const Number origin = run.sigmas[i - order + 1], to = run.sigmas[i + 1];
        if (order == 1) {
            x = (to / origin) * start + (1.0 - to / origin) * m[i];
            continue;
        }
        const Number h = std::log(origin / to), e = std::exp(-h) - 1.0;
        const Number r0 = std::log(origin / run.sigmas[i]) / h;
        if (order == 2) {
            const Sample D1 = (1.0 / r0) * (m[i] - m[i - 1]);
            x = (to / origin) * start - e * m[i - 1];
            x = heun ? x + (e / h + 1.0) * D1 : x - (0.5 * e) * D1;
            continue;
        }
        const Number r1 = std::log(origin / run.sigmas[i - 1]) / h;
        const Sample D10 = (1.0 / r1) * (m[i - 1] - m[i - 2]), D11 = (1.0 / r0) * (m[i] - m[i - 2]);
        x = (to / origin) * start - e * m[i - 2];
        if (heun) {
            const Sample D1 = (1.0 / (r0 - r1)) * (r0 * D10 - r1 * D11), D2 = (2.0 / (r0 - r1)) * (D11 - D10);
            x = x + (e / h + 1.0) * D1 - ((e + h) / (h * h) - 0.5) * D2;
        } else {
            x = x + (e / h + 1.0) * D11;
        }
    }
    return x;
}

// Solves A z = b by elimination with pivots.
inline std::vector<Number> solve(std::vector<std::vector<Number>> A, std::vector<Number> b) {
    const std::size_t n = b.size();
    for (std::size_t k = 0; k < n; ++k) {
        std::size_t best = k;
        for (std::size_t i = k; i < n; ++i)
            if (std::abs(A[i][k]) > std::abs(A[best][k])) best = i;
        std::swap(A[k], A[best]);
        std::swap(b[k], b[best]);
        for (std::size_t i = k + 1; i < n; ++i) {
            const Number f = A[i][k] / A[k][k];
            for (std::size_t j = k; j < n; ++j) A[i][j] -= f * A[k][j];
            b[i] -= f * b[k];
        }
    }
    for (std::size_t k = n; k-- > 0;) {
        for (std::size_t j = k + 1; j < n; ++j) b[k] -= A[k][j] * b[j];
        b[k] /= A[k][k];
    }
    return b;
}

struct UniPC {
    Run& run;
    std::vector<Sample> m;  // newest last, index = step

    // One update over [sigmas[i], sigmas[i+1]] of the given order; `at_end`, if not null, is the prediction at i + 1.
    Sample update(const Sample& x, int i, int order, const Sample* at_end) {
        const Number from = run.sigmas[i], to = run.sigmas[i + 1];
        if (run.zero(i + 1)) return (to / from) * x + (1.0 - to / from) * m[i];
        const Number h = lambda_of(to) - lambda_of(from), hh = -h, phi1 = std::exp(hh) - 1.0;
        const Number B = run.option("bh", 2.0) == 1.0 ? hh : phi1;
        std::vector<Number> rks;
        std::vector<Sample> D1s;
        for (int j = 1; j < order; ++j) {
            rks.push_back((lambda_of(run.sigmas[i - j]) - lambda_of(from)) / h);
            D1s.push_back((1.0 / rks.back()) * (m[i - j] - m[i]));
        }
        if (at_end) {
            rks.push_back(1);
            D1s.push_back(*at_end - m[i]);
        }
        const std::size_t n = rks.size();
        std::vector<std::vector<Number>> R;
        std::vector<Number> b;
        Number phik = phi1 / hh - 1.0;
        long double factorial = 1;
        for (std::size_t row = 0; row < n; ++row) {
            R.emplace_back();
            for (const Number& rk : rks) R.back().push_back(std::pow(rk, static_cast<int>(row)));
            b.push_back(phik * factorial / B);
            factorial *= row + 2;
            phik = phik / hh - 1.0L / factorial;
        }
        const bool shortcut = at_end ? order == 1 : order == 2;
        const std::vector<Number> rho = shortcut ? std::vector<Number>{0.5L} : solve(R, b);
        Sample z = (to / from) * x - phi1 * m[i];
        for (std::size_t j = 0; j < n; ++j) z = z - (B * rho[j]) * D1s[j];
        return z;
    }
};

inline Sample unipc(Run& run, Sample x) {
    const int highest = static_cast<int>(run.option("order", 2)), S = run.steps();
    UniPC u{run, {}};
    Sample last;
    int last_order = 1;
    for (int i = 0; i < S; ++i) {
        const Sample prediction = run.denoise(x, run.sigmas[i]);
        if (i > 0 && run.option("corrector", 1.0) != 0.0) x = u.update(last, i - 1, last_order, &prediction);
        u.m.push_back(prediction);
        int order = highest;
        if (run.option("lower_order_final", 1.0) != 0.0) order = std::min(order, S - i);
        last_order = std::min(order, i + 1);
        last = x;
        x = u.update(x, i, last_order, nullptr);
    }
    return x;
}

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

inline Sample sample(const std::string& name, Run& run) {
    Sample x;
    x.on = {1};
    const auto order = [&](double fallback) { return static_cast<int>(run.option("order", fallback)); };
    if (name == "ddim") return euler_ancestral(run, x, 0.0);
    if (name == "ddpm") return euler_ancestral(run, x, 1.0);
    if (name == "heun") return heun(run, x);
    if (name == "edm_stochastic") {
        const Options defaults{{"s_churn", 40.0}, {"s_tmin", 0.05}, {"s_tmax", 50.0}, {"s_noise", 1.003}};
        run.options.insert(defaults.begin(), defaults.end());
        return heun(run, x);
    }
    if (name == "dpm_2") return dpm_2(run, x, 0.0);
    if (name == "dpm_2_ancestral") return dpm_2(run, x, 1.0);
    if (name == "dpmpp_2s") return dpmpp_2s(run, x, 0.0);
    if (name == "dpmpp_2s_ancestral") return dpmpp_2s(run, x, 1.0);
    if (name == "dpmpp_sde") return dpmpp_sde(run, x);
    if (name == "dpmpp_singlestep") return singlestep(run, x);
    if (name == "dpmpp_2m") return dpm_multistep(run, x, order(2), 0.0, 0.0, 0.0, false);
    if (name == "dpmpp_3m") return dpm_multistep(run, x, order(3), 0.0, 0.0, 1.0, false);
    if (name == "dpmpp_2m_sde") return dpm_multistep(run, x, order(2), 0.0, 1.0, 0.0, false);
    if (name == "dpmpp_2m_sde_heun") return dpm_multistep(run, x, order(2), 1.0, 1.0, 0.0, false);
    if (name == "dpmpp_3m_sde") return dpm_multistep(run, x, order(3), 1.0, 1.0, 0.0, false);
    if (name == "dpm_multistep") return dpm_multistep(run, x, order(2), 0.0, 0.0, 1.0, true);
    if (name == "unipc") return unipc(run, x);
    if (name == "deis") return adams(run, x, true, order(2), 1.0);
    if (name == "lms") return adams(run, x, false, order(4), 0.0);
    if (name == "ipndm") return ipndm(run, x);
    if (name == "plms") return plms(run, x);
    return {};
}

}  // namespace reference
