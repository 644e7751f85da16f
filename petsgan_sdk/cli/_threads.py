"""Keeps the libraries of numpy and torch to a CPU quota; imports nothing that computes."""

from __future__ import annotations

import os

from petsgan_sdk._quota import allowed_cores, usable_cores

__all__ = ["keep_to_quota"]

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def keep_to_quota() -> None:
    """Say how many threads are useful, before the libraries are loaded that read it then.

    They count the cores of the host. Nothing changes without a quota, nor where one of the
    variables is set: that is the user's word.
    """
    usable = usable_cores()
    if usable < allowed_cores() and not any(os.environ.get(name) for name in _VARIABLES):
        os.environ.update(dict.fromkeys(_VARIABLES, str(usable)))
