"""Samples against their photo: sharpness, difference from photo and each other, seams, borders.

Usage: python benchmarks/quality/bench_quality.py PHOTO... [--samples 12] [--json]

Trains `fast` on each photo (or takes the given model of the one photo), exports it, samples it at
the photo's size with seed 0, and prints one row. Pixel statistics only: no network judges.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

import petsgan_sdk
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.export import export_bundle
from petsgan_sdk.metrics import sharpness
from petsgan_sdk.training import train
from shared.models import add_train_option
from tasks._measures import LUMA

BORDER_PX = 4


def seam_ratio(images: ImageArray, factor: int) -> float:
    """Mean luma step across block borders over that inside blocks, along x."""
    steps = np.abs(np.diff(images @ LUMA, axis=2)).mean(axis=(0, 1))
    is_border = np.arange(len(steps)) % factor == factor - 1
    return float(steps[is_border].mean() / steps[~is_border].mean())


def border_level(images: ImageArray) -> float:
    """Mean of the outer pixels minus the mean of all, 0..1."""
    inside = np.zeros(images.shape[1:3], dtype=bool)
    inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return float(images[:, ~inside].mean() - images.mean()) / 255


def difference(a: ImageArray, b: ImageArray) -> float:
    """Mean absolute difference, 0..1."""
    return float(np.abs(a.astype(np.float64) - b).mean()) / 255


def measure(photo: ImageArray, samples: ImageArray, factor: int) -> dict[str, float | None]:
    """One row: the samples `[N, H, W, 3]` against the photo `[H, W, 3]` at training size.

    A model whose factor is 1 has no blocks: its `seams` are None.
    """
    sharp = sharpness(samples, photo)
    pairs = [difference(a, b) for number, a in enumerate(samples) for b in samples[number + 1 :]]
    return {
        "sharpness": float(np.mean(sharp)),
        "sharpness_min": float(min(sharp)),
        "sharpness_max": float(max(sharp)),
        "pairwise": float(np.mean(pairs)),
        "to_photo": min(difference(sample, photo) for sample in samples),
        "to_mirror": min(difference(sample, photo[:, ::-1]) for sample in samples),
        "seams": None
        if factor == 1
        else seam_ratio(samples, factor) - seam_ratio(photo[None], factor),
        "border": border_level(samples) - border_level(photo[None]),
    }


def measure_photo(photo: Path, model: Path | None, *, name: str, count: int) -> dict[str, Any]:
    """Train the model of this name if needed, export, sample, measure."""
    with tempfile.TemporaryDirectory() as folder:
        if model is None:
            model = Path(folder) / "model.pt"
            print(f"training on {photo}", file=sys.stderr)
            train(photo, model, model=name)
        bundle = Path(folder) / "model.petsgan"
        export_bundle(model, bundle, verify=False)
        samples = petsgan_sdk.load(bundle).sample(count, seed=0)
        checkpoint = load_checkpoint(model)
        row = measure(checkpoint.photo, samples, checkpoint.settings.image.factor)
    return {"photo": photo.name, "samples": count, "train_seconds": checkpoint.seconds, **row}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--model", type=Path, help="a checkpoint of the one photo")
    add_train_option(parser)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.model is not None and len(given.photos) != 1:
        parser.error("--model goes with one photo")
    rows = [
        measure_photo(photo, given.model, name=given.train, count=given.samples)
        for photo in given.photos
    ]
    if given.json:
        print(json.dumps({"rows": rows}))
        return
    print("| photo | sharpness, mean (range) | pairwise | to photo | mirror | seams | border |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        row["seams"] = "-" if row["seams"] is None else format(row["seams"], "+.3f")
        print(
            "| {photo} | {sharpness:.2f} ({sharpness_min:.2f} to {sharpness_max:.2f}) "
            "| {pairwise:.3f} | {to_photo:.3f} | {to_mirror:.3f} | {seams} "
            "| {border:+.3f} |".format(**row)
        )


if __name__ == "__main__":
    main()
