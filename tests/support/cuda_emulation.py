"""Builds the CUDA kernels for the CPU (csrc/emu) and calls them on numpy arrays."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess

import numpy as np

from support.paths import ROOT

FOLDERS = ("csrc/cuda", "csrc/emu")
TYPES = {"float32": 0, "float16": 1, "bfloat16": 2}
_POINTER = ctypes.c_void_p
_INT64S = ctypes.POINTER(ctypes.c_int64)


def compiler():
    """The C++ compiler of this machine, or None."""
    return shutil.which(os.environ.get("CXX", "c++")) or shutil.which("g++")


def compile_sources(sources, target, *, sanitize=False):
    """Compile CUDA sources for the CPU to a shared library."""
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = [
        *(compiler(), "-std=c++17", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wconversion"),
        *("-Werror", "-Wno-unknown-pragmas"),  # nvcc's unroll
        "-ffp-contract=off",  # what a kernel rounds on its own stays so
        *(["-O1", "-g", "-fno-omit-frame-pointer", *checks] if sanitize else ["-O2"]),
        # A workspace this small makes most batches take several launches.
        *("-DPETSGAN_EMULATED_CUDA", "-DPETSGAN_CUDA_WORKSPACE_BYTES=65536"),
        *(f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc/include'}"),
        *("-x", "c++", *map(str, sources), "-o", str(target)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return target


def build(target, *, sanitize=False):
    """Compile the kernels, their host code and the emulation."""
    folders = [ROOT / folder for folder in FOLDERS]
    sources = [path for folder in folders for path in sorted(folder.glob("*.c[up]*"))]
    sources.remove(ROOT / "csrc/cuda/device_memory.cu")  # the real runtime only
    return compile_sources(sources, target, sanitize=sanitize)


def barriers(kind="__syncthreads()"):
    """File and line of every barrier of a kind in the kernels."""
    found = []
    for path in sorted((ROOT / "csrc/cuda").iterdir()):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if kind in line:
                found.append((path.name, number))
    return found


def to_bfloat16(array):
    """float32 rounded to bfloat16, as uint16 bits."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def encode(array, dtype):
    """Features as the kernels read them."""
    if dtype == "bfloat16":
        return to_bfloat16(array)
    return np.ascontiguousarray(array, dtype=dtype)


def decode(encoded, dtype):
    """What encoded features mean, as float32."""
    if dtype == "bfloat16":
        return (encoded.astype(np.uint32) << 16).view(np.float32)
    return encoded.astype(np.float32)


def _aligned(size):
    """Bytes at a multiple of 256, filled with NaN."""
    memory = np.full(size + 256, 0xFF, dtype=np.uint8)
    start = -memory.ctypes.data % 256
    return memory[start : start + size]


class Emulation:
    """The emulated kernels of one library."""

    def __init__(self, library):
        self.path = library
        self._library = ctypes.CDLL(str(library))
        for name in ("sizes", "plan", "pack", "transfer", "resize"):
            getattr(self._library, f"emulation_{name}").restype = ctypes.c_char_p
        self._library.emulation_set_seed.argtypes = [ctypes.c_uint64]
        self._library.emulation_transfer.argtypes = [
            *(_INT64S, ctypes.c_int, _POINTER, _POINTER, _POINTER, _POINTER, ctypes.c_double),
            *(ctypes.c_int, _POINTER, _POINTER, _POINTER, _POINTER),
        ]

    def _call(self, name, *arguments):
        message = getattr(self._library, f"emulation_{name}")(*arguments).decode()
        if message:
            raise RuntimeError(message)

    @staticmethod
    def sizes(case):
        """The sizes of a call in the order of PatchTransferShape."""
        return (
            *(case.batch, case.channels, *case.query),
            *(case.images, *case.reference, case.value_channels, case.window),
        )

    def plan(self, case):
        """How the search is cut."""
        result = np.zeros(6, dtype=np.int64)
        self._call(
            "plan", _int64s(self.sizes(case)), TYPES[case.dtype], result.ctypes.data_as(_INT64S)
        )
        return dict(zip(("tile", "out", "shifts", "rows", "splits", "shared"), result, strict=True))

    def buffers(self, case):
        """Bytes of the packed reference and of the workspace."""
        return self._buffers(self.sizes(case), case.dtype)

    def _buffers(self, sizes, dtype):
        packed, workspace = ctypes.c_int64(), ctypes.c_int64()
        self._call(
            "sizes", _int64s(sizes), TYPES[dtype], ctypes.byref(packed), ctypes.byref(workspace)
        )
        return packed.value, workspace.value

    def pack(self, sizes, features, values, dtype):
        """The packed reference, and where features and values are first not finite."""
        packed = _aligned(self._buffers(sizes, dtype)[0])
        bad = np.zeros(2, dtype=np.int64)
        pointers = (_data(features), _data(values), _data(packed), _data(bad))
        self._call("pack", _int64s(sizes), TYPES[dtype], *pointers)
        return packed, bad.tolist()

    def transfer(
        self,
        query,
        features,
        values,
        *,
        window,
        temperature,
        normalize=True,
        dtype="float32",
        seed=0,
        drop=("", -1),
    ):
        """Values, index and weight. `query` and `features` are encoded."""
        channels, size = values.shape[1], query.shape[2:]
        sizes = (*query.shape, len(features), *features.shape[2:], channels, window)
        out = np.full((len(query), channels, *size), np.nan, dtype=np.float32)
        index = np.full((len(query), *size), -1, dtype=np.int32)
        weight = np.full((len(query), *size), np.nan, dtype=np.float32)
        self._library.emulation_set_seed(seed)
        self._library.emulation_drop_barrier(drop[0].encode(), drop[1])
        try:
            packed, _ = self.pack(sizes, features, values, dtype)
            workspace = _aligned(self._buffers(sizes, dtype)[1])
            self._call(
                "transfer",
                *(_int64s(sizes), TYPES[dtype], _data(query), _data(features), _data(values)),
                *(_data(packed), temperature, int(normalize), _data(out), _data(index)),
                *(_data(weight), _data(workspace)),
            )
        finally:
            self._library.emulation_drop_barrier(b"", -1)
        return out, index, weight

    def resize(self, source, rows, columns, *, wrap=False, seed=0):
        """A resized window; rows and columns are the fields of ResizeAxis up to the origin."""
        axes = [(*a, n) for a, n in zip((rows, columns), source.shape[2:], strict=True)]
        out = np.full((*source.shape[:2], rows[3], columns[3]), np.nan, dtype=np.float32)
        self._library.emulation_set_seed(seed)
        maps = ctypes.c_int64(source.shape[0] * source.shape[1])
        self._call("resize", maps, *map(_int64s, axes), int(wrap), _data(source), _data(out))
        return out


def _int64s(values):
    return (ctypes.c_int64 * len(values))(*values)


def _data(array):
    return _POINTER(array.ctypes.data)
