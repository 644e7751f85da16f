"""A small but real bundle made of ONNX graphs with random weights: no torch, no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petsgan_sdk.container import pack_array, write_container
from petsgan_sdk.manifest import FORMAT, FORMAT_VERSION, BundleManifest, parse

onnx = pytest.importorskip("onnx", reason="the test bundles are made with onnx.helper")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FACTOR = 8
IMAGE_SIZE_PX = (48, 64)  # (H, W)
MARGIN = 2  # two 3x3 convolutions without padding
WINDOW = 3
FEATURES = 6
REFERENCE_GRID = (IMAGE_SIZE_PX[0] // FACTOR, IMAGE_SIZE_PX[1] // FACTOR)


def random_weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    fan_in = int(np.prod(shape[1:])) or 1
    return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)


def map_value(name: str, channels: int) -> Any:
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ["n", channels, f"{name}_h", f"{name}_w"]
    )


def make_model(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, np.ndarray]
) -> bytes:
    for number, node in enumerate(nodes):
        node.name = f"node_{number}"  # as torch names them
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def conv_node(x: str, w: str, y: str, *, pad: int = 1) -> Any:
    return helper.make_node("Conv", [x, w], [y], pads=[pad] * 4)


def depnet(rng: np.random.Generator) -> bytes:
    nodes = [
        helper.make_node("Concat", ["noise", "position"], ["joined"], axis=1),
        conv_node("joined", "w0", "hidden", pad=0),
        helper.make_node("LeakyRelu", ["hidden"], ["active"], alpha=0.2),
        conv_node("active", "w1", "raw", pad=0),
        helper.make_node("Tanh", ["raw"], ["layout"]),
    ]
    weights = {"w0": random_weights(rng, 8, 5, 3, 3) * 3, "w1": random_weights(rng, 3, 8, 3, 3) * 3}
    inputs = [map_value("noise", 1), map_value("position", 4)]
    return make_model(nodes, inputs, [map_value("layout", 3)], weights)


def features(rng: np.random.Generator) -> bytes:
    weights = {"w0": random_weights(rng, FEATURES, 3, 3, 3)}
    nodes = [conv_node("image", "w0", "features")]
    return make_model(nodes, [map_value("image", 3)], [map_value("features", FEATURES)], weights)


def restoration(rng: np.random.Generator) -> bytes:
    nodes = [
        conv_node("low", "w0", "hidden"),
        helper.make_node("Relu", ["hidden"], ["active"]),
        conv_node("active", "w1", "packed", pad=0),
        helper.make_node("DepthToSpace", ["packed"], ["detail"], blocksize=FACTOR),
        helper.make_node("Add", ["detail", "texture"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["image"]),
    ]
    out = 3 * FACTOR * FACTOR
    weights = {"w0": random_weights(rng, 16, 3, 3, 3), "w1": random_weights(rng, out, 16, 1, 1)}
    return make_model(
        nodes, [map_value("low", 3), map_value("texture", 3)], [map_value("image", 3)], weights
    )


def header(*, seed: int = 0) -> dict[str, Any]:
    return {
        "family": "petsgan",
        "preset": "test",
        "factor": FACTOR,
        "image_size_px": list(IMAGE_SIZE_PX),
        "min_canvas_px": 32,
        "output": "image",
        "entries": [{"name": "patch transfer", "tensor": "layout"}],
        "provenance": {"made_by": "tests/support/bundles.py", "seed": seed},
        "config": {},
        "steps": [
            {"kind": "noise", "output": "noise", "channels": 1, "stage": 0, "margin": MARGIN},
            {
                "kind": "position",
                "output": "position",
                "frequencies": [1.0],
                "extent": list(REFERENCE_GRID),
                "margin": MARGIN,
            },
            {
                "kind": "graph",
                "member": "graphs/depnet.onnx",
                "inputs": {"noise": "noise", "position": "position"},
                "outputs": {"layout": "layout"},
                "halo": 0,
            },
            {
                "kind": "graph",
                "member": "graphs/features.onnx",
                "inputs": {"image": "layout"},
                "outputs": {"features": "features"},
                "halo": 1,
            },
            {
                "kind": "patch_transfer",
                "query": "features",
                "reference": "arrays/reference_features.npy",
                "values": "arrays/reference_values.npy",
                "window": WINDOW,
                "temperature": 0.01,
                "output": "transferred",
                "index_output": "index",
            },
            {
                "kind": "texture_transfer",
                "index": "index",
                "texture": "arrays/texture.npy",
                "output": "texture",
            },
            {
                "kind": "graph",
                "member": "graphs/restoration.onnx",
                "inputs": {"low": "transferred", "texture": "texture"},
                "outputs": {"image": "image"},
                "halo": 1,
            },
        ],
    }


def members(*, seed: int = 0) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    height, width = REFERENCE_GRID
    grid = rng.standard_normal((FEATURES, height, width)).astype(np.float32)
    values = rng.uniform(-1, 1, (3, height, width)).astype(np.float32)
    texture = rng.uniform(-0.5, 0.5, (3, *IMAGE_SIZE_PX)).astype(np.float32)
    return {
        "graphs/depnet.onnx": depnet(rng),
        "graphs/features.onnx": features(rng),
        "graphs/restoration.onnx": restoration(rng),
        "arrays/reference_features.npy": pack_array(grid),
        "arrays/reference_values.npy": pack_array(values),
        "arrays/texture.npy": pack_array(texture),
        "preview.png": b"not looked at by the runtime",
    }


def build_manifest(**changes: Any) -> BundleManifest:
    return parse({"format": FORMAT, "format_version": FORMAT_VERSION, **header(), **changes})


def write_bundle(
    path: Path,
    *,
    seed: int = 0,
    changes: dict[str, Any] | None = None,
    replaced: dict[str, bytes | None] | None = None,
) -> Path:
    """Write a bundle; `changes` go into its header, `replaced` into its members (None removes)."""
    contents = {**members(seed=seed), **(replaced or {})}
    write_container(
        path,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        header={**header(seed=seed), **(changes or {})},
        members={name: raw for name, raw in contents.items() if raw is not None},
        overwrite=True,
    )
    return path
