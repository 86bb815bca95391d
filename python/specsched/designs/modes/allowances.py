"""What designs on modes allow for: errors of predictions, smooth errors, and a recording's own spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...analysis.mode_sources import has_modes
from ...samplers import Multistep, Sampler, as_sampler
from ..problem import Options, as_spectra, denoiser_error_for
from .smooth import SMOOTH_ERROR

RECORDED_ERROR = 0.06
"""Error of predictions that designs on recordings allow for by default (docs/modes.md).

Half of that for a spectrum: a recording knows more of the network."""

FEW_STEPS, MANY_STEPS = 8, 12

RECORDED_FREE_ERROR = ((FEW_STEPS, MANY_STEPS, 15), (0.03, 0.015, 0.008))
"""The same for designs of a solver's coefficients, what their errors have beside the smooth ones, by numbers of steps;
in between on a line.

Errors over those with .03 throughout, orders 3 and 4, in the mean of `digits`, `cifar16_eps` and `cifar16_edm` with
guidance 1, 3 and 7.5: at 10 calls .97 .96, at 12 1.02 .98 (`digits` 1.17 1.38). With .015 at 8 calls on other starts,
without guidance: 1.12 1.07, .96 .97 and 1.13 .92. From 12 steps on it goes with `RECORDED_SMOOTH_ERROR`."""

RECORDED_SMOOTH_ERROR = ((MANY_STEPS, 15), (0.2, 0.6))
"""Size of smooth errors (`SMOOTH_ERROR`) beside a recording, which holds the network's own predictions on a few starts.

With many steps these are what a recording leaves out: its series end, and its slopes are means. Errors with .6 and
independent ones of .008 over those with .2, .015 and no spectrum beside the recording, on starts of their own, orders 3
and 4, at 15, 20 and 30 calls: `cifar16_edm` .74 .62, .61 .47, .33 .34, `sound` .84 .66, .58 .51, .39 .36, `latents` .87
1.08, .79 .86, .96 1.08, `digits` .98 .83, .95 1.52, .73 .90, `cifar16_eps` 1.37 1.27, .97 .86, .90 .60. With the
spectrum alone added: .99 .80 on `cifar16_edm` at 30, .69 .70 on `sound`."""

OWN_SHARE = 0.5
"""Share of a recording's own spectrum in what is minimised (docs/modes.md)."""

FREE_ERROR = ((FEW_STEPS, MANY_STEPS, 20, 30), (0.06, 0.03, 0.03, 0.015))
"""As `RECORDED_FREE_ERROR`, from a spectrum alone.

Error over that with .03 throughout, from spectra, at 5 and 8 calls: `digits` 1.00 and .83, `cifar16_eps` .99 and 1.01;
at 12 calls on `cifar16_eps` 1.21 (docs/modes.md). With .015 on starts of their own, orders 3 and 4, at 30 calls
`cifar16_eps` .56 .76, `cifar16_edm` .71 .75, `digits` .90 .91, `sound` .85 1.05, `latents` 1.06 1.21; at 20 1.24 1.32,
.71 .82, 1.01 1.30, .97 .92, .92 .90."""

FAR_BACK = 3
"""Order from which a fixed solver's designs for a spectrum allow for smooth errors too, with `MANY_STEPS` and more.

A solver that looks back over several predictions can place levels so that its errors on a Gaussian cancel; on what a
network's predictions have besides they do not. Errors over those without the smooth ones, starts of their own (3M with
12, 15, 20 and 30 calls, then iPNDM): `cifar16_eps` .66 .56 .69 1.39 and 1.05 .82 .45 .51, `digits` 1.24 .88 .68 1.43
and .53, 12 calls, 1.0, 20, .80, 30; `cifar16_edm`, 12 and 20, .68 .69 and .81 .89. With 8 and 10 calls up to 1.5, and
for solvers of order 2 as often worse as better: UniPC .8 to 1.5, DEIS .6 to 1.3, 2M .7 to 1.3."""

FAR_BACK_ERROR = 0.06
"""Error of predictions beside these smooth errors: half of the default. .03 and .12 err more in the mean."""

MOST_FAR_BACK_CAUTION = 1.6
"""In place of `MOST_CAUTION` for these designs: on the spectra of five networks they cost 1.56 at most without it."""

MOST_FAR_BACK = 30
"""Steps above which such designs go by the spectrum alone: no network was asked there, and a search on modes with
3,072 eigenvalues takes 5 s with 50 steps and 13 with 100 (iPNDM)."""


def needs_coefficients(sampler: Any) -> bool:
    """Whether this is a multistep solver whose coefficients are still to be chosen."""
    solver = as_sampler(sampler)
    return isinstance(solver, Multistep) and not solver.designed


def looks_far_back(solver: Sampler, steps: int) -> bool:
    """Whether a fixed solver's levels could cancel errors that only a Gaussian denoiser makes."""
    fixed = solver.multistep and solver.deterministic and not isinstance(solver, Multistep)
    return fixed and getattr(solver, "order", 0) >= FAR_BACK and MANY_STEPS <= steps <= MOST_FAR_BACK


def with_smooth_errors(source: Any, steps: Any, options: Options, method: Any, robust: Any) -> bool:
    """Whether a design for spectra also minimises smooth errors: by default, where the solver looks far back."""
    asked = (options.loss, options.target, method)
    if not all(map(isinstance, asked, (str, str, str))) or asked != ("w2", "limit", "newton"):
        return False
    if robust is not False or options.denoiser_error is not None or not isinstance(steps, (int, np.integer)):
        return False
    return looks_far_back(as_sampler(options.sampler), int(steps)) and all(
        float(one.eigenvalues @ one.weights) > 0.0 for one in as_spectra(source)
    )


def error_for(given: Any, solver: Sampler, sources: Sequence[Any], steps: int) -> float:
    """Error of predictions to allow for: what was asked for, or the default of sources, solver and steps."""
    default = denoiser_error_for(given, solver, "limit")
    recorded = any(map(is_recording, sources))
    if given is not None:
        return default
    if needs_coefficients(solver):
        return float(np.interp(steps, *(RECORDED_FREE_ERROR if recorded else FREE_ERROR)))
    if recorded:
        return min(default, RECORDED_ERROR)
    far_back = looks_far_back(solver, steps) and not any(map(has_modes, sources))
    return min(default, FAR_BACK_ERROR) if far_back else default


def is_recording(source: Any) -> bool:
    """Whether the source is modes with a spectrum beside them."""
    return has_modes(source) and hasattr(source, "spectrum")


def smooth_size(recorded: bool, steps: int) -> float:
    """Size of the smooth errors that a design with so many steps allows for."""
    return float(np.interp(steps, *RECORDED_SMOOTH_ERROR)) if recorded else SMOOTH_ERROR
