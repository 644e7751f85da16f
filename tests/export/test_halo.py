"""Halos of small graphs, against what really changes when one pixel of the input does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="graphs are made with onnx.helper")
ort = pytest.importorskip("onnxruntime", reason="graphs are run")
pytest.importorskip("torch", reason="export needs torch")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from petsgan_sdk.errors import ExportError  # noqa: E402
from petsgan_sdk.export.tiling.halo import GraphInput, derive_reach  # noqa: E402

SIZE = (23, 26)


def node(kind: str, *inputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, ["x", *inputs], ["y"], **attributes)


def model(*nodes: Any, **constants: Any) -> bytes:
    """A chain: each node reads `x`, the result of the one before, and writes `y`."""
    for number, item in enumerate(nodes):
        item.input[:] = [f"t{number}" if name == "x" else name for name in item.input]
        item.output[:] = [f"t{number + 1}"]
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("t0", TensorProto.FLOAT, [1, "c", "h", "w"])],
        [helper.make_tensor_value_info(f"t{len(nodes)}", TensorProto.FLOAT, None)],
        held,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return made.SerializeToString()


def weights(outputs: int, inputs: int, size: int) -> np.ndarray:
    return np.ones((outputs, inputs, size, size), np.float32)


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def blocks(filters: np.ndarray) -> bytes:
    """3x3 filters `[4, 1, 4, 4]` of a block of 2x2 pixels, as a graph that keeps the size."""
    return model(
        node("Pad", "amounts"),
        node("Conv", "w", "b", strides=[2, 2]),
        node("Tanh"),
        node("DepthToSpace", blocksize=2, mode="CRD"),
        node("Slice", "zero", "size", "axes"),
        amounts=i64(0, 0, 1, 1, 0, 0, 2, 2),
        w=filters,
        b=f32(1, 1, 1, 1),
        zero=i64(0, 0),
        size=i64(*SIZE),
        axes=i64(2, 3),
    )


def moved(at: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (1, 0), (1, 1))) -> np.ndarray:
    """One 3x3 filter at four places of a 4x4 window."""
    filters = np.zeros((4, 1, 4, 4), np.float32)
    for number, (y, x) in enumerate(at):
        filters[number, 0, y : y + 3, x : x + 3] = np.arange(1, 10).reshape(3, 3) / 50
    return filters


UP2 = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
CHAINS: dict[str, tuple[bytes, int, int, int]] = {
    # model, channels, scale of the input, halo
    "one pixel": (model(node("Relu")), 2, 1, 0),
    "padded 3x3": (model(node("Conv", "w", pads=[1] * 4), w=weights(2, 2, 3)), 2, 1, 1),
    "dilated": (
        model(node("Conv", "w", pads=[4] * 4, dilations=[2, 2]), w=weights(1, 2, 5)),
        2,
        1,
        4,
    ),
    "reflected": (
        model(
            node("Pad", "p", mode="reflect"),
            node("Conv", "w"),
            p=i64(0, 0, 2, 2, 0, 0, 2, 2),
            w=weights(2, 2, 5),
        ),
        2,
        1,
        2,
    ),
    "up, then two 3x3": (
        model(
            node("Resize", "", "s", **UP2),
            node("Conv", "w", pads=[1] * 4),
            node("Conv", "w", pads=[1] * 4),
            s=f32(1, 1, 2, 2),
            w=weights(2, 2, 3),
        ),
        2,
        1,
        2,
    ),
    "nearest": (
        model(
            node("Resize", "", "s", mode="nearest", nearest_mode="floor"),
            node("Conv", "w", pads=[1] * 4),
            s=f32(1, 1, 4, 4),
            w=weights(1, 1, 3),
        ),
        1,
        1,
        1,
    ),
    "pixel shuffle": (
        model(
            node("Conv", "w", pads=[1] * 4),
            node("DepthToSpace", blocksize=2),
            node("Conv", "v", pads=[3] * 4),
            w=weights(4, 1, 3),
            v=weights(1, 1, 7),
        ),
        1,
        1,
        3,
    ),
    "in blocks of 2x2 pixels": (blocks(moved()), 1, 1, 1),
    "transposed": (
        model(node("ConvTranspose", "w", strides=[2, 2], pads=[1] * 4), w=weights(1, 1, 4)),
        1,
        1,
        1,
    ),
    "down from full size": (
        model(
            node("AveragePool", kernel_shape=[4, 4], strides=[4, 4]),
            node("Conv", "w", pads=[1] * 4),
            w=weights(1, 1, 3),
        ),
        1,
        4,
        1,
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_what_is_derived_is_what_happens(name: str) -> None:
    graph, channels, scale, halo = CHAINS[name]
    reach = derive_reach(graph, {"t0": GraphInput(scale)})
    assert reach.halo == halo
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    output = session.get_outputs()[0].name
    zero = np.zeros((1, channels, SIZE[0] * scale, SIZE[1] * scale), np.float32)
    still = session.run([output], {"t0": zero})[0]
    assert still.shape[2:] == (SIZE[0] * reach.scale, SIZE[1] * reach.scale)
    furthest = 0
    at = (11, 13)  # the low-resolution pixel that changes, far from every border
    poked = zero.copy()
    poked[:, :, at[0] * scale : (at[0] + 1) * scale, at[1] * scale : (at[1] + 1) * scale] = 1
    changed = session.run([output], {"t0": poked})[0] != still
    for axis in (2, 3):
        where = np.flatnonzero(changed.any(axis=tuple({0, 1, 2, 3} - {axis}))) // reach.scale
        furthest = max(furthest, *(abs(int(k) - at[axis - 2]) for k in (where[0], where[-1])))
    assert furthest == halo


def test_margins_count_as_halo_that_is_there() -> None:
    graph = model(node("Conv", "w"), node("Conv", "w"), w=weights(1, 1, 3))
    assert derive_reach(graph, {"t0": GraphInput(margin=2)}).halo == 0
    assert derive_reach(graph, {"t0": GraphInput(margin=1)}).halo == 2
    cut = model(
        node("Slice", "one", "end", "axes"),
        node("Conv", "w"),
        one=i64(1, 1),
        end=i64(-1, -1),
        axes=i64(2, 3),
        w=weights(1, 1, 3),
    )
    assert derive_reach(cut, {"t0": GraphInput(margin=2)}).halo == 0


REFUSED = {
    "InstanceNormalization": (
        model(node("InstanceNormalization", "g", "g"), g=f32(1)),
        "operator InstanceNormalization is not known to look at nearby pixels only",
    ),
    "GlobalAveragePool": (model(node("GlobalAveragePool")), "operator GlobalAveragePool is not"),
    "sizes": (
        model(node("Resize", "", "", "s", **UP2), s=i64(1, 1, 64, 64)),
        "operator Resize is given sizes",
    ),
    "aligned corners": (
        model(
            node("Resize", "", "s", coordinate_transformation_mode="align_corners"),
            s=f32(1, 1, 2, 2),
        ),
        "coordinates (align_corners) that depend on the size",
    ),
    "same": (
        model(node("Conv", "w", auto_pad="SAME_UPPER", strides=[2, 2]), w=weights(1, 1, 3)),
        "operator Conv pads by SAME_UPPER",
    ),
    "rows": (model(node("Concat", "x", axis=2)), "operator Concat joins along axis 2"),
    "softmax": (model(node("Softmax", axis=3)), "operator Softmax sums over the canvas"),
    "half a pixel": (
        model(node("Conv", "w", strides=[2, 2]), w=weights(1, 1, 2)),
        "operator Conv makes 1/2 pixels of one low-resolution pixel",
    ),
    "blocks whose pixels differ": (
        blocks(moved(((0, 0), (0, 1), (0, 1), (1, 1)))),
        "operator Conv makes 1/2 pixels of one low-resolution pixel",
    ),
    "a map of constants": (
        model(node("Add", "m"), m=np.ones((1, 1, 4, 4), np.float32)),
        "operator Add has a constant of shape (1, 1, 4, 4)",
    ),
    "every second pixel": (
        model(
            node("Slice", "zero", "end", "axes", "two"),
            zero=i64(0),
            end=i64(99),
            axes=i64(3),
            two=i64(2),
        ),
        "operator Slice skips pixels",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_name(name: str) -> None:
    graph, message = REFUSED[name]
    with pytest.raises(ExportError) as caught:
        derive_reach(graph, {"t0": GraphInput()})
    assert f"this graph cannot be tiled: {message}" in str(caught.value) or message in str(
        caught.value
    )
    assert str(caught.value).startswith("this graph cannot be tiled: ")
