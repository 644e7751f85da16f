from __future__ import annotations

import os
from pathlib import Path

import pytest

from petsgan_sdk.files import shown_cache, user_cache


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
