"""A schedule: the noise levels at which a sampler evaluates the denoiser."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._support import checks
from .._support.checks import FloatArray
from .._support.files import write_whole
from . import resampling, saved, training_grid
from .export import TARGETS, comfyui, diffusers, k_diffusion
from .levels import check_order, check_range

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Schedule:
    """S steps between S + 1 noise levels, from noise to clean, strictly decreasing; the last level may be 0.

    A level is sigma = sigma/alpha = sqrt((1 - abar)/abar), the noise-to-signal ratio that k-diffusion,
    diffusers and ComfyUI call sigma. (Benita et al., arXiv 2502.00180, count s = 0 (clean) ... S (noise):
    their level s is ``sigmas[S - s]`` here.)

    Schedules do not change after they are made. Two are equal when their levels are exactly equal; name and
    `made_for` are labels and do not count. ``len``, iteration and indexing run over the S + 1 levels, and
    ``numpy.asarray`` gives them as an array.

    Parameters
    ----------
    sigmas : array_like, shape (S + 1,)
        Levels >= 0, finite, strictly decreasing, at least two.
    name : str
        A label, shown by ``repr`` and kept by ``save``.
    made_for : mapping, optional
        What the schedule was made for, as plain values that JSON has; ``save`` keeps it. Designs write their
        sampler and its options, process, ends, target, timesteps and version.

    Raises
    ------
    TypeError
        `sigmas` does not hold real numbers, `name` is not a string, or `made_for` holds other than plain values.
    ValueError
        Fewer than 2 levels or more than 1,000,001, a negative or non-finite one, or an order that does not decrease.

    Examples
    --------
    >>> from specsched import Schedule
    >>> schedule = Schedule([10.0, 1.0, 0.0], name="by hand")
    >>> schedule.steps
    2
    >>> schedule.alpha_bar.round(4).tolist()
    [0.0099, 0.5, 1.0]
    """

    __slots__ = ("_made_for", "_name", "_sigmas")
    _sigmas: FloatArray
    _name: str
    _made_for: Mapping[str, Any] | Callable[[], Mapping[str, Any]]

    def __init__(self, sigmas: object, *, name: str = "", made_for: Mapping[str, Any] = _NOTHING) -> None:
        levels = checks.vector("sigmas", sigmas, longest=checks.MOST_STEPS + 1)
        checks.non_negative("sigmas", levels)
        check_order("sigmas", levels, decreasing=True)
        self._sigmas = checks.read_only(levels)
        self._name = _label(name)
        self._made_for = MappingProxyType(saved.plain(made_for)) if made_for is not _NOTHING else _NOTHING

    @classmethod
    def _trusted(cls, levels: FloatArray, name: str = "") -> Schedule:
        """A schedule that takes over a fresh, valid, C-contiguous float64 array: no check, no copy."""
        schedule = object.__new__(cls)
        levels.flags.writeable = False
        schedule._sigmas = levels
        schedule._name = name
        schedule._made_for = _NOTHING
        return schedule

    @classmethod
    def from_sigmas(cls, values: object, *, name: str = "") -> Schedule:
        """Schedule from its levels sigma = sigma/alpha, noise -> clean (the same as ``Schedule(values)``)."""
        return cls(values, name=name)

    @classmethod
    def from_alpha_bar(cls, values: object, *, name: str = "") -> Schedule:
        """Schedule from abar (the cumulative product of 1 - beta, alpha^2 of a VP process), noise -> clean.

        Parameters
        ----------
        values : array_like, shape (S + 1,)
            In (0, 1], strictly increasing; 1 gives the level 0. A terminal abar of 0 is an infinite level:
            cap it to the lowest abar of the model.
        name : str
            A label.

        Raises
        ------
        TypeError, ValueError
            As for the class, in terms of abar.

        Examples
        --------
        >>> from specsched import Schedule
        >>> Schedule.from_alpha_bar([0.2, 0.5, 1.0]).sigmas.tolist()
        [2.0, 1.0, 0.0]
        """
        abar = checks.vector("alpha_bar", values)
        hint = "; abar = 0 means infinite noise: cap it to the lowest value of the model"
        check_range("alpha_bar", abar, (abar <= 0) | (abar > 1), "lie in (0, 1]", hint)
        check_order("alpha_bar", abar, decreasing=False)
        with np.errstate(over="ignore"):
            levels = np.sqrt((1.0 - abar) / abar)
        check_range(
            "alpha_bar", abar, ~np.isfinite(levels), "have a finite level sqrt((1 - abar)/abar)", hint
        )
        return cls(levels, name=name)

    @classmethod
    def from_flow_times(cls, values: object, *, name: str = "") -> Schedule:
        """Schedule from flow-matching times t = sigma/(1 + sigma) of (1 - t) x_0 + t eps, noise -> clean.

        Parameters
        ----------
        values : array_like, shape (S + 1,)
            In [0, 1), strictly decreasing. t = 1 is an infinite level: start slightly below it.
        name : str
            A label.

        Raises
        ------
        TypeError, ValueError
            As for the class, in terms of t.

        Examples
        --------
        >>> from specsched import Schedule
        >>> Schedule.from_flow_times([0.75, 0.5, 0.0]).sigmas.tolist()
        [3.0, 1.0, 0.0]
        """
        times = checks.vector("flow_times", values)
        hint = "; t = 1 means infinite noise over signal: start slightly below it, for instance at 0.999"
        check_range("flow_times", times, (times < 0) | (times >= 1), "lie in [0, 1)", hint)
        check_order("flow_times", times, decreasing=True)
        return cls(times / (1.0 - times), name=name)

    @property
    def sigmas(self) -> FloatArray:
        """The S + 1 levels, noise -> clean, read-only."""
        return self._sigmas

    @property
    def name(self) -> str:
        """The label ("" for none)."""
        return self._name

    @property
    def made_for(self) -> Mapping[str, Any]:
        """What the schedule was made for, read-only; empty for one that was not designed."""
        if callable(self._made_for):
            self._made_for = MappingProxyType(saved.plain(self._made_for()))
        return self._made_for

    @property
    def steps(self) -> int:
        """Number of steps S."""
        return self._sigmas.size - 1

    @property
    def alpha_bar(self) -> FloatArray:
        """abar = 1/(1 + sigma^2), shape (S + 1,), increasing."""
        # 1/hypot^2 rather than 1/(1 + sigma^2): no overflow for any finite level.
        alpha = 1.0 / np.hypot(1.0, self._sigmas)
        return np.asarray(alpha * alpha)

    @property
    def log_snr(self) -> FloatArray:
        """Log signal-to-noise ratio -2 log(sigma), shape (S + 1,), increasing; ``inf`` at sigma = 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(-2.0 * np.log(self._sigmas))

    @property
    def flow_times(self) -> FloatArray:
        """Flow-matching times t = sigma/(1 + sigma), shape (S + 1,), in [0, 1), decreasing."""
        return np.asarray(self._sigmas / (1.0 + self._sigmas))

    def renamed(self, name: str) -> Schedule:
        """The same levels under another name."""
        schedule = Schedule._trusted(self._sigmas, _label(name))
        schedule._made_for = self._made_for
        return schedule

    def remembering(self, made_for: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> Schedule:
        """The same levels and name with another `made_for`, or with a function that makes it when it is first read.

        Examples
        --------
        >>> from specsched import Schedule
        >>> dict(Schedule([10.0, 0.0]).remembering({"model": "mine"}).made_for)
        {'model': 'mine'}
        """
        schedule = self.renamed(self._name)
        schedule._made_for = made_for if callable(made_for) else MappingProxyType(saved.plain(made_for))
        return schedule

    def resampled(self, steps: int) -> Schedule:
        """The same curve of log(sigma) over the index at another number of steps; the ends stay.

        Quick, and close to a design for so many steps; `specsched.design_path` designs each of them.

        Raises
        ------
        TypeError, ValueError
            `steps` is no integer >= 1, or fewer than two positive levels are there or would be left.

        Examples
        --------
        >>> from specsched import Schedule
        >>> Schedule([100.0, 10.0, 1.0, 0.0]).resampled(5).sigmas.round(3).tolist()
        [100.0, 31.623, 10.0, 3.162, 1.0, 0.0]
        """
        count = checks.integer("steps", steps, minimum=1, maximum=100_000)
        levels = self._sigmas if count == self.steps else resampling.resampled(self._sigmas, count)
        if levels is None:
            raise ValueError(
                f"{self.steps} steps from {self[0]:g} to {self[-1]:g} cannot be resampled to {count}: there is no "
                "curve without two positive levels on either side"
            )
        facts = {key: value for key, value in self.made_for.items() if key != "timesteps"}
        return Schedule(levels, name=self._name, made_for={**facts, "resampled_from": self.steps})

    # -- as a sequence of levels -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._sigmas.size

    def __iter__(self) -> Iterator[float]:
        return iter(self._sigmas.tolist())

    def __getitem__(self, index: Any) -> Any:
        picked = self._sigmas[index]
        return float(picked) if np.ndim(picked) == 0 else picked

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        target = np.dtype(np.float64 if dtype is None else dtype)
        if copy is False and target != self._sigmas.dtype:
            raise ValueError(f"a schedule holds float64; converting to {target} needs a copy")
        return self._sigmas.astype(target, copy=bool(copy))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return np.array_equal(self._sigmas, other._sigmas)

    def __hash__(self) -> int:
        return hash((self._sigmas + 0.0).tobytes())  # + 0.0 makes -0.0 and 0.0, which are equal, hash alike

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._sigmas.tolist(), self._name, dict(self.made_for))

    # -- shown -----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        label = f"{self._name!r}, " if self._name else ""
        steps = "1 step" if self.steps == 1 else f"{self.steps} steps"
        return f"Schedule({label}{steps}, sigma {_short(self._sigmas.tolist())})"

    def _repr_html_(self) -> str:
        """A table of the levels, for notebooks."""
        columns = zip(self._sigmas, self.alpha_bar, self.log_snr, self.flow_times, strict=True)
        rows = "".join(
            f"<tr><td>{k}</td>" + "".join(f"<td>{value:.5g}</td>" for value in row) + "</tr>"
            for k, row in enumerate(columns)
        )
        head = "".join(
            f"<th>{title}</th>" for title in ("level", "sigma", "alpha_bar", "log SNR", "flow time")
        )
        caption = html.escape(self._name or "Schedule")
        steps = "1 step" if self.steps == 1 else f"{self.steps} steps"
        return (
            f"<table><caption>{caption}: {steps}, noise to clean</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    # -- files -----------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the schedule as JSON that a person can read; the file appears whole or not at all.

        The levels are written so that they are read back bit for bit, with name and `made_for`.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        write_whole(path, saved.text_of(self._sigmas.tolist(), self._name, self.made_for).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Schedule:
        """Read a schedule that `save` wrote.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is not JSON, not a schedule, of a newer version, or its levels are not valid; the message names
            the file and the entry.
        """
        found = saved.read(checks.path("path", path))
        try:
            schedule = cls(found.sigmas, name=found.name, made_for=found.made_for)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None
        if found.steps != schedule.steps:
            raise ValueError(
                f"{os.fspath(path)}: steps is {found.steps!r}, but there are {schedule.steps + 1} levels"
            )
        return schedule

    # -- hand-over to frameworks -----------------------------------------------------------------------------

    def to(self, target: str, **options: Any) -> Any:
        """What a framework takes: `target` and its options are those of `specsched.schedules.export.TARGETS`.

        Examples
        --------
        >>> from specsched import Schedule
        >>> Schedule([3.0, 1.0, 0.0]).to("comfyui", flow=True).text
        '0.75, 0.5, 0'
        """
        return checks.lookup("target", target, TARGETS)(self._sigmas, **options)

    def to_diffusers(self, scheduler: object) -> dict[str, Any]:
        """Keyword arguments for ``pipe(...)`` or ``set_timesteps`` that reproduce this schedule exactly.

        See `specsched.schedules.export.diffusers.keyword_arguments`.
        """
        return diffusers.keyword_arguments(self._sigmas, scheduler)

    def to_k_diffusion(self) -> Any:
        """The levels as k-diffusion's samplers take them. See `specsched.schedules.export.k_diffusion.tensor`."""
        return k_diffusion.tensor(self._sigmas)

    def to_comfyui(self, *, flow: bool = False) -> Any:
        """The levels as ComfyUI takes them. See `specsched.schedules.export.comfyui.comfy_sigmas`."""
        return comfyui.comfy_sigmas(self._sigmas, flow=flow)

    def timesteps(self, alphas_cumprod: object) -> FloatArray:
        """Fractional training timesteps of the S first levels. See `specsched.schedules.training_grid.timesteps`."""
        return training_grid.timesteps(self._sigmas, alphas_cumprod)

    def to_timesteps(
        self, alphas_cumprod: object, *, keep_first: bool = False, keep_last: bool = False
    ) -> NDArray[np.int64]:
        """Nearest integer training timesteps, falling. See `specsched.schedules.training_grid.to_timesteps`."""
        return training_grid.to_timesteps(
            self._sigmas, alphas_cumprod, keep_first=keep_first, keep_last=keep_last
        )


def as_schedule(value: Any) -> Schedule:
    """A Schedule as it is, or one made from an array of sigmas."""
    return value if isinstance(value, Schedule) else Schedule(value)


def _restore(levels: list[float], name: str, made_for: dict[str, Any]) -> Schedule:
    return Schedule._trusted(np.array(levels), name).remembering(made_for)


def _label(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {type(name).__name__}")
    return name


def _short(levels: list[float]) -> str:
    shown = [f"{level:.4g}" for level in levels]
    if len(shown) > 8:
        shown = [*shown[:4], "...", *shown[-3:]]
    return " ".join(shown)
