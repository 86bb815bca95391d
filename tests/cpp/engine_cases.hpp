// Every solver and option, with schedules that show what differs between them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/engine/engine.hpp"
#include "spectra.hpp"

namespace engine_cases {

using namespace specsched;

struct Case {
    std::string name;
    std::map<std::string, double> options;
    std::vector<int> disable_corrector{};
};

using Problem = Data;

inline const std::vector<Case> cases{
    {"ddim", {}},
    {"ddim", {{"eta", 0.4}}},
    {"ddim", {{"eta", 0.7}, {"s_churn", 2.0}, {"s_noise", 1.1}}},
    {"ddim", {{"eta", 0.9}}},
    {"ddim", {{"eta", 0.5}, {"s_churn", 2.0}, {"s_noise", 1.1}, {"diffusers_churn", 1.0}}},
    {"ddpm", {}},
    {"heun", {}},
    // Its bounds lie between levels: at a bound the loss jumps and has no slope.
    {"heun", {{"s_churn", 3.0}, {"s_tmin", 0.15}, {"s_tmax", 20.0}, {"s_noise", 1.01}}},
    {"edm_stochastic", {}},
    {"dpm_2", {}},
    {"dpm_2", {{"s_churn", 1.0}}},
    {"dpm_2_ancestral", {}},
    {"dpmpp_2s", {}},
    {"dpmpp_2s", {{"r", 0.3}}},
    {"dpmpp_2s_ancestral", {{"eta", 0.6}}},
    {"dpmpp_2s_ancestral", {}},
    {"dpmpp_sde", {}},
    {"dpmpp_sde", {{"eta", 0.5}, {"r", 0.4}, {"s_noise", 0.9}}},
    {"dpmpp_sde", {{"brownian", 0.0}}},
    {"dpmpp_sde", {{"eta", 0.0}}},
    {"dpmpp_singlestep", {}},
    {"dpmpp_singlestep", {{"heun", 1.0}}},
    {"dpmpp_singlestep", {{"order", 3.0}}},
    {"dpmpp_singlestep", {{"order", 3.0}, {"heun", 1.0}, {"lower_order_final", 1.0}}},
    {"dpmpp_singlestep", {{"order", 1.0}}},
    {"dpmpp_2m", {}},
    {"dpmpp_2m", {{"heun", 1.0}}},
    {"dpmpp_2m", {{"lower_order_final", 1.0}}},
    {"dpmpp_2m", {{"euler_at_final", 1.0}}},
    {"dpmpp_2m", {{"order", 1.0}}},
    {"dpmpp_3m", {}},
    {"dpmpp_3m", {{"heun", 1.0}, {"lower_order_final", 0.0}}},
    {"dpmpp_2m_sde", {}},
    {"dpmpp_2m_sde", {{"eta", 0.4}, {"s_noise", 1.2}}},
    {"dpmpp_2m_sde_heun", {}},
    {"dpmpp_3m_sde", {}},
    {"dpmpp_3m_sde", {{"diffusers_d2", 1.0}, {"heun", 0.0}, {"lower_order_final", 1.0}}},
    {"dpmpp_3m_sde", {{"eta", 0.3}}},
    {"dpm_multistep", {}},
    {"dpm_multistep", {{"heun", 1.0}, {"lower_order_final", 0.0}}},
    {"dpm_multistep", {{"order", 3.0}, {"lower_order_final", 0.0}}},
    {"dpm_multistep_sde", {}},
    {"dpm_multistep_sde", {{"heun", 1.0}, {"eta", 0.4}, {"s_noise", 1.2}, {"lower_order_final", 0.0}}},
    {"unipc", {}},
    {"unipc", {{"bh", 1.0}}},
    {"unipc", {{"order", 1.0}}},
    {"unipc", {{"order", 3.0}}},
    {"unipc", {{"order", 3.0}, {"bh", 1.0}, {"lower_order_final", 0.0}}},
    {"unipc", {{"order", 3.0}, {"corrector", 0.0}}},
    {"unipc", {{"order", 3.0}, {"lower_order_final", 0.0}}, {0, 2}},
    {"unipc", {{"predict_x0", 0.0}}},
    {"unipc", {{"predict_x0", 0.0}, {"order", 1.0}, {"bh", 1.0}}},
    {"unipc", {{"predict_x0", 0.0}, {"order", 3.0}, {"lower_order_final", 0.0}}, {1}},
    {"unipc", {{"predict_x0", 0.0}, {"bh", 1.0}, {"corrector", 0.0}}},
    {"deis", {}},
    {"deis", {{"order", 3.0}}},
    {"deis", {{"order", 4.0}, {"lower_order_final", 0.0}}},
    {"lms", {}},
    {"lms", {{"order", 2.0}}},
    {"lms", {{"order", 3.0}}},
    {"ipndm", {}},
    {"ipndm", {{"order", 2.0}}},
    {"plms", {}},
    {"plms", {{"order", 3.0}}},
    {"plms", {{"skip_prk_steps", 0.0}}},
    {"plms", {{"skip_prk_steps", 0.0}, {"order", 2.0}}},
};

inline const std::vector<std::vector<double>> schedules{
    {80.0, 24.0, 9.0, 5.5, 2.1, 0.9, 0.31, 0.09, 0.0},
    {30.0, 11.0, 10.2, 3.0, 0.8, 0.35, 0.12, 0.03},
    {14.6, 4.0, 1.1, 0.2, 0.0},
    {14.6, 2.0, 0.4},
    {5.0, 0.1},
    {120.0, 90.0, 60.0, 40.0, 25.0, 17.0, 12.0, 8.0, 5.0, 3.4, 2.2, 1.5, 1.0, 0.6, 0.4, 0.2, 0.1, 0.02},
};

inline const std::vector<double> eigenvalues{2500.0, 63.0, 4.0, 1.0, 0.3, 0.02, 1e-3, 1e-6, 0.0};

inline std::string label(const Case& c, std::size_t schedule, const std::string& what) {
    std::string text = c.name;
    for (const auto& [name, value] : c.options) text += " " + name + "=" + std::to_string(value);
    for (const int step : c.disable_corrector) text += " step " + std::to_string(step) + " uncorrected";
    return text + ", schedule " + std::to_string(schedule) + ", " + what;
}

inline SolverSpec spec_of(const Case& c) {
    SolverSpec spec = parse_solver(c.name, c.options);
    spec.disable_corrector = c.disable_corrector;
    return spec;
}

inline Problem make_problem(std::size_t count, bool with_zero) {
    Problem p;
    for (std::size_t i = 0; i < count; ++i) {
        p.eigenvalues.push_back(eigenvalues[i % (eigenvalues.size() - 1)] * (1.0 + 0.01 * (i / 8)));
        p.weights.push_back(1.0 + i % 3);
        p.mean_power.push_back(i % 4 == 0 ? 0.7 : 0.0);
    }
    if (with_zero) p.eigenvalues.back() = 0.0;
    return p;
}

inline bool fits(const Case& c, const std::vector<double>& sigmas) { return check(spec_of(c), view(sigmas)).empty(); }

}  // namespace engine_cases
