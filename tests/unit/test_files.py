from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from petsgan_sdk import files
from petsgan_sdk.errors import OutputError
from petsgan_sdk.files import (
    atomic_write,
    check_distinct,
    check_writable,
    remove_abandoned,
    user_cache,
)


def _names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("data", [b"", b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_writes_bytes(tmp_path, data):
    target = tmp_path / "a.bin"
    atomic_write(target, data, overwrite=False)
    assert target.read_bytes() == bytes(data)
    assert _names(tmp_path) == ["a.bin"]


def test_writes_chunks(tmp_path):
    atomic_write(tmp_path / "a", (bytes([i]) * 3 for i in range(4)), overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"\0\0\0\1\1\1\2\2\2\3\3\3"


def test_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    target = tmp_path / ("a" * 255)
    atomic_write(target, b"x", overwrite=False)
    assert target.read_bytes() == b"x"


def test_existing_file_is_kept_without_overwrite(tmp_path):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    for call in (
        lambda: atomic_write(target, b"new", overwrite=False),
        lambda: check_writable(target, overwrite=False),
    ):
        with pytest.raises(OutputError, match=r"must not exist yet, got a file; hint: --force"):
            call()
    assert target.read_bytes() == b"old"
    check_writable(target, overwrite=True)
    assert target.read_bytes() == b"old"
    atomic_write(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"


def test_a_file_that_appears_while_writing_is_kept(tmp_path):
    target = tmp_path / "a"

    def chunks():
        yield b"x"
        target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="must not exist yet"):
        atomic_write(target, chunks(), overwrite=False)
    assert target.read_bytes() == b"theirs"
    assert _names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/a", r"folder '.*missing' must exist, got nothing; hint: mkdir -p"),
        ("file/a", r"folder '.*file' must exist, got a file"),
        ("folder", "must be a file name, got a folder"),
        ("n" * 300, "must be writable, got 'file name too long'"),
        ("nul\0byte", "must be writable, got '.*null"),
    ],
)
def test_refuses_a_target_that_cannot_be_written(tmp_path, name, message):
    (tmp_path / "file").write_bytes(b"f")
    (tmp_path / "folder").mkdir()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=message):
            atomic_write(tmp_path / name, b"x", overwrite=overwrite)
        with pytest.raises(OutputError, match=message):
            check_writable(tmp_path / name, overwrite=overwrite)
    assert _names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="got a device, pipe or socket"):
        atomic_write(tmp_path / "pipe", b"x", overwrite=True)


def test_a_link_counts_as_existing_and_is_replaced_not_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"real")
    for link, target in (("link", "real"), ("dangling", "nowhere")):
        (tmp_path / link).symlink_to(tmp_path / target)
        with pytest.raises(OutputError, match="must not exist yet"):
            atomic_write(tmp_path / link, b"x", overwrite=False)
        atomic_write(tmp_path / link, b"x", overwrite=True)
        assert not (tmp_path / link).is_symlink()
    assert (tmp_path / "real").read_bytes() == b"real"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="must be writable, got 'permission denied'"):
            check_writable(tmp_path / "a", overwrite=False)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "open"])
@pytest.mark.parametrize("existing", [None, b"old"])
def test_disk_failures_leave_nothing_behind(tmp_path, monkeypatch, code, call, existing):
    target = tmp_path / "a"
    if existing is not None:
        target.write_bytes(existing)

    def fail(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    if call == "fsync":
        monkeypatch.setattr(files.os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "open", fail)
    message = os.strerror(code).lower()
    with pytest.raises(OutputError, match=message):
        atomic_write(target, b"x" * 10, overwrite=True)
    with pytest.raises(OutputError, match=message):
        check_writable(target, overwrite=True)
    monkeypatch.undo()
    assert _names(tmp_path) == ([] if existing is None else ["a"])
    if existing is not None:
        assert target.read_bytes() == existing


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, RuntimeError])
def test_an_error_in_the_data_passes_through(tmp_path, error):
    (tmp_path / "a").write_bytes(b"old")

    def chunks():
        yield b"x"
        raise error

    with pytest.raises(error) as caught:
        atomic_write(tmp_path / "a", chunks(), overwrite=True)
    assert not isinstance(caught.value, OutputError)
    assert _names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_check_distinct(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "b").write_bytes(b"x")
    check_distinct(tmp_path / "a")
    check_distinct(tmp_path / "new", tmp_path / "a", tmp_path / "b")
    check_distinct(tmp_path / "loop", tmp_path / "a")
    for name in ("a", "link", "hard", "../" + tmp_path.name + "/a"):
        with pytest.raises(OutputError, match="must not be the input"):
            check_distinct(tmp_path / name, tmp_path / "b", tmp_path / "a")
    with pytest.raises(OutputError, match="must not be the input"):
        check_distinct(tmp_path / "new", tmp_path / "." / "new")


def test_the_file_of_a_living_writer_is_not_removed(tmp_path):
    pytest.importorskip("fcntl", reason="no locks here: an open file cannot be removed instead")
    left = tmp_path / ".petsgan-000000000000.tmp"
    left.write_bytes(b"left by a writer that was killed")

    def chunks():
        yield b"first "
        remove_abandoned(tmp_path)
        assert len(list(tmp_path.glob(".petsgan-*.tmp"))) == 1
        yield b"second"

    atomic_write(tmp_path / "out", chunks(), overwrite=False)
    assert (tmp_path / "out").read_bytes() == b"first second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("platform", "variable", "parts"),
    [
        ("linux", "XDG_CACHE_HOME", ("petsgan-sdk",)),
        ("win32", "LOCALAPPDATA", ("petsgan-sdk",)),
        ("darwin", "HOME", ("Library", "Caches", "petsgan-sdk")),
    ],
)
def test_the_users_cache(monkeypatch, tmp_path, platform, variable, parts):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.delenv("PETSGAN_CACHE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    assert user_cache() == tmp_path.joinpath(*parts)
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "mine"))
    assert user_cache() == tmp_path / "mine"
