"""Samples of many sizes against their photo: does a canvas show what the photo shows, and no more?

    python benchmarks/quality/bench_sizes.py PHOTO... [--models instant NAME=FOLDER MODEL.petsgan]
        [--sizes 1 2.5 3:1 1:3 seamless] [--seeds 2] [--sheets DIR] [--json]

Each photo must first pass for itself. benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

import petsgan_sdk
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.evaluation.samples import sample_bundle
from petsgan_sdk.imaging import contact_sheet, encode_image
from petsgan_sdk.metrics.inception import load_inception
from petsgan_sdk.runtime.checks import check_int
from petsgan_sdk.runtime.drawing import LAYOUTS, Drawing
from petsgan_sdk.training import train
from quality._judging import WORST, PhotoJudge, Weights, summary
from quality._sizes import AS_PHOTO, Size, parse_canvas
from shared.command import note, parser, run_command
from shared.host import host_facts

_PACKAGES = ("petsgan-sdk", "numpy", "torch")
_INSTANT = "instant"
_ENDING = ".petsgan"
_SIZES = ("1", "2.5", "3:1", "1:3", "seamless")
_TOGETHER = 8
"""Samples of the photo's size whose distances and copies are measured."""
_COLUMNS = {
    "sifid": ("SIFID", ".3f"),
    "precision": ("precision", ".3f"),
    "coverage": ("coverage", ".3f"),
    "repeats": ("near repeats", "+.3f"),
    "sharpness": ("sharpness", ".2f"),
    "seam_x": ("seam x", ".2f"),
    "seam_y": ("seam y", ".2f"),
    "pairwise": ("pairwise", ".3f"),
    "copy": ("copy", ".3f"),
}


@dataclass(frozen=True, slots=True)
class _Model:
    """Where the bundles of a name come from."""

    name: str
    source: Path | None
    """A bundle, a folder of one a photo's stem, or None: fit it."""

    def bundle(self, photo: Path, folder: Path) -> Path:
        """The bundle of a photo; one that is fitted is written to the folder."""
        if self.source is None:
            path = folder / f"{photo.stem}{_ENDING}"
            train(photo, path, model=_INSTANT, max_size_px=256, overwrite=True)
            return path
        is_bundle = self.source.suffix == _ENDING
        return self.source if is_bundle else self.source / f"{photo.stem}{_ENDING}"


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _run(options), _print, as_json=options.json, output=options.output)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="one seed, the photo's size and 3:1 only")
    asked.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    asked.add_argument(
        "--models",
        nargs="+",
        type=_parse_model,
        default=[_Model(_INSTANT, None)],
        metavar="instant|NAME=FOLDER|MODEL.petsgan",
        help="instant is fitted here; FOLDER has one bundle a photo's stem; default instant",
    )
    asked.add_argument(
        "--sizes",
        nargs="+",
        type=parse_canvas,
        metavar="FACTOR|W:H|seamless",
        help=f"default {' '.join(_SIZES)}",
    )
    asked.add_argument("--layout", choices=LAYOUTS, default="auto", help="as generate; of samples")
    asked.add_argument("--seeds", type=int, help="from 0 on; default 2")
    asked.add_argument("--sheets", type=Path, metavar="DIR", help="write what was judged there")
    asked.add_argument("-o", "--output", type=Path, metavar="FILE", help="gets the JSON as well")
    for name in ("inception", "lpips", "lpips-backbone"):
        asked.add_argument(f"--{name}", type=Path, metavar="FILE", help="as petsgan-sdk evaluate")
    options = asked.parse_args()
    sizes = ("1", "3:1") if options.quick else _SIZES
    options.sizes = options.sizes or [parse_canvas(name) for name in sizes]
    options.seeds = options.seeds or (1 if options.quick else 2)
    return options


def _parse_model(text: str) -> _Model:
    name, _, place = text.partition("=")
    if place:
        return _Model(name, Path(place))
    if text == _INSTANT:
        return _Model(text, None)
    if text.endswith(_ENDING):
        return _Model(Path(text).stem, Path(text))
    msg = f"must be {_INSTANT}, NAME=FOLDER or MODEL{_ENDING}, got {text!r}"
    raise argparse.ArgumentTypeError(msg)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    check_int(options.seeds, "--seeds", low=1, high=1000)
    _refuse_twice(options)
    host = host_facts(_PACKAGES)
    weights = Weights(options.inception, options.lpips, options.lpips_backbone)
    stem = load_inception(weights.inception)
    sets = weights.sets() if AS_PHOTO in options.sizes else None
    if options.sheets is not None:
        options.sheets.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        for model in options.models:
            for photo in options.photos:
                bundle = model.bundle(photo, Path(name))
                count = _TOGETHER if sets is not None else 1
                drawing = Drawing(layout=options.layout)
                drawn = sample_bundle(
                    bundle, photo, count=count, drawing=drawing, provider="cpu", note=note
                )
                judge = PhotoJudge(drawn.photo, stem=stem, sets=sets)
                shown = [("photo", drawn.photo)]
                for size, images, seconds in _samples(bundle, options):
                    note(f"judging {model.name} of {photo.name} at {size.name}")
                    row = {"photo": photo.stem, "model": model.name, "size": size.name}
                    height, width = images[0].shape[:2]
                    together = judge.several(drawn.samples) if size == AS_PHOTO else {}
                    rows.append(
                        {**row, "width": width, "height": height, "seconds": seconds}
                        | _mean([judge.one(one, seamless=size.seamless) for one in images])
                        | together
                    )
                    shown += _labelled(size, images)
                if options.sheets is not None:
                    path = options.sheets / f"{photo.stem}_{model.name}.png"
                    _write_sheet(path, shown, columns=1 + options.seeds)
    return {
        "rows": rows,
        "summary": _summaries(rows),
        "backbones": {"stem": str(stem.backbone), **(sets.describe() if sets is not None else {})},
        "host": host,
    }


def _refuse_twice(options: argparse.Namespace) -> None:
    """Two photos of one stem would have one bundle, and two models of one name one row."""
    for what, names in (
        ("photos", [photo.stem for photo in options.photos]),
        ("models", [model.name for model in options.models]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{what} must have names of their own, got {twice[0]!r} twice"
            raise ConfigError(msg)
    for model in options.models:
        if model.source and model.source.suffix == _ENDING and len(options.photos) > 1:
            msg = f"--models: {model.source.name} goes with one photo, got {len(options.photos)}"
            raise ConfigError(msg)


def _samples(
    bundle: Path, options: argparse.Namespace
) -> Iterator[tuple[Size, list[ImageArray], float]]:
    """The samples of every size, one a seed, and the CPU seconds of one."""
    sampler = petsgan_sdk.load(bundle, provider="cpu", threads=1)
    for size in options.sizes:
        height, width = size.canvas(sampler.manifest)
        drawing = Drawing(size.seamless, options.layout)
        begun = time.process_time()
        images = [
            sampler.sample(height=height, width=width, seed=seed, **drawing.keywords())[0]
            for seed in range(options.seeds)
        ]
        yield size, images, (time.process_time() - begun) / options.seeds


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _summaries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = dict.fromkeys((row["model"], row["size"]) for row in rows)
    return [
        {"model": model, "size": size, "photos": len(of_it), **summary(of_it)}
        for model, size in keys
        for of_it in [[row for row in rows if (row["model"], row["size"]) == (model, size)]]
    ]


def _labelled(size: Size, images: list[ImageArray]) -> list[tuple[str, ImageArray]]:
    """For the sheet; a seamless image stands there four times, so that its seams show."""
    tiles = (2, 2, 1) if size.seamless else (1, 1, 1)
    return [
        (f"{size.name}, seed {seed}", np.tile(image, tiles)) for seed, image in enumerate(images)
    ]


def _write_sheet(path: Path, shown: list[tuple[str, ImageArray]], *, columns: int) -> None:
    labels, images = zip(*shown, strict=True)
    path.write_bytes(encode_image(contact_sheet(images, columns=columns, labels=labels)))


def _print(result: dict[str, Any]) -> None:
    """Markdown, to be pasted."""
    titles = [title for title, _ in _COLUMNS.values()]
    _print_line(["photo", "model", "size", "pixels", "s", *titles])
    _print_line(["---"] * (5 + len(titles)))
    for row in result["rows"]:
        facts = [row["photo"], row["model"], row["size"], f"{row['width']}x{row['height']}"]
        _print_line([*facts, format(row["seconds"], ".2f"), *_cells(row)])
    print()
    _print_line(["model", "size", "photos", "", *titles])
    _print_line(["---"] * (4 + len(titles)))
    for row in result["summary"]:
        for what in ("median", "worst"):
            _print_line([row["model"], row["size"], row["photos"], what, *_cells(row[what])])


def _cells(values: dict[str, Any]) -> list[str]:
    return [format(values[name], _COLUMNS[name][1]) if name in values else "" for name in WORST]


def _print_line(cells: list[Any]) -> None:
    print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    sys.exit(main())
