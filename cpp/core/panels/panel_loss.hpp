// Losses of large spectra: output moments are smooth in the eigenvalue, so that a few nodes a panel give them all, and the
// sampler runs on the nodes alone. Derivation and error: docs/panels.md.
#pragma once

#include "core/panels/panels.hpp"
#include "core/sampler.hpp"

namespace specsched {

// The SUM of loss terms and, unless null, its gradient by each level, within about 1e-14 of the plain sum; false where
// evaluating every eigenvalue by itself is as quick.
bool panel_loss(const Sampler& sampler, const Panels& panels, const LevelsView& levels, const Criterion& criterion,
                double* gradient, int threads, double& sum);

}  // namespace specsched
