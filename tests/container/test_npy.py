from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from petsgan_sdk.container import (
    pack_array,
    unpack_array,
)
from petsgan_sdk.errors import (
    BundleError,
    CheckpointError,
    DTypeError,
    PetsganError,
    ShapeError,
)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.array(7, dtype=np.int64),
        np.zeros((0, 3), dtype=np.uint8),
        np.array([True, False]),
        np.arange(12, dtype=">f4").reshape(3, 4).T,
        np.arange(20, dtype=np.float16)[::3],
    ],
)
def test_array_round_trip(array):
    result = unpack_array(pack_array(array))
    np.testing.assert_array_equal(result, array)
    assert result.shape == array.shape
    assert result.dtype == array.dtype.newbyteorder("<")
    assert result.flags.writeable
    assert result.flags.c_contiguous


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.zeros(2, dtype="f4,i4")])
def test_pack_refuses_what_is_not_numbers(array):
    with pytest.raises(DTypeError, match="dtype must be bool or a plain number, got"):
        pack_array(array)


def test_pack_refuses_many_axes():
    pack_array(np.zeros((1,) * 8))
    with pytest.raises(ShapeError, match="at most 8 axes, got shape"):
        pack_array(np.zeros((1,) * 9))


def _npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def _npy_header(header):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"nonsense",
        _npy(np.array([{}]), version=(1, 0)),
        _npy(np.array(["a"])),
        _npy(np.zeros(2), version=(2, 0)),
        _npy(np.zeros((2, 2), order="F")),
        _npy(np.zeros(2, dtype=">f4")),
        _npy(np.zeros(2)) + b"x",
        _npy(np.zeros(2))[:-1],
        _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }"),
        _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }") + bytes(4),
        _npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + bytes(8),
        _npy_header("{'descr': 'zz', 'fortran_order': False, 'shape': (1,), }"),
        _npy_header("__import__('os')"),
        _npy_header("("),
        _npy_header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 999999999, 999999999), }"
        ),
        _npy_header("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }") + bytes(3),
        _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, ), }") + bytes(4),
    ],
)
def test_unpack_refuses(data):
    with pytest.raises(CheckpointError, match=r"^weights: "):
        unpack_array(data, "weights", error=CheckpointError)


def test_unpack_checks_dtype_and_rank():
    data = pack_array(np.zeros((2, 3), np.float32))
    unpack_array(data, dtype="float32", ndim=2)
    with pytest.raises(PetsganError, match="must be float64 with 2 axes, got float32 of shape"):
        unpack_array(data, dtype="float64", ndim=2)
    with pytest.raises(PetsganError, match="must be numbers with 3 axes, got float32 of shape"):
        unpack_array(data, ndim=3)


def test_bool_arrays_hold_nothing_but_bools():
    packed = bytearray(pack_array(np.array([True, False, True])))
    packed[-1] = 2
    with pytest.raises(BundleError, match="x: an array of bool must hold 0 and 1"):
        unpack_array(bytes(packed), "x")
