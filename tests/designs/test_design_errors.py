"""What `design` says of arguments that are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specsched as ss

BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"spectrum": [1.0, -1.0]}, ValueError, r"eigenvalues\[1\].*-1"),
    ({"spectrum": [1.0, np.nan]}, ValueError, r"eigenvalues\[1\].*nan"),
    ({"spectrum": []}, ValueError, "eigenvalues"),
    ({"spectrum": "cosine"}, TypeError, "eigenvalues"),
    ({"spectrum": [ss.Spectrum([1.0]), [2.0]]}, TypeError, r"spectrum\[1\] is list"),
    ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
    ({"steps": 2.5}, TypeError, "steps must be an integer"),
    ({"steps": True}, TypeError, "steps"),
    ({"sampler": "ddimm"}, ValueError, "unknown sampler 'ddimm'.*did you mean 'ddim'"),
    ({"sampler": 3}, TypeError, "sampler"),
    ({"process": "vpp"}, ValueError, "unknown process 'vpp'.*'vp'"),
    ({"loss": "w3"}, ValueError, "unknown loss 'w3'.*w2"),
    ({"method": "newtn"}, ValueError, "unknown method 'newtn'.*newton"),
    ({"combine": "men"}, ValueError, "unknown combine 'men'.*mean"),
    ({"sigma_max": -1.0}, ValueError, "sigma_max.*-1"),
    ({"sigma_max": np.inf}, ValueError, "sigma_max"),
    ({"sigma_max": "10"}, TypeError, "sigma_max"),
    ({"sigma_min": -0.1}, ValueError, "sigma_min.*-0.1"),
    ({"sigma_min": 200.0}, ValueError, "sigma_min must be less than sigma_max"),
    ({"sigma_floor": 0.0}, ValueError, "sigma_floor"),
    ({"sigma_floor": 300.0}, ValueError, "sigma_floor must be less than sigma_max"),
    ({"sigma_floor": 0.1, "sigma_min": 0.01}, ValueError, "sigma_floor applies to schedules that end at 0"),
    ({"min_ratio": 0.5}, ValueError, "min_ratio.*0.5"),
    ({"min_ratio": 9.0, "sigma_min": 0.01}, ValueError, "min_ratio=9 leaves no room.*at most"),
    ({"denoiser_error": -1.0}, ValueError, "denoiser_error"),
    ({"tol": 0.0}, ValueError, "tol"),
    ({"max_iter": 0}, ValueError, "max_iter"),
    ({"threads": -1}, ValueError, "threads"),
    ({"init": [157.4, 1.0, 0.0]}, ValueError, "init has 2 steps, the design has 5"),
    ({"init": [80.0, 5.0, 4.0, 3.0, 1.0, 0.0]}, ValueError, "init runs from 80 to 0"),
    ({"init": [157.4, 5.0, 6.0, 3.0, 1.0, 0.0]}, ValueError, r"\[2\]"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), BAD, ids=[str(w)[:40] for w, _, _ in BAD])
def test_bad_input(wrong: dict[str, Any], kind: type[Exception], message: str) -> None:
    arguments = {"spectrum": [1.0, 0.1], "steps": 5, **wrong}
    with pytest.raises(kind, match=message):
        ss.design(arguments.pop("spectrum"), arguments.pop("steps"), **arguments, target="data")


@pytest.mark.parametrize(
    "options", [{}, {"method": "slsqp"}, {"combine": "worst"}], ids=["newton", "slsqp", "worst"]
)
def test_no_schedule_has_a_finite_loss(options: dict[str, Any]) -> None:
    """The output's variance underflows for the small eigenvalue: divergences are infinite, whatever the levels."""
    spectra = [ss.Spectrum([1.0, 1e-160]), ss.Spectrum([1.0, 1e-150])]
    with pytest.raises(ValueError, match="finite"):
        ss.design(spectra, 4, loss="kl", target="data", sigma_max=80.0, **options)


def test_levels_are_fixed_for_coefficients_only() -> None:
    levels = [157.4, 3.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="only the coefficients of Multistep are left"):
        ss.design([1.0, 0.1], 3, schedule=levels)
    with pytest.raises(ValueError, match=r"sigma_max is 80, the schedule has 157\.4"):
        ss.design([1.0, 0.1], 3, schedule=levels, sampler=ss.samplers.Multistep(order=2), sigma_max=80.0)
