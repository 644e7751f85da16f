"""Read a container, and accept exactly the bytes that `write_container` writes.

Never runs code from a file, never unpacks anything; what is wrong with one is said in one line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from petsgan_sdk._text import printable, short
from petsgan_sdk.container import stored_zip, strict_json
from petsgan_sdk.container.layout import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    digest_comment,
    name_problem,
    sha256,
)
from petsgan_sdk.errors import PetsganError
from petsgan_sdk.files.regular import open_regular

__all__ = ["Container", "claimed_format", "read_container"]

_MAX_MEMBERS = 4096
_MAX_DIRECTORY_BYTES = 1 << 20
_DEFAULT_MAX_BYTES = 1 << 30
_PICKLE_HEADS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_TORCH = "a torch checkpoint, whose pickle could run code and is never loaded"
_COPY_AGAIN = "copy or create the file again"
_HEAD_BYTES = 256
_LEGACY_TORCH_HEAD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"


class _RefusedError(Exception):
    """Why a file is no container of ours, said without its name; never leaves this module."""

    def __init__(self, found: str, *, hint: str = "") -> None:
        super().__init__(found)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was read and verified."""

    header: dict[str, Any]
    """The whole manifest, `format`, `format_version` and `members` included."""
    members: dict[str, bytes]
    """Contents by name, without the manifest."""
    digest: str
    """sha256 of the manifest as hex; it identifies the contents, since it covers their digests."""


def read_container(
    path: Path,
    *,
    format: str,
    format_version: int,
    error: type[PetsganError],
    max_bytes: int = _DEFAULT_MAX_BYTES,
) -> Container:
    """Read and verify a whole container.

    Args:
        path: The file to read.
        format: The format it must have, `"petsgan-<kind>"`.
        format_version: The version it must have.
        error: What to raise, `CheckpointError` or `BundleError`.
        max_bytes: Largest total size; checked before anything is read.

    Returns:
        The manifest and the members.

    Raises:
        PetsganError: `error`, with one line that says what was found, for anything but the exact
            bytes of an undamaged container of this format and version.
    """
    path = Path(path)
    kind = _kind(format)
    cause: BaseException | None = None
    hint = ""
    try:
        if path.is_dir():
            found = "a folder"
        else:
            with open_regular(path) as file:
                return _read(file, format, format_version, max_bytes=max_bytes)
    except FileNotFoundError:
        found = "no file"
    except _RefusedError as exc:
        found, hint = str(exc), exc.hint
    except (OSError, ValueError) as exc:  # ValueError: a NUL byte in the name
        found, cause = f"a file that cannot be read ({exc})", exc
    msg = f"{kind}: {str(path)!r} must be a petsgan {kind}, got {found}"
    raise error(f"{msg}; hint: {hint}" if hint else msg) from cause


def claimed_format(file: BinaryIO) -> str:
    """The format that a file says it has, or an empty string; nothing is verified.

    Args:
        file: Open for reading; its position is moved.
    """
    try:
        first = _checked_entries(file, max_bytes=stored_zip.MAX_ARCHIVE_BYTES)[0]
        file.seek(0)
        found = _parse(_next_member(file, first)[0]).get("format")
    except _RefusedError:
        return ""
    return found if isinstance(found, str) else ""


def _read(file: BinaryIO, format_name: str, version: int, *, max_bytes: int) -> Container:
    entries = _checked_entries(file, max_bytes=max_bytes)
    file.seek(0)
    # The version is judged before the digests, since a later version may compute them otherwise.
    manifest, is_exact = _next_member(file, entries[0])
    header = _parse(manifest)
    _check_format(header, format_name, version)
    table = _member_table(header, entries)
    members: dict[str, bytes] = {}
    for entry in entries[1:]:
        data, is_next_exact = _next_member(file, entry)
        if table[entry.name] != {"bytes": len(data), "sha256": sha256(data)}:
            _damaged(f"the sha256 or size of member {entry.name!r} differs from the manifest")
        members[entry.name] = data
        is_exact = is_exact and is_next_exact
    ordered = [(MANIFEST, manifest), *members.items()]
    comment = digest_comment(manifest)
    tail = file.read()
    if not tail.endswith(comment):
        _damaged(f"the sha256 of {MANIFEST} differs from the one at the end of the file")
    if not is_exact or tail != stored_zip.directory(ordered, comment=comment):
        _damaged("the zip structure is not the one that petsgan-sdk writes")
    return Container(header=header, members=members, digest=sha256(manifest))


def _checked_entries(file: BinaryIO, *, max_bytes: int) -> list[stored_zip.Entry]:
    """Judge the file by its first bytes and its directory, before any member is read."""
    head = file.read(_HEAD_BYTES)
    try:
        entries = stored_zip.read_entries(
            file, max_entries=_MAX_MEMBERS, max_directory_bytes=_MAX_DIRECTORY_BYTES
        )
    except stored_zip.StoredZipError as exc:
        _refuse_head(head, str(exc))
    names = [entry.name for entry in entries]
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        _refuse(_TORCH)
    total = sum(entry.size_bytes for entry in entries)
    if total > max_bytes:
        found = f"members of {total} bytes in all, of which at most {max_bytes} are allowed"
        _refuse(found)
    seen: set[str] = set()
    for entry in entries:
        _check_entry(entry, is_duplicate=entry.name in seen)
        seen.add(entry.name)
    if names[:1] != [MANIFEST] or entries[0].size_bytes > MAX_MANIFEST_BYTES:
        found = f"a zip that does not begin with a {MANIFEST} of at most {MAX_MANIFEST_BYTES} bytes"
        _refuse(found)
    held = file.seek(0, os.SEEK_END)
    if total > held:  # else memory for what is announced would be asked for before it is missed
        _damaged(f"its members have {total} bytes, the whole file {held}")
    return entries


def _check_entry(entry: stored_zip.Entry, *, is_duplicate: bool) -> None:
    problem = name_problem(entry.name)
    if not problem and is_duplicate:
        problem = "a duplicate"
    if not problem and not entry.is_regular:
        problem = "a link or another special file"
    if not problem and not entry.is_stored:
        problem = "compressed or encrypted"
    if problem:
        found = f"member {short(entry.name)}, which is {problem}"
        _refuse(found)


def _next_member(file: BinaryIO, entry: stored_zip.Entry) -> tuple[bytes, bool]:
    """Read the member at the file's position, and whether its header is as this SDK writes it."""
    header = file.read(len(stored_zip.local_header(entry.name, b"")))
    data = file.read(entry.size_bytes)
    return data, header == stored_zip.local_header(entry.name, data)


def _parse(manifest: bytes) -> dict[str, Any]:
    try:
        return strict_json.read_object(manifest)
    except ValueError as exc:
        _damaged(f"{MANIFEST} is not a JSON object as petsgan-sdk writes it: {printable(str(exc))}")


def _check_format(header: Mapping[str, Any], format_name: str, version: int) -> None:
    found = header.get("format")
    if found != format_name:
        ours = {"petsgan-checkpoint": "a petsgan checkpoint", "petsgan-bundle": "a petsgan bundle"}
        hints = {
            "petsgan-checkpoint": "petsgan-sdk export makes a bundle of it",
            "petsgan-bundle": "give the checkpoint that petsgan-sdk train wrote",
        }
        known = found if isinstance(found, str) else ""
        _refuse(ours.get(known, f"format {short(found)}"), hint=hints.get(known, ""))
    found = header.get("format_version")
    if type(found) is not int or found != version:
        is_newer = isinstance(found, int) and found > version
        is_model = format_name == "petsgan-checkpoint"
        again = "train again" if is_model else "create the file again"
        hint = "update petsgan-sdk" if is_newer else f"{again} with this petsgan-sdk"
        _refuse(f"format version {short(found)} where {version} is read", hint=hint)


def _member_table(
    header: Mapping[str, Any], entries: Sequence[stored_zip.Entry]
) -> dict[str, object]:
    table = header.get("members")
    if not isinstance(table, dict):
        _damaged(f"{MANIFEST} has no table of members")
    found = {entry.name for entry in entries[1:]}
    if found != set(table):
        missing, extra = sorted(set(table) - found), sorted(found - set(table))
        _damaged(f"members missing: {short(missing)}, not in the manifest: {short(extra)}")
    return table


def _refuse_head(head: bytes, problem: str) -> NoReturn:
    """Say what a file is that no zip directory could be read from."""
    if not head:
        _refuse("an empty file")
    # torch writes 64-bit zips, whose directory is not read here; its pickle is the first member.
    if head.startswith(_LEGACY_TORCH_HEAD) or (head.startswith(b"PK") and b"/data.pkl" in head):
        _refuse(_TORCH)
    if head.startswith(_PICKLE_HEADS):
        _refuse("a pickle, which could run code and is never loaded")
    if not b"PK\x03\x04".startswith(head[:4]):
        _refuse("a file that is not a zip")
    _refuse(problem, hint=_COPY_AGAIN)


def _refuse(found: str, *, hint: str = "") -> NoReturn:
    raise _RefusedError(found, hint=hint)


def _damaged(found: str) -> NoReturn:
    _refuse(f"a damaged one: {found}", hint=_COPY_AGAIN)


def _kind(format_name: str) -> str:
    return format_name.removeprefix("petsgan-")
