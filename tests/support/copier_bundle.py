"""A model that needs no training: patch transfer on colours, and the photo's texture as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from petsgan_sdk.container import pack_array
from petsgan_sdk.imaging import resize, to_signed
from support.bundles import FACTOR, header, helper, make_model, map_value, write_bundle
from support.paths import ROOT

CAT = ROOT / "examples" / "chelsea.png"
SIZE_PX = (128, 192)  # (H, W)
WINDOW = 5
REFERENCE, VALUES, TEXTURE = (
    f"arrays/{name}.npy" for name in ("reference_features", "reference_values", "texture")
)


def cat() -> np.ndarray:
    """The CC0 photo that the examples use, `[128, 192, 3]` uint8."""
    with Image.open(CAT) as image:
        return resize(np.asarray(image.convert("RGB")), SIZE_PX[::-1])


def write_copier(path: Path, photo: np.ndarray) -> Path:
    """Write a bundle that makes images of the photo's blocks.

    Args:
        path: The file.
        photo: `[H, W, 3]` uint8, both sides multiples of 8.
    """
    signed = to_signed(photo)
    height, width = photo.shape[:2]
    cells = resize(signed, (width // FACTOR, height // FACTOR), method="area").transpose(2, 0, 1)
    mean = cells.mean(axis=(1, 2))
    centre = {"w": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "negative_mean": -mean}
    nodes = [helper.make_node("Conv", ["image", "w", "negative_mean"], ["features"])]
    features = make_model(nodes, [map_value("image", 3)], [map_value("features", 3)], centre)
    nodes = [helper.make_node("Identity", ["texture"], ["image"])]
    restoration = make_model(nodes, [map_value("texture", 3)], [map_value("image", 3)], {})
    steps = header()["steps"]
    for step in steps:
        if step["kind"] == "patch_transfer":
            step["window"] = WINDOW
        if step.get("member") == "graphs/restoration.onnx":
            step["inputs"], step["halo"] = {"texture": "texture"}, 0
        if step.get("member") == "graphs/features.onnx":
            step["halo"] = 0
    return write_bundle(
        path,
        changes={
            "image_size_px": [height, width],
            "steps": steps,
            "entries": [{"name": "patch transfer", "tensor": "layout"}],
        },
        replaced={
            "graphs/features.onnx": features,
            "graphs/restoration.onnx": restoration,
            REFERENCE: pack_array(np.ascontiguousarray(cells - mean[:, None, None])),
            VALUES: pack_array(np.ascontiguousarray(cells)),
            TEXTURE: pack_array(np.ascontiguousarray(signed.transpose(2, 0, 1))),
        },
    )
