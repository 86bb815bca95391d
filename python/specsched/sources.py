"""Spectra from data on disk: the public door to `specsched.spectra.sources`."""

from __future__ import annotations

from .spectra.sources.demos import demo_digits, demo_photographs, demo_sound
from .spectra.sources.table import DEMOS, SOURCES, Source, load_spectrum

__all__ = ["DEMOS", "SOURCES", "Source", "demo_digits", "demo_photographs", "demo_sound", "load_spectrum"]
