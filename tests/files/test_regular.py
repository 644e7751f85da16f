from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from petsgan_sdk.files.regular import describe_failure, open_regular, read_small


def test_open_regular(tmp_path):
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"bytes"
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "missing")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(tmp_path / "loop")
    with pytest.raises(OSError, match="a folder"):
        open_regular(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("swapped", [False, True])
def test_a_pipe_or_device_is_refused_at_once(tmp_path, monkeypatch, swapped):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    paths = [tmp_path / "pipe", Path("/dev/zero")]
    if swapped:  # it was a file when it was looked at
        (tmp_path / "file").write_bytes(b"x")
        regular = (tmp_path / "file").stat()
        monkeypatch.setattr(Path, "stat", lambda _: regular)
    else:
        paths.append(tmp_path / "socket")
    for path in paths:
        with pytest.raises(OSError, match="a device, pipe or socket"):
            open_regular(path)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("missing", "no file"),
        ("file/below", "no file"),
        (".", "a folder"),
        ("loop", "one that cannot be read (too many levels of symbolic links)"),
        ("nul\0", "one that cannot be read (embedded null byte)"),
        ("/dev/null", "a device, pipe or socket"),
    ],
)
def test_what_was_found_instead(tmp_path, name, found):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises((OSError, ValueError)) as caught:
        open_regular(tmp_path / name)
    assert describe_failure(caught.value) == found


def test_read_small(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_small(tmp_path / "file", max_bytes=5) == b"12345"
    with pytest.raises(OSError, match="a file of more than 4 bytes"):
        read_small(tmp_path / "file", max_bytes=4)
    os.truncate(tmp_path / "file", 1 << 40)  # takes no space
    with pytest.raises(OSError, match="a file of more than 4 bytes"):
        read_small(tmp_path / "file", max_bytes=4)
