"""Routines of LAPACK, as SciPy brings them, called without the interpreter's lock.

SciPy's own functions keep the lock until the routine is done: Ctrl-C and other threads would wait for it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


def call(name: str, *arguments: bytes | int | float | NDArray[Any]) -> None:
    """Call the routine with these arguments and a last one, its status.

    Arrays are taken as they lie in memory, so they must be contiguous in the order of Fortran, with numbers of the
    routine's kinds (float64, int32).

    Raises
    ------
    numpy.linalg.LinAlgError
        If the status is not 0.
    """
    status = ctypes.c_int(0)
    # References keep what they point to alive while the routine runs.
    _routine(name, len(arguments) + 1)(*map(_reference, arguments), ctypes.byref(status))
    if status.value:
        raise np.linalg.LinAlgError(f"LAPACK's {name} failed with status {status.value}")


def _reference(argument: bytes | int | float | NDArray[Any]) -> object:
    if isinstance(argument, np.ndarray):
        return argument.ctypes.data_as(ctypes.c_void_p)
    if isinstance(argument, bytes):
        return ctypes.c_char_p(argument)
    return ctypes.byref(ctypes.c_int(argument) if isinstance(argument, int) else ctypes.c_double(argument))


@cache
def _routine(name: str, count: int) -> Callable[..., None]:
    """The routine of so many arguments, from what SciPy offers to Cython."""
    from scipy.linalg import cython_lapack

    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    offered: dict[str, Any] = dict(cython_lapack.__pyx_capi__)
    capsule = offered[name]
    signature = name_of(capsule)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count)(pointer_of(capsule, signature))
