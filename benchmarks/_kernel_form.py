"""What one form of patch transfer is to the kernel benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _kernel_cases import Arrays, Case
from numpy.typing import NDArray

__all__ = ["Form", "Result", "Run"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a form computes, of one image."""

    index: NDArray[np.integer[Any]]
    """`[h, w]`, best match of every query patch."""
    weight: NDArray[np.float32] | None
    """`[h, w]`, its softmax; None where the form cannot tell."""
    values: NDArray[np.float32]
    """`[3, h, w]`, the weighted patches laid over each other, divided by their number."""


Run = Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to do patch transfer."""

    name: str
    """Key in the rows."""
    prepare: Callable[[Arrays, int], Run]
    """Compute what is constant for a model, for a number of threads. What it returns is timed."""
    memory_mb: Callable[[Case], float]
    """About what it needs, constants included: whether it is tried at all."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot run on this machine."""
    reference_work: Callable[[Arrays], Callable[[], object]] | None = None
    """The part of a run that depends on the reference alone, where a run contains one."""
