// The samplers again, written out as the frameworks run them. Nothing here is shared with the engine.
#pragma once

#include "reference_adams.hpp"

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
    const bool before = run.option("diffusers_churn", 0.0) != 0.0;  // the model has seen x before the churn
    for (int i = 0; i < run.steps(); ++i) {
        const Sample seen = x;
        const Number hat = churned(run, i, x);
        const Number level = before ? run.sigmas[i] : hat;
        const Sample& evaluated = before ? seen : x;
        const Sample d = run.slope(evaluated, run.denoise(evaluated, level), level);
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
            const Number e = std::exp(h) - 1.0, weight = (1.0 + eta) * sgt;
            x = (at / a0) * x - (weight * e) * m[i];
            if (midpoint) x = x - (0.5 * weight * e) * D1;
            if (order > 1 && !midpoint) x = x - (weight * (e / h - 1.0)) * D1;
            if (order > 2) x = x - (weight * ((e - h) / (h * h) - 0.5)) * D2;
            if (eta != 0.0)
                x = x + (run.option("s_noise", 1.0) * sgt * std::sqrt(eta * (std::exp(2.0 * h) - 1.0))) * run.noise();
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
    bool noise;             // predictions of the noise, not of the data
    std::vector<Sample> m;  // newest last, index = step

    // One update over [sigmas[i], sigmas[i+1]] of the given order; `at_end`, if not null, is the prediction at i + 1.
    Sample update(const Sample& x, int i, int order, const Sample* at_end) {
        const Number from = run.sigmas[i], to = run.sigmas[i + 1];
        if (run.zero(i + 1)) return (to / from) * x + (1.0 - to / from) * m[i];
        const Number h = lambda_of(to) - lambda_of(from), hh = noise ? h : -h, phi1 = std::exp(hh) - 1.0;
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
        const Number scale = noise ? to : Number(1);
        Sample z = (noise ? Number(1) : to / from) * x - (scale * phi1) * m[i];
        for (std::size_t j = 0; j < n; ++j) z = z - (scale * B * rho[j]) * D1s[j];
        return z;
    }
};

inline Sample unipc(Run& run, Sample x) {
    const int highest = static_cast<int>(run.option("order", 2)), S = run.steps();
    UniPC u{run, run.option("predict_x0", 1.0) == 0.0, {}};
    Sample last;
    int last_order = 1;
    for (int i = 0; i < S; ++i) {
        const Sample clean = run.denoise(x, run.sigmas[i]);
        const Sample prediction = u.noise ? run.slope(x, clean, run.sigmas[i]) : clean;
        const bool listed = std::count(run.disable_corrector.begin(), run.disable_corrector.end(), i - 1) > 0;
        if (i > 0 && run.option("corrector", 1.0) != 0.0 && !listed)
            x = u.update(last, i - 1, last_order, &prediction);
        u.m.push_back(prediction);
        int order = highest;
        if (run.option("lower_order_final", 1.0) != 0.0) order = std::min(order, S - i);
        last_order = std::min(order, i + 1);
        last = x;
        x = u.update(x, i, last_order, nullptr);
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
    if (name == "dpm_multistep_sde") return dpm_multistep(run, x, order(2), 0.0, 1.0, 1.0, true);
    if (name == "unipc") return unipc(run, x);
    if (name == "deis") return adams(run, x, true, order(2), 1.0);
    if (name == "lms") return adams(run, x, false, order(4), 0.0);
    if (name == "ipndm") return ipndm(run, x);
    if (name == "plms") return run.option("skip_prk_steps", 1.0) == 0.0 ? pndm(run, x) : plms(run, x);
    return {};
}

}  // namespace reference
