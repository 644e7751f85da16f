"""Files that are no bundle, or no longer: every command refuses them in one line."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
from support.commands import refused, runner

from petsgan_sdk.cli import app

pytest.importorskip("onnxruntime", reason="generating needs onnxruntime")


def bad_bundles(bundle: Path, folder: Path) -> dict[str, Path]:
    raw = bundle.read_bytes()
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 1
    contents = {
        "truncated": raw[: len(raw) // 2],
        "last byte lost": raw[:-1],
        "flipped": bytes(flipped),
        "wrong version": raw.replace(b'"format_version": 1', b'"format_version": 9'),
        "checkpoint": raw.replace(b"petsgan-bundle", b"petsgan-chkpnt"),
        "pickle": pickle.dumps({"a": 1}),
        "text": b"not a bundle\n",
        "empty": b"",
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / f"{name}.petsgan"
        paths[name].write_bytes(content)
    for name, member in {"dots": "../evil", "absolute": "/evil", "link": "c:\\evil"}.items():
        paths[name] = folder / f"{name}.petsgan"
        shutil.copy(bundle, paths[name])
        with zipfile.ZipFile(paths[name], "a") as archive:
            archive.writestr(member, b"x")
    paths["bomb"] = folder / "bomb.petsgan"
    with zipfile.ZipFile(paths["bomb"], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr("zeros", bytes(50_000_000))
    paths["folder"] = folder
    paths["missing"] = folder / "missing.petsgan"
    return paths


@pytest.mark.parametrize("command", ["generate", "bench"])
def test_bad_bundles(bundle: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "bad").mkdir()
    for name, path in bad_bundles(bundle, tmp_path / "bad").items():
        extra = ["-o", str(tmp_path / "out")] if command == "generate" else []
        line = refused(runner.invoke(app, [command, str(path), *extra]))
        assert str(path) in line, name
        assert not (tmp_path / "out").exists()


def test_info_of_bad_bundles(bundle: Path, tmp_path: Path) -> None:
    for path in bad_bundles(bundle, tmp_path).values():
        refused(runner.invoke(app, ["info", str(path), "--json"]))
