from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petsgan_sdk.container import pack_array
from petsgan_sdk.diagnosis.doctor import probe_model
from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.flow import required_image, tensor_levels


@pytest.fixture
def factory() -> Any:
    from support import bundles  # noqa: PLC0415 - skips where onnx is absent

    return bundles


def test_a_good_bundle_is_unpacked_once(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert sorted(opened.graphs) == [
        "graphs/depnet.onnx",
        "graphs/features.onnx",
        "graphs/restoration.onnx",
    ]
    assert opened.arrays["arrays/texture.npy"].shape == (3, 48, 64)
    assert opened.size_bytes == bundle.stat().st_size
    assert len(opened.digest) == 64


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("graphs/depnet.onnx", "graph"),
        ("arrays/reference_values.npy", "patch_transfer"),
        ("arrays/texture.npy", "texture_transfer"),
    ],
)
def test_a_step_names_a_member_that_is_not_there(
    factory: Any, tmp_path: Path, member: str, kind: str
) -> None:
    path = factory.write_bundle(tmp_path / "b.petsgan", replaced={member: None})
    with pytest.raises(BundleError, match=f"a {kind} step must name a member .*, got '{member}'"):
        open_bundle(path)


def changed_steps(factory: Any, number: int, **changes: Any) -> dict[str, Any]:
    steps = factory.header()["steps"]
    steps[number].update(changes)
    return {"steps": steps}


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (3, {"inputs": {"image": "nothing"}}, r"steps\[3\] \(graph\) must read .*, got 'nothing'"),
        (4, {"query": "image"}, r"steps\[4\] \(patch_transfer\) must read .*, got 'image'"),
        (1, {"output": "noise"}, r"steps\[1\] \(position\) must make a new tensor, got 'noise'"),
        (4, {"index_output": None}, r"steps\[5\] \(texture_transfer\) must read"),
        (6, {"outputs": {"image": "other"}}, "output must be a tensor .*, got 'image'"),
        (4, {"index_output": "transferred"}, "must make a new tensor, got 'transferred'"),
    ],
)
def test_steps_that_do_not_fit(
    factory: Any, tmp_path: Path, number: int, changes: dict[str, Any], message: str
) -> None:
    steps = changed_steps(factory, number, **changes)
    path = factory.write_bundle(tmp_path / "b.petsgan", changes=steps)
    with pytest.raises(BundleError, match=message):
        open_bundle(path)


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (3, {"level": 0}, r"steps\[5\] \(graph\) must read .* one grid, got level 0 and level 1"),
        (4, {"level": None}, r"steps\[5\] .* one grid, got level 1 and the base grid"),
        (3, {"input": "nothing"}, r"steps\[3\] \(resize\) must read a tensor .*, got 'nothing'"),
        (3, {"input": "noise_0"}, r"steps\[3\] \(resize\) must read a map without a margin"),
    ],
)
def test_grids_that_do_not_fit(
    tmp_path: Path, number: int, changes: dict[str, Any], message: str
) -> None:
    from support import pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    steps = pyramid_bundles.header()["steps"]
    steps[1]["margin"] = 1
    steps[number].update(changes)
    path = pyramid_bundles.write_pyramid(tmp_path / "b.petsgan", changes={"steps": steps})
    with pytest.raises(BundleError, match=message):
        open_bundle(path)


def test_the_result_lies_on_the_base_grid(tmp_path: Path) -> None:
    from support import pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    path = pyramid_bundles.write_pyramid(tmp_path / "b.petsgan", changes={"output": "x1"})
    with pytest.raises(BundleError, match="output must lie on the base grid, got level 1"):
        open_bundle(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("a", "nothing")], r"entries\[0\]\.tensor must be a map .*, got 'nothing'"),
        ([("a", "noise_1")], r"entries\[0\]\.tensor must be a map .*, got 'noise_1'"),
        ([("a", "x2")], r"entries\[0\]\.tensor must be a map before the result .*, got 'x2'"),
        ([("a", "x1"), ("b", "x0")], r"entries\[1\] must come later .*, got 'x0'"),
        ([("a", "x0"), ("b", "x0")], r"entries\[1\] must come later .*, got 'x0'"),
        ([("a", "x0"), ("a", "x1")], r"entries\[1\]\.name must be a new name, got 'a' again"),
    ],
)
def test_entries_that_do_not_fit(
    tmp_path: Path, entries: list[tuple[str, str]], message: str
) -> None:
    from support import pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    named = [{"name": name, "tensor": tensor} for name, tensor in entries]
    path = pyramid_bundles.write_pyramid(tmp_path / "b.petsgan", changes={"entries": named})
    with pytest.raises(BundleError, match=message):
        open_bundle(path)


def test_only_the_first_entry_may_be_an_image_that_nobody_makes(
    factory: Any, tmp_path: Path
) -> None:
    steps = factory.header()["steps"][3:]  # without noise, positions and DEPNet
    entries = [{"name": "first", "tensor": "layout"}, {"name": "b", "tensor": "features"}]
    for given in (entries[:1], entries):
        path = factory.write_bundle(
            tmp_path / "b.petsgan", changes={"steps": steps, "entries": given}
        )
        manifest = open_bundle(path).manifest
        assert required_image(manifest) == "layout"
        assert tensor_levels(manifest)["layout"] is None
    for given in ([], entries[::-1]):
        changes = {"steps": steps, "entries": given}
        path = factory.write_bundle(tmp_path / "b.petsgan", changes=changes)
        with pytest.raises(BundleError, match=r"must read a tensor made before it .*got 'layout'"):
            open_bundle(path)
    assert required_image(factory.build_manifest()) is None


@pytest.mark.parametrize(
    ("member", "shape", "message"),
    [
        ("arrays/reference_values.npy", (3, 5, 8), r"must be \(3, 6, 8\), got \(3, 5, 8\)"),
        ("arrays/reference_values.npy", (6, 8), "must be float32 with 3 axes"),
        ("arrays/texture.npy", (3, 47, 64), r"must be \(3, 48, 64\)"),
        ("arrays/texture.npy", (1, 48, 64), r"must be \(3, 48, 64\)"),
        ("arrays/texture.npy", (3, 40, 64), r"must be \(3, 48, 64\)"),
    ],
)
def test_arrays_that_do_not_fit(
    factory: Any, tmp_path: Path, member: str, shape: tuple[int, ...], message: str
) -> None:
    replaced = {member: pack_array(np.zeros(shape, dtype=np.float32))}
    path = factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match=message):
        open_bundle(path)


def test_a_canvas_that_would_eat_the_memory(factory: Any, tmp_path: Path) -> None:
    path = factory.write_bundle(tmp_path / "b.petsgan", changes={"min_canvas_px": 1 << 20})
    with pytest.raises(BundleError, match="min_canvas_px must be at most 4096, got 1048576"):
        open_bundle(path)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (probe_model(), r"must have inputs \['image'\] and outputs \['features'\], got \['x'\]"),
        (b"no model at all", "must be an ONNX model"),
        (b"", "must be an ONNX model that a bundle may hold"),
    ],
    ids=["another", "text", "empty"],
)
def test_graphs_that_do_not_fit(factory: Any, tmp_path: Path, graph: bytes, message: str) -> None:
    pytest.importorskip("onnxruntime", reason="it loads the graphs")
    replaced = {"graphs/features.onnx": graph}
    path = factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match=message):
        load(path, provider="cpu")


def test_external_weights_are_refused(factory: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it loads the graphs")
    import onnx  # noqa: PLC0415
    from onnx.external_data_helper import set_external_data  # noqa: PLC0415

    model = onnx.load_from_string(factory.members()["graphs/features.onnx"])
    set_external_data(model.graph.initializer[0], "/etc/hostname")
    replaced = {"graphs/features.onnx": model.SerializeToString()}
    path = factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match="a tensor points at another file"):
        load(path, provider="cpu")


def test_a_query_with_other_channels_is_an_error_of_the_bundle(
    factory: Any, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="it runs the graphs")
    grid = np.ones((4, 6, 8), dtype=np.float32)
    replaced = {"arrays/reference_features.npy": pack_array(grid)}
    path = factory.write_bundle(tmp_path / "b.petsgan", replaced=replaced)
    with pytest.raises(BundleError, match=r"'features' must be \[N, 4, h, w\]"):
        load(path, provider="cpu").sample()


def test_a_result_of_the_wrong_size_is_an_error_of_the_bundle(factory: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it runs the graphs")
    path = factory.write_bundle(tmp_path / "b.petsgan", changes={"output": "transferred"})
    with pytest.raises(BundleError, match=r"'transferred' must be \(1, 3, 48, 64\), got"):
        load(path, provider="cpu").sample()
