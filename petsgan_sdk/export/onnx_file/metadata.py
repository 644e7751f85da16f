"""What a file says of itself: how to size its inputs, fill them, and read its output."""

from __future__ import annotations

import json

import petsgan_sdk
from petsgan_sdk.export.onnx_file.composition import Form, Precision
from petsgan_sdk.export.onnx_file.grids import noise_steps, side_rules
from petsgan_sdk.export.steps.step_export import file_inputs
from petsgan_sdk.export.torch_to_onnx import OPSET
from petsgan_sdk.manifest import BundleManifest

__all__ = ["describe"]


def describe(
    manifest: BundleManifest, form: Form, precision: Precision, *, checkpoint: str
) -> dict[str, str]:
    """Write the metadata of a file, all that a program needs to use it.

    Args:
        manifest: Of the bundle.
        form: Of the file.
        precision: Of the file.
        checkpoint: sha256 of the checkpoint, hex.

    Raises:
        ExportError: Nothing is given to it.
    """
    inputs = file_inputs(manifest.steps)
    is_of_places = inputs and not noise_steps(manifest)
    texts = {
        "producer": "petsgan-sdk",
        "version": petsgan_sdk.__version__,
        "checkpoint_sha256": checkpoint,
        "form": form.value,
        "precision": precision.value,
        "opset": str(OPSET),
        "factor": str(manifest.factor),
        "image_size_px": json.dumps(manifest.image_size_px),
        "min_canvas_px": str(manifest.min_canvas_px),
        **(_of_places(manifest) if is_of_places else _of_noise(manifest)),
    }
    for given in inputs:
        texts[f"input.{given.name}"] = given.recipe
    if form is Form.custom:
        texts["custom_op"] = "pets::PatchTransfer 1, petsgan_sdk.kernels.custom_ops_library()"
    return {f"petsgan.{key}": text for key, text in texts.items()}


def _output(manifest: BundleManifest) -> str:
    return (
        f"{manifest.output}: [N, 3, H, W] float32 RGB in [-1, 1]; bytes are "
        "floor(127.5 x + 128), at most 255."
    )


def _of_places(manifest: BundleManifest) -> dict[str, str]:
    """How far a pixel sees, for who cuts a canvas into windows."""
    halos = [step.halo for step in manifest.steps]
    seen = manifest.factor * sum(halo for halo in halos if halo is not None)
    return {
        "output": f"{_output(manifest)} H and W are those of the places",
        "halo_px": str(seen),
    }


def _of_noise(manifest: BundleManifest) -> dict[str, str]:
    """Rules for the levels that have noise, and for the canvas where it has none."""
    levels = {step.level for step in noise_steps(manifest)}
    scale = f"{manifest.factor} " if manifest.factor > 1 else ""
    texts = {
        "output": f"{_output(manifest)} H and W are {scale}h and {scale}w, each at least "
        f"{manifest.min_canvas_px}; crop what is too much"
    }
    texts |= {"levels": json.dumps(manifest.levels)} if manifest.levels else {}
    texts |= {
        f"size.level_{level}": side_rules(manifest, level)
        for level in sorted(level for level in levels if level is not None)
    }
    if None not in levels:
        rules = side_rules(manifest, None)
        texts["size.canvas"] = f"{rules}: no image has other sizes, as the canvas has no noise"
    return texts
