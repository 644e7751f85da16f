from __future__ import annotations

import hashlib
import io
import json
import pickle
import stat
import struct
import zipfile

import pytest
from support.containers import (
    BUNDLE,
    check_refused,
    read_file,
    write_by_hand,
    write_file,
    write_foreign,
)

from petsgan_sdk.container import (
    claimed_format,
    read,
    stored_zip,
)
from petsgan_sdk.errors import (
    BundleError,
    CheckpointError,
)

WATCHED = {"format_name": "petsgan-bundle", "version": 1, "max_bytes": 1 << 30}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty file"),
        (b"hello", "got a file that is not a zip"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "got a file that is not a zip"),
        (pickle.dumps({"a": 1}, protocol=2), "got a pickle, which could run code"),
        (pickle.dumps([1] * 99, protocol=4), "got a pickle, which could run code"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "got a torch checkpoint"),
        (b"PK\x03\x04" + bytes(80), r"cut short\); hint: copy or create"),
        (b"P", r"cut short"),
        (b"PK\x05\x06" + bytes(18), "does not begin with a manifest.json"),
    ],
)
def test_refuses_other_files(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    check_refused(tmp_path / "a", message)


def test_refuses_no_file_and_folder(tmp_path):
    check_refused(tmp_path / "a", "got no file")
    check_refused(tmp_path / "b" / "a", "got no file")
    check_refused(tmp_path, "got a folder")
    (tmp_path / "file").write_bytes(b"")
    check_refused(tmp_path / "file" / "a", "got a file that cannot be read")
    with pytest.raises(BundleError, match="cannot be read"):
        read_file(tmp_path / "nul\0byte")


def test_says_when_it_is_the_other_kind(tmp_path, bundle):
    write_file(tmp_path / "a.pt", format="petsgan-checkpoint")
    check_refused(tmp_path / "a.pt", "got a petsgan checkpoint; hint: petsgan-sdk export")
    with pytest.raises(CheckpointError, match=r"checkpoint: .* got a petsgan bundle; hint: give"):
        read_file(bundle, format="petsgan-checkpoint", error=CheckpointError)
    write_file(tmp_path / "other", format="x" * 1000)
    check_refused(tmp_path / "other", "got format 'xxx")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (2, "format version 2 where 1 is read; hint: update petsgan-sdk"),
        (0, "format version 0 where 1 is read; hint: create the file again"),
        (True, "format version True where"),
        ("1", "format version '1' where"),
    ],
)
def test_refuses_another_version(tmp_path, version, message):
    write_file(tmp_path / "a", format_version=version)
    check_refused(tmp_path / "a", message)


def test_hand_made_is_readable(tmp_path):
    write_by_hand(tmp_path / "a", {}, [("b", b"1"), ("a", b"2")])
    assert read_file(tmp_path / "a").members == {"b": b"1", "a": b"2"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/etc/passwd", "'/etc/passwd', which is an absolute path"),
        ("../evil", r"'../evil', which is a path with '\.\.'"),
        ("a/../../evil", r"a path with '\.\.'"),
        ("a\\..\\b", "a path with a backslash"),
        ("C:/a", "a path with a drive letter"),
        ("folder/", "not a name of plain ASCII"),
        ("a\nb", "not a name of plain ASCII"),
        ("./a", "not a name of plain ASCII"),
        ("é", "not a name of plain ASCII"),
        ("x" * 300, "not a name of plain ASCII"),
    ],
)
def test_refuses_unsafe_names(tmp_path, name, message):
    write_foreign(tmp_path / "a", [("manifest.json", b"{}"), (name, b"x")])
    check_refused(tmp_path / "a", message)


def test_refuses_a_torch_checkpoint_zip(tmp_path):
    write_foreign(tmp_path / "a", [("model/data.pkl", b"\x80\x02."), ("model/data/0", b"1234")])
    check_refused(tmp_path / "a", "got a torch checkpoint, whose pickle")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_duplicates(tmp_path):
    write_foreign(tmp_path / "a", [("manifest.json", b"{}"), ("a", b"1"), ("a", b"2")])
    check_refused(tmp_path / "a", "member 'a', which is a duplicate")
    write_foreign(tmp_path / "b", [("manifest.json", b"{}"), ("manifest.json", b"{}")])
    check_refused(tmp_path / "b", "member 'manifest.json', which is a duplicate")


def test_refuses_links(tmp_path):
    link = zipfile.ZipInfo("a")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    write_foreign(tmp_path / "a", [("manifest.json", b"{}"), (link, b"/etc/passwd")])
    check_refused(tmp_path / "a", "member 'a', which is a link")


def test_refuses_compressed_members(tmp_path):
    write_foreign(tmp_path / "a", [("manifest.json", b"{}" * 99)], compression=zipfile.ZIP_DEFLATED)
    check_refused(tmp_path / "a", "member 'manifest.json', which is compressed")


def test_refuses_a_zip_bomb_from_its_directory(tmp_path):
    write_foreign(
        tmp_path / "a",
        [("manifest.json", b"{}"), ("bomb", bytes(4_000_000))],
        compression=zipfile.ZIP_DEFLATED,
    )
    assert (tmp_path / "a").stat().st_size < 10_000
    check_refused(tmp_path / "a", "bytes in all, of which at most 1000000 are", max_bytes=1_000_000)


def test_refuses_overlapping_members(tmp_path):
    """Many directory entries that point at one large member, all stored."""
    content = bytes(stored_zip.directory([], comment=b""))
    data = bytes(100_000)
    local = stored_zip.local_header("a", data) + data
    one = stored_zip.directory([("a", data)], comment=b"")[: 46 + 1]
    records = b"".join(one[:46] + b"%c" % (97 + i) for i in range(26))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 26, 26, len(records), len(local), 0)
    (tmp_path / "a").write_bytes(local + records + end + content[:0])
    check_refused(tmp_path / "a", "2600000 bytes in all", max_bytes=1_000_000)
    check_refused(tmp_path / "a", "does not begin with a manifest.json")


def test_refuses_too_large_before_reading(bundle):
    check_refused(bundle, "bytes in all, of which at most 10", max_bytes=10)


def test_refuses_too_many_members(tmp_path):
    write_foreign(tmp_path / "a", [(f"m{i}", b"") for i in range(4097)])
    check_refused(tmp_path / "a", "4097 members, of which at most 4096")


def test_refuses_a_large_directory_before_reading_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for index in range(20):
            info = zipfile.ZipInfo(f"m{index}")
            info.comment = bytes(65_000)
            archive.writestr(info, b"")
    check_refused(tmp_path / "a", "a directory of .* bytes, of which at most 1048576")


def test_refuses_missing_and_extra_members(tmp_path):
    entry = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    write_by_hand(tmp_path / "a", {}, [("a", b"x")], table={"a": entry, "b": entry})
    check_refused(tmp_path / "a", r"members missing: \['b'\]")
    write_by_hand(tmp_path / "b", {}, [("a", b"x"), ("b", b"x")], table={"a": entry})
    check_refused(tmp_path / "b", r"not in the manifest: \['b'\]")
    write_by_hand(tmp_path / "c", {}, [], table={f"{i}" * 99: entry for i in range(99)})
    check_refused(tmp_path / "c", "members missing")


@pytest.mark.parametrize(
    "entry",
    [
        {"bytes": 2, "sha256": hashlib.sha256(b"x").hexdigest()},
        {"bytes": 1, "sha256": hashlib.sha256(b"y").hexdigest()},
        {"bytes": 1},
        {},
        None,
        [],
    ],
)
def test_refuses_a_digest_or_size_that_differs(tmp_path, entry):
    write_by_hand(tmp_path / "a", {}, [("a", b"x")], table={"a": entry})
    check_refused(tmp_path / "a", "the sha256 or size of member 'a' differs")


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"[]", b"nonsense", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 200_000),
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
)
def test_refuses_a_manifest_that_is_not_a_plain_object(tmp_path, manifest):
    write_by_hand(tmp_path / "a", manifest, [])
    check_refused(tmp_path / "a", "manifest.json is not a JSON object")


@pytest.mark.parametrize("table", [b"[]", b"null", b"1"])
def test_refuses_a_manifest_without_a_table(tmp_path, table):
    write_by_hand(
        tmp_path / "a",
        b'{"format": "petsgan-bundle", "format_version": 1, "members": ' + table + b"}",
        [],
    )
    check_refused(tmp_path / "a", "no table of members")


def test_refuses_a_huge_manifest(tmp_path):
    write_by_hand(tmp_path / "a", b" " * (4 * 2**20 + 1), [])
    check_refused(tmp_path / "a", "does not begin with a manifest.json of at most 4194304 bytes")


def test_refuses_the_same_members_in_another_zip(tmp_path, bundle):
    with zipfile.ZipFile(bundle) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
        comment = archive.comment
    write_foreign(tmp_path / "a", members, comment=comment)
    check_refused(tmp_path / "a", "zip structure is not the one")
    write_foreign(tmp_path / "b", members)
    check_refused(tmp_path / "b", "sha256 of manifest.json differs")


@pytest.mark.parametrize("junk", [b"\0", b"PK", b"x" * 70_000])
def test_refuses_bytes_before_and_after(tmp_path, bundle, junk):
    content = bundle.read_bytes()
    (tmp_path / "a").write_bytes(content + junk)
    check_refused(tmp_path / "a", "got a zip without its end|damaged zip end record")
    (tmp_path / "b").write_bytes(junk + content)
    check_refused(tmp_path / "b", "must be a petsgan bundle, got")


def test_refuses_every_truncation(tmp_path, bundle):
    content = bundle.read_bytes()
    for length in range(len(content)):
        (tmp_path / "cut").write_bytes(content[:length])
        check_refused(tmp_path / "cut", "got an empty file" if not length else "cut short|damaged")


def test_refuses_every_flipped_byte(tmp_path, bundle):
    content = bytearray(bundle.read_bytes())
    for position in range(len(content)):
        content[position] ^= 0xFF
        (tmp_path / "flipped").write_bytes(content)
        content[position] ^= 0xFF
        with pytest.raises(BundleError):
            read_file(tmp_path / "flipped")


def test_refuses_a_64_bit_zip(tmp_path, bundle):
    content = bundle.read_bytes()
    end = content.rindex(b"PK\5\6")
    locator = b"PK\6\7" + bytes(16)
    (tmp_path / "a").write_bytes(content[:end] + locator + content[end:])
    check_refused(tmp_path / "a", "got a 64-bit zip")


def test_refuses_members_that_the_file_cannot_hold_before_reading_them(tmp_path):
    """A directory that announces more than there is; nothing of that size may be asked for."""
    content = json.dumps({**BUNDLE, "members": {}}).encode()
    whole = b"".join(stored_zip.pack([("manifest.json", content), ("a", b"")], comment=b""))
    # Sizes, packed and plain, of the last record of the directory.
    at = whole.rindex(b"PK\1\2") + 20
    (tmp_path / "a").write_bytes(whole[:at] + struct.pack("<2I", 10**9, 10**9) + whole[at + 8 :])
    asked = []

    class Watched(io.FileIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    with (
        Watched(tmp_path / "a") as file,
        pytest.raises(read._RefusedError, match="the whole file"),
    ):
        read._read(file, **WATCHED)
    assert max(asked) < 10**6
    check_refused(tmp_path / "a", f"members have {len(content) + 10**9} bytes, the whole file")


def test_claimed_format(tmp_path, bundle):
    def claimed(path):
        with path.open("rb") as file:
            return claimed_format(file)

    assert claimed(bundle) == "petsgan-bundle"
    write_by_hand(tmp_path / "a", {"format": "anything"}, [])
    assert claimed(tmp_path / "a") == "anything"
    write_by_hand(tmp_path / "b", {"format": ["no", "text"]}, [])
    write_by_hand(tmp_path / "c", b"[" * 100_000, [])
    write_foreign(tmp_path / "d", [("manifest.json", b"{}" * 99)], compression=zipfile.ZIP_BZIP2)
    (tmp_path / "e").write_bytes(bundle.read_bytes()[:-9])
    for name in "bcde":
        assert claimed(tmp_path / name) == ""
