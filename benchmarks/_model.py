"""A model to measure, for those who bring none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from petsgan_sdk.settings.families import model_names

__all__ = ["add_train_option", "train_briefly"]

_PHOTO = Path(__file__).parents[1] / "examples" / "chelsea.png"
_SHORT_TRAINING_STEPS = 150


def add_train_option(asked: argparse.ArgumentParser) -> None:
    """Let the caller say what is trained where no file is given, as `options.train`."""
    asked.add_argument(
        "--train",
        choices=model_names(),
        default="petsgan",
        help="model to train where no file is given; default petsgan",
    )


def train_briefly(model: Path, *, name: str, quick: bool) -> str:
    """Train for a moment: time depends on the structure, and not on how good the weights are.

    Args:
        model: The checkpoint to write.
        name: What to train, as `train --model` has it.
        quick: A tiny run, only to have one.

    Returns:
        What was trained, in words.
    """
    from petsgan_sdk.training.run import train  # noqa: PLC0415 - torch

    image, title = _PHOTO, f"examples/{_PHOTO.name}"
    if quick or not image.is_file():
        image, title = model.with_name("made.png"), "an image made of waves and noise"
        _make_image(image)
    steps = 2 if quick else _SHORT_TRAINING_STEPS
    what = f"{name} for {steps} steps on {title}"
    print(f"note: no model given: training {what}", file=sys.stderr, flush=True)
    train(image, model, model=name, preset="fast", max_size_px=64 if quick else 256, steps=steps)
    return f"trained here: {what}"


def _make_image(path: Path) -> None:
    """An image with large shapes and fine texture."""
    from PIL import Image as Pillow  # noqa: PLC0415 - only here

    y, x = np.mgrid[0:168, 0:256] / 40.0
    noise = np.random.default_rng(0).standard_normal((168, 256))
    bands = [np.sin(x + y), np.sin(2.3 * x) * np.cos(y), np.cos(0.7 * x - 1.9 * y) + 0.3 * noise]
    rgb = np.stack(bands, axis=2) * 90 + 128
    Pillow.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(path)
