"""Figure 4: sound, synthesised.  Windows of plucked strings over faint noise; DDIM, VP, W2.

These are no recordings: every tone is computed (specsched.sources.demo_sound states the laws), so that the
experiment needs no file.  For your own: specsched.sources.load_spectrum on a folder of WAV or FLAC files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import _data
import numpy as np
from matplotlib.axes import Axes

import specsched as ss
from specsched.sources import demo_sound

STEPS = [10, 18, 28, 38, 60, 90, 112]


def spectra_of(windows: Any) -> dict[str, ss.Spectrum]:
    """Full covariance (400 eigenvalues for 25 ms at 16 kHz) and the shift-invariant estimate by FFT."""
    return {
        "full covariance": ss.Spectrum.from_samples(windows),
        "shift-invariant": ss.Spectrum.from_stationary(windows),
    }


def draw_windows(ax: Axes, windows: Any, rate: int, count: int = 6) -> None:
    """A few windows, one above the other."""
    times = 1e3 * np.arange(windows.shape[1]) / rate
    loudest = np.abs(windows[:count]).max()
    for k, window in enumerate(windows[:count]):
        ax.plot(times, window / loudest - 1.2 * k, color="#0072b2", linewidth=0.9)
    ax.set(xlabel="time (ms)", yticks=[])
    ax.set_title(f"(a) {len(windows)} windows of synthetic strings")


def main(argv: Sequence[str] | None = None) -> _data.Study:
    args = common.options(
        __doc__ or "", "docs/images/fig4_sound.png", argv, steps=STEPS, window=400, count=4000, rate=16000
    )
    windows = demo_sound(args.window, count=args.count, rate=args.rate)
    found = _data.study(spectra_of(windows), args.steps)
    print(f"{args.count} synthetic windows of {args.window} samples: {found.spectra['full covariance']}\n")
    _data.report(found)
    common.save(_data.draw(found, lambda ax: draw_windows(ax, windows, args.rate)), args.out)
    return found


if __name__ == "__main__":
    main()
