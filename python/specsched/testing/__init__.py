"""Slow, literal references and standard problems for tests and experiments; independent of the compiled core.

`literal_ddim` follows the paper's recurrences; `propagate` runs any sampler's loop on the coefficients of
an affine map; `time_domain` does it with full matrices; `literal_loss`, `reference_loss` and
`reference_gradient` give losses and derivatives, in float64 or with many digits; `GaussianMixture` is data
that are not Gaussian, with an exact denoiser.
"""

from .distances import Estimate, energy_distance, frechet_distance
from .gaussians import Gaussian, bures_distance, gaussian_kl, time_domain
from .literal import Moments, literal_ddim
from .losses import literal_loss, reference_gradient, reference_loss
from .mixtures import GaussianMixture, random_mixture
from .problems import Problem, clustered, log_normal, low_rank, paper_case, power_law
from .propagation import SAMPLERS, propagate

__all__ = [
    "SAMPLERS",
    "Estimate",
    "Gaussian",
    "GaussianMixture",
    "Moments",
    "Problem",
    "bures_distance",
    "clustered",
    "energy_distance",
    "frechet_distance",
    "gaussian_kl",
    "literal_ddim",
    "literal_loss",
    "log_normal",
    "low_rank",
    "paper_case",
    "power_law",
    "propagate",
    "random_mixture",
    "reference_gradient",
    "reference_loss",
    "time_domain",
]
