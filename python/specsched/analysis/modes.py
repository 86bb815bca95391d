"""Affine modes: one description of data, guidance and recorded networks, for every deterministic solver."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._support import checks, codes
from .._support.checks import FloatArray
from ..samplers import Sampler, as_sampler
from ..schedules.schedule import Schedule, as_schedule
from ..spectra.spectrum import Spectrum
from .mode_arrays import build, means_of, only_deterministic, series_table, start_variance


class Modes:
    """Directions in which a denoiser is affine, D(y, r) = k(r) y + a(r), each with its exact solution.

    A sampler's error is the distance to the exact solution of the probability flow from the same start; errors add
    over modes, so that some hundred of them stand for data, or a network, of any size (docs/modes.md). Made by
    `gaussian`, `guided`, `recorded` and `merged`. What has a method ``modes()`` that returns one is accepted wherever
    a spectrum is judged or designed for: `specsched.evaluate`, `value_and_grad`, `design`.

    Attributes
    ----------
    sigma_max : float
        The level at which runs start.
    sigma_floor : float or None
        No positive level lies below it; None: no limit.
    process : {"vp", "ve", "flow"}
        Sets the start and the scale of the result.
    """

    def __init__(
        self,
        core: _core.Modes,
        parts: list[dict[str, Any]],
        *,
        sigma_max: float,
        process: str,
        sigma_floor: float | None = None,
    ) -> None:
        self._core = core
        self._parts = parts
        self.sigma_max = sigma_max
        self.sigma_floor = sigma_floor
        self.process = process

    @classmethod
    def gaussian(
        cls,
        spectrum: Any,
        sigma_max: float,
        *,
        process: str = "vp",
        start: str = "prior",
        sigma_floor: float | None = None,
    ) -> Modes:
        """One mode per eigenvalue of Gaussian data: k = lambda / (lambda + r^2), a = 0.

        Parameters
        ----------
        spectrum : Spectrum or array_like
            Eigenvalues of the data, in squared data units.
        sigma_max : float > 0
            First level.
        process : {"vp", "ve", "flow"}
            The noising process.
        start : {"prior", "data"}
            Whether runs start from the prior of the process or from noised data.
        sigma_floor : float > 0, optional
            The level below which the denoiser is never asked: runs to 0 end in its prediction there, with infinitely
            many steps too. Default: there is none.

        Examples
        --------
        >>> import specsched as ss
        >>> from specsched.analysis.modes import Modes
        >>> round(ss.evaluate(Modes.gaussian([1.0], 10.0), [10.0, 1.0, 0.0]), 4)
        0.4527
        """
        data = spectrum if isinstance(spectrum, Spectrum) else Spectrum(spectrum)
        first = checks.real("sigma_max", sigma_max, above=0.0)
        variance = start_variance(data.eigenvalues, first, process, start)
        arrays = {
            "eigenvalues": data.eigenvalues,
            "multiplicity": data.weights,
            "weight": data.weights * variance + data.mean_power,
        }
        return cls._of("gaussian", arrays, {"first": first}, process, _floor(sigma_floor, first))

    @classmethod
    def guided(
        cls,
        conditional: Any,
        unconditional: Any,
        guidance_scale: float,
        sigma_max: float,
        *,
        multiplicity: Any = None,
        means: Any = None,
        process: str = "vp",
        start: str = "prior",
        sigma_floor: float | None = None,
    ) -> Modes:
        """A guided pair of Gaussians with shared eigenvectors, D = g D_cond + (1 - g) D_uncond.

        Parameters
        ----------
        conditional, unconditional : array_like, shape (d,)
            Variances > 0 of the two in each direction.
        guidance_scale : float
            g; 1 is the conditional Gaussian alone.
        sigma_max : float > 0
            First level.
        multiplicity : array_like, shape (d,), optional
            Directions that each pair stands for; default 1.
        means : pair of array_like, shape (d, m), optional
            Means (conditional, unconditional) in each direction; a pair with several directions has one column each.
        process, start, sigma_floor
            As for `gaussian`; noised data are those of the conditional Gaussian.

        Notes
        -----
        The exact flow is h(r) = (c + r^2)^(g/2) (u + r^2)^((1-g)/2), so that the output has the variance
        c^g u^(1-g) where the start has h(r_S)^2.

        Examples
        --------
        >>> from specsched.analysis.modes import Modes
        >>> Modes.guided([0.5, 0.1], [1.0, 0.3], 4.0, 80.0).size
        2
        """
        cond = checks.vector("conditional", conditional)
        uncond = checks.vector("unconditional", unconditional, length=cond.size)
        for name, values in (("conditional", cond), ("unconditional", uncond)):
            if (values <= 0).any():
                raise ValueError(
                    f"{name} must be > 0; {name}[{checks.first_bad(values <= 0)}] is {values.min():g}"
                )
        count = (
            np.ones(cond.size)
            if multiplicity is None
            else checks.vector("multiplicity", multiplicity, length=cond.size)
        )
        checks.non_negative("multiplicity", count)
        scale = checks.real("guidance_scale", guidance_scale)
        first = checks.real("sigma_max", sigma_max, above=0.0)
        pair, mean_cond, mean_uncond = means_of(means, cond.size)
        variance = start_variance(cond, first, process, start)
        arrays = {
            "cond": cond,
            "uncond": uncond,
            "multiplicity": count,
            "weight": np.concatenate([count * variance, np.ones(pair.size)]),
            "pair": pair,
            "mean_cond": mean_cond,
            "mean_uncond": mean_uncond,
        }
        return cls._of(
            "guided", arrays, {"scale": scale, "first": first}, process, _floor(sigma_floor, first)
        )

    @classmethod
    def recorded(
        cls,
        prediction: Any,
        band: Any,
        slope: Any,
        variance: Any,
        dimension: Any,
        *,
        sigma_max: float,
        sigma_floor: float,
        process: str = "vp",
        weight: Any = None,
        roughness: Any = None,
    ) -> Modes:
        """Modes of a recorded network: Chebyshev series in log r on [sigma_floor, sigma_max].

        In a mode the network predicts s(r) along its own trajectory y(r), dy/dlog r = y - s, started from 0; away from
        the trajectory it answers with the slope of the mode's band, a = s - k y. Below `sigma_floor` the prediction
        stays what it is there.

        Parameters
        ----------
        prediction : array_like, shape (modes, n)
            Chebyshev coefficients of s, in units of the data.
        band : array_like of int, shape (modes,)
            The band of each mode, from 0.
        slope : array_like, shape (bands, m)
            Chebyshev coefficients of k.
        variance, dimension : array_like, shape (bands,)
            Variance of the data in one direction of the band, and number of directions: errors of predictions are
            fractions of the posterior's spread sqrt(lambda r^2 / (lambda + r^2)) in each direction.
        sigma_max, sigma_floor : float
            Highest and lowest level that was recorded.
        process : {"vp", "ve", "flow"}
            The noising process.
        weight : array_like, shape (modes,), optional
            Of squared errors; default 1.
        roughness : array_like, shape (bands, l), optional
            Chebyshev coefficients of the standard deviation of what the series leave of the predictions, in one
            direction: a measured error, added where an error of predictions is assumed at all.

        Examples
        --------
        >>> from specsched.analysis.modes import Modes
        >>> modes = Modes.recorded([[1.0, 0.1]], [0], [[0.5]], [1.0], [3], sigma_max=10.0, sigma_floor=0.01)
        >>> modes.solution(0.0)  # the prediction at the floor
        array([0.9])
        """
        high = checks.real("sigma_max", sigma_max, above=0.0)
        low = checks.real("sigma_floor", sigma_floor, above=0.0, below=high)
        rows, slopes = series_table("prediction", prediction), series_table("slope", slope)
        bands, modes = len(slopes), len(rows)
        numbers = np.asarray(checks.indices("band", band), dtype=np.int32)
        if numbers.size != modes or (modes and numbers.max() >= bands):
            raise ValueError(f"band must number one of {bands} bands for each of {modes} modes")
        variances = checks.vector("variance", variance, length=bands)
        dimensions = checks.vector("dimension", dimension, length=bands)
        weights = np.ones(modes) if weight is None else checks.vector("weight", weight, length=modes)
        for name, values in (("variance", variances), ("dimension", dimensions), ("weight", weights)):
            checks.non_negative(name, values)
        arrays: dict[str, Any] = {
            "prediction": rows,
            "band": numbers,
            "slope": slopes,
            "variance": variances,
            "dimension": dimensions,
            "weight": weights,
        }
        arrays["roughness"] = (
            np.zeros((bands, 0)) if roughness is None else series_table("roughness", roughness, bands)
        )
        return cls._of("recorded", arrays, {"lowest": low, "highest": high}, process, low)

    @classmethod
    def merged(cls, sets: Any, shares: Any = None) -> Modes:
        """Several sets as one: the mean of their squared errors, or the sum with these shares.

        Raises
        ------
        ValueError
            For sets with different `sigma_max` or process.
        """
        given: list[Modes] = list(sets)
        if not given:
            raise ValueError("sets must hold at least one set of modes")
        first = given[0]
        for other in given[1:]:
            if other.process != first.process or not np.isclose(other.sigma_max, first.sigma_max, rtol=1e-9):
                raise ValueError(
                    f"sets must share process and sigma_max, got {first.process!r} from {first.sigma_max:g} and "
                    f"{other.process!r} from {other.sigma_max:g}"
                )
        factors = (
            np.full(len(given), 1.0 / len(given))
            if shares is None
            else checks.vector("shares", shares, length=len(given))
        )
        checks.non_negative("shares", factors)
        floors = [modes.sigma_floor for modes in given if modes.sigma_floor is not None]
        parts = [
            {**part, "share": float(part["share"]) * factor}
            for modes, factor in zip(given, factors.tolist(), strict=True)
            for part in modes._parts
        ]
        return cls(
            _core.Modes.merged([modes._core for modes in given], factors.tolist()),
            parts,
            sigma_max=first.sigma_max,
            process=first.process,
            sigma_floor=max(floors) if floors else None,
        )

    @classmethod
    def _of(
        cls, kind: str, arrays: dict[str, Any], numbers: dict[str, float], process: str, floor: float | None
    ) -> Modes:
        codes.process_code(process)
        part = {"kind": kind, "share": 1.0, "arrays": arrays, "numbers": numbers, "floor": floor}
        top = numbers["highest"] if kind == "recorded" else numbers["first"]
        return cls(build(part), [part], sigma_max=top, process=process, sigma_floor=floor)

    def modes(self) -> Modes:
        """Itself."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_core"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        shares = [float(part["share"]) for part in self._parts]
        self._core = _core.Modes.merged([build(part) for part in self._parts], shares)

    @property
    def size(self) -> int:
        """Number of modes."""
        return self._core.size

    def solution(self, sigma: float) -> FloatArray:
        """The exact solution at this level (it may be 0) of every mode, shape (modes,)."""
        return self._core.solution(checks.real("sigma", sigma, minimum=0.0))

    def errors(
        self, schedule: Any, sampler: Any = "ddim", denoiser_error: float = 0.0
    ) -> tuple[float, float]:
        """Root of the summed squares of the solver's error, and of what errors of predictions add, in data units.

        Parameters
        ----------
        schedule : Schedule or array_like, shape (S+1,)
            From `sigma_max`; no positive level below `sigma_floor`.
        sampler : str or Sampler
            Deterministic.
        denoiser_error : float >= 0
            Error of each prediction, as a fraction of the posterior's spread in each direction.
        """
        levels, solver, eta = self.checked(schedule, sampler, denoiser_error)
        bias, noise = _core.modes_sums(self._core, solver.core, levels.sigmas, eta)
        scale = self.scale_at(float(levels.sigmas[-1]))
        return float(scale * np.sqrt(bias)), float(scale * np.sqrt(noise))

    def value_and_grad(
        self, schedule: Any, sampler: Any = "ddim", denoiser_error: float = 0.0
    ) -> tuple[float, FloatArray]:
        """Root of the summed squares, errors of predictions included, and its gradient by every level, shape (S+1,).

        The start and the exact solution move with the two ends.
        """
        levels, solver, eta = self.checked(schedule, sampler, denoiser_error)
        return _core.modes_value_and_grad(
            self._core, solver.core, levels.sigmas, eta, codes.PROCESSES[self.process]
        )

    def checked(self, schedule: Any, sampler: Any, denoiser_error: Any) -> tuple[Schedule, Sampler, float]:
        """The arguments, or an error that says what does not fit these modes."""
        levels, solver = as_schedule(schedule), as_sampler(sampler)
        solver.check(levels)
        only_deterministic(solver)
        first = float(levels.sigmas[0])
        if not math.isclose(first, self.sigma_max, rel_tol=1e-6):
            raise ValueError(
                f"the schedule starts at sigma = {first:g}, these modes at {self.sigma_max:g}: start there, or make "
                "the modes for the other level"
            )
        lowest = float(levels.sigmas[-1]) or float(levels.sigmas[-2])  # the last may be 0
        if self.sigma_floor is not None and lowest < self.sigma_floor * (1.0 - 1e-6):
            raise ValueError(
                f"the schedule has a level at {lowest:g}, below the lowest recorded one, {self.sigma_floor:g}"
            )
        return levels, solver, checks.real("denoiser_error", denoiser_error, minimum=0.0)

    def scale_at(self, sigma: float) -> float:
        """Data units for each unit of y = x / alpha at this level."""
        return _core.signal_scale(codes.PROCESSES[self.process], sigma)

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(part["kind"] for part in self._parts))
        return f"Modes({self.size} {kinds}, {self.process}, from sigma {self.sigma_max:g})"


def _floor(given: Any, first: float) -> float | None:
    return None if given is None else checks.real("sigma_floor", given, above=0.0, below=first)
