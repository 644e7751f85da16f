"""The model that a benchmark measures: one that is given, or one that is trained for a moment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from _sampling import note

__all__ = ["bundle_of", "checkpoint_of"]

_PHOTO = Path(__file__).parents[1] / "examples" / "chelsea.png"
_SHORT_TRAINING_STEPS = 150


def checkpoint_of(model: Path | None, folder: Path, *, quick: bool) -> tuple[Path, dict[str, Any]]:
    """The checkpoint to measure, trained in `folder` if none is given, and a description of it."""
    from petsgan_sdk.checkpoint import load_checkpoint  # noqa: PLC0415 - workers do without

    source = "given"
    if model is None:
        model = folder / "model.pt"
        source = _train(model, quick=quick)
    checkpoint = load_checkpoint(model)
    return model, {
        "file": model.name,
        "source": source,
        "preset": checkpoint.config.preset,
        "steps": checkpoint.steps_done,
        "image": checkpoint.provenance.get("image"),
        "image_size_px": list(checkpoint.source.shape[1::-1]),
    }


def bundle_of(model: Path | None, folder: Path, *, quick: bool) -> tuple[Path, dict[str, Any]]:
    """A bundle to measure and a description of it.

    Args:
        model: A bundle; a checkpoint, which is exported; or None, which trains one.
        folder: For what is made.
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

        checkpoint, facts = checkpoint_of(model, folder, quick=quick)
        export_bundle(checkpoint, bundle, verify=False)  # the forms are compared before timing
    manifest = open_bundle(bundle).manifest
    height, width = manifest.image_size_px
    return bundle, {**facts, "preset": manifest.preset, "image_size_px": [width, height]}


def _train(model: Path, *, quick: bool) -> str:
    """Train for a moment: time depends on the structure, and not on how good the weights are."""
    from petsgan_sdk.training.run import train  # noqa: PLC0415 - torch

    image, name = _PHOTO, f"examples/{_PHOTO.name}"
    if quick or not image.is_file():
        image, name = model.with_name("made.png"), "an image made of waves and noise"
        _make_image(image)
    steps = 2 if quick else _SHORT_TRAINING_STEPS
    note(f"no model given: training {steps} steps on {name}")
    train(image, model, preset="fast", max_size_px=64 if quick else 256, steps=steps)
    return f"trained here for {steps} steps on {name}"


def _make_image(path: Path) -> None:
    """An image with large shapes and fine texture."""
    from PIL import Image as Pillow  # noqa: PLC0415 - only here

    y, x = np.mgrid[0:168, 0:256] / 40.0
    noise = np.random.default_rng(0).standard_normal((168, 256))
    bands = [np.sin(x + y), np.sin(2.3 * x) * np.cos(y), np.cos(0.7 * x - 1.9 * y) + 0.3 * noise]
    rgb = np.stack(bands, axis=2) * 90 + 128
    Pillow.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(path)
