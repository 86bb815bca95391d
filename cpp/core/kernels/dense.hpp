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

void dense_transfer(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, Process process,
                    const TransferView& out, int threads, double eta = 0.0);

}  // namespace specsched
