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
if result["parsed"]:
    noise, margin = network.get_input(0), int(sys.argv[2])
    shapes = [(1, 4, 4), (1, 8, 8), (2, 16, 24)]
    profile = builder.create_optimization_profile()
    profile.set_shape(
        noise.name, *((n, noise.shape[1], h + margin, w + margin) for n, h, w in shapes)
    )
    config = builder.create_builder_config()
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    result["engine_bytes"] = 0 if engine is None else engine.nbytes
print(json.dumps(result))
"""


def build(model, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    margin = model.graph.input[0].type.tensor_type.shape.dim[2].dim_param.split("+")[1]
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(path), margin],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # TensorRT logs in front of it


@pytest.mark.parametrize("precision", list(Precision))
def test_an_engine_is_built(bundle, precision, tmp_path):
    result = build(compose.compose(bundle, Form.standard, precision).model, tmp_path)
    assert result["errors"] == []
    assert result["parsed"]
    assert result["engine_bytes"] > 0


def test_the_check_can_fail(fast_bundle, tmp_path):
    model = compose.compose(fast_bundle, Form.standard).model
    (node,) = (n for n in model.graph.node if n.op_type == "Clip")
    node.op_type = "Col2Im"
    result = build(model, tmp_path)
    assert not result["parsed"]
    assert result["errors"]
