// Every linear sampler: exact transfer, variance, trace, loss, gradient and Hessian from one description of its steps.
#pragma once

#include <cstddef>
#include <string>

#include "core/engine/solver_spec.hpp"
#include "core/limit.hpp"
#include "core/problem.hpp"

namespace specsched {

// Distance in log sigma over which errors of predictions are alike (docs/limit.md says what chose it).
constexpr double error_length = 0.8;

// Why solver and levels do not fit, or an empty string. Call it before the functions below, which assume valid input.
std::string check(const SolverSpec& spec, const LevelsView& levels);

// Denoiser evaluations of one run with this many steps.
int function_evaluations(const SolverSpec& spec, std::ptrdiff_t steps, bool last_is_zero);

// Whether a run injects no noise.
bool is_deterministic(const SolverSpec& spec);

// What the solver approaches with ever more steps. Call check_limit first: why it has none, or an empty string.
Limit limit_of(const SolverSpec& spec);
std::string check_limit(const SolverSpec& spec);

// The error of a real denoiser: each prediction of x_0 carries an independent one of variance
// error^2 lambda r^2 / (lambda + r^2) (1 - exp(-(gap / error_length)^2)), a share of the posterior's in every direction;
// gap is log sigma of the next level of the schedule above r, less log r: what neighbours have in common, the limit has
// too. Without a level above, and for tables of coefficients, it is 1; error 0 is an exact denoiser. In the losses
// the variance E that errors add to x_0 is a term of its own, beside the loss of the exact denoiser: w2: weight E, KL:
// weight E / (2 v), where v is the variance of the law that the output is compared with.

// Per eigenvalue: gain P from y_S to y_0, and the variance Q in y_0 of everything injected on the way [count].
void engine_transfer(const double* eigenvalues, std::ptrdiff_t count, const LevelsView& levels, const SolverSpec& spec,
                     double error, double* gain, double* injected, int threads);

// The same after every step: row-major [count x (steps + 1)], column k at sigmas[k] (column 0: 1 and 0).
void engine_trace(const double* eigenvalues, std::ptrdiff_t count, const LevelsView& levels, const SolverSpec& spec,
                  double error, double* gain, double* injected, int threads);

// Sum of loss terms (for w2 the SQUARED distance: see reported_loss); `probe`: null, or what to tell of each entry.
double engine_loss(const SpectrumView& spectrum, const LevelsView& levels, const SolverSpec& spec,
                   const Criterion& criterion, double error, int threads, const TermProbe* probe = nullptr);

// The sum and its gradient by sigmas [steps + 1]; eta_gradient, if not null: by the eta of each step [steps]
// (their sum is the derivative by one common eta).
double engine_loss_gradient(const SpectrumView& spectrum, const LevelsView& levels, const SolverSpec& spec,
                            const Criterion& criterion, double error, int threads, double* gradient,
                            double* eta_gradient = nullptr, const TermProbe* probe = nullptr);

// The sum, its gradient and its Hessian by sigmas, row-major [(steps + 1) x (steps + 1)].
double engine_loss_hessian(const SpectrumView& spectrum, const LevelsView& levels, const SolverSpec& spec,
                           const Criterion& criterion, double error, int threads, double* gradient, double* hessian);

}  // namespace specsched
