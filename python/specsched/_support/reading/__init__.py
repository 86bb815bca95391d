"""Files of others, read with care: what they declare is checked before anything is decoded, and errors name them."""

from __future__ import annotations

from .arrays import Archive, map_array
from .documents import numbers, read_json

__all__ = ["Archive", "map_array", "numbers", "read_json"]
