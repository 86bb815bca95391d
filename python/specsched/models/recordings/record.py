"""Recording a network along its own probability flow."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.codes import ProcessName
from ..._support.progress import Meter
from ...schedules.schedule import Schedule
from ..arrays import Array, check_noise, check_spread, namespace_of
from ..denoiser import Calls, Index
from ..program import program_of, run
from ..reference import SOLVER, error_from_halving, fine_schedule
from ..sampling import begin
from ..tasks import batches, check_executor, spread
from .bands import Bands, make_bands, power
from .corrections import flow_of
from .fits import Fitted, Sums, degrees_for, fits
from .own import Own, along, own_directions, without
from .recording import Recording
from .series import fit_matrix, places

# 120 and 60 levels: 16 starts cost 2,904 calls, and the fine run errs some 2e-4 of the data's spread on the networks
# tried.
LEVELS = 120
# Slopes are measured along the errors of solvers, which lie where the data spread: with white noise, which mostly does
# not, the slope was .1 where the errors' was .5, and designs trusted that errors fade. The error is that of one DDIM
# step from a level this many times as high; 1.7 and 4 predict as well (docs/modes.md).
_LONG_STEP = 2.5
# White noise beside it, as a share of the posterior's spread: for directions without such errors.
_PERTURBATION = 0.02
_LEAST_STARTS = 4
# Numbers from which `fingerprint` comes; any will do, as long as they stay.
_PROBE_SEED, _PROBE_WEIGHTS = 20250117, 16


def record(
    denoiser: Any,
    noise: Array,
    *,
    sigma_max: float,
    sigma_floor: float,
    process: ProcessName = "vp",
    start: Array | None = None,
    slopes: bool = True,
    levels: int = LEVELS,
    bands: str | Recording = "auto",
    batch_size: int = 16,
    executor: Executor | None = None,
    progress: Any = None,
) -> Recording:
    """Record a network's probability flow, so that any schedule of a deterministic sampler can be judged without it.

    Costs ``1.5 levels + 1.5`` network calls for each start (2,904 for 16 starts), and `levels` more with measured
    slopes; memory for `batch_size` flows of `levels` samples three times, five with slopes.

    Parameters
    ----------
    denoiser : callable
        ``denoiser(y, sigma) -> xhat0``, deterministic; see `specsched.sample`.
    noise : array of NumPy, PyTorch or JAX, shape (starts, ...)
        Standard normal; at least 4 starts, 16 are enough for most networks, more with strong guidance.
    sigma_max, sigma_floor : float
        First level, and the lowest at which the network may be called; the flow then steps to 0.
    process : {"vp", "ve", "flow"}
        Scale of the start.
    start : array like `noise`, optional
        Clean data to start from, as in `specsched.sample`.
    slopes : bool
        Measure the denoiser's slope in every band by one more call a level, in the state that a solver's long step
        leads to. Otherwise it is lambda / (lambda + sigma^2) with the variance of the recorded outputs.
    levels : int
        Levels of the reference run, an even number.
    bands : {"auto", "fourier", "components"} or Recording
        Rings of spatial frequency for each principal channel, or principal components; "auto" takes the first for
        samples with channels and spatial axes. A recording passes on its own.
    batch_size : int
        Starts in one network call.
    executor : concurrent.futures.Executor, optional
        Runs the batches; the result is the same.
    progress : None, True or callable
        As everywhere: ``(done, total, "network calls")``.

    Returns
    -------
    Recording

    Raises
    ------
    TypeError, ValueError
        Noise or denoiser of the wrong kind (see `specsched.sample`); too few starts; a denoiser that is not
        deterministic.

    Examples
    --------
    >>> import numpy as np, specsched as ss
    >>> denoiser = ss.models.gaussian(1.0 / np.arange(1, 9) ** 2)
    >>> noise = np.random.default_rng(0).standard_normal((16, 8))
    >>> recording = ss.record(denoiser, noise, sigma_max=20.0, sigma_floor=0.02)
    >>> schedule = ss.Schedule([*ss.baselines.edm(8, sigma_max=20.0, sigma_min=0.02).sigmas[:-1], 0.0])
    >>> found = ss.trial(schedule, denoiser, noise, sampler="dpmpp_2m", recording=recording)
    >>> bool(abs(found.predicted[0] / found.errors[0] - 1) < 0.1)
    True
    """
    started = time.perf_counter()
    high = checks.level("sigma_max", sigma_max)
    low = checks.level("sigma_floor", checks.real("sigma_floor", sigma_floor, below=high))
    count = checks.integer("levels", levels, minimum=16, maximum=4096)
    size = checks.integer("batch_size", batch_size, minimum=1)
    checks.flag("slopes", slopes)
    check_executor(executor)
    ops = check_noise(noise)
    check_spread(noise, ops)
    starts = noise.shape[0]
    if starts < _LEAST_STARTS:
        raise ValueError(f"a recording needs at least {_LEAST_STARTS} starts, better 16; noise has {starts}")
    fine, coarse = fine_schedule(high, low, count), fine_schedule(high, low, count // 2)
    calls = Calls(denoiser, ops, starts)
    calls.check_levels(fine.sigmas)
    first = begin(ops, noise, fine, process, start)
    parts = [(ops.take(first, rows), rows) for rows in batches(starts, size)]
    total = (count * (2 if slopes else 1) + count // 2) * starts
    with Meter(progress, "network calls", total) as meter, ops.quiet():
        calls.check_deterministic(*parts[0][:1], high, parts[0][1])
        fingerprint = probe_model(calls, noise, low, high)
        plain = _Flow(denoiser, starts, coarse, None, 0.0)
        rough = np.concatenate([part.outputs for part in spread(executor, plain, parts, meter)])
        kind = _bands_of(bands, rough)
        flow = _Flow(denoiser, starts, fine, kind, float(slopes) * float(rough.std()))
        flows = list(spread(executor, flow, parts, meter))
    outputs = np.concatenate([part.outputs for part in flows])
    kept = [part.sums for part in flows if part.sums is not None]
    sums = Sums(*(sum(values) for values in zip(*kept, strict=True)))
    own = Own.joined([part.own for part in flows if part.own is not None]) if slopes else None
    variances, mean_powers = _moments(kind, outputs)
    return Recording(
        shape=tuple(noise.shape[1:]),
        starts=starts,
        process=process,
        sigma_max=high,
        sigma_floor=low,
        names=kind.names,
        sizes=kind.sizes,
        bands=kind,
        variances=variances,
        mean_powers=mean_powers,
        **fits(sums, own, kind, fine.sigmas[:-1], variances, starts),
        measured_slopes=bool(slopes),
        reference_error=error_from_halving(float(np.sqrt(np.mean((outputs - rough) ** 2)))),
        levels=count,
        calls=total + calls.calls,
        seconds=time.perf_counter() - started,
        fingerprint=fingerprint,
    )


def probe_model(calls: Calls, like: Array, low: float, high: float) -> FloatArray:
    """What a network says to fixed numbers with the conditions of the first start: a few weighted sums, no sample."""
    draw = np.random.default_rng(_PROBE_SEED)
    shape = (1, *like.shape[1:])
    weights = draw.standard_normal((_PROBE_WEIGHTS, int(np.prod(shape)))) / np.sqrt(np.prod(shape))
    answers = []
    for level in (high, float(np.sqrt(high * low)), low):
        y = draw.standard_normal(shape) * np.sqrt(1.0 + level**2)
        prediction = calls.checked(calls.ops.from_host(y, like), level, np.zeros(1, dtype=np.intp))
        answers.append(weights @ calls.ops.to_host(prediction).ravel())
    return np.concatenate(answers)


class _Part(NamedTuple):
    outputs: FloatArray
    sums: Sums | None  # nothing without bands
    own: Own | None
    calls: int


@dataclass(frozen=True)
class _Flow:
    """Runs the reference for some starts; with bands it keeps what the recording needs. Picklable."""

    denoiser: Any
    starts: int
    schedule: Schedule
    bands: Bands | None
    spread_of_data: float  # 0: no perturbations

    def __call__(self, first: Array, index: Index) -> _Part:
        ops = namespace_of("noise", first)
        calls = Calls(self.denoiser, ops, self.starts)
        states: list[FloatArray] = []
        predictions: list[FloatArray] = []
        errors: list[FloatArray] = []
        changes: list[FloatArray] = []

        def predict(y: Array, sigma: float) -> Array:
            prediction = calls.checked(y, sigma, index)
            if self.bands is not None:
                predictions.append(ops.to_host(prediction))
                states.append(ops.to_host(y))
                if self.spread_of_data:
                    errors.append(self._perturbation(states, predictions, index))
                    moved = calls.checked(y + ops.from_host(errors[-1], y), sigma, index)
                    changes.append(ops.to_host(moved) - predictions[-1])
            return prediction

        with ops.quiet():
            outputs = ops.to_host(run(program_of(SOLVER, self.schedule), first, predict, ops))
        if self.bands is None:
            return _Part(outputs, None, None, calls.calls)
        history = [_flat(values) for values in (predictions, states, errors, changes)]
        sums, own = self._sums(self.bands, first.shape[1:], *history)
        return _Part(outputs, sums, own, calls.calls)

    def _perturbation(
        self, states: list[FloatArray], predictions: list[FloatArray], index: Index
    ) -> FloatArray:
        """The error of a long step to the newest state, and white noise; each start has its own in any batch."""
        levels, now = self.schedule.sigmas, len(states) - 1
        s, sigma = self.spread_of_data, levels[now]
        size = _PERTURBATION * s * sigma / np.hypot(s, sigma)
        draws = [np.random.default_rng([int(n), now + 1]).standard_normal(states[0].shape[1:]) for n in index]
        above = int(np.count_nonzero(levels[1 : now + 1] >= _LONG_STEP * sigma))
        ratio = sigma / levels[above]
        stepped = ratio * states[above] + (1.0 - ratio) * predictions[above]
        return np.asarray(stepped - states[now] + size * np.array(draws))

    def _sums(
        self,
        bands: Bands,
        shape: Any,
        predictions: FloatArray,
        states: FloatArray,
        errors: FloatArray,
        changes: FloatArray,
    ) -> tuple[Sums, Own | None]:
        """Arrays of shape (levels, starts, values)."""
        degrees = degrees_for(len(predictions))
        directions = own_directions(changes) if self.spread_of_data else None
        fitted = [self._fitted(bands, shape, predictions, states, directions, degree) for degree in degrees]
        (usual, own_usual), (high, own_high) = fitted
        response = _response(bands, shape, errors, changes)
        if directions is None:
            return Sums(*usual, *high, response, response), None
        rest = _response(bands, shape, without(errors, directions), without(changes, directions))
        e, c = along(errors, directions), along(changes, directions)
        shares = power(bands(directions.reshape(-1, *shape)))
        return Sums(*usual, *high, response, rest), Own(own_usual, own_high, c * e, e**2, c**2, shares)

    def _fitted(
        self,
        bands: Bands,
        shape: Any,
        predictions: FloatArray,
        states: FloatArray,
        directions: FloatArray | None,
        degree: int,
    ) -> tuple[Fitted, FloatArray]:
        """Series of the predictions and of what the run's states err by against their flow; both along directions."""
        levels = self.schedule.sigmas[:-1]
        rows, fit = predictions.reshape(len(predictions), -1), fit_matrix(levels, degree)
        coefficients = fit @ rows
        left = rows - chebyshev.chebvander(places(levels, levels), degree) @ coefficients
        missed = states.reshape(rows.shape) - flow_of(levels, coefficients, states[0].ravel())
        both = np.concatenate([coefficients, fit @ missed]).reshape(-1, *predictions.shape[1:])

        def moments(values: FloatArray) -> FloatArray:
            return np.array([_gram(part) for part in bands(values.reshape(*values.shape[:2], *shape))])

        gram = moments(both)
        residual = power(bands(left.reshape(*predictions.shape[:2], *shape)))
        if directions is None:
            return Fitted(gram, gram, residual), np.zeros(0)
        return Fitted(gram, moments(without(both, directions)), residual), along(both, directions)


def _flat(values: list[FloatArray]) -> FloatArray:
    rows = np.asarray(values)
    return rows.reshape(*rows.shape[:2], -1) if values else np.zeros((0, 0, 0))


def _response(bands: Bands, shape: Any, errors: FloatArray, changes: FloatArray) -> FloatArray:
    """Per band and level: |change|^2, <change, error>, |error|^2; shape (3, bands, levels)."""
    found = []
    for error, change in zip(errors, changes, strict=True):
        e, c = (bands(values.reshape(len(values), *shape)) for values in (error, change))
        found.append([[_inner(b, b), _inner(b, a), _inner(a, a)] for a, b in zip(e, c, strict=True)])
    return np.array(found).T if found else np.zeros((3, len(bands.sizes), 0))


def _inner(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.real(np.vdot(b, a)))


def _gram(part: NDArray[Any]) -> FloatArray:
    rows = part.reshape(part.shape[0], -1)
    return np.asarray(np.real(rows @ rows.conj().T))


def _bands_of(bands: str | Bands | Recording, outputs: FloatArray) -> Bands:
    if isinstance(bands, Recording):
        if bands.shape != outputs.shape[1:]:
            raise ValueError(
                f"bands are those of samples of shape {bands.shape}, noise has {outputs.shape[1:]}"
            )
        if bands.bands is None:
            raise ValueError("principal components are not kept in files; pass the recording as it was made")
        return bands.bands
    if not isinstance(bands, str):
        raise TypeError(
            f"bands must be 'auto', 'fourier', 'components' or a Recording, got {type(bands).__name__}"
        )
    return make_bands(bands, outputs)


def _moments(bands: Bands, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Variance per direction and total squared mean of each band."""
    variances, mean_powers = [], []
    for part, centred in zip(bands(outputs), bands.centred, strict=True):
        mean = part.mean(axis=0) if centred else np.zeros(part.shape[1:])
        free = len(part) - 1 if centred else len(part)
        variances.append(np.sum(np.abs(part - mean) ** 2) / (free * part.shape[1]))
        mean_powers.append(np.sum(np.abs(mean) ** 2))
    return np.array(variances), np.array(mean_powers)
