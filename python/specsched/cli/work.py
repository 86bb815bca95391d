"""What the commands have in common: read data, tune the heuristics, design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..designs.heuristics import Member, best_member
from ..designs.result import Design
from ..designs.single import design
from ..designs.with_eta import design_eta
from ..models.recordings.recording import Recording, is_recording
from ..schedules.schedule import Schedule
from ..spectra.sources.table import load_spectrum
from ..spectra.spectrum import Spectrum
from .console import progress_bar, working
from .options import DataOptions, EndOptions, SolverOptions, read_numbers

Data = Spectrum | Recording

DATA_HELP = (
    "Folder of images or sounds, an image, .wav or .flac file, .npy or .npz array, latents (.safetensors, .pt), a "
    "saved spectrum, "
    "or one of the demos: photographs, digits, sound."
)
RECORDING_HELP = "Or a saved recording of a network, which brings its process and ends."


def read_spectrum(source: str, data: DataOptions) -> Spectrum:
    """The spectrum of DATA, as the options shape it, with a progress bar."""
    options = data.checked()
    with progress_bar() as progress:
        spectrum = load_spectrum(source, **options, progress=progress)
    return data.shaped(spectrum)


def read_for(source: str, data: DataOptions, solver: SolverOptions) -> Spectrum:
    """The same, for a loss that must be finite on it."""
    spectrum = read_spectrum(source, data)
    solver.check_spectrum(spectrum, source)
    return spectrum


def with_recording(
    source: str, solver: SolverOptions, ends: EndOptions
) -> tuple[Recording | None, SolverOptions, EndOptions]:
    """A saved recording, if DATA is one, and the options with its process and, where none are given, its ends."""
    if not is_recording(source):
        return None, solver, ends
    found = Recording.load(source)
    high = found.sigma_max if ends.sigma_max is None else ends.sigma_max
    own = ends.sigma_min == 0.0 and ends.sigma_floor is None
    floor = found.sigma_floor if own else ends.sigma_floor
    return found, replace(solver, process=found.process), replace(ends, sigma_max=high, sigma_floor=floor)


def read_schedule(path: Path) -> Schedule:
    """A schedule from .json (as `Schedule.save` writes), .npy, or numbers in a .txt file, noise -> clean."""
    if path.suffix.lower() == ".json":
        return Schedule.load(path)
    levels = read_numbers(path, "a schedule", ".json, .npy or .txt")
    try:
        return Schedule(levels, name=path.stem)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def tune(
    data: Data, steps: int, families: Sequence[str], ends: dict[str, Any], solver: dict[str, Any]
) -> dict[str, Member]:
    """The best member of each family; a run of several seconds, so it says how far it is."""
    small = data.compress() if isinstance(data, Spectrum) and len(data) > 96 else data
    members: dict[str, Member] = {}
    for k, family in enumerate(families):
        with working(f"tuning the heuristics for {steps} steps ({k + 1} of {len(families)}: {family})"):
            members[family] = best_member(small, steps, family=family, **ends, **solver)
    return members


def best_design(
    spectra: Sequence[Data], steps: int, members: dict[str, Member], *, with_eta: bool = False, **options: Any
) -> Design:
    """The design; where a tuned heuristic beats it, a second search starts from that one."""
    data: Any = spectra[0] if len(spectra) == 1 else spectra
    if with_eta:  # it starts from designs for several eta, not from a schedule that is given
        with working(f"designing {steps} steps and eta"):
            return design_eta(
                data, steps, **{k: v for k, v in options.items() if k not in ("init", "method")}
            )
    with working(f"designing {steps} steps"):
        found = design(data, steps, **options)
        best = min(members.values(), key=lambda member: member.loss, default=None)
        # A millionth is not worth a second search.
        if best is None or best.loss >= found.loss * (1.0 - 1e-6):
            return found
        again = design(data, steps, **{**options, "init": best.schedule})
    better = again if again.loss < found.loss else found
    return replace(better, nit=found.nit + again.nit, nfev=found.nfev + again.nfev)
