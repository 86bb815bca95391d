"""What a scan returns: one entry per problem, as arrays, lists and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.values import ByValue
from ...schedules.schedule import Schedule

_SHOWN_FAILURES = 5


class Outcome(NamedTuple):
    """One finished problem: a design in short, or the error that it ended with."""

    loss: float = float("nan")
    success: bool = False
    kkt_error: float = float("nan")
    baseline: str = ""
    baseline_loss: float = float("nan")
    sigmas: FloatArray | None = None
    error: str = ""


@dataclass(frozen=True, eq=False)
class ScanResult(ByValue):
    """Designs of many problems, in the order of the problems (of a product: the last axis runs fastest).

    Attributes
    ----------
    losses : ndarray, shape (n,)
        Loss of each design; NaN where it failed or was not reached.
    baseline_losses : ndarray, shape (n,)
        Loss of the best heuristic with the same ends.
    baselines : list of str
        Its name.
    sigmas : list of ndarray or None
        Levels of each design, noise -> clean; None where there is none.
    success : ndarray of bool, shape (n,)
        Whether the design converged.
    kkt_error : ndarray, shape (n,)
        Largest violated condition of optimality.
    errors : list of str
        Type and text of the exception of each problem that failed, "" for the others.
    problems : list of dict
        What each entry is: spectrum (its name or number), steps, sampler, process, loss.
    axes : dict of str to int
        Lengths of the product's axes, ``{"problem": n}`` for a list of problems.
    interrupted : bool
        Whether the scan was stopped (Ctrl-C) before every problem was finished.

    Examples
    --------
    >>> import specsched as ss
    >>> result = ss.scan([[4.0, 1.0], [1.0, 0.1]], [3, 5], loss=["w2", "kl"], threads=1)
    >>> result
    ScanResult(8 problems = 2 spectrum x 2 steps x 1 sampler x 1 process x 2 loss: 8 converged)
    >>> result.grid("losses").shape
    (2, 2, 1, 1, 2)
    >>> result.schedule(0).steps
    3
    """

    losses: FloatArray
    baseline_losses: FloatArray
    baselines: list[str]
    sigmas: list[FloatArray | None]
    success: NDArray[np.bool_]
    kkt_error: FloatArray
    errors: list[str]
    problems: list[dict[str, Any]]
    axes: dict[str, int]
    interrupted: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.axes.values())

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Whether each problem was solved or failed, rather than left out by an interruption."""
        return np.array([s is not None or bool(e) for s, e in zip(self.sigmas, self.errors, strict=True)])

    @property
    def failed(self) -> list[int]:
        """Indices of the problems that ended with an error."""
        return [i for i, error in enumerate(self.errors) if error]

    def grid(self, name: str) -> NDArray[Any]:
        """The array of that name ("losses", "success", ...) in the shape of the axes."""
        arrays = {key: value for key, value in vars(self).items() if isinstance(value, np.ndarray)}
        values: NDArray[Any] = checks.lookup("array of the result", name, arrays)
        return values.reshape(self.shape)

    def schedule(self, index: int) -> Schedule:
        """The schedule of one problem.

        Raises
        ------
        IndexError
            If there is no such problem.
        ValueError
            If it has no schedule; the message holds its error.
        """
        levels = self.sigmas[index]
        if levels is None:
            reason = self.errors[index] or "the scan was interrupted before it"
            raise ValueError(f"problem {index} has no schedule: {reason}")
        return Schedule(levels, name=f"designed for {self.problems[index]['sampler']}")

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary per problem: what it is, and what came out."""
        return [
            {
                **problem,
                "value": float(self.losses[i]),
                "baseline": self.baselines[i],
                "baseline_value": float(self.baseline_losses[i]),
                "success": bool(self.success[i]),
                "kkt_error": float(self.kkt_error[i]),
                "error": self.errors[i],
                "sigmas": self.sigmas[i],
            }
            for i, problem in enumerate(self.problems)
        ]

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install 'specsched[scan]'") from error
        return pandas.DataFrame(self.rows())

    def __len__(self) -> int:
        return len(self.problems)

    def __repr__(self) -> str:
        failures = [f"  problem {i}: {self.errors[i]}" for i in self.failed[:_SHOWN_FAILURES]]
        more = len(self.failed) - _SHOWN_FAILURES
        if more > 0:
            failures.append(f"  and {more} more")
        return "\n".join([f"ScanResult({self._size()}: {self._counts()})", *failures])

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def _size(self) -> str:
        count = f"{len(self)} problems"
        if len(self.axes) == 1:
            return count
        return f"{count} = " + " x ".join(f"{length} {name}" for name, length in self.axes.items())

    def _counts(self) -> str:
        finished, failed = int(self.finished.sum()), len(self.failed)
        converged = int(self.success.sum())
        parts = [f"{converged} converged"]
        if finished - failed - converged:
            parts.append(f"{finished - failed - converged} not converged")
        if failed:
            parts.append(f"{failed} failed")
        if self.interrupted:
            parts.append(f"interrupted, {len(self) - finished} not reached")
        return ", ".join(parts)


def collect(
    problems: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Outcome | None],
    axes: Mapping[str, int],
    *,
    interrupted: bool,
) -> ScanResult:
    """The result of a scan; None stands for a problem that was not reached."""
    filled = [Outcome() if outcome is None else outcome for outcome in outcomes]
    return ScanResult(
        losses=np.array([o.loss for o in filled]),
        baseline_losses=np.array([o.baseline_loss for o in filled]),
        baselines=[o.baseline for o in filled],
        sigmas=[o.sigmas for o in filled],
        success=np.array([o.success for o in filled], dtype=np.bool_),
        kkt_error=np.array([o.kkt_error for o in filled]),
        errors=[o.error for o in filled],
        problems=[dict(problem) for problem in problems],
        axes=dict(axes),
        interrupted=interrupted,
    )
