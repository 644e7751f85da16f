from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petsgan_sdk.checkpoint import FORMAT_VERSION
from petsgan_sdk.container import write_container
from petsgan_sdk.errors import BundleError, CheckpointError, InputError
from petsgan_sdk.runtime.describe import describe_file


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    write_container(
        path,
        format="petsgan-checkpoint",
        format_version=FORMAT_VERSION,
        header={"family": "petsgan", "step": 40},
        members={"weights/a.npy": b"123"},
        overwrite=False,
    )
    return path


def test_bundle(bundle: Path) -> None:
    found = describe_file(bundle)
    assert found["kind"] == "bundle"
    assert found["bytes"] == bundle.stat().st_size
    assert found["size"] == [64, 48]
    assert [step["kind"] for step in found["steps"]][:2] == ["noise", "position"]
    assert (found["layouts"], found["knobs"]) == (["network"], [])
    json.dumps(found, allow_nan=False)


def test_a_bundle_that_draws_places(synthesis_bundle: Path) -> None:
    found = describe_file(synthesis_bundle)
    assert found["layouts"] == ["synthesis"]
    assert found["knobs"] == ["variation", "fill", "pins"]
    json.dumps(found, allow_nan=False)


def test_checkpoint(checkpoint: Path) -> None:
    found = describe_file(checkpoint)
    assert found["kind"] == "checkpoint"
    assert found["step"] == 40
    assert found["members"] == {"weights/a.npy": 3}


def test_a_header_does_not_speak_for_the_file(tmp_path: Path) -> None:
    header = {"kind": "bundle", "path": "/elsewhere", "bytes": 1, "digest": "0", "steps": [1]}
    path = tmp_path / "model.pt"
    kind = {"format": "petsgan-checkpoint", "format_version": FORMAT_VERSION}
    write_container(path, header=header, members={}, overwrite=False, **kind)
    found = describe_file(path)
    assert (found["kind"], found["path"]) == ("checkpoint", str(path))
    assert found["bytes"] == path.stat().st_size
    assert len(found["digest"]) == 64
    assert found["members"] == {}
    assert found["steps"] == [1]


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_manifest_is_not_unpacked(tmp_path: Path, compression: int) -> None:
    """Nor one that is damaged, of which each way to unpack has errors of its own."""
    path = tmp_path / "a.petsgan"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("manifest.json", b'{"format": "petsgan-bundle"}' + b" " * 10_000)
    raw = bytearray(path.read_bytes())
    for at in (30 + len("manifest.json") + k for k in range(8)):
        raw[at] ^= 0xFF
    for content in (path.read_bytes(), bytes(raw)):
        path.write_bytes(content)
        with pytest.raises(BundleError, match=r"'manifest\.json', which is compressed"):
            describe_file(path)


def test_a_damaged_checkpoint_is_a_checkpoint_error(checkpoint: Path) -> None:
    raw = bytearray(checkpoint.read_bytes())
    raw[raw.index(b"123")] ^= 1
    checkpoint.write_bytes(raw)
    with pytest.raises(CheckpointError):
        describe_file(checkpoint)


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_byte_is_found(bundle: Path, tmp_path: Path, at: float) -> None:
    raw = bytearray(bundle.read_bytes())
    raw[int(at * len(raw))] ^= 0x10
    damaged = tmp_path / "b.petsgan"
    damaged.write_bytes(raw)
    with pytest.raises((BundleError, InputError)):
        describe_file(damaged)


def write_others(folder: Path) -> dict[str, str]:
    image = Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8))
    for name in ("a.png", "a.jpg", "a.webp", "a.gif"):
        image.save(folder / name)
    (folder / "text.petsgan").write_text("hello\nworld\n")
    (folder / "empty.pt").write_bytes(b"")
    (folder / "old.pt").write_bytes(pickle.dumps({"a": 1}))
    (folder / "noise.bin").write_bytes(bytes(range(128, 256)))
    np.save(folder / "a.npy", np.zeros(3))
    return {
        "a.png": "a PNG image",
        "a.jpg": "a JPEG image",
        "a.webp": "a WEBP image",
        "a.gif": "a GIF image",
        "text.petsgan": "a text file",
        "empty.pt": "an empty file",
        "old.pt": "a pickle",
        "noise.bin": "a binary file",
        "a.npy": "an array of NumPy",
    }


def test_other_files_are_named(tmp_path: Path) -> None:
    for name, kind in write_others(tmp_path).items():
        with pytest.raises(InputError, match=f"must be a checkpoint or a bundle, got {kind}"):
            describe_file(tmp_path / name)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        describe_file(tmp_path / "none")
    with pytest.raises(InputError, match="got a folder"):
        describe_file(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        describe_file(Path("a\0b"))
