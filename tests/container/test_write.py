from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib

import pytest
from support.containers import (
    BUNDLE,
    HEADER,
    MEMBERS,
    read_file,
    write_file,
)

from petsgan_sdk.container import (
    stored_zip,
)
from petsgan_sdk.errors import (
    ConfigError,
    OutputError,
)


def test_round_trip(bundle):
    container = read_file(bundle)
    assert container.members == MEMBERS
    assert list(container.members) == sorted(MEMBERS)
    for key, value in {**HEADER, **BUNDLE}.items():
        assert container.header[key] == value
    assert container.header["members"]["empty"] == {
        "bytes": 0,
        "sha256": hashlib.sha256(b"").hexdigest(),
    }


def test_is_deterministic_and_reports_its_size(tmp_path, bundle):
    written = write_file(
        tmp_path / "b",
        header=dict(reversed(HEADER.items())),
        members=dict(reversed(MEMBERS.items())),
    )
    assert written == bundle.stat().st_size
    assert bundle.read_bytes() == (tmp_path / "b").read_bytes()


def test_any_zip_tool_can_open_it(bundle):
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", *sorted(MEMBERS)]
        manifest = archive.read("manifest.json")
        assert archive.comment.decode() == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for name, data in MEMBERS.items():
            assert archive.read(name) == data
        assert read_file(bundle).digest == hashlib.sha256(manifest).hexdigest()


def test_no_members(tmp_path):
    write_file(tmp_path / "a", members={})
    assert read_file(tmp_path / "a").members == {}


def test_write_does_not_overwrite(bundle):
    before = bundle.read_bytes()
    with pytest.raises(OutputError, match="must not exist yet"):
        write_file(bundle, members={})
    assert bundle.read_bytes() == before
    write_file(bundle, members={}, overwrite=True)
    assert read_file(bundle).members == {}


@pytest.mark.parametrize(
    "name",
    [
        *("manifest.json", "", "/a", "../a", "a/../b", "a\\b", "C:a", "a//b", "a/", "./a", "a b"),
        *("é", "a" * 129),
    ],
)
def test_write_refuses_names_that_no_reader_accepts(tmp_path, name):
    with pytest.raises(ConfigError, match="must be a plain relative name"):
        write_file(tmp_path / "a", members={name: b""})
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("key", ["format", "format_version", "members"])
def test_write_refuses_reserved_keys(tmp_path, key):
    with pytest.raises(ConfigError, match=f"{key!r} is reserved"):
        write_file(tmp_path / "a", header={key: 1})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "Out of range float"),
        ("\ud800", "surrogates not allowed"),
        ({"a": "\udcff.jpg"}, "surrogates not allowed"),
        ({"\udcff": 1}, "surrogates not allowed"),
        (10**41, "more than 40 digits"),
        ([0] * (1 << 17), "more than 131072 values"),
        ("x" * (4 << 20), "fit into 4194304 bytes"),
        (object(), "not JSON serializable"),
    ],
    ids=["infinity", "surrogate", "inside", "key", "digits", "values", "bytes", "object"],
)
def test_writes_no_header_that_it_would_not_read(tmp_path, value, message):
    with pytest.raises(ConfigError, match=f"container: the header must .*{message}"):
        write_file(tmp_path / "a", header={"note": value})
    assert not (tmp_path / "a").exists()


def test_crc_is_the_zip_one():
    header = stored_zip.local_header("a", b"data")
    assert struct.unpack_from("<I", header, 14) == (zlib.crc32(b"data"),)
