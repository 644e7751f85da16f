"""The model that a benchmark measures: one that is given, or one that is trained for it."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk.settings.families import model_names
from shared.command import note

__all__ = ["PHOTO", "add_train_option", "bundle_of", "make_photo", "train_briefly"]

PHOTO = Path(__file__).parents[2] / "examples" / "chelsea.png"
"""What is trained on where there is no other photo."""

_SHORT_TRAINING_STEPS = 150


def add_train_option(asked: argparse.ArgumentParser) -> None:
    """Let the caller say what is trained where no file is given, as `options.train`."""
    asked.add_argument(
        "--train",
        choices=model_names(),
        default="petsgan",
        help="model to train where no file is given; default petsgan",
    )


def bundle_of(
    model: Path | None, folder: Path, *, train: str, quick: bool
) -> tuple[Path, dict[str, Any]]:
    """A bundle to measure and a description of it.

    Args:
        model: A bundle; a checkpoint, which is exported; or None, which trains one.
        folder: For what is made.
        train: What is trained then, as `train --model` has it.
        quick: Whether training is as short as it can be.
    """
    from petsgan_sdk.runtime.bundle import open_bundle  # noqa: PLC0415 - workers do without

    bundle = folder / "model.petsgan"
    if model is not None and model.suffix == ".petsgan":
        facts: dict[str, Any] = {"file": model.name, "source": "given"}
        open_bundle(model)  # refuses one that cannot be used
        shutil.copyfile(model, bundle)
    else:
        from petsgan_sdk.export import export_bundle  # noqa: PLC0415 - torch

        source = "given"
        if model is None:
            model = folder / "model.pt"
            source = train_briefly(model, name=train, quick=quick)
        facts = {"file": model.name, "source": source}
        export_bundle(model, bundle, verify=False)  # the forms are compared before timing
    manifest = open_bundle(bundle).manifest
    height, width = manifest.image_size_px
    facts |= {"family": manifest.family, "preset": manifest.preset}
    return bundle, {**facts, "image_size_px": [width, height]}


def train_briefly(model: Path, *, name: str, quick: bool) -> str:
    """Train for a moment: time depends on the structure, and not on how good the weights are.

    Args:
        model: The checkpoint to write.
        name: What to train, as `train --model` has it.
        quick: A tiny run, only to have one.

    Returns:
        What was trained, in words.
    """
    from petsgan_sdk.training import train  # noqa: PLC0415 - torch

    image, title = PHOTO, f"examples/{PHOTO.name}"
    if quick or not image.is_file():
        image, title = model.with_name("made.png"), "an image made of waves and noise"
        make_photo(image, (168, 256), wave_px=40)
    steps = 2 if quick else _SHORT_TRAINING_STEPS
    what = f"{name} for {steps} steps on {title}"
    note(f"note: no model given: training {what}")
    train(image, model, model=name, preset="fast", max_size_px=64 if quick else 256, steps=steps)
    return f"trained here: {what}"


def make_photo(path: Path, size: tuple[int, int], *, wave_px: float) -> None:
    """Write an image `(height, width)` with large shapes, in units of `wave_px`, and texture."""
    from PIL import Image  # noqa: PLC0415 - only here

    y, x = np.mgrid[0 : size[0], 0 : size[1]] / wave_px
    noise = np.random.default_rng(0).standard_normal(size)
    bands = [np.sin(x + y), np.sin(2.3 * x) * np.cos(y), np.cos(0.7 * x - 1.9 * y) + 0.3 * noise]
    rgb = np.stack(bands, axis=2) * 90 + 128
    Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(path)
