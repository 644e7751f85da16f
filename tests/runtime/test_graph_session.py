"""Graphs on their way into ONNX Runtime, of the version that is installed and of the oldest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_bytes import chain, floats, graph, integers, model, node, row, tensor, value
from hostile_sessions import GRAPHS, elsewhere

from petsgan_sdk.diagnosis.doctor import probe_model
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.runtime import load, session
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.device.onnx_cuda import OnnxCudaGraph
from petsgan_sdk.runtime.graphs.check import CheckedGraph, check_graph
from petsgan_sdk.runtime.graphs.wire import bytes_field, varint_field
from petsgan_sdk.runtime.session import GraphSession

ort = pytest.importorskip("onnxruntime", reason="it runs the graphs")

ROOT = Path(__file__).parents[2]
MEMORY_BYTES = 4 << 30
"""Of address space: several times what the program needs, and less than any of its graphs asks."""


def open_probe(data: bytes) -> GraphSession:
    return GraphSession(data, "graphs/x.onnx", provider="cpu", threads=1)


@pytest.fixture(scope="module")
def ort_format(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The probe in ONNX Runtime's own format, which it tells by four bytes."""
    path = tmp_path_factory.mktemp("ort") / "probe.ort"
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(probe_model(), options, providers=["CPUExecutionProvider"])
    data = path.read_bytes()
    assert data[4:8] == b"ORTM"
    return data


def test_the_other_format_of_onnx_runtime_is_refused(ort_format: bytes) -> None:
    with pytest.raises(BundleError, match=r"'graphs/x.onnx' must be an ONNX model"):
        open_probe(ort_format)


def test_onnx_runtime_reads_onnx_alone(ort_format: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where our reader would have taken the bytes for another graph."""
    taken = check_graph(probe_model(), "probe").model
    monkeypatch.setattr(session, "check_graph", lambda data, _: CheckedGraph(data, taken, 1))
    with pytest.raises(BundleError, match="must be a graph that ONNX Runtime"):
        open_probe(ort_format)


@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "hidden"])
def test_a_bundle_reads_no_files(
    hidden: bool, bundle_factory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\x3f" * 64)
    monkeypatch.chdir(tmp_path)
    replaced = {"graphs/features.onnx": elsewhere("secret.bin", hidden=hidden)}
    path = bundle_factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match=r"'graphs/features\.onnx' must be an ONNX model"):
        open_bundle(path)


@pytest.fixture
def bundle_factory() -> Any:
    return pytest.importorskip("bundle_factory")


def test_the_steps_of_a_bundle_are_followed(bundle_factory: Any, tmp_path: Path) -> None:
    """A graph that is one by itself, but not on the map that the manifest gives it."""
    image, features = value("image", "N", "c", "h", "w"), value("features", "N", "c", "h", "w")
    data = model(
        graph(
            [node("Conv", ["image", "w"], "features")],
            [floats("w", 6, 5, 1, 1)],
            inputs=[image],
            outputs=[features],
        )
    )
    check_graph(data, "graphs/features.onnx")
    replaced = {"graphs/features.onnx": data}
    path = bundle_factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match="must read 5 channels, got 3"):
        open_bundle(path)


@pytest.mark.parametrize("kind", ["graph", "patch_transfer", "resize"])
def test_matches_are_no_map(kind: str, bundle_factory: Any, tmp_path: Path) -> None:
    header = bundle_factory.header()
    *steps, last = header["steps"]
    match kind:
        case "graph":
            last["inputs"] = {"low": "index", "texture": "texture"}
        case "resize":
            steps.append({"kind": kind, "input": "index", "output": "more", "level": None})
        case _:
            again = next(step for step in steps if step["kind"] == kind)
            made = {"query": "index", "output": "more", "index_output": "index_2"}
            steps += [{**again, **made}]
            steps.append({**steps[5], "index": "index_2", "output": "texture_2"})
    changes = {"steps": [*steps, last]}
    path = bundle_factory.write_bundle(tmp_path / "b.petsgan", changes=changes)
    with pytest.raises(BundleError, match=rf"\({kind}\) must read a map, got 'index', the matches"):
        open_bundle(path)


def test_a_half_result_is_none(bundle_factory: Any, tmp_path: Path) -> None:
    one = tensor("w", np.zeros((6, 3, 1, 1), np.float16))
    nodes = [
        node("Cast", ["image"], "half", b"\x0a\x02to\x18\x0a\xa0\x01\x02"),
        node("Conv", ["half", "w"], "features"),
    ]
    data = model(
        graph(
            nodes,
            [one],
            inputs=[value("image", "N", 3, "h", "w")],
            outputs=[value("features", "N", 6, "h", "w", kind=10)],
        )
    )
    replaced = {"graphs/features.onnx": data}
    path = bundle_factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match=r"outputs \['features'\], got \['image'\] and \[\]"):
        open_bundle(path)


@pytest.mark.parametrize(
    ("nodes", "sizes"),
    [
        ([node("Reshape", ["x", "n"], "y")], (3, -1)),
        ([node("Slice", ["x", "n", "n"], "y")], (2,)),
    ],
    ids=["axes", "nothing"],
)
def test_a_result_is_a_map(
    nodes: list[bytes], sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at twice: the sizes before a run, and what it made."""
    untold = bytes_field(1, "y") + bytes_field(2, bytes_field(1, varint_field(1, 1)))
    data = chain(*nodes, weights=[integers("n", *sizes)], y=untold)
    feeds = {"x": np.ones((1, 3, 4, 4), np.float32)}
    with pytest.raises(BundleError, match=r"failed on .*\(1, 3, 4, 4\)"):
        open_probe(data).run(feeds)
    monkeypatch.setattr(session, "check_run", lambda *_, **__: None)
    with pytest.raises(BundleError, match=r"must make a map \[N, C, H, W\] as 'y'"):
        open_probe(data).run(feeds)


def test_sizes_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    monkeypatch.setattr(session, "check_run", lambda *a, **_: looked.append(a))
    opened = open_probe(chain(node("Relu", ["x"], "y")))
    for side in (4, 5, 4, 5):
        opened.run({"x": np.ones((1, 3, side, side), np.float32)})
    assert len(looked) == 2


def test_memory_of_a_device_is_not_bound_for_sizes_without_room() -> None:
    opened = open_probe(chain(node("AveragePool", ["x"], "y", row("kernel_shape", 5, 5))))
    bound = OnnxCudaGraph(GraphStep("graphs/x.onnx", {"x": "a"}, {"y": "b"}), opened, device=None)
    with pytest.raises(BundleError, match="must have a window within the map, got 5 of 4"):
        bound.prepare({"a": np.ones((1, 3, 4, 4), np.float32)}, {})


def test_a_session_does_not_keep_the_weights() -> None:
    opened = open_probe(chain(node("Conv", ["x", "w"], "y"), weights=[floats("w", 3, 3, 9, 9)]))
    assert [len(tensor.raw) for tensor in opened._model.constants.values()] == [0]


def run_hostile(bundle: Path, tmp_path: Path, packages: Path | None = None) -> dict[str, str]:
    """What the program says of each bundle and graph, in a folder with a file to read."""
    folder = tmp_path / "inner"
    folder.mkdir()
    for place in (tmp_path, folder):
        (place / "secret.bin").write_bytes(b"\x3f" * 64)
    paths = [*([packages] if packages else []), ROOT / "tests", ROOT]
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES},) * 2); "
    program = f"{limit}import hostile_sessions as h; h.main({json.dumps([str(bundle)])})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, (done.returncode, lines[-1:], done.stderr[-500:])
    return {"version": lines[0], **dict(line.split("\t", 1) for line in lines[1:])}


def check_answers(answers: dict[str, str], bundle: Path) -> None:
    ours = int(load(bundle, provider="cpu", threads=1).sample().sum(dtype=np.float64))
    made = re.fullmatch(r"made (\d+)", answers[str(bundle)])
    assert made is not None
    assert abs(int(made[1]) - ours) < 0.01 * ours
    bad = {name: answers[name] for name in GRAPHS if not answers[name].startswith("refused")}
    assert not bad


def test_no_graph_ends_the_process_reads_files_or_eats_memory(bundle: Path, tmp_path: Path) -> None:
    answers = run_hostile(bundle, tmp_path)
    assert answers["version"] == ort.__version__
    check_answers(answers, bundle)


@pytest.mark.slow
def test_nor_with_the_oldest_onnx_runtime(bundle: Path, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (asked,) = project["optional-dependencies"]["cpu"]
    oldest = asked.replace(">=", "==")
    packages = tmp_path / "packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    got = subprocess.run(
        [*command, packages, oldest], capture_output=True, text=True, check=False, timeout=600
    )
    if got.returncode != 0:
        pytest.skip(f"{oldest} cannot be installed here: {got.stderr.strip()[-200:]}")
    answers = run_hostile(bundle, tmp_path, packages)
    assert answers["version"].startswith(oldest.partition("==")[2])
    check_answers(answers, bundle)
