"""Inputs that are pipes, devices, sockets, folders, loops, empty or not to be read: every command
refuses each of them at once, and SIGTERM is never waited out.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import ROOT
from support.pictures import noise_picture

from petsgan_sdk.imaging import save_image

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here"),
]
pytest.importorskip("onnxruntime", reason="bundles are read with onnxruntime here")
pytest.importorskip("torch", reason="training and judging need torch")

# Each in turn in one process, as a start takes longer than all of them.
SCRIPT = """
import faulthandler, json, sys
sys.path.insert(0, sys.argv[1])
faulthandler.dump_traceback_later(100, exit=True)
from typer.testing import CliRunner
from petsgan_sdk.cli import app
runner = CliRunner()
for words in json.load(sys.stdin):
    done = runner.invoke(app, words)
    print(json.dumps([words, done.exit_code, done.stderr]), flush=True)
"""


@contextmanager
def special_files(folder: Path) -> Iterator[list[str]]:
    """Paths of things that are no files of bytes."""
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "empty").touch()
    (folder / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        names = ["pipe", "folder", "loop", "empty", "link", "socket", "missing"]
        yield [*(str(folder / name) for name in names), "/dev/zero", "/dev/null", "/dev/stdin"]


def test_every_input_of_every_command(bundle: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    save_image(photo, noise_picture(48, 64, seed=0))
    commands: list[list[str]] = []
    with special_files(tmp_path) as specials:
        for file in specials:
            commands += [
                ["info", file],
                ["generate", file, "-o", str(tmp_path / "out")],
                ["generate", file, "-o", str(tmp_path / "out.png")],
                ["bench", file],
                ["build", file],
                ["paint", file, str(photo)],
                ["paint", str(bundle), file],
                ["edit", str(bundle), str(photo), "--mask", file],
                ["edit", str(bundle), str(photo), "--source", file],
                ["stylize", str(bundle), str(photo), "--source", file],
                ["evaluate", str(bundle), file, "--metrics", "ssim"],
                ["evaluate", file, str(photo), "--metrics", "ssim"],
                ["evaluate", str(bundle), str(photo), "--metrics", "sifid", "--inception", file],
                ["evaluate", str(bundle), str(photo), "--metrics", "lpips", "--lpips", file],
                ["export", file, "-o", str(tmp_path / "out.petsgan")],
                ["train", file, "-o", str(tmp_path / "out.pt")],
                [
                    "train",
                    str(photo),
                    "-o",
                    str(tmp_path / "out.pt"),
                    "--features",
                    f"vgg19:{file}",
                ],
                ["train", str(photo), "-o", str(tmp_path / "out.pt"), "--prior", f"biggan:{file}"],
                ["train", str(photo), "-o", str(tmp_path / "out.pt"), "--prior", f"folder:{file}"],
            ]
        # Named as presets are.
        for name in ("pipe", "folder", "loop", "missing"):
            (tmp_path / f"{name}.toml").symlink_to(name)
            words = ["train", str(photo), "-o", str(tmp_path / "out.pt"), "--preset"]
            commands.append([*words, str(tmp_path / f"{name}.toml")])
        (tmp_path / "zero.toml").symlink_to("/dev/zero")
        commands.append([*words, str(tmp_path / "zero.toml")])
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(ROOT)],
            input=json.dumps(commands).encode(),
            capture_output=True,
            cwd=tmp_path,
            check=False,
            timeout=300,
        )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [words for words, _, _ in results] == commands, done.stderr.decode()
    for words, code, stderr in results:
        assert code in (2, 3), (words, stderr)
        assert stderr.count("error: ") == 1, (words, stderr)
        assert "unexpected" not in stderr, (words, stderr)
    assert not list(tmp_path.glob("out*"))
