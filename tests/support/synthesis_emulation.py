"""The CUDA kernels of coordinate synthesis, emulated, called as `petsgan_sdk.kernels` is."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.kernels import PlaceCosts, PlaceLevel
from support import cuda_emulation

_FLOAT, _INT, _INT64 = ctypes.c_float, ctypes.c_int, ctypes.c_int64
_POINTER = ctypes.c_void_p
_INT64S = ctypes.POINTER(_INT64)
_CORRECTION = [_INT64S, _INT64S, _INT64S, ctypes.POINTER(_POINTER)]


class SynthesisEmulation:
    """The three ops of one emulated library."""

    def __init__(self, library: Any) -> None:
        """Load it."""
        self._library = ctypes.CDLL(str(library))
        for name, arguments in {
            "features": [_INT64, _INT64, _POINTER, _POINTER, _POINTER, _INT, _POINTER],
            "correct_sizes": [*_CORRECTION, _INT64S],
            "first_wrong": [*_CORRECTION, _POINTER, _INT64S],
            "correct": [*_CORRECTION, _INT64, _POINTER, _POINTER],
            "composite": [
                *(_INT64S, _POINTER, _POINTER, _FLOAT, _FLOAT, _POINTER, _INT64, _POINTER),
                *(_POINTER, _INT64S),
            ],
        }.items():
            function = getattr(self._library, f"emulation_{name}")
            function.argtypes, function.restype = arguments, ctypes.c_char_p
        self._library.emulation_set_seed.argtypes = [ctypes.c_uint64]

    def _call(self, name: str, *arguments: Any) -> None:
        message = getattr(self._library, f"emulation_{name}")(*arguments).decode()
        if message:
            raise RuntimeError(message)

    def features(self, image, basis, bias, *, shift, seed=0):
        """As `kernels.place_features`."""
        self._library.emulation_set_seed(seed)
        height, width = image.shape[:2]
        out = np.full((height + 4, width + 4, 8), -128, np.int8)
        arrays = [array.ctypes.data for array in (image, basis, bias)]
        self._call("features", height, width, *arrays, shift, out.ctypes.data)
        return out

    def correct(
        self,
        places,
        level: PlaceLevel,
        costs: PlaceCosts,
        *,
        passes,
        row_guides,
        column_guides,
        corner=(0, 0),
        open_sides=(False,) * 4,
        wraps=False,
        fixed=None,
        seed=0,
        drop=("", -1),
    ):
        """As `kernels.correct_places`."""
        self._library.emulation_set_seed(seed)
        arguments = _correction(
            level, costs, places, row_guides, column_guides, corner, open_sides, wraps, fixed
        )
        size = _INT64()
        self._call("correct_sizes", *arguments, ctypes.byref(size))
        workspace = cuda_emulation._aligned(size.value)
        out = np.full(places.shape, -7, np.int16)
        self._library.emulation_drop_barrier(drop[0].encode(), drop[1])
        try:
            self._call("correct", *arguments, passes, out.ctypes.data, workspace.ctypes.data)
        finally:
            self._library.emulation_drop_barrier(b"", -1)
        return out

    def first_wrong(self, level: PlaceLevel) -> list[int]:
        """Where `alike` and the prices of a level are first out of range; -1: nowhere."""
        nothing = np.zeros((1, 1, 2), np.int16)
        guide = np.zeros(1, np.int32)
        arguments = _correction(
            level, PlaceCosts(), nothing, guide, guide, (0, 0), (False,) * 4, False, None
        )
        scratch, positions = cuda_emulation._aligned(8), (_INT64 * 2)()
        self._call("first_wrong", *arguments, scratch.ctypes.data, positions)
        return list(positions)

    def composite(self, places, photo, *, screening, slowest, steps, softness=0.0, seed=0):
        """As `kernels.composite_places`."""
        self._library.emulation_set_seed(seed)
        sizes = (_INT64 * 4)(*places.shape[:2], *photo.shape[:2])
        relaxation = kernels.composite_relaxation(screening=screening, slowest=slowest, steps=steps)
        out = np.full((3, *places.shape[:2]), np.nan, np.float32)
        given = (places.ctypes.data, photo.ctypes.data, screening, softness)
        given = (*given, relaxation.ctypes.data, steps, out.ctypes.data)
        size = _INT64()
        self._call("composite", sizes, *given, None, ctypes.byref(size))
        workspace = cuda_emulation._aligned(size.value)
        self._call("composite", sizes, *given, workspace.ctypes.data, ctypes.byref(size))
        return out


def _correction(level, costs, places, row_guides, column_guides, corner, open_sides, wraps, fixed):
    alike = level.alike.shape
    photo = (*level.size, *alike[:3], level.shift)
    window = (corner[0] & 1, corner[1] & 1, *places.shape[:2], *open_sides, wraps)
    numbers = [int(getattr(costs, name)) for name in PlaceCosts.__slots__]
    arrays = (
        *(level.features, level.alike, level.prices, places, row_guides, column_guides, fixed),
    )
    pointers = (_POINTER * 7)(*(None if a is None else a.ctypes.data for a in arrays))
    kept = [(_INT64 * len(values))(*map(int, values)) for values in (photo, window, numbers)]
    pointers.arrays = arrays  # which live as long
    return (*kept, pointers)
