"""TensorRT's own ONNX parser and builder take the graph of standard operators; no GPU is needed.

In a process of its own: a graph that the parser does not expect may end it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import onnx
import pytest

from petsgan_sdk.export.onnx_file import Form, Precision, compose
from petsgan_sdk.manifest import NoiseStep, level_size

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="TensorRT for RTX is not installed: pip install tensorrt-rtx-cu13",
)

BUILD = """
import json
import sys

import tensorrt_rtx as trt

logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)
network = builder.create_network(0)
parser = trt.OnnxParser(network, logger)
result = {"parsed": parser.parse_from_file(sys.argv[1])}
result["errors"] = [str(parser.get_error(n)) for n in range(parser.num_errors)]
if result["parsed"] and sys.argv[3] == "build":
    profile = builder.create_optimization_profile()
    for name, shapes in json.loads(sys.argv[2]).items():
        profile.set_shape(name, *shapes)
    config = builder.create_builder_config()
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    result["engine_bytes"] = 0 if engine is None else engine.nbytes
print(json.dumps(result))
"""


def build(model, profile, tmp_path, *, until="build"):
    """Let TensorRT parse and build it; `profile` has three shapes for each input."""
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(path), json.dumps(profile), until],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # TensorRT logs in front of it


def profile_of(bundle, canvases):
    """Shapes of the noise on `(batch, rows, columns)` of the base grid."""
    profile = {}
    for step in bundle.manifest.steps:
        if isinstance(step, NoiseStep):
            profile[step.output] = []
            for batch, *canvas in canvases:
                grid = level_size(bundle.manifest, step.level, *canvas)
                sides = (side + 2 * step.margin for side in grid)
                profile[step.output].append([batch, step.channels, *sides])
    return profile


SIZES = ((1, 4, 4), (1, 8, 8), (2, 16, 24))


@pytest.mark.parametrize("precision", list(Precision))
def test_it_is_parsed(bundle, precision, tmp_path):
    model = compose.compose(bundle, Form.standard, precision).model
    result = build(model, profile_of(bundle, SIZES), tmp_path, until="parse")
    assert result == {"parsed": True, "errors": []}


@pytest.mark.slow
@pytest.mark.parametrize("precision", list(Precision))
def test_an_engine_is_built(bundle, precision, tmp_path):
    model = compose.compose(bundle, Form.standard, precision).model
    result = build(model, profile_of(bundle, SIZES), tmp_path)
    assert result["errors"] == []
    assert result["parsed"]
    assert result["engine_bytes"] > 0


@pytest.mark.parametrize("precision", list(Precision))
def test_an_engine_of_a_pyramid_is_built(pyramid_bundle, precision, tmp_path):
    """Resizes to sizes that are arithmetic on the shapes of the noise."""
    model = compose.compose(pyramid_bundle, Form.standard, precision).model
    sizes = ((1, 16, 18), (1, 24, 31), (2, 60, 64))
    result = build(model, profile_of(pyramid_bundle, sizes), tmp_path)
    assert result["errors"] == []
    assert result["parsed"]
    assert result["engine_bytes"] > 0


def test_the_check_can_fail(fast_bundle, tmp_path):
    model = compose.compose(fast_bundle, Form.standard).model
    (node,) = (n for n in model.graph.node if n.op_type == "Clip")
    node.op_type = "Col2Im"
    result = build(model, profile_of(fast_bundle, SIZES), tmp_path)
    assert not result["parsed"]
    assert result["errors"]
