"""What a file says of itself: how to size its inputs, fill them, and read its output."""

from __future__ import annotations

import json

import petsgan_sdk
from petsgan_sdk.export.onnx_file.composition import Form, Precision
from petsgan_sdk.export.onnx_file.grids import noise_steps, side_names, side_rules
from petsgan_sdk.export.torch_to_onnx import OPSET
from petsgan_sdk.manifest import BundleManifest, NoiseStep

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
        ExportError: No step makes noise.
    """
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
        "output": _output(manifest),
        **_sizes(manifest),
    }
    for step in noise_steps(manifest):
        texts[f"input.{step.output}"] = _noise_recipe(step)
    if form is Form.custom:
        texts["custom_op"] = "pets::PatchTransfer 1, petsgan_sdk.kernels.custom_ops_library()"
    return {f"petsgan.{key}": text for key, text in texts.items()}


def _output(manifest: BundleManifest) -> str:
    scale = f"{manifest.factor} " if manifest.factor > 1 else ""
    return (
        f"{manifest.output}: [N, 3, H, W] float32 RGB in [-1, 1]; bytes are "
        f"floor(127.5 x + 128), at most 255. H and W are {scale}h and {scale}w, each at least "
        f"{manifest.min_canvas_px}; crop what is too much"
    )


def _sizes(manifest: BundleManifest) -> dict[str, str]:
    """Rules for the levels that have noise, and for the canvas where it has none."""
    levels = {step.level for step in noise_steps(manifest)}
    texts = {"levels": json.dumps(manifest.levels)} if manifest.levels else {}
    texts |= {
        f"size.level_{level}": side_rules(manifest, level)
        for level in sorted(level for level in levels if level is not None)
    }
    if None not in levels:
        rules = side_rules(manifest, None)
        texts["size.canvas"] = f"{rules}: no image has other sizes, as the canvas has no noise"
    return texts


def _noise_recipe(step: NoiseStep) -> str:
    margin = f" + {2 * step.margin}" if step.margin else ""
    height, width = (f"{side}{margin}" for side in side_names(step.level))
    shape = f"(N, {step.channels}, {height}, {width})"
    return (
        f"{shape} float32, standard normal: any, or for the images of petsgan-sdk's seed s from "
        f"number k on kernels.normal_noise({shape}, seed=s, first_image=k, stage={step.stage}, "
        f"top={-step.margin}, left={-step.margin})"
    )
