from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.output.batch import generate_images
from petsgan_sdk.output.batch_plan import BatchPlan, plan_batch
from petsgan_sdk.output.shards import read_samples, write_samples
from petsgan_sdk.runtime import Sampler

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


def plan(bundle: Path, path: Path, **changes: Any) -> BatchPlan:
    return plan_batch(bundle, path, **{"count": 5, "size_px": (40, 24), "seed": 3, **changes})


def contents(path: Path) -> dict[str, bytes]:
    """What another reader finds, in order."""
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


def test_samples_and_sidecars(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    planned = plan(bundle, tmp_path / "new" / "a.tar", sidecars=True)
    generate_images(sampler, planned)
    found = contents(tmp_path / "new" / "a.tar")
    keys = [f"{k:06d}" for k in range(5)]
    assert list(found) == [f"{key}.{kind}" for key in keys for kind in ("png", "json")]
    images = sampler.sample(5, height=24, width=40, seed=3)
    for number, key in enumerate(keys):
        with Image.open(io.BytesIO(found[f"{key}.png"])) as opened:
            np.testing.assert_array_equal(np.asarray(opened), images[number])
        facts = json.loads(found[f"{key}.json"])
        assert facts.pop("model") == sampler.info()["digest"]
        assert facts == {"seed": 3, "index": number, "width": 40, "height": 24}


def test_nothing_of_this_machine_is_in_a_tar(
    bundle: Path, sampler: Sampler, tmp_path: Path
) -> None:
    generate_images(sampler, plan(bundle, tmp_path / "a.tar"))
    with tarfile.open(tmp_path / "a.tar") as archive:
        for entry in archive:
            assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (
                0,
                0,
                0,
                "",
                "",
            )
            assert entry.mode == 0o644
    raw = (tmp_path / "a.tar").read_bytes()
    assert raw[257:265] == b"ustar\x0000"
    assert len(raw) % tarfile.RECORDSIZE == 0


@pytest.mark.parametrize(("size", "expected"), [(2, [2, 2, 1]), (5, [5]), (7, [5]), (1, [1] * 5)])
def test_shards(
    bundle: Path, sampler: Sampler, tmp_path: Path, size: int, expected: list[int]
) -> None:
    planned = plan(bundle, tmp_path / "a.tar", shard_size=size, extension="jpg")
    generate_images(sampler, planned, at_once=2)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [f"a-{k:06d}.tar" for k in range(len(expected))]
    found = [contents(path) for path in files]
    assert [len(part) for part in found] == expected
    assert [name for part in found for name in part] == [f"{k:06d}.jpg" for k in range(5)]
    whole = plan(bundle, tmp_path / "whole.tar", extension="jpg")
    generate_images(sampler, whole)
    assert {k: v for part in found for k, v in part.items()} == contents(tmp_path / "whole.tar")


def test_names_that_ustar_cannot_hold(tmp_path: Path) -> None:
    samples = [("a.png", b"1"), ("é" * 80 + "x" * 90 + ".png", b"22"), ("b", bytes(512))]
    (tmp_path / "a.tar").write_bytes(b"".join(write_samples(samples)))
    assert list(contents(tmp_path / "a.tar").items()) == samples
    assert list(read_samples(tmp_path / "a.tar")) == samples


@pytest.mark.parametrize("kept", [0, 1, 600, 2048, 9000])
def test_a_tar_that_is_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    raw = b"".join(write_samples([("a", bytes(100)), ("b", b"x" * 7000)]))
    (tmp_path / "a.tar").write_bytes(raw[:kept])
    with pytest.raises(tarfile.TarError):
        list(read_samples(tmp_path / "a.tar"))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("a.tar", {"shard_size": 0}, "shard size must be an integer from 1"),
        ("a", {"shard_size": 2}, "--shard-size needs an output that ends in .tar"),
        ("a", {"sidecars": True}, "--sidecars needs an output that ends in .tar"),
        ("a.tar", {"template": "v1.{index}"}, "keys without a dot"),
        ("a.tar", {"template": "{seed}"}, "its own name"),
        ("a.tar", {"overwrite": True, "resume": True}, "choose one"),
    ],
)
def test_refused_and_nothing_written(
    bundle: Path, tmp_path: Path, name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(bundle, tmp_path / name, **changes)
    assert list(tmp_path.iterdir()) == []


def test_existing_shards_need_force(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    (tmp_path / "a-000001.tar").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"a-000001.tar' exists; .* --resume, .* --force"):
        plan(bundle, tmp_path / "a.tar", shard_size=3)
    generate_images(sampler, plan(bundle, tmp_path / "a.tar", shard_size=3, overwrite=True))
    assert len(contents(tmp_path / "a-000001.tar")) == 2
    (tmp_path / "b.tar").mkdir()
    with pytest.raises(OutputError, match="got the folder"):
        plan(bundle, tmp_path / "b.tar", overwrite=True)
