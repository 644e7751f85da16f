"""WebDataset tars: files `000123.png` and perhaps `000123.json` for each sample, key after key.

The same samples give the same bytes: no times, users or modes of this machine. Imports the
standard library and what opens files only.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from petsgan_sdk.files.regular import open_regular

__all__ = ["Sample", "members", "read_samples", "shard_paths", "write_samples"]

Sample = tuple[str, bytes]
"""Name of a member and its bytes."""

_END = bytes(2 * tarfile.BLOCKSIZE)


def shard_paths(path: Path, count: int, shard_size: int | None) -> list[tuple[Path, range]]:
    """The tars of `count` samples and which of them each holds.

    Args:
        path: `samples.tar`.
        count: Number of samples.
        shard_size: Samples in each but the last, as `samples-000000.tar`; None for one tar.
    """
    if shard_size is None:
        return [(path, range(count))]
    return [
        (
            path.with_name(f"{path.stem}-{number:06d}{path.suffix}"),
            range(start, min(start + shard_size, count)),
        )
        for number, start in enumerate(range(0, count, shard_size))
    ]


def members(name: str, data: bytes, provenance: Mapping[str, Any] | None) -> list[Sample]:
    """The files of one sample: an image, and its provenance unless that is None."""
    if provenance is None:
        return [(name, data)]
    key = name.rpartition(".")[0]
    return [(name, data), (f"{key}.json", json.dumps(provenance, indent=1).encode() + b"\n")]


def write_samples(samples: Iterable[Sample]) -> Iterator[bytes]:
    """The bytes of a tar, piece by piece: USTAR, and PAX for names that it cannot hold."""
    size = 0
    for name, data in samples:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        header = entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        padding = bytes(-len(data) % tarfile.BLOCKSIZE)
        size += len(header) + len(data) + len(padding)
        yield b"".join([header, data, padding])
    yield _END + bytes(-(size + len(_END)) % tarfile.RECORDSIZE)


def read_samples(path: Path) -> Iterator[Sample]:
    """The regular files of a tar in order.

    Raises:
        tarfile.TarError: It is damaged or cut short.
        OSError: It cannot be read.
    """
    with open_regular(path) as raw:
        if raw.seek(0, 2) % tarfile.RECORDSIZE or raw.tell() == 0:
            msg = "cut short"
            raise tarfile.ReadError(msg)
        raw.seek(-len(_END), 2)
        if raw.read() != _END:
            msg = "no end of the archive"
            raise tarfile.ReadError(msg)
        raw.seek(0)
        with tarfile.open(fileobj=raw, mode="r:", errors="surrogateescape") as archive:
            for entry in archive:
                file = archive.extractfile(entry) if entry.isreg() else None
                if file is None:
                    msg = f"{entry.name!r} is not a file"
                    raise tarfile.ReadError(msg)
                yield entry.name, file.read()
