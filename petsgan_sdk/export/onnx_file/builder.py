"""A graph in the making: nodes with names that tell their place, constants held once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from petsgan_sdk._arrays import Array

__all__ = ["GraphBuilder"]

_END = np.iinfo(np.int64).max
"""In a slice: up to the end of the axis, whatever its size."""


class GraphBuilder:
    """Collects nodes in order of execution; a tensor is its name.

    Sizes that are known only at run time are int64 tensors of one element, so that they can be
    mixed with numbers in `reshape` and `join`.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.nodes: list[NodeProto] = []
        self.value_info: list[ValueInfoProto] = []
        self._held: dict[str, TensorProto] = {}
        self._by_content: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._counts: Counter[str] = Counter()
        self._scope = ""

    @property
    def constants(self) -> list[TensorProto]:
        """What is held, in order of first use."""
        return list(self._held.values())

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put `name/` before every tensor made inside."""
        outer, self._scope = self._scope, f"{self._scope}{name}/"
        try:
            yield
        finally:
            self._scope = outer

    def op(self, kind: str, *inputs: str, result: str | None = None, **attributes: Any) -> str:
        """Add a node with one output.

        Args:
            kind: A standard operator.
            inputs: Tensors.
            result: Name of the output, without a scope. Default: one of its own.
            attributes: Of the operator.
        """
        output = self._fresh(kind) if result is None else result
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def hold(self, array: Array) -> str:
        """Hold a constant; equal ones are the same tensor."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._by_content:
            name = self._fresh("constant")
            self.hold_as(numpy_helper.from_array(array, name))
            self._by_content[key] = name
        return self._by_content[key]

    def hold_as(self, tensor: TensorProto) -> None:
        """Hold a constant under its own name, once."""
        self._held.setdefault(tensor.name, tensor)

    def number(self, value: float) -> str:
        """Hold a float32 scalar."""
        return self.hold(np.asarray(value, dtype=np.float32))

    def ints(self, *values: int) -> str:
        """Hold a row of int64."""
        return self.hold(np.asarray(values, dtype=np.int64))

    def size(self, tensor: str, axis: int) -> str:
        """The size of an axis."""
        return self.op("Shape", tensor, start=axis, end=axis + 1)

    def join(self, *parts: int | str) -> str:
        """A row of int64 from numbers and tensors."""
        pieces: list[str] = []
        run: list[int] = []
        for part in (*parts, ""):
            if isinstance(part, int):
                run.append(part)
                continue
            if run:
                pieces.append(self.ints(*run))
                run = []
            if part:
                pieces.append(part)
        return pieces[0] if len(pieces) == 1 else self.op("Concat", *pieces, axis=0)

    def reshape(self, tensor: str, *sides: int | str) -> str:
        """Give a tensor another shape."""
        return self.op("Reshape", tensor, self.join(*sides))

    def cut(self, tensor: str, axis: int, first: int, end: int | str | None = None) -> str:
        """The part of an axis from `first` up to `end`, which may count from the end."""
        stop = end if isinstance(end, str) else self.ints(_END if end is None else end)
        return self.op("Slice", tensor, self.ints(first), stop, self.ints(axis))

    def pad(self, tensor: str, before: Sequence[int], after: Sequence[int]) -> str:
        """Put zeros around a tensor; one number for each axis."""
        return self.op("Pad", tensor, self.ints(*before, *after))

    def sum(self, parts: Sequence[str]) -> str:
        """Add tensors of one shape."""
        return parts[0] if len(parts) == 1 else self.op("Sum", *parts)

    def _fresh(self, kind: str) -> str:
        stem = f"{self._scope}{kind}"
        self._counts[stem] += 1
        return f"{stem}_{self._counts[stem]}"
