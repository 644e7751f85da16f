"""Every command that writes, as the campaign of kills runs it: small, seeded, on the CPU."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from support.bundles import write_bundle
from support.copier_bundle import cat, write_copier
from support.pictures import write_picture

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.settings.presets import to_dict

OUT = "out"
"""The folder that a command writes to, in the folder that it runs in."""
_NARROW = (
    "depnet.width=8", "restoration.width=8", "training.pool_size=4", "training.layout_batch=2",
)  # fmt: skip
_NARROW_PYRAMID = (
    "structure.width=8", "refinement.width=4", "refinement.narrow_width=4",
    "pyramid.coarsest_px=12", "training.layout_batch=2", "training.pool_size=3",
    "training.critic_width=4",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files that commands read."""

    bundle: Path
    copier: Path
    painting: Path
    composite: Path
    mask: Path
    photo: Path
    photos: Path
    preset: Path
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Writer:
    """One command."""

    name: str
    words: tuple[str, ...]
    """What is run, with paths of `Inputs` in braces."""
    again: tuple[str, ...] = ("--force",)
    """What is added to run it once more after it was killed."""
    replaces: bool = True
    """Whether it is also run over older outputs, with `--force`."""
    needs: str | None = None
    """A module without which the command cannot run."""

    def command(self, inputs: Inputs) -> list[str]:
        paths = {name: str(getattr(inputs, name)) for name in Inputs.__slots__}
        return [word.format(**paths) if "{" in word else word for word in self.words]


def _train(name: str, *more: str, settings: tuple[str, ...] = _NARROW, steps: int = 40) -> Writer:
    words = ["train", "{photo}", "-o", f"{OUT}/m.pt", "--device", "cpu", *more]
    words += ["--steps", str(steps)]
    for text in settings:
        words += ["--set", text]
    return Writer(name, tuple(words), ("--resume",), replaces=False)


def _task(name: str, image: str, *more: str) -> Writer:
    outputs = ("-o", f"{OUT}/made.png", "--compare", f"{OUT}/side.png")
    return Writer(name, (name, "{copier}", image, *outputs, *more))


def _generate(name: str, output: str, *more: str, resumes: bool = True) -> Writer:
    words = ("generate", "{bundle}", "-o", f"{OUT}/{output}", "--threads", "2", *more)
    if not resumes:
        return Writer(name, words)
    return Writer(name, (*words, "-n", "24"), ("--resume",), replaces=False)


def _export(name: str, output: str, *more: str) -> Writer:
    return Writer(name, ("export", "{checkpoint}", "-o", f"{OUT}/{output}", *more))


def _make(name: str, *more: str, again: tuple[str, ...] = (), replaces: bool = False) -> Writer:
    return Writer(name, ("make", "{photo}", "-o", OUT, "-n", "3", *more), again, replaces)


_TABLE_METRICS = ("--metrics", "diversity,sharpness", "-n", "2", "--device", "cpu")
WRITERS: tuple[Writer, ...] = (
    _generate("generate folder", "images", "--size", "200x160"),
    _generate("generate jpg", "images", "--format", "jpg"),
    _generate("generate and sheet", "images", "--sheet", f"{OUT}/sheet.png"),
    _generate("generate tar", "a.tar", "--size", "128x96"),
    _generate("generate shards", "a.tar", "--shard-size", "5", "--sidecars"),
    _generate("generate one png", "big.png", "--size", "1600x1200", resumes=False),
    _generate("generate one tif", "big.tif", "--size", "1600x1200", "--tile", "64", resumes=False),
    _make("make", "--max-size", "96"),
    _make("make over older", "--max-size", "96", again=("--force",), replaces=True),
    _make("make petsgan", "--model", "petsgan", "--preset", "{preset}"),
    _task("paint", "{painting}"),
    _task("edit", "{composite}", "--mask", "{mask}"),
    _task("harmonize", "{composite}"),
    _task("stylize", "{painting}"),
    _export("export bundle", "m.petsgan"),
    _export("export onnx", "m.onnx", "--format", "onnx"),
    _export("export onnx-custom", "m.onnx", "--format", "onnx-custom"),
    _export("export tensorrt", "folder", "--format", "tensorrt", "--no-verify"),
    _train("train petsgan", "--features", "filters"),
    _train("train manipulate", "--features", "filters", "--task", "manipulate"),
    _train(
        "train high-res", "--features", "filters", "--max-size", "64", "--high-res", "128",
        settings=(*_NARROW, "enlargement.width=4", "enlargement.steps=20"), steps=8,
    ),
    _train(
        "train exsingan", "--model", "exsingan", "--perceptual", "none", "--stages",
        "St.1,Se.1,Te.1", "--max-size", "48", settings=_NARROW_PYRAMID, steps=30,
    ),
    Writer(
        "evaluate table",
        ("evaluate", "--table", "{photos}", "-o", f"{OUT}/table", "--variants", "full",
         *_TABLE_METRICS,
         *(word for text in (*_NARROW, "training.steps=8", "transfer.features=filters",
                             "image.max_size_px=64") for word in ("--set", text))),
        again=(),
        replaces=False,
    ),
    Writer(
        "build", ("build", "{bundle}", "--sizes", "64"), (), replaces=False, needs="tensorrt_rtx"
    ),
)  # fmt: skip


def make_inputs(folder: Path, *, with_models: bool) -> Inputs:
    """Write them; `with_models` also trains a checkpoint, which takes torch and seconds."""
    from support.training_runs import NARROW, preset_text, tiny_train  # noqa: PLC0415 - needs torch

    photo = cat()
    composite = photo.copy()
    composite[20:60, 30:80] = composite[60:100, 100:150]
    mask = composite[:, :, 0] * 0
    mask[20:60, 30:80] = 255
    files = Inputs(
        bundle=write_bundle(folder / "model.petsgan"),
        copier=write_copier(folder / "copier.petsgan", photo),
        painting=write_picture(folder / "painting.png", 150, 100),
        composite=folder / "composite.png",
        mask=folder / "mask.png",
        photo=write_picture(folder / "photo.png", 256, 200),
        photos=folder / "photos",
        preset=folder / "small.toml",
        checkpoint=folder / "model.pt",
    )
    Image.fromarray(composite).save(files.composite)
    Image.fromarray(mask).save(files.mask)
    files.preset.write_text(preset_text("petsgan", {
        **NARROW["fast"], "transfer.features": "filters", "image.max_size_px": 64,
        "training.steps": 40,
    }))  # fmt: skip
    files.photos.mkdir()
    write_picture(files.photos / "one.png", 64, 48)
    if with_models:
        tiny_train(write_picture(folder / "small.png", 48, 40), files.checkpoint, steps=1)
    return files


def digest(path: Path) -> str:
    """What must be the same after any interruption: all of a file but how long it took."""
    return _DIGESTS.get(path.suffix, _of_bytes)(path)


def final_name(path: Path, out: Path) -> str:
    """What a file is called in every run: the name of an engine ends in a digest of its own."""
    name = str(path.relative_to(out))
    return name.rpartition("-")[0] + ".plan" if path.suffix == ".plan" else name


def _of_bytes(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _of_checkpoint(path: Path) -> str:
    found = load_checkpoint(path)
    total = hashlib.sha256(json.dumps([to_dict(found.settings), found.steps_done]).encode())
    for name in sorted(found.arrays):
        total.update(name.encode() + found.arrays[name].tobytes())
    return total.hexdigest()


def _of_json(path: Path) -> str:
    content = json.loads(path.read_text())
    if content.get("format") == "petsgan-engine":
        # Built anew an engine is another one: that it is whole, and for what, must be the same.
        plan = path.with_name(f"{path.stem}-{content['sha256'][:16]}.plan")
        is_whole = _of_bytes(plan) == content["sha256"]
        content = {"key": content["key"], "is_whole": is_whole}
    return hashlib.sha256(json.dumps(_timeless(content)).encode()).hexdigest()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key != "seconds"}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


_DIGESTS: dict[str, Callable[[Path], str]] = {
    ".pt": _of_checkpoint,
    ".json": _of_json,
    ".plan": lambda _: "an engine, which its description vouches for",
}
