"""Figure 3: real photographs.  Patches of the two pictures that ship with scikit-learn; DDIM, VP, W2.

Nothing here is synthetic.  But two pictures are few: the spectrum is theirs, not that of all photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import _data
import numpy as np
from matplotlib.axes import Axes

import specsched as ss
from specsched.sources import demo_photographs

STEPS = [10, 18, 28, 38, 60, 90, 112]


def spectra_of(patches: Any) -> dict[str, ss.Spectrum]:
    """Full covariance (768 eigenvalues for 16 x 16 color patches) and the shift-invariant estimate by FFT."""
    return {
        "full covariance": ss.Spectrum.from_samples(patches),
        "shift-invariant": ss.Spectrum.from_stationary(patches, channel_axis=-1),
    }


def draw_patches(ax: Axes, patches: Any, rows: int = 6, columns: int = 9) -> None:
    """A mosaic of patches from all over the two pictures."""
    picked = patches[np.linspace(0, len(patches) - 1, rows * columns).astype(int)]
    framed = np.pad(picked, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
    grid = framed.reshape(rows, columns, *framed.shape[1:])
    mosaic = np.concatenate(np.concatenate(grid, axis=1), axis=1)
    ax.imshow((mosaic + 1) / 2)
    ax.set_axis_off()
    ax.set_title(f"(a) {len(patches)} patches of two real photographs")


def main(argv: Sequence[str] | None = None) -> _data.Study:
    args = common.options(
        __doc__ or "", "docs/images/fig3_photographs.png", argv, steps=STEPS, size=16, stride=6
    )
    patches = demo_photographs(args.size, stride=args.stride)
    found = _data.study(spectra_of(patches), args.steps)
    print(f"{len(patches)} patches of {args.size} x {args.size} x 3: {found.spectra['full covariance']}\n")
    _data.report(found)
    common.save(_data.draw(found, lambda ax: draw_patches(ax, patches)), args.out)
    return found


if __name__ == "__main__":
    main()
