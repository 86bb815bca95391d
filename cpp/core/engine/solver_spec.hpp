// Which solver, with which options: the same names and meanings as in k-diffusion and diffusers.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

namespace specsched {

// A solver and its options. Every option is a plain number (flags are 0 or 1), so that Python can pass a dict.
struct SolverSpec {
    int solver = 0;  // row of the solver table
    double eta = 0.0;                // share of fresh noise: 0 deterministic, 1 the full reverse SDE
    std::vector<double> eta_steps;   // eta of each step, if they differ; empty: `eta` throughout
    double order = 1.0;              // highest order (multistep and singlestep families)
    double heun = 0.0;               // solver_type: 0 midpoint, 1 heun
    double bh = 2.0;                 // UniPC: B(h) = h (1) or e^h - 1 (2)
    double corrector = 1.0;          // UniPC: 1 predictor and corrector, 0 predictor only
    std::vector<int> disable_corrector;  // UniPC: steps (from 0) that are not corrected
    double predict_x0 = 1.0;         // UniPC: 1 on predictions of the data, 0 of the noise
    double lower_order_final = 0.0;  // fewer-than-15-step runs end with lower orders (diffusers)
    double euler_at_final = 0.0;     // the last step is first order
    double s_churn = 0.0, s_tmin = 0.0;
    double s_tmax = std::numeric_limits<double>::infinity();
    double s_noise = 1.0;            // factor on every injected noise
    double r = 0.5;  // place of the inner evaluation of 2S and SDE, as a share of the step in log sigma
    double brownian = 1.0;  // dpmpp_sde: the two noises of a step come from one Brownian path (k-diffusion)
    double diffusers_d2 = 0.0;  // dpmpp_3m_sde: the sign diffusers uses in the third-order coefficient
    double diffusers_churn = 0.0;  // ddim: the noise is predicted before the churn, as diffusers' Euler does
    std::vector<double> coefficients;  // multistep: rows of order - 1 numbers, one row per step; empty: none
    std::vector<double> model_times;  // multistep: log of told over used level, per step; empty: 0
    double skip_prk_steps = 1.0;  // plms: 0 starts with three Runge-Kutta steps over two levels each
};

// One option as users see it.
struct SolverOption {
    std::string name;
    double value;  // default
    double low, high;
    bool integer;
};

struct SolverInfo {
    std::string name;
    std::vector<std::string> aliases;
    std::vector<SolverOption> options;
    bool stochastic;  // injects noise with the default options
};

// Every solver there is, in the order of the table.
std::vector<SolverInfo> solver_list();

// Throws std::invalid_argument that lists what there is, for an unknown name or option or a value out of range.
SolverSpec parse_solver(const std::string& name, const std::map<std::string, double>& options);

}  // namespace specsched
