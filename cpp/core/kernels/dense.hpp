// DDIM and DDPM over a whole spectrum: the fast path beside the engine.
#pragma once

#include "core/criterion.hpp"
#include "core/problem.hpp"

namespace specsched {

enum class DenseSampler { ddim, ddpm };

// Whether the kernels compute this: all losses to the data from the prior; to the limit, those that have a kernel.
inline bool dense_serves(const Criterion& criterion) {
    if (criterion.target == Target::data) return criterion.start == Start::prior;
    return with_loss(criterion.loss, [](auto l) { return decltype(l)::limit_kernels; });
}

// The SUM of loss terms (the squared distance for w2) and, unless null, its gradient by each of the S + 1 levels.
// The same bits for every thread count. `probe`: null, or what to tell of each entry.
double dense_loss(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
                  double* gradient, int threads, const TermProbe* probe = nullptr);

void dense_transfer(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, Process process,
                    const TransferView& out, int threads);

}  // namespace specsched
