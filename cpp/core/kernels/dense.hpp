// DDIM and DDPM, and what lies between, over a whole spectrum: the fast path beside the engine.
#pragma once

#include "core/losses.hpp"
#include "core/problem.hpp"

namespace specsched {

// `ancestral` is DDIM with 0 < eta < 1; the others ignore `eta` below.
enum class DenseSampler { ddim, ddpm, ancestral };

// The SUM of loss terms (the squared distance for w2) and, unless null, its gradient by each of the S + 1 levels.
// The same bits for every thread count.
double dense_loss(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, Process process, Loss loss,
                  double* gradient, int threads, double eta = 0.0);

// Per eigenvalue: gain P of the deviation from the mean, in y, and the output variance in the units of the data.
void dense_transfer(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, Process process, double* gain,
                    double* variance, int threads, double eta = 0.0);

}  // namespace specsched
