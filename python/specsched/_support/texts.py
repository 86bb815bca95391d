"""Parts of docstrings that many functions share, most of them parameters: one text each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

SHARED = {
    "schedule": """
schedule : Schedule or array_like, shape (S+1,)
    Noise levels sigma/alpha, noise -> clean.""",
    "sampler": """
sampler : str or specsched.samplers.Sampler
    What runs over the levels.""",
    "process": """
process : {"vp", "ve", "flow"}
    The noising process; it fixes the start and the scale of the result.""",
    "loss": """
loss : {"w2", "kl", "reverse_kl"}
    2-Wasserstein distance (not squared), KL(target || output) or KL(output || target) in nats
    (Theorems 4.1 and 4.2 of Benita, Elad & Keshet, arXiv 2502.00180).""",
    "target": """
target : {"limit", "data"}
    What outputs are compared with. "limit" (default): those of the same sampler with infinitely many steps from the
    same start, which is all that a schedule can mend; what its two ends cost is then no part of the loss. W2 of a
    deterministic sampler is the root mean square distance of its outputs to those of the limit, start by start.
    "data": the data itself, as in the paper; a design for a solver that extrapolates may then set off an error of
    the ends by one of the schedule. See `costs` for both, and docs/limit.md.""",
    "start": """
start : {"prior", "data"}
    What x_S is: a draw from the prior of the process, or the data itself, noised to the first level (image-to-image
    with `sigma_max` for its strength, a refiner, the second of two experts).""",
    "denoiser_error": """
denoiser_error : float >= 0
    Error of a real denoiser: each prediction of x_0 carries an independent one of variance
    ``denoiser_error**2 * l * sigma**2 / (l + sigma**2) * (1 - exp(-(gap / 0.8)**2))`` in a direction of eigenvalue l:
    a share of the spread that is left in x_0 at that level, and of that the part which the prediction before does not
    tell. gap is the distance in log sigma to the level of the schedule above; without one the last factor is 1
    (docs/limit.md). 0 is the exact denoiser. In the losses, the variance E that these errors add to
    the output is a term beside the loss of the exact denoiser: sqrt(W2^2 + sum w E), or KL + sum w E / (2 v), where
    v is the variance of the law that the output is compared with.""",
    "threads": """
threads : int
    OpenMP threads, 0 for the default. The result does not depend on it.""",
    "figure": """
Returns
-------
matplotlib.figure.Figure

Raises
------
TypeError, ValueError
    Naming the argument that is wrong.
ImportError
    If Matplotlib is missing.""",
}


def shared_texts(function: F) -> F:
    '''Puts a text of `SHARED` where a docstring has a line with ``@`` and its name.

    Examples
    --------
    >>> @shared_texts
    ... def f(threads):
    ...     """Something.
    ...
    ...     Parameters
    ...     ----------
    ...     @threads
    ...     """
    >>> "OpenMP threads, 0 for the default." in f.__doc__
    True
    '''
    if function.__doc__:  # there are none under python -OO
        text = inspect.cleandoc(function.__doc__)  # as Python 3.13 keeps it by itself
        function.__doc__ = re.sub(
            r"^@(\w+)$", lambda found: SHARED[found[1]].lstrip(), text, flags=re.MULTILINE
        )
    return function
