from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from petsgan_sdk.errors import ConfigError, EngineError, OutputError
from petsgan_sdk.runtime.tensorrt import cache as cache_module
from petsgan_sdk.runtime.tensorrt.cache import DEFAULT_LIMIT_BYTES, EngineCache, cache_folder
from petsgan_sdk.runtime.tensorrt.key import EngineKey

REPORT = {"outputs": {"features": [[1, 6, 4, 4]] * 3}, "layers": 3, "seconds": 0.5}


def test_what_is_put_is_got(cache, key):
    assert cache.get(key) is None
    assert cache.entries() == []
    entry = cache.put(key, b"plan", REPORT)
    assert cache.get(key) == entry
    assert (entry.read(), entry.report, entry.size_bytes) == (b"plan", REPORT, 4)
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_the_key_can_be_read_by_people(cache, key):
    entry = cache.put(key, b"plan", REPORT)
    described = json.loads(entry.description.read_text(encoding="utf-8"))
    assert described["key"] == {
        "bundle": key.bundle,
        "graph": "graphs/features.onnx",
        "flavour": "tensorrt",
        "version": "11.4.0.106",
        "gpu": "NVIDIA Example",
        "compute_capability": "9.0",
        "precision": "fp32",
        "profile": {"image": ["1x3x4x4", "1x3x8x8", "1x3x16x16"]},
    }
    assert EngineKey.from_json(described["key"]) == key


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(EngineKey)])
def test_every_field_makes_another_engine(cache, key, name):
    changed = {"image": ((1, 3, 4, 4),) * 3} if name == "profile" else "other"
    other = dataclasses.replace(key, **{name: changed})
    cache.put(key, b"plan", REPORT)
    assert cache.get(other) is None
    assert set(key.differences(other)) == {name}


def test_damage_is_found(cache, key):
    entry = cache.put(key, b"plan", REPORT)
    entry.plan.write_bytes(b"p1an")
    with pytest.raises(EngineError, match="is damaged; hint: petsgan-sdk cache clear"):
        entry.read()
    entry.plan.unlink()
    with pytest.raises(EngineError, match="cannot be read"):
        entry.read()
    assert cache.get(key) is None


def test_who_reads_while_an_engine_is_replaced_gets_a_whole_one(cache, key):
    first = cache.put(key, b"first", REPORT)
    second = cache.put(key, b"second", {**REPORT, "layers": 4})
    assert first.plan != second.plan
    assert not first.plan.exists()
    # Looked up before it was replaced, read afterwards.
    assert first.read() == b"second"
    assert [entry.plan for entry in cache.entries()] == [second.plan]
    assert cache.put(key, b"second", REPORT).plan == second.plan
    assert second.read() == b"second"


def test_a_description_that_was_replaced_between_its_lines(cache, key, monkeypatch):
    """The text of the old description, and its engine already gone."""
    first = cache.put(key, b"first", REPORT)
    old = first.description.read_text(encoding="utf-8")
    second = cache.put(key, b"second", REPORT)
    texts = [old, second.description.read_text(encoding="utf-8")]
    monkeypatch.setattr(cache_module, "_text", lambda _: texts.pop(0))
    assert cache.get(key) == second
    texts += [old, old]
    assert cache.get(key) is None


READER = """
import json, sys
from petsgan_sdk.runtime.tensorrt.cache import EngineCache
from petsgan_sdk.runtime.tensorrt.key import EngineKey
cache, key = EngineCache(), EngineKey.from_json(json.loads(sys.argv[1]))
print("ready", flush=True)
read = set()
while len(read) < 20:
    plan = cache.get(key).read()
    assert len(set(plan)) == 1, "two engines in one"
    read.add(plan)
"""


def test_another_process_reads_while_this_one_replaces(cache, key):
    def plan(number):
        return bytes([number % 251]) * 300_000

    cache.put(key, plan(0), REPORT)
    command = [sys.executable, "-c", READER, json.dumps(key.to_json())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == b"ready\n"
        number = 0
        while reader.poll() is None and number < 5000:
            number += 1
            cache.put(key, plan(number), REPORT)
        reader.kill()
        error = reader.stderr.read().decode()
    assert reader.returncode == 0, error
    assert [path.suffix for path in sorted(cache.folder.iterdir())] == [".plan", ".json"]


def test_rubbish_of_an_interrupted_write_goes(cache, key):
    cache.put(key, b"plan", REPORT)
    old, new = cache.folder / "a-b.plan", cache.folder / "c-d.plan"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    cache.put(dataclasses.replace(key, version="9"), b"plan", REPORT)
    assert not old.exists()
    assert new.exists()  # somebody may be writing it


@pytest.mark.parametrize("sha256", ["../../x", "A" * 64, ""])
def test_a_description_cannot_name_another_file(cache, key, sha256):
    entry = cache.put(key, b"plan", REPORT)
    described = json.loads(entry.description.read_text(encoding="utf-8"))
    text = json.dumps({**described, "sha256": sha256})
    entry.description.write_text(text, encoding="utf-8")
    assert cache.get(key) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "petsgan-engine"}'])
def test_a_broken_description_is_no_engine(cache, key, text):
    entry = cache.put(key, b"plan", REPORT)
    entry.description.write_text(text, encoding="utf-8")
    assert cache.get(key) is None
    assert cache.entries() == []
    assert cache.clear() == (0, 0)
    assert list(cache.folder.iterdir()) == []


def test_the_least_used_goes_first(cache, key):
    cache = EngineCache(limit_bytes=250)
    keys = [dataclasses.replace(key, version=str(n)) for n in range(4)]
    for n, each in enumerate(keys[:2]):
        entry = cache.put(each, bytes(100), REPORT)
        os.utime(entry.plan, (n, n))
    first = cache.get(keys[0])
    assert first is not None
    first.read()  # now the last used
    cache.put(keys[2], bytes(100), REPORT)
    assert [cache.get(each) is not None for each in keys] == [True, False, True, False]
    # One that is too large for the limit alone is kept: it was asked for.
    cache.put(keys[3], bytes(300), REPORT)
    assert [entry.key for entry in cache.entries()] == [keys[3]]


def test_a_folder_that_others_may_write_is_refused(cache, key):
    cache.put(key, b"plan", REPORT)
    cache.folder.chmod(0o770)
    for use in (cache.entries, cache.clear, lambda: cache.get(key)):
        with pytest.raises(EngineError, match=r"writable by nobody else, got owner .* mode 770"):
            use()


def test_a_folder_that_cannot_be_made(tmp_path, key):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"must be writable, got .* set PETSGAN_CACHE"):
        EngineCache(tmp_path / "file" / "engines").put(key, b"plan", REPORT)


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("PETSGAN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "petsgan-sdk" / "engines"
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine" / "engines"


def test_limit_from_the_environment(monkeypatch):
    monkeypatch.delenv("PETSGAN_CACHE_LIMIT_MB", raising=False)
    assert EngineCache().limit_bytes == DEFAULT_LIMIT_BYTES
    monkeypatch.setenv("PETSGAN_CACHE_LIMIT_MB", "12")
    assert EngineCache().limit_bytes == 12_000_000
    monkeypatch.setenv("PETSGAN_CACHE_LIMIT_MB", "much")
    with pytest.raises(ConfigError, match="PETSGAN_CACHE_LIMIT_MB must be a whole number"):
        EngineCache()


def test_what_a_profile_accepts(key):
    assert key.accepts({"image": (1, 3, 4, 16)})
    assert not key.accepts({"image": (1, 3, 3, 16)})
    assert not key.accepts({"image": (1, 3, 4, 17)})
    assert not key.accepts({"image": (1, 3, 4)})
    assert not key.accepts({"other": (1, 3, 4, 16)})


@pytest.mark.parametrize(
    "change", [{"gpu": None}, {"profile": {"image": "1x3"}}, {"profile": {"image": [[1, 3]]}}]
)
def test_keys_that_cannot_be_read(key, change):
    data = {name: v for name, v in {**key.to_json(), **change}.items() if v is not None}
    with pytest.raises(EngineError, match="engine key must have"):
        EngineKey.from_json(data)


def test_without_a_home_there_are_no_engines_and_none_can_be_kept(monkeypatch, key):
    monkeypatch.setattr(cache_module, "user_cache", lambda: None)
    cache = EngineCache()
    assert (cache.entries(), cache.get(key), cache.clear()) == ([], None, (0, 0))
    with pytest.raises(OutputError, match=r"no home directory.* set PETSGAN_CACHE"):
        cache.put(key, b"plan", {})


def test_a_folder_of_somebody_else_that_cannot_be_seen_has_no_engines(tmp_path, monkeypatch, key):
    def refuse(path, **_kwargs):
        raise PermissionError(errno.EACCES, "permission denied", str(path))

    cache = EngineCache(tmp_path / "engines")
    monkeypatch.setattr(os, "stat", refuse)
    assert (cache.entries(), cache.get(key), cache.clear()) == ([], None, (0, 0))


def test_a_folder_that_cannot_be_written_is_refused_before_an_engine_is_built(
    tmp_path, monkeypatch
):
    def refuse(*_args, **_kwargs):
        raise OutputError from PermissionError(errno.EACCES, "permission denied")

    monkeypatch.setattr(cache_module, "check_writable", refuse)
    with pytest.raises(OutputError, match=r"must be writable, got .permission denied.*PETSGAN_"):
        EngineCache(tmp_path / "engines").prepare()


def test_an_engine_that_cannot_be_removed(tmp_path, monkeypatch, key):
    cache = EngineCache(tmp_path)
    cache.put(key, b"plan", {})

    def refuse(self, **_kwargs):
        raise PermissionError(errno.EACCES, "permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="cannot be removed: permission denied"):
        cache.clear()
