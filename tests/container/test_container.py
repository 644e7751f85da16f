from __future__ import annotations

import hashlib
import io
import json
import pickle
import stat
import struct
import zipfile
import zlib

import numpy as np
import pytest

from petsgan_sdk.container import (
    claimed_format,
    pack_array,
    read,
    read_container,
    stored_zip,
    unpack_array,
    write_container,
)
from petsgan_sdk.errors import (
    BundleError,
    CheckpointError,
    ConfigError,
    DTypeError,
    OutputError,
    PetsganError,
    ShapeError,
)

HEADER = {"family": "petsgan", "size": [48, 64], "rate": 0.1, "note": "ü", "none": None}
MEMBERS = {"preview.png": b"\x89PNG", "arrays/values.npy": bytes(range(40)), "empty": b""}
BUNDLE = {"format": "petsgan-bundle", "format_version": 1}
WATCHED = {"format_name": "petsgan-bundle", "version": 1, "max_bytes": 1 << 30}


def _write(path, *, header=HEADER, members=MEMBERS, overwrite=False, **kind):
    return write_container(
        path, header=header, members=members, overwrite=overwrite, **{**BUNDLE, **kind}
    )


def _read(path, *, error=BundleError, **options):
    return read_container(path, **{**BUNDLE, "error": error, **options})


def _refused(path, message, **options):
    with pytest.raises(BundleError, match=message) as caught:
        _read(path, **options)
    assert "\n" not in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.fixture
def bundle(tmp_path):
    _write(tmp_path / "a.petsgan")
    return tmp_path / "a.petsgan"


def test_round_trip(bundle):
    container = _read(bundle)
    assert container.members == MEMBERS
    assert list(container.members) == sorted(MEMBERS)
    for key, value in {**HEADER, **BUNDLE}.items():
        assert container.header[key] == value
    assert container.header["members"]["empty"] == {
        "bytes": 0,
        "sha256": hashlib.sha256(b"").hexdigest(),
    }


def test_is_deterministic_and_reports_its_size(tmp_path, bundle):
    written = _write(
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
        assert _read(bundle).digest == hashlib.sha256(manifest).hexdigest()


def test_no_members(tmp_path):
    _write(tmp_path / "a", members={})
    assert _read(tmp_path / "a").members == {}


def test_write_does_not_overwrite(bundle):
    before = bundle.read_bytes()
    with pytest.raises(OutputError, match="must not exist yet"):
        _write(bundle, members={})
    assert bundle.read_bytes() == before
    _write(bundle, members={}, overwrite=True)
    assert _read(bundle).members == {}


@pytest.mark.parametrize(
    "name",
    [
        *("manifest.json", "", "/a", "../a", "a/../b", "a\\b", "C:a", "a//b", "a/", "./a", "a b"),
        *("é", "a" * 129),
    ],
)
def test_write_refuses_names_that_no_reader_accepts(tmp_path, name):
    with pytest.raises(ConfigError, match="must be a plain relative name"):
        _write(tmp_path / "a", members={name: b""})
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("key", ["format", "format_version", "members"])
def test_write_refuses_reserved_keys(tmp_path, key):
    with pytest.raises(ConfigError, match=f"{key!r} is reserved"):
        _write(tmp_path / "a", header={key: 1})


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
    _refused(tmp_path / "a", message)


def test_refuses_no_file_and_folder(tmp_path):
    _refused(tmp_path / "a", "got no file")
    _refused(tmp_path / "b" / "a", "got no file")
    _refused(tmp_path, "got a folder")
    (tmp_path / "file").write_bytes(b"")
    _refused(tmp_path / "file" / "a", "got a file that cannot be read")
    with pytest.raises(BundleError, match="cannot be read"):
        _read(tmp_path / "nul\0byte")


def test_says_when_it_is_the_other_kind(tmp_path, bundle):
    _write(tmp_path / "a.pt", format="petsgan-checkpoint")
    _refused(tmp_path / "a.pt", "got a petsgan checkpoint; hint: petsgan-sdk export")
    with pytest.raises(CheckpointError, match=r"checkpoint: .* got a petsgan bundle; hint: give"):
        _read(bundle, format="petsgan-checkpoint", error=CheckpointError)
    _write(tmp_path / "other", format="x" * 1000)
    _refused(tmp_path / "other", "got format 'xxx")


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
    _write(tmp_path / "a", format_version=version)
    _refused(tmp_path / "a", message)


def _foreign(path, members, *, comment=b"", compression=zipfile.ZIP_STORED):
    """Write with `zipfile`, which allows what our writer does not."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
        archive.comment = comment


def _hand_made(path, manifest, members, *, table=None):
    """Write our layout with a manifest of our choice, valid in every other respect."""
    if table is None:
        table = {n: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in members}
    content = manifest if isinstance(manifest, bytes) else None
    if content is None:
        content = json.dumps({**BUNDLE, **manifest, "members": table}).encode()
    comment = f"sha256:{hashlib.sha256(content).hexdigest()}".encode()
    ordered = [("manifest.json", content), *members]
    path.write_bytes(b"".join(stored_zip.pack(ordered, comment=comment)))


def test_hand_made_is_readable(tmp_path):
    _hand_made(tmp_path / "a", {}, [("b", b"1"), ("a", b"2")])
    assert _read(tmp_path / "a").members == {"b": b"1", "a": b"2"}


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
    _foreign(tmp_path / "a", [("manifest.json", b"{}"), (name, b"x")])
    _refused(tmp_path / "a", message)


def test_refuses_a_torch_checkpoint_zip(tmp_path):
    _foreign(tmp_path / "a", [("model/data.pkl", b"\x80\x02."), ("model/data/0", b"1234")])
    _refused(tmp_path / "a", "got a torch checkpoint, whose pickle")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_duplicates(tmp_path):
    _foreign(tmp_path / "a", [("manifest.json", b"{}"), ("a", b"1"), ("a", b"2")])
    _refused(tmp_path / "a", "member 'a', which is a duplicate")
    _foreign(tmp_path / "b", [("manifest.json", b"{}"), ("manifest.json", b"{}")])
    _refused(tmp_path / "b", "member 'manifest.json', which is a duplicate")


def test_refuses_links(tmp_path):
    link = zipfile.ZipInfo("a")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    _foreign(tmp_path / "a", [("manifest.json", b"{}"), (link, b"/etc/passwd")])
    _refused(tmp_path / "a", "member 'a', which is a link")


def test_refuses_compressed_members(tmp_path):
    _foreign(tmp_path / "a", [("manifest.json", b"{}" * 99)], compression=zipfile.ZIP_DEFLATED)
    _refused(tmp_path / "a", "member 'manifest.json', which is compressed")


def test_refuses_a_zip_bomb_from_its_directory(tmp_path):
    _foreign(
        tmp_path / "a",
        [("manifest.json", b"{}"), ("bomb", bytes(4_000_000))],
        compression=zipfile.ZIP_DEFLATED,
    )
    assert (tmp_path / "a").stat().st_size < 10_000
    _refused(tmp_path / "a", "bytes in all, of which at most 1000000 are", max_bytes=1_000_000)


def test_refuses_overlapping_members(tmp_path):
    """Many directory entries that point at one large member, all stored."""
    content = bytes(stored_zip.directory([], comment=b""))
    data = bytes(100_000)
    local = stored_zip.local_header("a", data) + data
    one = stored_zip.directory([("a", data)], comment=b"")[: 46 + 1]
    records = b"".join(one[:46] + b"%c" % (97 + i) for i in range(26))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 26, 26, len(records), len(local), 0)
    (tmp_path / "a").write_bytes(local + records + end + content[:0])
    _refused(tmp_path / "a", "2600000 bytes in all", max_bytes=1_000_000)
    _refused(tmp_path / "a", "does not begin with a manifest.json")


def test_refuses_too_large_before_reading(bundle):
    _refused(bundle, "bytes in all, of which at most 10", max_bytes=10)


def test_refuses_too_many_members(tmp_path):
    _foreign(tmp_path / "a", [(f"m{i}", b"") for i in range(4097)])
    _refused(tmp_path / "a", "4097 members, of which at most 4096")


def test_refuses_a_large_directory_before_reading_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for index in range(20):
            info = zipfile.ZipInfo(f"m{index}")
            info.comment = bytes(65_000)
            archive.writestr(info, b"")
    _refused(tmp_path / "a", "a directory of .* bytes, of which at most 1048576")


def test_refuses_missing_and_extra_members(tmp_path):
    entry = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    _hand_made(tmp_path / "a", {}, [("a", b"x")], table={"a": entry, "b": entry})
    _refused(tmp_path / "a", r"members missing: \['b'\]")
    _hand_made(tmp_path / "b", {}, [("a", b"x"), ("b", b"x")], table={"a": entry})
    _refused(tmp_path / "b", r"not in the manifest: \['b'\]")
    _hand_made(tmp_path / "c", {}, [], table={f"{i}" * 99: entry for i in range(99)})
    _refused(tmp_path / "c", "members missing")


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
    _hand_made(tmp_path / "a", {}, [("a", b"x")], table={"a": entry})
    _refused(tmp_path / "a", "the sha256 or size of member 'a' differs")


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"[]", b"nonsense", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 200_000),
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
)
def test_refuses_a_manifest_that_is_not_a_plain_object(tmp_path, manifest):
    _hand_made(tmp_path / "a", manifest, [])
    _refused(tmp_path / "a", "manifest.json is not a JSON object")


@pytest.mark.parametrize("table", [b"[]", b"null", b"1"])
def test_refuses_a_manifest_without_a_table(tmp_path, table):
    _hand_made(
        tmp_path / "a",
        b'{"format": "petsgan-bundle", "format_version": 1, "members": ' + table + b"}",
        [],
    )
    _refused(tmp_path / "a", "no table of members")


def test_refuses_a_huge_manifest(tmp_path):
    _hand_made(tmp_path / "a", b" " * (4 * 2**20 + 1), [])
    _refused(tmp_path / "a", "does not begin with a manifest.json of at most 4194304 bytes")


def test_refuses_the_same_members_in_another_zip(tmp_path, bundle):
    with zipfile.ZipFile(bundle) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
        comment = archive.comment
    _foreign(tmp_path / "a", members, comment=comment)
    _refused(tmp_path / "a", "zip structure is not the one")
    _foreign(tmp_path / "b", members)
    _refused(tmp_path / "b", "sha256 of manifest.json differs")


@pytest.mark.parametrize("junk", [b"\0", b"PK", b"x" * 70_000])
def test_refuses_bytes_before_and_after(tmp_path, bundle, junk):
    content = bundle.read_bytes()
    (tmp_path / "a").write_bytes(content + junk)
    _refused(tmp_path / "a", "got a zip without its end|damaged zip end record")
    (tmp_path / "b").write_bytes(junk + content)
    _refused(tmp_path / "b", "must be a petsgan bundle, got")


def test_refuses_every_truncation(tmp_path, bundle):
    content = bundle.read_bytes()
    for length in range(len(content)):
        (tmp_path / "cut").write_bytes(content[:length])
        _refused(tmp_path / "cut", "got an empty file" if not length else "cut short|damaged")


def test_refuses_every_flipped_byte(tmp_path, bundle):
    content = bytearray(bundle.read_bytes())
    for position in range(len(content)):
        content[position] ^= 0xFF
        (tmp_path / "flipped").write_bytes(content)
        content[position] ^= 0xFF
        with pytest.raises(BundleError):
            _read(tmp_path / "flipped")


def test_refuses_a_64_bit_zip(tmp_path, bundle):
    content = bundle.read_bytes()
    end = content.rindex(b"PK\5\6")
    locator = b"PK\6\7" + bytes(16)
    (tmp_path / "a").write_bytes(content[:end] + locator + content[end:])
    _refused(tmp_path / "a", "got a 64-bit zip")


def test_crc_is_the_zip_one():
    header = stored_zip.local_header("a", b"data")
    assert struct.unpack_from("<I", header, 14) == (zlib.crc32(b"data"),)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.array(7, dtype=np.int64),
        np.zeros((0, 3), dtype=np.uint8),
        np.array([True, False]),
        np.arange(12, dtype=">f4").reshape(3, 4).T,
        np.arange(20, dtype=np.float16)[::3],
    ],
)
def test_array_round_trip(array):
    result = unpack_array(pack_array(array))
    np.testing.assert_array_equal(result, array)
    assert result.shape == array.shape
    assert result.dtype == array.dtype.newbyteorder("<")
    assert result.flags.writeable
    assert result.flags.c_contiguous


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.zeros(2, dtype="f4,i4")])
def test_pack_refuses_what_is_not_numbers(array):
    with pytest.raises(DTypeError, match="dtype must be bool or a plain number, got"):
        pack_array(array)


def test_pack_refuses_many_axes():
    pack_array(np.zeros((1,) * 8))
    with pytest.raises(ShapeError, match="at most 8 axes, got shape"):
        pack_array(np.zeros((1,) * 9))


def _npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def _npy_header(header):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"nonsense",
        _npy(np.array([{}]), version=(1, 0)),
        _npy(np.array(["a"])),
        _npy(np.zeros(2), version=(2, 0)),
        _npy(np.zeros((2, 2), order="F")),
        _npy(np.zeros(2, dtype=">f4")),
        _npy(np.zeros(2)) + b"x",
        _npy(np.zeros(2))[:-1],
        _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }"),
        _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }") + bytes(4),
        _npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + bytes(8),
        _npy_header("{'descr': 'zz', 'fortran_order': False, 'shape': (1,), }"),
        _npy_header("__import__('os')"),
        _npy_header("("),
        _npy_header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 999999999, 999999999), }"
        ),
        _npy_header("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }") + bytes(3),
        _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, ), }") + bytes(4),
    ],
)
def test_unpack_refuses(data):
    with pytest.raises(CheckpointError, match=r"^weights: "):
        unpack_array(data, "weights", error=CheckpointError)


def test_unpack_checks_dtype_and_rank():
    data = pack_array(np.zeros((2, 3), np.float32))
    unpack_array(data, dtype="float32", ndim=2)
    with pytest.raises(PetsganError, match="must be float64 with 2 axes, got float32 of shape"):
        unpack_array(data, dtype="float64", ndim=2)
    with pytest.raises(PetsganError, match="must be numbers with 3 axes, got float32 of shape"):
        unpack_array(data, ndim=3)


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
    _refused(tmp_path / "a", f"members have {len(content) + 10**9} bytes, the whole file")


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
        _write(tmp_path / "a", header={"note": value})
    assert not (tmp_path / "a").exists()


def test_claimed_format(tmp_path, bundle):
    def claimed(path):
        with path.open("rb") as file:
            return claimed_format(file)

    assert claimed(bundle) == "petsgan-bundle"
    _hand_made(tmp_path / "a", {"format": "anything"}, [])
    assert claimed(tmp_path / "a") == "anything"
    _hand_made(tmp_path / "b", {"format": ["no", "text"]}, [])
    _hand_made(tmp_path / "c", b"[" * 100_000, [])
    _foreign(tmp_path / "d", [("manifest.json", b"{}" * 99)], compression=zipfile.ZIP_BZIP2)
    (tmp_path / "e").write_bytes(bundle.read_bytes()[:-9])
    for name in "bcde":
        assert claimed(tmp_path / name) == ""


def test_bool_arrays_hold_nothing_but_bools():
    packed = bytearray(pack_array(np.array([True, False, True])))
    packed[-1] = 2
    with pytest.raises(BundleError, match="x: an array of bool must hold 0 and 1"):
        unpack_array(bytes(packed), "x")
