"""A checkpoint with a fitted photo becomes a bundle of two layouts; other forms hold one."""

from __future__ import annotations

import numpy as np
import onnx

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.export import export_bundle, tensorrt_folder
from petsgan_sdk.export.onnx_file import export_onnx
from petsgan_sdk.export.tensorrt_folder import export_tensorrt
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.flow import network_path


def test_the_bundle_makes_both(exported, before):
    old = export_bundle(before, before.with_suffix(".petsgan"), overwrite=True).bundle
    new, alone = open_bundle(exported), open_bundle(old)
    assert alone.manifest.layouts == {}
    assert network_path(new.manifest).steps == alone.manifest.steps
    assert {*alone.member_sizes_bytes} == {
        name for name in new.member_sizes_bytes if not name.startswith("synthesis/")
    }
    both, one = (load(path, provider="cpu", threads=1) for path in (exported, old))
    assert both.info()["layouts"] == ["network", "synthesis"]
    assert one.info()["layouts"] == ["network"]
    plain = one.sample(height=80, width=120, seed=3)
    np.testing.assert_array_equal(
        both.sample(height=80, width=120, seed=3, layout="network"), plain
    )
    image = both.sample(height=200, width=120, seed=3)
    again = both.sample(height=200, width=120, seed=3, layout="synthesis")
    np.testing.assert_array_equal(image, again)


def test_places_use_noise_of_their_own(exported):
    """The two ways of one seed do not draw the same numbers."""
    steps = open_bundle(exported).manifest.steps
    drawn = [step.stage for step in steps if hasattr(step, "stage")]
    assert drawn == [0, 1]


def test_variation_0_gives_the_photo_back(exported, trained):
    image = load(exported, provider="cpu", threads=1).sample(variation=0)[0]
    photo = load_checkpoint(trained).photo
    np.testing.assert_array_equal(image, photo)


def test_one_onnx_file_holds_the_network_alone(trained, before, tmp_path):
    for name, path in (("new", trained), ("old", before)):
        export_onnx(path, tmp_path / f"{name}.onnx")
    new, old = (onnx.load(tmp_path / f"{name}.onnx") for name in ("new", "old"))
    assert new.graph == old.graph
    assert "synthesis/" not in str(new.metadata_props)


def test_the_folder_of_tensorrt_holds_the_network_alone(trained, tmp_path, monkeypatch):
    def missing():
        msg = "TensorRT is not there"
        raise BackendUnavailableError(msg)

    monkeypatch.setattr(tensorrt_folder, "find_target", missing)
    folder = export_tensorrt(trained, tmp_path / "out").folder
    assert not [path for path in folder.rglob("*") if "synthesis" in path.name]
    manifest = open_bundle(folder / "model.petsgan").manifest
    assert manifest.layouts == {}
    assert not any(step.takes_knobs for step in manifest.steps)
