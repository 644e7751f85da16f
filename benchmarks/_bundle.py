"""The bundle that a benchmark measures: one that is given, or one that is made for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from _model import train_briefly

__all__ = ["bundle_of"]


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
