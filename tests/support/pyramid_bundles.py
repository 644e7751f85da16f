"""Small bundles of several grids, made of ONNX graphs with random weights: no torch, no training.

`pyramid` has three levels whose sizes are no multiples of each other, each stage of one conv pair;
`enlarger` has a graph with several pixels for one of a coarse level, which a finer grid reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk.container import write_container
from petsgan_sdk.manifest import FORMAT, FORMAT_VERSION
from support.bundles import conv_node, helper, make_model, map_value, random_weights

IMAGE_SIZE_PX = (45, 58)  # (H, W)
LEVELS = ((11, 14), (23, 29))
HALO = 2  # two 3x3 convolutions
FACTOR = 4  # of `enlarger`


def first_stage(rng: np.random.Generator) -> bytes:
    nodes = [
        helper.make_node("Concat", ["noise", "position"], ["joined"], axis=1),
        conv_node("joined", "w0", "hidden"),
        helper.make_node("LeakyRelu", ["hidden"], ["active"], alpha=0.2),
        conv_node("active", "w1", "raw"),
        helper.make_node("Tanh", ["raw"], ["image"]),
    ]
    weights = {"w0": random_weights(rng, 8, 7, 3, 3) * 2, "w1": random_weights(rng, 3, 8, 3, 3) * 2}
    return make_model(
        nodes, [map_value("noise", 3), map_value("position", 4)], [map_value("image", 3)], weights
    )


def later_stage(rng: np.random.Generator) -> bytes:
    nodes = [
        helper.make_node("Mul", ["noise", "amplitude"], ["scaled"]),
        helper.make_node("Add", ["previous", "scaled"], ["joined"]),
        conv_node("joined", "w0", "hidden"),
        helper.make_node("LeakyRelu", ["hidden"], ["active"], alpha=0.2),
        conv_node("active", "w1", "detail"),
        helper.make_node("Add", ["detail", "previous"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["image"]),
    ]
    weights = {
        "amplitude": np.float32([0.3]),
        "w0": random_weights(rng, 8, 3, 3, 3),
        "w1": random_weights(rng, 3, 8, 3, 3),
    }
    inputs = [map_value("previous", 3), map_value("noise", 3)]
    return make_model(nodes, inputs, [map_value("image", 3)], weights)


def _stage(number: int, *, live_values: int | None) -> list[dict[str, Any]]:
    level = number if number < len(LEVELS) else None
    noise = {"kind": "noise", "output": f"noise_{number}", "channels": 3, "stage": number}
    graph = {
        "kind": "graph",
        "member": f"graphs/stage_{number}.onnx",
        "outputs": {"image": f"x{number}"},
        "halo": HALO,
        "live_values": live_values,
    }
    if number == 0:
        position = {"kind": "position", "output": "position", "frequencies": [0.7]}
        inputs = {"noise": "noise_0", "position": "position"}
        first = [{**position, "extent": list(LEVELS[0]), "level": 0}]
    else:
        inputs = {"previous": f"up_{number}", "noise": f"noise_{number}"}
        resize = {"kind": "resize", "input": f"x{number - 1}", "output": f"up_{number}"}
        first = [{**resize, "level": level}]
    return [*first, {**noise, "level": level}, {**graph, "inputs": inputs}]


def header(*, live_values: int | None = None) -> dict[str, Any]:
    stages = range(len(LEVELS) + 1)
    return {
        "family": "exsingan",
        "preset": "test",
        "factor": 1,
        "image_size_px": list(IMAGE_SIZE_PX),
        "min_canvas_px": 16,
        "levels": [list(level) for level in LEVELS],
        "entries": [{"name": f"stage {number + 1}", "tensor": f"x{number}"} for number in (0, 1)],
        "output": f"x{len(LEVELS)}",
        "steps": [step for n in stages for step in _stage(n, live_values=live_values)],
    }


def members() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    later = range(1, len(LEVELS) + 1)
    return {
        "graphs/stage_0.onnx": first_stage(rng),
        **{f"graphs/stage_{number}.onnx": later_stage(rng) for number in later},
    }


def write_pyramid(path: Path, *, changes: dict[str, Any] | None = None) -> Path:
    return write_as(path, {**header(), **(changes or {})}, members())


def _unpacking(rng: np.random.Generator, source: str, wide: int) -> bytes:
    nodes = [
        conv_node(source, "w0", "packed"),
        helper.make_node("DepthToSpace", ["packed"], ["raw"], blocksize=FACTOR),
        helper.make_node("Tanh", ["raw"], ["image"]),
    ]
    weights = {"w0": random_weights(rng, 3 * FACTOR**2, wide, 3, 3)}
    return make_model(nodes, [map_value(source, wide)], [map_value("image", 3)], weights)


def write_enlarger(path: Path) -> Path:
    """Level 0 has 5x6 pixels and makes 20x24 of them, which the base grid, 16x20, reads."""
    rng = np.random.default_rng(1)
    steps = [
        {"kind": "noise", "output": "noise", "channels": 2, "level": 0},
        {
            "kind": "graph",
            "member": "graphs/coarse.onnx",
            "inputs": {"noise": "noise"},
            "outputs": {"image": "coarse"},
            "halo": 1,
        },
        {"kind": "resize", "input": "coarse", "output": "layout"},
        {
            "kind": "graph",
            "member": "graphs/fine.onnx",
            "inputs": {"layout": "layout"},
            "outputs": {"image": "image"},
            "halo": 1,
        },
    ]
    changes = {
        "factor": FACTOR,
        "image_size_px": [64, 80],
        "levels": [[5, 6]],
        "entries": [{"name": "enlarging", "tensor": "layout"}],
        "output": "image",
        "steps": steps,
    }
    graphs = {
        "graphs/coarse.onnx": _unpacking(rng, "noise", 2),
        "graphs/fine.onnx": _unpacking(rng, "layout", 3),
    }
    return write_as(path, {**header(), **changes}, graphs)


def write_as(path: Path, head: dict[str, Any], contents: dict[str, bytes]) -> Path:
    kind = {"format": FORMAT, "format_version": FORMAT_VERSION}
    write_container(path, header=head, members=contents, overwrite=True, **kind)
    return path
