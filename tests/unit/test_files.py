from __future__ import annotations

import errno
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from petsgan_sdk.errors import OutputError
from petsgan_sdk.files import (
    atomic,
    atomic_write,
    check_distinct,
    check_writable,
    remove_abandoned,
    shown_cache,
    temporary_folder,
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


def test_every_file_is_checked_and_every_folder_probed_once(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    real, synced = os.fsync, []
    monkeypatch.setattr(atomic.os, "fsync", lambda file: (synced.append(file), real(file)))
    paths = [tmp_path / name for name in ("a", "sub/b", "c", "sub/d")]
    check_writable(*paths, overwrite=False)
    assert len(synced) == 2
    paths[3].write_bytes(b"old")
    with pytest.raises(OutputError, match="d' must not exist yet"):
        check_writable(*paths, overwrite=False)
    assert len(synced) == 2
    assert _names(tmp_path) == ["sub"]


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
        monkeypatch.setattr(atomic.os, "fsync", fail)
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


def _leave(folder, name="0123456789ab"):
    left = folder / f".petsgan-{name}.tmp"
    left.write_bytes(b"left by a writer that was killed")
    return left


def _use_folder(path):
    with temporary_folder(path):
        pass


@pytest.mark.parametrize(
    ("name", "write"),
    [("open", lambda path: atomic_write(path, b"x", overwrite=False)), ("mkdir", _use_folder)],
    ids=["file", "folder"],
)
def test_a_signal_right_after_it_was_made_leaves_nothing(tmp_path, monkeypatch, name, write):
    make = getattr(Path, name)

    def interrupted(path, *arguments, **named):
        made = make(path, *arguments, **named)
        if made is not None:
            made.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out")
    assert _names(tmp_path) == []


def test_the_folder_of_a_living_writer_is_not_removed_and_that_of_a_killed_one_is(tmp_path):
    left = tmp_path / ".petsgan-0123456789ab.tmp"
    (left / "made").mkdir(parents=True)
    with temporary_folder(tmp_path / "out") as folder:
        assert not left.exists()
        (folder / "made").write_bytes(b"x")
        remove_abandoned(tmp_path)
        (folder / "made").rename(tmp_path / "out")
    assert _names(tmp_path) == ["out"]
    missing = tmp_path / "a" / "b"
    with pytest.raises(OutputError, match="must be writable"), temporary_folder(missing):
        pass


@pytest.mark.parametrize("write", [atomic_write, check_writable])
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path, write):
    left = _leave(tmp_path)
    arguments = (b"x",) if write is atomic_write else ()
    write(tmp_path / "out", *arguments, overwrite=False)
    assert not left.exists()


def test_a_folder_is_looked_through_once(tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(atomic, "remove_abandoned", looked.append)
    (tmp_path / "b").mkdir()
    for name in ("1", "2", "b/1", "3", "b/2"):
        atomic_write(tmp_path / name, b"x", overwrite=False)
    assert looked == [tmp_path, tmp_path / "b"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_has_the_name_of_an_abandoned_file_and_is_none_stays(tmp_path):
    (tmp_path / "kept").write_bytes(b"x")
    os.mkfifo(tmp_path / ".petsgan-pipe.tmp")
    (tmp_path / ".petsgan-link.tmp").symlink_to(tmp_path / "kept")
    (tmp_path / ".petsgan-folder.tmp").mkdir()
    before = _names(tmp_path)
    remove_abandoned(tmp_path)
    assert _names(tmp_path) == before
    remove_abandoned(tmp_path / "missing")


def test_a_file_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(
    tmp_path, monkeypatch
):
    lock, taken = atomic._lock, []

    def late(file):
        if not taken:
            taken.append(file.name)
            monkeypatch.setattr(atomic, "_lock", lock)
            remove_abandoned(tmp_path)
            monkeypatch.setattr(atomic, "_lock", late)
        lock(file)

    remove_abandoned(tmp_path)
    monkeypatch.setattr(atomic, "_lock", late)
    atomic_write(tmp_path / "out", b"whole", overwrite=False)
    assert len(taken) == 1
    assert (tmp_path / "out").read_bytes() == b"whole"
    assert _names(tmp_path) == ["out"]


def test_a_file_stays_locked_until_it_has_its_name(tmp_path, monkeypatch):
    check = atomic._check_target

    def checking(path, *, overwrite):
        remove_abandoned(tmp_path)
        check(path, overwrite=overwrite)

    monkeypatch.setattr(atomic, "_check_target", checking)
    for overwrite in (False, True):
        atomic_write(tmp_path / "out", b"whole", overwrite=overwrite)
    assert _names(tmp_path) == ["out"]


def _write_new(path, barrier, text):
    barrier.wait()
    try:
        atomic_write(path, text, overwrite=False)
    except OutputError as exc:
        assert "must not exist yet, got a file" in str(exc)  # noqa: PT017 - one of several
        return False
    return True


def _no_links(self, target):
    raise PermissionError(errno.EPERM, "no links here", str(self), None, str(target))


@pytest.mark.parametrize("has_links", [True, False])
def test_of_threads_that_make_one_file_one_succeeds(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    # Every writer has looked, and seen no file, before the first gives its own the name.
    barrier, check = threading.Barrier(4), atomic._check_target
    calls = threading.local()

    def together(path, *, overwrite):
        check(path, overwrite=overwrite)
        calls.number = getattr(calls, "number", 0) + 1
        if calls.number == 2:
            barrier.wait()

    monkeypatch.setattr(atomic, "_check_target", together)
    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        texts = [b"one", b"two", b"three", b"four"]
        ok = list(pool.map(lambda text: _write_new(tmp_path / "a", start, text), texts))
    assert ok.count(True) == 1
    assert (tmp_path / "a").read_bytes() == texts[ok.index(True)]
    assert _names(tmp_path) == ["a"]


def _process(folder, barrier, text, answers):
    answers.put([_write_new(folder / str(number), barrier, text) for number in range(40)])


def test_of_processes_that_make_one_file_one_succeeds(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    writers = [
        context.Process(target=_process, args=(tmp_path, barrier, text, answers))
        for text in (b"one", b"two")
    ]
    for writer in writers:
        writer.start()
    found = [answers.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    assert [left + right for left, right in zip(*found, strict=True)] == [1] * 40
    assert _names(tmp_path) == sorted(map(str, range(40)))


def test_a_file_that_cannot_be_given_its_name_leaves_no_empty_one(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "hardlink_to", _no_links)

    def fail(*_args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="must be writable"):
        atomic_write(tmp_path / "a", b"x", overwrite=False)
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("platform", "variable", "parts"),
    [
        ("linux", "XDG_CACHE_HOME", ("petsgan-sdk",)),
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


@pytest.mark.parametrize("home", [None, "relative/home"])
def test_no_home_is_no_cache(monkeypatch, home):
    def unknown():
        raise RuntimeError

    monkeypatch.setattr("sys.platform", "linux")
    for name in ("PETSGAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is None:
        monkeypatch.setattr(Path, "home", unknown)
    else:
        monkeypatch.setenv("HOME", home)
    assert user_cache() is None
    assert shown_cache("weights") == os.path.join("$PETSGAN_CACHE", "weights")  # noqa: PTH118
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/cache")
    assert user_cache() is None
    monkeypatch.setenv("PETSGAN_CACHE", "mine")
    assert user_cache() == Path("mine")
