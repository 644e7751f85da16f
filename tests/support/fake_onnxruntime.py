"""As much of ONNX Runtime as one node of the CUDA provider needs, in host memory.

For the emulated kernels: a runtime whose "device" is this machine's memory. It counts what it hands
out, fills scratch memory and outputs with NaN, and overwrites scratch memory that is given back.
"""

from __future__ import annotations

import ctypes
import re

import numpy as np

from support.paths import ROOT

ABI = (ROOT / "csrc/ort/abi.h").read_text(encoding="utf-8")
SLOTS = dict(re.findall(r"X\((\w+), (\d+),", ABI))
MEMBERS = ["version", *re.findall(r"\(\*(\w+)\)", ABI[ABI.index("struct OrtCustomOp {") :])]
WORD = ctypes.c_void_p  # every argument fits: pointers, sizes, 32-bit integers
HANDLE, FIRST_OUTPUT, FIRST_STATUS = 1, 100, 1000


class RuntimeStatusError(Exception):
    """A status that the op returned."""


def store(address, kind, value):
    kind.from_address(address).value = value


class FakeRuntime:
    """One node: `attributes` of the node, `outputs` that the graph uses."""

    def __init__(self, op, attributes, *, outputs=(0, 1, 2)):
        self._op = op
        self._attributes = attributes
        self._wanted = outputs
        self._messages = []
        self._tensors = {}
        self.scratch = {}
        self.allocators = 0
        self._callbacks = [self._callback(name) for name in SLOTS]
        self._table = (WORD * (1 + max(map(int, SLOTS.values()))))()
        for slot, callback in zip(SLOTS.values(), self._callbacks, strict=True):
            self._table[int(slot)] = ctypes.cast(callback, WORD)
        self._kernel = WORD()
        made = self._ask("CreateKernelV2", op, self._table, HANDLE, ctypes.byref(self._kernel))
        self._raise(made)

    def run(self, *inputs):
        """The outputs that the graph uses, None for the others."""
        self._tensors = {1 + i: np.ascontiguousarray(array) for i, array in enumerate(inputs)}
        self._raise(self._ask("KernelComputeV2", self._kernel, HANDLE))
        return [self._tensors.get(FIRST_OUTPUT + i) for i in range(3)]

    def close(self):
        self._ask("KernelDestroy", self._kernel)

    def _ask(self, member, *arguments):
        address = WORD.from_address(self._op + 8 * MEMBERS.index(member)).value
        types = [WORD] * len(arguments)
        return ctypes.CFUNCTYPE(WORD, *types)(address)(
            *(ctypes.cast(a, WORD) if not isinstance(a, int | WORD) else a for a in arguments)
        )

    def _raise(self, status):
        if status:
            raise RuntimeStatusError(self._messages[status - FIRST_STATUS].value.decode())

    def _callback(self, name):
        function = getattr(self, name, None) or (lambda *_: self._status(f"no {name} here"))
        count = function.__code__.co_argcount - 1 if hasattr(self, name) else 5
        return ctypes.CFUNCTYPE(WORD, *[WORD] * count)(function)

    def _status(self, message):
        self._messages.append(ctypes.create_string_buffer(message.encode()))
        return FIRST_STATUS + len(self._messages) - 1

    # The functions of the table, by their names there.

    def CreateStatus(self, code, message):
        return self._status(f"{code}: {ctypes.string_at(message).decode()}")

    def GetErrorMessage(self, status):
        return ctypes.addressof(self._messages[status - FIRST_STATUS])

    def ReleaseStatus(self, status):
        assert status >= FIRST_STATUS

    def _attribute(self, name, kind, out, ctype):
        value = self._attributes.get(ctypes.string_at(name).decode())
        if type(value) is not kind:
            return self._status("no such attribute")
        return store(out, ctype, value)

    def KernelInfoGetAttribute_float(self, _info, name, out):
        return self._attribute(name, float, out, ctypes.c_float)

    def KernelInfoGetAttribute_int64(self, _info, name, out):
        return self._attribute(name, int, out, ctypes.c_int64)

    def KernelContext_GetInput(self, _context, index, out):
        store(out, WORD, 1 + (index or 0))

    def KernelContext_GetOutput(self, _context, index, dimensions, rank, out):
        index = index or 0
        if index not in self._wanted:
            return store(out, WORD, None)
        shape = list((ctypes.c_int64 * rank).from_address(dimensions))
        kind = np.int32 if index == 1 else np.float32
        self._tensors[FIRST_OUTPUT + index] = np.full(shape, -1 if index == 1 else np.nan, kind)
        return store(out, WORD, FIRST_OUTPUT + index)

    def GetTensorTypeAndShape(self, value, out):
        store(out, WORD, value)

    def ReleaseTensorTypeAndShapeInfo(self, info):
        assert info in self._tensors

    def GetDimensionsCount(self, info, out):
        store(out, ctypes.c_size_t, self._tensors[info].ndim)

    def GetDimensions(self, info, out, rank):
        if rank:
            (ctypes.c_int64 * rank).from_address(out)[:] = self._tensors[info].shape

    def GetTensorMutableData(self, value, out):
        store(out, WORD, self._tensors[value].ctypes.data)

    def KernelContext_GetGPUComputeStream(self, _context, out):
        store(out, WORD, None)

    def GetTensorMemoryInfo(self, value, out):
        assert value in self._tensors
        store(out, WORD, HANDLE)

    def KernelContext_GetAllocator(self, _context, _memory, out):
        self.allocators += 1
        store(out, WORD, HANDLE)

    def ReleaseAllocator(self, _allocator):
        self.allocators -= 1

    def KernelContext_GetScratchBuffer(self, _context, _memory, size, out):
        buffer = np.full(size + 256, 0xFF, dtype=np.uint8)
        start = buffer.ctypes.data + -buffer.ctypes.data % 256
        self.scratch[start] = buffer
        store(out, WORD, start)

    def AllocatorFree(self, _allocator, memory):
        self.scratch.pop(memory)[:] = 0xFF
