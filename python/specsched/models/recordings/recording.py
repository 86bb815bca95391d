"""A recorded network: the few affine modes that stand for it, and their file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass, fields, replace
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._support import checks
from ..._support.checks import FloatArray
from ..._support.codes import ProcessName
from ..._support.files import write_whole
from ..._support.notices import tell
from ...analysis.modes import Modes
from ...spectra.spectrum import Spectrum
from ..figures import figure_of_recording
from ..sampling import resolve
from .bands import Bands, FourierBands
from .series import leading, packed, unpacked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "specsched recording"
VERSION = 2  # 1: predictions whose series swung at the lowest level


@dataclass(frozen=True, eq=False)
class Recording:
    """A network's probability flow on a few starts, as second moments of its predictions; it holds no sample.

    Made by `specsched.record`. Within a band of directions, the predictions along the flow are Chebyshev series in
    log(sigma); `gram` holds the second moments of their coefficients, whose leading eigenvectors are modes (docs: the
    model in the loop). Recordings of the same model on other starts add up: ``first + second``.

    Attributes
    ----------
    shape : tuple of int
        Of one sample.
    starts : int
        How many starts were recorded.
    process : str
        Process of the starts.
    sigma_max, sigma_floor : float
        Highest and lowest level at which the network was called.
    names : tuple of str
        The bands.
    sizes, variances, mean_powers : ndarray, shape (bands,)
        Directions in each band, the variance of the recorded outputs per direction, and their total squared mean.
    bands : FourierBands, ComponentBands or None
        How samples are split; principal components are not kept in files.
    gram : ndarray, shape (bands, degree + 1, degree + 1)
        Second moments of the Chebyshev coefficients, summed over the directions of the band, mean over starts.
    slope : ndarray, shape (bands, slope degree + 1)
        Chebyshev coefficients of the slope k of each band.
    measured_slopes : bool
        Whether `slope` was measured, or is that of Gaussian data with these variances.
    slope_spread : ndarray, shape (bands,)
        Root mean square of what a perturbation changes beyond the slope, per unit of perturbation.
    own, own_slope : ndarray, shape (starts, degree + 1); no rows where they are not worth while
        Chebyshev coefficients of the prediction and of the slope along one direction of each start, that in which its
        errors grow most; squares of `own` add up to the mean over starts. The bands are then those of the rest.
    own_variance : ndarray, shape (starts,)
        Variance of the outputs in these directions.
    roughness : ndarray, shape (bands, roughness degree + 1)
        Chebyshev coefficients of the standard deviation of the fits' residuals, per direction.
    roughness_share : ndarray, shape (bands,)
        The same as a share of the posterior's spread sqrt(lambda r^2/(lambda + r^2)), root mean square over levels.
    reference_error : float
        Root mean square error per value of the recorded outputs, from a run with half the levels.
    levels, calls : int
        Levels of the recording, and network calls (each of one sample) that it took.
    seconds : float
        Time that it took.
    fingerprint : ndarray
        What the network answered to fixed numbers; see `check_model`.
    """

    shape: tuple[int, ...]
    starts: int
    process: ProcessName
    sigma_max: float
    sigma_floor: float
    names: tuple[str, ...]
    sizes: FloatArray
    variances: FloatArray
    mean_powers: FloatArray
    gram: FloatArray
    slope: FloatArray
    measured_slopes: bool
    slope_spread: FloatArray
    own: FloatArray
    own_slope: FloatArray
    own_variance: FloatArray
    roughness: FloatArray
    roughness_share: FloatArray
    reference_error: float
    levels: int
    calls: int
    seconds: float
    fingerprint: FloatArray
    bands: Bands | None = None

    @property
    def dim(self) -> int:
        """Values in one sample."""
        return int(np.prod(self.shape))

    @cached_property
    def spectrum(self) -> Spectrum:
        """Spectrum of the recorded outputs: one eigenvalue for each band."""
        return Spectrum(self.variances, weights=self.sizes, mean_power=self.mean_powers)

    @cached_property
    def hash(self) -> str:
        """Short checksum of the contents, which results made from this recording carry."""
        digest = hashlib.sha256()
        for name in ("gram", "slope", "own", "own_slope", "variances", "fingerprint"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()[:16]

    def modes(self) -> Modes:
        """The leading modes of every band: what `evaluate`, `design` and `predict` judge schedules by.

        Examples
        --------
        >>> import numpy as np, specsched as ss
        >>> noise = np.random.default_rng(0).standard_normal((8, 2))
        >>> recording = ss.record(ss.models.gaussian([1.0, 0.1]), noise, sigma_max=10.0, sigma_floor=0.05)
        >>> modes = recording.modes()
        >>> modes.sigma_max, modes.sigma_floor
        (10.0, 0.05)
        """
        return self._modes

    @cached_property
    def _modes(self) -> Modes:
        prediction, band = leading(self.gram)
        bands, starts = len(self.names), len(self.own)
        # A direction of each start is one of all; the bands hold the others.
        others = self.sizes * (1.0 - bool(starts) / self.dim)
        smooth = np.zeros((starts, self.roughness.shape[1]))
        return Modes.recorded(
            np.concatenate([prediction, self.own]),
            [*band, *range(bands, bands + starts)],
            np.concatenate([self.slope, self.own_slope]),
            np.concatenate([self.variances, self.own_variance]),
            np.concatenate([others, np.full(starts, 1.0 / max(starts, 1))]),
            sigma_max=self.sigma_max,
            sigma_floor=self.sigma_floor,
            process=self.process,
            roughness=np.concatenate([self.roughness, smooth]),
        )

    @property
    def denoiser_error(self) -> float:
        """Error of a prediction as a share of the posterior's spread, root mean square over all directions."""
        return float(np.sqrt(np.sum(self.sizes * self.roughness_share**2) / np.sum(self.sizes)))

    def predict(self, schedule: Any, *, sampler: Any = None) -> float:
        """Predicted root mean square error per value of a deterministic sampler, against the converged solution.

        Parameters
        ----------
        schedule : Schedule, Design or array_like
            From `sigma_max`, no positive level below `sigma_floor`.
        sampler : str or Sampler
            Deterministic.

        Raises
        ------
        ValueError
            Another first level, a level below `sigma_floor`, or a stochastic sampler.

        Warns
        -----
        UserWarning
            The schedule was designed on other recordings.
        """
        levels, solver, _ = resolve(schedule, sampler, self.process)
        made = levels.made_for.get("recordings", [self.hash])
        if self.hash not in made:
            tell(
                f"the schedule was designed on the recording {', '.join(made)}, and this one is {self.hash}: another "
                "model, other conditions or other starts; design on this one"
            )
        return self._modes.errors(levels, solver)[0] / float(np.sqrt(self.dim))

    def check_model(self, answers: FloatArray) -> None:
        """Raise unless these answers to the fixed numbers (`probe_model`) are those of the recorded network."""
        answers = checks.real_array("answers", answers)
        if answers.shape != self.fingerprint.shape:
            raise ValueError(f"the recording is of another model: its samples have shape {self.shape}")
        change = np.abs(answers - self.fingerprint).max() / np.abs(self.fingerprint).max()
        if change > 1e-2:  # single precision on another device differs by some 1e-4
            raise ValueError(
                f"the recording is of another model or other conditions: answers to fixed numbers differ by "
                f"{change:.2g} of their size; record this one, or pass recording=None"
            )

    def __add__(self, other: Recording) -> Recording:
        """One recording of the starts of both."""
        if not isinstance(other, Recording):
            return NotImplemented
        for name in ("shape", "process", "sigma_max", "sigma_floor", "names", "measured_slopes"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(
                    f"recordings with different {name} do not add up: {getattr(self, name)!r} and "
                    f"{getattr(other, name)!r}; pass bands=first when recording the second"
                )
        share = self.starts / (self.starts + other.starts)

        def mean(name: str, power: int = 1) -> Any:
            a, b = _alike(getattr(self, name), getattr(other, name))
            return (share * a**power + (1.0 - share) * b**power) ** (1.0 / power)

        return replace(
            self,
            starts=self.starts + other.starts,
            own=np.concatenate(_alike(np.sqrt(share) * self.own, np.sqrt(1.0 - share) * other.own)),
            own_slope=np.concatenate(_alike(self.own_slope, other.own_slope)),
            own_variance=np.concatenate([self.own_variance, other.own_variance]),
            **{name: mean(name) for name in ("variances", "mean_powers", "gram", "slope", "roughness")},
            **{name: mean(name, 2) for name in ("slope_spread", "roughness_share", "reference_error")},
            calls=self.calls + other.calls,
            seconds=self.seconds + other.seconds,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording as a compressed .npz of some 100 kB; the file appears whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "bands"}
        arrays = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
        rest = {name: value for name, value in content.items() if name not in arrays}
        if isinstance(self.bands, FourierBands):
            arrays.update(rotation=self.bands.rotation, groups=self.bands.groups)
        head = {"format": FORMAT, "version": VERSION, "hash": self.hash, **rest}
        arrays["gram"] = packed(self.gram)
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, header=np.array(json.dumps(head)), **arrays)
        write_whole(path, stream.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read a recording that `save` wrote.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is no recording, of another version, or damaged; the message names the file.
        """
        shown = os.fspath(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                content = {name: file[name] for name in file.files}
            head = json.loads(str(content.pop("header")))
        except (KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError):
            raise ValueError(f"{shown} is not a recording that Recording.save wrote") from None
        if not isinstance(head, dict) or head.pop("format", None) != FORMAT:
            raise ValueError(f"{shown} is not a recording that Recording.save wrote")
        version, digest = head.pop("version", None), head.pop("hash", None)
        if version != VERSION:
            raise ValueError(
                f"{shown} has version {version!r}; this release reads version {VERSION}: record again"
            )
        head["shape"], head["names"] = tuple(head["shape"]), tuple(head["names"])
        bands = None
        if "rotation" in content:
            bands = FourierBands(head["shape"], content.pop("rotation"), content.pop("groups"))
        try:
            content["gram"] = unpacked(content["gram"])
            values: dict[str, Any] = {n: checks.read_only(array) for n, array in content.items()}
            recording = cls(**head, **values, bands=bands)
        except (TypeError, KeyError, IndexError, ValueError):
            raise ValueError(
                f"{shown} is damaged: it misses entries, or has unknown ones or some of another shape"
            ) from None
        if recording.hash != digest:
            raise ValueError(
                f"{shown} is damaged: its checksum is {recording.hash}, its header says {digest}"
            )
        return recording

    def plot(self) -> Figure:
        """Slopes of the denoiser in every band and its roughness, over the levels.

        Raises
        ------
        ImportError
            If Matplotlib is missing.
        """
        return figure_of_recording(self)

    def _lines(self) -> list[str]:
        slopes = "measured" if self.measured_slopes else "from the variances"
        return [
            f"Recording of {self.starts} starts of shape {self.shape}, sigma {self.sigma_max:.4g} to "
            f"{self.sigma_floor:.4g} ({self.process}): {len(self.names)} bands, {self._modes.size} modes, slopes "
            f"{slopes}",
            f"  reference error {self.reference_error:.3g} per value, denoiser error {self.denoiser_error:.2g}; "
            f"{self.calls} network calls in {self.seconds:.1f} s; hash {self.hash}",
        ]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("band", "directions", "variance", "roughness"))
        bands = zip(self.names, self.sizes, self.variances, self.roughness_share, strict=True)
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{size:g}</td><td>{variance:.3g}</td><td>{share:.1%}</td></tr>"
            for name, size, variance, share in bands
        )
        return f"<p>{'<br>'.join(map(escape, self._lines()))}</p><table><tr>{head}</tr>{rows}</table>"


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a file looks like one that `Recording.save` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {"header", "gram", "slope"} <= set(file.files)
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, EOFError):
        return False  # other kinds of data, of which other readers have more to say


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Series of two degrees, which lie along all axes but the first, as series of the higher one; else as they are."""
    if np.shape(a) == np.shape(b):
        return a, b
    most = np.maximum(np.shape(a), np.shape(b))[1:]
    first, second = (
        np.pad(x, [(0, 0), *((0, more - n) for more, n in zip(most, x.shape[1:], strict=True))])
        for x in (a, b)
    )
    return first, second
