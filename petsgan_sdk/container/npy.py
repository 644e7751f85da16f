"""Arrays of numbers as bytes and back, in one layout and without pickle.

This module imports numpy and `petsgan_sdk.errors` only.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from petsgan_sdk.errors import BundleError, DTypeError, PetsganError, ShapeError

__all__ = ["pack_array", "unpack_array"]

_MAX_AXES = 8
_MAX_EMPTY = 1 << 40
_DTYPES = frozenset(
    ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8")
)
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype>[|<a-z0-9]{3,4})', 'fortran_order': False, "
    rb"'shape': \((?P<shape>(\d{1,9}, ?){0,7}(\d{1,9})?)\), \}",
    re.DOTALL,
)


def pack_array(array: npt.NDArray[Any]) -> bytes:
    """Return an array of numbers as the bytes of a `.npy` file, little endian and C order.

    Args:
        array: Any shape; at most 8 axes; bool, integer, float or complex64.

    Raises:
        ShapeError: More axes than that.
        DTypeError: Another kind of dtype, such as objects, strings or structures.
    """
    plain = np.asarray(array, order="C")
    if plain.ndim > _MAX_AXES:
        msg = f"pack_array: array must have at most {_MAX_AXES} axes, got shape {plain.shape}"
        raise ShapeError(msg)
    little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    if little.dtype.str not in _DTYPES:
        msg = f"pack_array: dtype must be bool or a plain number, got {str(plain.dtype)!r}"
        raise DTypeError(msg)
    return _header(little.shape, little.dtype) + little.tobytes()


def unpack_array(
    data: bytes,
    name: str = "array",
    *,
    error: type[PetsganError] = BundleError,
    dtype: str | None = None,
    ndim: int | None = None,
) -> npt.NDArray[Any]:
    """Return the array that `pack_array` packed.

    The announced shape is compared with the number of bytes before memory is asked for.

    Args:
        data: Contents of a container member.
        name: What to call it in a message, usually the member's name.
        error: What to raise.
        dtype: The dtype it must have, such as `"float32"`; any numeric one by default.
        ndim: The number of axes it must have; any by default.

    Returns:
        A new, writable array in C order.

    Raises:
        PetsganError: `error`, for anything but a plain array of this dtype and rank.
    """
    header_bytes, shape, found = _parse_header(data)
    problem = "" if header_bytes else "bytes that are not"
    size = math.prod(shape) * found.itemsize
    if not size and math.prod(max(side, 1) for side in shape) > _MAX_EMPTY:
        problem = f"an empty shape {shape}"  # numpy has a limit here too, and an error of its own
    if not problem and len(data) != header_bytes + size:
        problem = f"{len(data) - header_bytes} bytes for shape {shape} of {found}"
    if problem:
        msg = f"{name}: must be an array as petsgan-sdk packs it, got {problem}"
        raise error(msg)
    array = np.frombuffer(data, found, offset=header_bytes).reshape(shape)
    if found == np.bool_ and (array.view(np.uint8) > 1).any():
        msg = f"{name}: an array of bool must hold 0 and 1, got other bytes"
        raise error(msg)
    if (dtype is not None and found != np.dtype(dtype)) or ndim not in (None, len(shape)):
        expected = f"{dtype or 'numbers'} with {'any' if ndim is None else ndim} axes"
        msg = f"{name}: array must be {expected}, got {found} of shape {shape}"
        raise error(msg)
    return array.copy()


def _parse_header(data: bytes) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Return length of the header, shape and dtype; length 0 unless it is exactly as written.

    Our own pattern rather than numpy's parser, which evaluates the text as Python and can fail in
    many ways on hostile input.
    """
    nothing = 0, (), np.dtype(np.uint8)
    match = _HEADER.match(data)
    if match is None or match["dtype"].decode() not in _DTYPES:
        return nothing
    dtype = np.dtype(match["dtype"].decode())
    shape = tuple(int(side) for side in match["shape"].split(b",") if side.strip())
    expected = _header(shape, dtype)
    return (len(expected), shape, dtype) if data.startswith(expected) else nothing


def _header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    file = io.BytesIO()
    description = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()
