"""What is attacked, and how: for each target a way to make an input and a way to use it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from campaign import checks
from campaign.bases import Bases, Parts, with_table
from campaign.cases import Case
from campaign.mutate_bytes import INTEGERS, mutate_bytes
from campaign.mutate_images import mutate_image
from campaign.mutate_json import mutate_json, to_text
from campaign.mutate_onnx import mutate_onnx
from petsgan_sdk.container import MANIFEST

Make = Callable[[random.Random, Bases], Case]
Check = Callable[[Path, Bases], None]


@dataclass(frozen=True, slots=True)
class Target:
    """One way in."""

    name: str
    kind: Literal["bytes", "structured"]
    """Whether bytes are changed blindly, or parts with a meaning."""
    make: Make
    check: Check
    share: int = 1
    """Of the time, next to the others."""
    must_refuse: bool = False
    """Whether an input that is taken is a failure."""

    def case(self, bases: Bases, seed: int, number: int) -> Case:
        """Input `number` of a seed; the same in every run."""
        return self.make(random.Random(f"{seed} {self.name} {number}"), bases)


def _whole(rng: random.Random, bases: Bases, kind: dict[str, Parts], ending: str) -> Case:
    name = rng.choice(sorted(kind))
    parts = kind[name]
    whole = Case("x" + ending, base=name, parts=_sealed_parts(parts.manifest, {}, parts))
    return Case("x" + ending, mutate_bytes(rng, whole.contents(bases)))


def _bundle_bytes(rng: random.Random, bases: Bases) -> Case:
    return _whole(rng, bases, bases.bundles, ".petsgan")


def _checkpoint_bytes(rng: random.Random, bases: Bases) -> Case:
    return _whole(rng, bases, bases.checkpoints, ".pt")


def _sealed_parts(
    manifest: dict[str, Any], changed: dict[str, bytes], parts: Parts
) -> dict[str, bytes]:
    """The changed members and a manifest that vouches for them."""
    whole = with_table(manifest, {**parts.members, **changed})
    return {**changed, MANIFEST: json.dumps(whole, sort_keys=True).encode()}


def _members(rng: random.Random, kind: dict[str, Parts], ending: str) -> Case:
    """Bytes of members changed under valid digests."""
    name = rng.choice(sorted(kind))
    parts = kind[name]
    known = list(parts.members.values())
    chosen = rng.sample(sorted(parts.members), rng.choice((1, 1, 1, 2)) if len(known) > 1 else 1)
    changed = {member: mutate_bytes(rng, parts.members[member], known) for member in chosen}
    sealed = _sealed_parts(parts.manifest, changed, parts)
    if rng.random() < 0.2:
        sealed[MANIFEST] = mutate_bytes(rng, sealed[MANIFEST])
    return Case("x" + ending, base=name, parts=sealed)


def _bundle_members(rng: random.Random, bases: Bases) -> Case:
    return _members(rng, bases.bundles, ".petsgan")


def _checkpoint_members(rng: random.Random, bases: Bases) -> Case:
    return _members(rng, bases.checkpoints, ".pt")


def _manifest(rng: random.Random, kind: dict[str, Parts], ending: str) -> Case:
    name = rng.choice(sorted(kind))
    parts = kind[name]
    table = parts.manifest["members"]
    own = {key: value for key, value in parts.manifest.items() if key != "members"}
    # The table is left alone but for one in ten: a wrong one ends it all at once.
    changed = mutate_json(rng, parts.manifest if rng.random() < 0.1 else own)
    text = to_text(rng, {"members": table, **changed})
    return Case("x" + ending, base=name, parts={MANIFEST: text})


def _bundle_manifest(rng: random.Random, bases: Bases) -> Case:
    return _manifest(rng, bases.bundles, ".petsgan")


def _checkpoint_manifest(rng: random.Random, bases: Bases) -> Case:
    return _manifest(rng, bases.checkpoints, ".pt")


def _arrays(rng: random.Random, kind: dict[str, Parts], ending: str) -> Case:
    """Arrays of other types, shapes and values, or in each other's place."""
    name = rng.choice([name for name in sorted(kind) if _names(kind[name], ".npy")])
    parts = kind[name]
    changed = {}
    for member in rng.sample(_names(parts, ".npy"), rng.choice((1, 1, 2)) if name else 1):
        other = parts.members[rng.choice(_names(parts, ".npy"))]
        changed[member] = other if rng.random() < 0.15 else _array(rng, parts.members[member])
    return Case("x" + ending, base=name, parts=_sealed_parts(parts.manifest, changed, parts))


def _bundle_arrays(rng: random.Random, bases: Bases) -> Case:
    return _arrays(rng, bases.bundles, ".petsgan")


def _checkpoint_arrays(rng: random.Random, bases: Bases) -> Case:
    return _arrays(rng, bases.checkpoints, ".pt")


def _array(rng: random.Random, raw: bytes) -> bytes:
    array = np.load(io.BytesIO(raw), allow_pickle=False)
    kind = rng.random()
    if kind < 0.4 and array.size:
        flat = array.reshape(-1).copy()
        values: tuple[float, ...] = (
            np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, 0, -0.0, 255
        )  # fmt: skip
        if flat.dtype.kind in "iu":
            ends = np.iinfo(flat.dtype)
            values = (0, 1, 7, 255, int(ends.min), int(ends.max), int(ends.max) >> 3)
        some = rng.sample(range(flat.size), min(flat.size, rng.choice((1, 4, flat.size))))
        with np.errstate(all="ignore"):
            flat[some] = np.array(rng.choice(values)).astype(flat.dtype)
        array = flat.reshape(array.shape)
    elif kind < 0.55:
        with np.errstate(all="ignore"):
            array = array.astype(rng.choice(("<f8", "<f2", "<i4", "|u1", "|b1", "<c8", ">f4")))
    elif kind < 0.75:
        array = array.reshape(rng.choice(_shapes(array)))
    elif kind < 0.85:
        array = array[tuple(slice(rng.choice((0, 1, 2)), None) for _ in array.shape)]
    else:
        return _wrong_header(rng, raw)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=rng.choice(((1, 0), (1, 0), (2, 0))))
    return file.getvalue()


def _shapes(array: np.ndarray[Any, Any]) -> list[tuple[int, ...]]:
    return [(-1,), (1, *array.shape), (*array.shape, 1), array.shape[::-1], (1, 1, -1), (-1, 1, 1)]


def _wrong_header(rng: random.Random, raw: bytes) -> bytes:
    start = raw.index(b"(") + 1
    stop = raw.index(b")")
    sides = [str(rng.choice((*INTEGERS, -1, "x", "1.5"))) for _ in range(rng.choice((0, 1, 3, 9)))]
    return raw[:start] + ", ".join(sides).encode() + raw[stop:]


def _names(parts: Parts, ending: str) -> list[str]:
    return sorted(name for name in parts.members if name.endswith(ending))


def _onnx(rng: random.Random, bases: Bases) -> Case:
    name = rng.choice([n for n in sorted(bases.bundles) if _names(bases.bundles[n], ".onnx")])
    parts = bases.bundles[name]
    member = rng.choice(_names(parts, ".onnx"))
    changed = {member: mutate_onnx(rng, parts.members[member])}
    return Case("x.petsgan", base=name, parts=_sealed_parts(parts.manifest, changed, parts))


def _image_bytes(rng: random.Random, bases: Bases) -> Case:
    name = rng.choice(sorted(bases.images))
    return Case(name, mutate_bytes(rng, bases.images[name], list(bases.images.values())))


def _image_parts(rng: random.Random, bases: Bases) -> Case:
    name = rng.choice(sorted(bases.images))
    return Case(name, mutate_image(rng, bases.images[name], list(bases.images.values())))


def _mask_bytes(rng: random.Random, bases: Bases) -> Case:
    name = rng.choice(sorted(bases.masks))
    return Case(name, mutate_bytes(rng, bases.masks[name], list(bases.masks.values())))


def _mask_array(rng: random.Random, bases: Bases) -> Case:
    height, width = bases.photo.shape[:2]
    first = rng.choice(((height, width), (height // 2, width // 2), (height * 3, width * 3)))
    shape: tuple[int, ...] = rng.choice(
        (
            first, (*first, 1), (*first, 3), (*first, 4), (*first, 2), (width, height), (1, 400),
            (9, 9), (3, 500, 3), (), (0,), (0, 0, 3), (height, 0), (5,), (1, *first, 3), (1, 1),
            (2, 2, 3), (900, 1000),
        )
    )  # fmt: skip
    kind = rng.choice(
        ("|b1",) * 6 + ("|u1",) * 12 + ("<f4", "<f8", "<i8", "<u2", "<c8", "<U3", "<M8[s]")
    )
    size = int(np.prod(shape))
    raw = rng.choice((bytes, lambda n: b"\xff" * n, rng.randbytes))(size * np.dtype(kind).itemsize)
    if kind == "<U3":
        array = np.full(shape, "abc")
    else:
        array = np.frombuffer(raw, "|u1" if kind == "|b1" else kind).reshape(shape)
        array = array > 127 if kind == "|b1" else array
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return Case("mask.npy", file.getvalue())


def _preset_bytes(rng: random.Random, bases: Bases) -> Case:
    name = rng.choice(sorted(bases.presets))
    return Case("preset.toml", mutate_bytes(rng, bases.presets[name], list(bases.presets.values())))


def _preset_lines(rng: random.Random, bases: Bases) -> Case:
    """Lines of a preset left out, twice, elsewhere, or with another value."""
    lines = bases.presets[rng.choice(sorted(bases.presets))].splitlines(keepends=True)
    values = (
        "nan", "inf", "-1", "0", "1e308", "9223372036854775808", "1" + "0" * 5000, '"x"', "[]",
        "{}", "[1, 2]", "true", "1979-05-27", '"\\u0000"', '"\\u001b[31m"', "1_000_000",
        "[" * 3000 + "]" * 3000,
    )  # fmt: skip
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        kind = rng.random()
        if kind < 0.5 and b"=" in lines[at]:
            key, _, _ = lines[at].partition(b"=")
            lines[at] = key + b"= " + rng.choice(values).encode() + b"\n"
        elif kind < 0.65 and len(lines) > 1:
            del lines[at]
        elif kind < 0.8:
            lines.insert(rng.randrange(len(lines)), lines[at])
        else:
            lines[at] = rng.choice(
                (b"[a.b]\n", b"[tasks.x]\n", b"[ablations]\n", b"x.y = 1\n", b"\xef\xbb\xbf")
            )
    return Case("preset.toml", b"".join(lines))


def _resume_bytes(rng: random.Random, bases: Bases) -> Case:
    files = checks.batch_files(bases.batch_bundle)
    name = rng.choice([*sorted(files)[1:], "batch.tar"])
    return Case(name, mutate_bytes(rng, files[name], list(files.values())))


_CHECKPOINT = checks.check_checkpoint
TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("bundle-bytes", "bytes", _bundle_bytes, checks.check_container, 3, must_refuse=True),
        Target("bundle-members", "bytes", _bundle_members, checks.check_bundle, 3),
        Target("checkpoint-bytes", "bytes", _checkpoint_bytes, _CHECKPOINT, must_refuse=True),
        Target("checkpoint-members", "bytes", _checkpoint_members, _CHECKPOINT),
        Target("image-bytes", "bytes", _image_bytes, checks.check_image, 3),
        Target("mask-bytes", "bytes", _mask_bytes, checks.check_mask),
        Target("preset-bytes", "bytes", _preset_bytes, checks.check_preset),
        Target("resume-bytes", "bytes", _resume_bytes, checks.check_resume),
        Target("bundle-manifest", "structured", _bundle_manifest, checks.check_bundle, 3),
        Target("bundle-arrays", "structured", _bundle_arrays, checks.check_bundle),
        Target("onnx", "structured", _onnx, checks.check_bundle, 4),
        Target("checkpoint-manifest", "structured", _checkpoint_manifest, _CHECKPOINT, 2),
        Target("checkpoint-arrays", "structured", _checkpoint_arrays, _CHECKPOINT),
        Target("image-parts", "structured", _image_parts, checks.check_image, 3),
        Target("mask-arrays", "structured", _mask_array, checks.check_array),
        Target("preset-lines", "structured", _preset_lines, checks.check_preset),
    )
}
