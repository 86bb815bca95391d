// A sampler with its options, and the one place that chooses between the dense kernels and the engine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/engine/engine.hpp"
#include "core/kernels/dense.hpp"

namespace specsched {

struct Sampler {
    SolverSpec spec;
    double error = 0.0;  // relative error of the denoiser (engine/engine.hpp); 0: exact
    bool dense = false;  // served by a dense kernel
    DenseSampler kernel = DenseSampler::ddim;
    bool panels = true;  // large spectra by panels
};

// Whether the output depends on the levels through one sum over neighbouring pairs (DDIM, DDPM): cheap Newton steps.
inline bool pairwise(const Sampler& sampler) { return sampler.dense; }

// Throws std::invalid_argument that lists what is known.
Sampler make_sampler(const std::string& name, const std::map<std::string, double>& options, double error);

// The same sampler on the engine, whatever it is.
Sampler on_engine(Sampler sampler);

// The same sampler with an exact denoiser.
Sampler without_error(Sampler sampler);

// The same sampler, every eigenvalue by itself, however many there are.
Sampler one_by_one(Sampler sampler);

// The SUM of loss terms and, unless null, its gradient by each level. A spectrum with panels goes by
// them (panels/panel_loss.hpp).
double loss_sum(const Sampler& sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
                double* gradient, int threads);

// The same, every eigenvalue by itself; `probe`: null, or what to tell of each.
double plain_loss_sum(const Sampler& sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
                      double* gradient, int threads, const TermProbe* probe = nullptr);

// What the two ends cost: the sum of loss terms of the sampler's many-step limit against the data.
double limit_loss_sum(const Sampler& sampler, SpectrumView spectrum, double first, double last,
                      const Criterion& criterion);

// Of the criterion only process and start matter here and below.
void transfer(const Sampler& sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
              const TransferView& out, int threads);

// Variance of y = x / alpha at every level, row-major [levels x eigenvalues].
void trace(const Sampler& sampler, const double* eigenvalues, std::ptrdiff_t size, LevelsView levels,
           const Criterion& criterion, double* variance, int threads);

}  // namespace specsched
