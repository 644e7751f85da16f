from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from petsgan_sdk.checkpoint import (
    FORMAT,
    FORMAT_VERSION,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from petsgan_sdk.container import pack_array, write_container
from petsgan_sdk.errors import CheckpointError, OutputError
from petsgan_sdk.imaging import fit_size
from petsgan_sdk.runtime import describe
from petsgan_sdk.settings.presets import load_preset, to_dict

SOURCE = np.arange(32 * 40 * 3, dtype=np.uint32).astype(np.uint8).reshape(32, 40, 3)


def build(**changes):
    arrays = {
        "averaged/net.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "averaged/net.frozen": np.array(True),
        "optimizer.net/0.step": np.float32(7).reshape(()),
    }
    settings = {
        "settings": load_preset("fast", overrides={"training.steps": 9}),
        "steps_done": 4,
        "seconds": 1.5,
        "photo": SOURCE,
        "provenance": {"image": "cät.png", "threads": 2},
        "arrays": arrays,
    }
    return Checkpoint(**{**settings, **changes})


@pytest.fixture
def saved(tmp_path):
    save_checkpoint(tmp_path / "m.pt", build(), overwrite=False)
    return tmp_path / "m.pt"


def refused(path, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path)
    assert len(str(caught.value).splitlines()) == 1
    assert CheckpointError.exit_code == 2


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_round_trip(preset, tmp_path):
    checkpoint = build(settings=load_preset(preset))
    save_checkpoint(tmp_path / "m.pt", checkpoint, overwrite=False)
    loaded = load_checkpoint(tmp_path / "m.pt")
    for field in ("settings", "steps_done", "seconds", "provenance"):
        assert getattr(loaded, field) == getattr(checkpoint, field)
    np.testing.assert_array_equal(loaded.photo, SOURCE)
    assert loaded.arrays.keys() == checkpoint.arrays.keys()
    for name, array in checkpoint.arrays.items():
        assert (loaded.arrays[name].dtype, loaded.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded.arrays[name], array)
        assert loaded.arrays[name].flags.writeable


def test_finished(saved, tmp_path):
    assert not load_checkpoint(saved).is_finished
    save_checkpoint(tmp_path / "n.pt", build(steps_done=9), overwrite=False)
    assert load_checkpoint(tmp_path / "n.pt").is_finished


def test_is_a_zip_without_pickles_and_the_same_bytes_again(saved, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        names = archive.namelist()
    assert names[0] == "manifest.json"
    assert sorted(names[1:]) == [
        "arrays/averaged/net.frozen.npy",
        "arrays/averaged/net.weight.npy",
        "arrays/optimizer.net/0.step.npy",
        "source.npy",
    ]
    save_checkpoint(tmp_path / "again.pt", build(), overwrite=False)
    assert saved.read_bytes() == (tmp_path / "again.pt").read_bytes()


def test_keeps_what_exists_unless_told(saved):
    before = saved.read_bytes()
    with pytest.raises(OutputError, match="--force"):
        save_checkpoint(saved, build(steps_done=5), overwrite=False)
    assert saved.read_bytes() == before
    save_checkpoint(saved, build(steps_done=5), overwrite=True)
    assert load_checkpoint(saved).steps_done == 5


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.98, 0.9999])
def test_truncated(share, saved, tmp_path):
    content = saved.read_bytes()
    (tmp_path / "t.pt").write_bytes(content[: int(share * len(content))])
    refused(tmp_path / "t.pt", "must be a petsgan checkpoint, got")


def test_any_flipped_byte(saved, tmp_path):
    content = saved.read_bytes()
    path = tmp_path / "f.pt"
    for position in np.linspace(0, len(content) - 1, 60).astype(int):
        flipped = bytearray(content)
        flipped[position] ^= 0x10
        path.write_bytes(flipped)
        refused(path, "must be a petsgan checkpoint, got")


def test_no_file_and_folder(tmp_path):
    refused(tmp_path / "absent.pt", "got no file")
    refused(tmp_path, "got a folder")


def test_pickles_are_not_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    path = tmp_path / "p.pt"
    path.write_bytes(pickle.dumps({"a": Bomb()}))
    refused(path, "got a pickle, which could run code and is never loaded")
    torch = pytest.importorskip("torch")
    torch.save({"a": Bomb()}, path)
    refused(path, "got a torch checkpoint")
    torch.save({"a": Bomb()}, path, _use_new_zipfile_serialization=False)
    refused(path, "got a torch checkpoint")
    assert not (tmp_path / "ran").exists()


def test_members_that_leave_the_folder(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format": FORMAT, "format_version": 1}))
        archive.writestr("../evil.npy", b"x")
    (tmp_path / "m.pt").write_bytes(buffer.getvalue())
    refused(tmp_path / "m.pt", r"member '\.\./evil\.npy', which is a path with '\.\.'")


def test_another_version_and_a_bundle(tmp_path):
    for kind, version, message in [
        (FORMAT, FORMAT_VERSION + 1, "format version 3 where 2 is read; hint: update petsgan-sdk"),
        (FORMAT, 1, "format version 1 where 2 is read; hint: train again with this petsgan-sdk"),
        ("petsgan-bundle", 1, "got a petsgan bundle; hint: give the checkpoint that"),
    ]:
        path = tmp_path / f"{kind}.pt"
        write_container(
            path, format=kind, format_version=version, header={}, members={}, overwrite=True
        )
        refused(path, message)


def rewrite(path, *, header=None, members=None):
    """A whole, undamaged container with other contents; None takes a key or member out."""
    checkpoint = build()
    full = {
        "family": "petsgan",
        "config": to_dict(checkpoint.settings),
        "steps_done": 4,
        "seconds": 1.5,
        "provenance": {},
        **(header or {}),
    }
    contents = {
        "source.npy": pack_array(SOURCE),
        "arrays/averaged/net.weight.npy": pack_array(np.zeros(3, np.float32)),
        **(members or {}),
    }
    write_container(
        path,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        header={k: v for k, v in full.items() if v is not None},
        members={k: v for k, v in contents.items() if v is not None},
        overwrite=True,
    )
    return path


def changed(path, value):
    config = to_dict(build().settings)
    *tables, name = path.split(".")
    inner = config
    for table in tables:
        inner = inner[table]
    if value is None:
        del inner[name]
    else:
        inner[name] = value
    return {"config": config}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"config": None}, "checkpoint config: the whole must be a table, got None"),
        ({"config": []}, "checkpoint config: the whole must be a table"),
        (changed("depnet.depth", 3), r"checkpoint config: depnet\.depth is unknown"),
        (changed("depnet.width", None), r"config: depnet\.width must be given, got nothing"),
        (changed("depnet.width", 10**9), r"config: depnet\.width must be from 2 to 1024"),
        (changed("depnet.width", "64"), r"depnet\.width must be an integer, got '64'"),
        (
            changed("family", "petgan"),
            "config: family must be one of petsgan, exsingan, instant, got 'petgan'; did you mean "
            "'petsgan'",
        ),
        (changed("restoration.network", "restoration"), "restoration must be mending exactly"),
        ({"steps_done": None}, "checkpoint: steps_done must be given"),
        ({"steps_done": -1}, "checkpoint: steps_done must be 0 or more, got -1"),
        ({"steps_done": 10}, "checkpoint: steps_done must be at most 9, got 10"),
        ({"steps_done": 1.5}, "checkpoint: steps_done must be an integer"),
        ({"steps_done": True}, "checkpoint: steps_done must be an integer"),
        ({"seconds": "long"}, "checkpoint: seconds must be a number"),
        ({"provenance": [1]}, "checkpoint: provenance must be a table"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_headers_are_checked(header, message, tmp_path):
    refused(rewrite(tmp_path / "m.pt", header=header), message)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"source.npy": None}, "the photo must be stored as 'source.npy', got no such member"),
        ({"source.npy": b"\x93NUMPY"}, "source.npy: must be an array as petsgan-sdk packs it"),
        ({"source.npy": pack_array(SOURCE[0])}, "source.npy: array must be uint8 with 3 axes"),
        ({"source.npy": pack_array(SOURCE / 2.0)}, "source.npy: array must be uint8 with 3 axes"),
        ({"source.npy": pack_array(SOURCE[:, :, :2])}, r"shape \(H, W, 3\), .* got \(32, 40, 2\)"),
        ({"source.npy": pack_array(SOURCE[:31])}, r"multiples of 8 from 32, got \(31, 40, 3\)"),
        ({"source.npy": pack_array(SOURCE[:16])}, r"multiples of 8 from 32, got \(16, 40, 3\)"),
        ({"source.npy": pack_array(SOURCE[:0])}, r"multiples of 8 from 32, got \(0, 40, 3\)"),
        ({"arrays/x.npy": b""}, "arrays/x.npy: must be an array"),
        ({"arrays/x.txt": b"x"}, r"members must be 'source.npy' and .*, got 'arrays/x.txt'"),
        ({"evil.npy": pack_array(SOURCE)}, r"members must be 'source.npy' and .*, got 'evil.npy'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_members_are_checked(members, message, tmp_path):
    refused(rewrite(tmp_path / "m.pt", members=members), message)


def test_rewritten_is_readable(tmp_path):
    assert load_checkpoint(rewrite(tmp_path / "m.pt")).arrays.keys() == {"averaged/net.weight"}


def test_the_runtime_describes_the_same_format(saved):
    description = describe.describe_file(saved)
    assert description["kind"] == "checkpoint"
    assert description["steps_done"] == 4
    json.dumps(description)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "complex64"])
def test_refuses_weights_that_are_no_numbers(tmp_path, value, dtype):
    arrays = {**build().arrays, "averaged/net.weight": np.array([0, value]).astype(dtype)}
    save_checkpoint(tmp_path / "m.pt", build(arrays=arrays), overwrite=False)
    refused(tmp_path / "m.pt", "'arrays/averaged/net.weight.npy' must hold finite numbers")


@pytest.mark.parametrize("shape", [(40, 264, 3), (264, 40, 3), (32, 1032, 3), (32, 1 << 20, 3)])
def test_refuses_a_photo_larger_than_what_is_learned(tmp_path, shape):
    source = np.zeros(shape, np.uint8)
    save_checkpoint(tmp_path / "m.pt", build(photo=source), overwrite=False)
    refused(tmp_path / "m.pt", "source.npy must have sides up to 256, got")


@pytest.mark.parametrize("shape", [(32, 264, 3), (1024, 32, 3)])
def test_takes_a_panorama_as_training_makes_it(tmp_path, shape):
    source = np.zeros(shape, np.uint8)
    assert fit_size(shape[1], shape[0], max_size_px=256, multiple=8) == (shape[1], shape[0])
    save_checkpoint(tmp_path / "m.pt", build(photo=source), overwrite=False)
    assert load_checkpoint(tmp_path / "m.pt").photo.shape == shape


def test_messages_are_short_and_plain(tmp_path):
    hostile = "\x1b]0;title\x07" + "x" * 1_000_000
    config = to_dict(build().settings)
    for changed in (
        {"config": {**config, "family": hostile}},
        {"config": {**config, hostile: 1}},
        {"config": {**config, "preset": 1, "family": "petsgan"}},
        {"config": {**config, "depnet": {**config["depnet"], "positions": hostile}}},
        {"config": hostile},
        {"config": config, "steps_done": hostile},
        {"config": config, "steps_done": 10**39},
    ):
        header = {"steps_done": 1, "seconds": 1.0, "provenance": {}, **changed}
        write_container(
            tmp_path / "m.pt",
            format=FORMAT,
            format_version=FORMAT_VERSION,
            header=header,
            members={"source.npy": pack_array(SOURCE)},
            overwrite=True,
        )
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(tmp_path / "m.pt")
        assert len(str(caught.value)) < 700
        assert str(caught.value).isprintable()
