"""Container files: written by the package, by `zipfile`, and by hand; and checked refusals."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from petsgan_sdk.container import (
    read_container,
    stored_zip,
    write_container,
)
from petsgan_sdk.errors import (
    BundleError,
)

HEADER = {"family": "petsgan", "size": [48, 64], "rate": 0.1, "note": "ü", "none": None}
MEMBERS = {"preview.png": b"\x89PNG", "arrays/values.npy": bytes(range(40)), "empty": b""}
BUNDLE = {"format": "petsgan-bundle", "format_version": 1}


def write_file(path, *, header=HEADER, members=MEMBERS, overwrite=False, **kind):
    return write_container(
        path, header=header, members=members, overwrite=overwrite, **{**BUNDLE, **kind}
    )


def read_file(path, *, error=BundleError, **options):
    return read_container(path, **{**BUNDLE, "error": error, **options})


def check_refused(path, message, **options):
    with pytest.raises(BundleError, match=message) as caught:
        read_file(path, **options)
    assert "\n" not in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    assert len(str(caught.value)) < 700


def write_foreign(path, members, *, comment=b"", compression=zipfile.ZIP_STORED):
    """Write with `zipfile`, which allows what our writer does not."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
        archive.comment = comment


def write_by_hand(path, manifest, members, *, table=None):
    """Write our layout with a manifest of our choice, valid in every other respect."""
    if table is None:
        table = {n: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in members}
    content = manifest if isinstance(manifest, bytes) else None
    if content is None:
        content = json.dumps({**BUNDLE, **manifest, "members": table}).encode()
    comment = f"sha256:{hashlib.sha256(content).hexdigest()}".encode()
    ordered = [("manifest.json", content), *members]
    path.write_bytes(b"".join(stored_zip.pack(ordered, comment=comment)))
