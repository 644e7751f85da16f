"""Make the inputs of docs/tasks.md: a painting, a photo with a part moved, and a part to paste.

Usage: python examples/task_inputs.py CAT WALL FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from petsgan_sdk.imaging import load_image, resize, save_image


def ellipse(height: int, width: int, box: tuple[float, float, float, float]) -> np.ndarray:
    """`[H, W]` bool; the box is left, top, right, bottom in parts of the sides."""
    mask = Image.new("1", (width, height))
    left, top, right, bottom = box
    corners = (left * width, top * height, right * width, bottom * height)
    ImageDraw.Draw(mask).ellipse(corners, fill=1)
    return np.asarray(mask)


def painting(cat: np.ndarray) -> np.ndarray:
    """A cat in flat colours, as somebody would paint it: it looks straight ahead."""
    height, width = cat.shape[:2]
    image = Image.new("RGB", (width, height), (124, 100, 95))
    draw = ImageDraw.Draw(image)

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * width, y * height) for x, y in points]

    draw.polygon(at((0.6, 0.55), (1, 0.4), (1, 1), (0.6, 1)), fill=(160, 140, 135))
    draw.polygon(at((0.68, 0.0), (0.8, 0.0), (0.74, 0.3), (0.62, 0.25)), fill=(168, 105, 105))
    draw.polygon(
        at((0, 0.0), (0.65, 0.0), (0.76, 0.35), (0.72, 0.75), (0.5, 1), (0, 1)), fill=(150, 115, 80)
    )
    draw.polygon(at((0, 0.55), (0.2, 0.6), (0.3, 1), (0, 1)), fill=(185, 150, 135))
    draw.polygon(at((0.36, 0.25), (0.52, 0.25), (0.55, 0.78), (0.4, 0.78)), fill=(178, 128, 80))
    draw.ellipse(at((0.38, 0.7), (0.62, 0.98)), fill=(190, 160, 145))
    for x in (0.27, 0.6):
        draw.ellipse(at((x - 0.085, 0.28), (x + 0.085, 0.54)), fill=(70, 55, 40))
        draw.ellipse(at((x - 0.07, 0.31), (x + 0.07, 0.52)), fill=(150, 150, 70))
        draw.ellipse(at((x - 0.02, 0.35), (x + 0.02, 0.48)), fill=(15, 15, 10))
    draw.polygon(at((0.44, 0.72), (0.56, 0.72), (0.51, 0.84)), fill=(160, 70, 45))
    return np.asarray(image)


def moved(cat: np.ndarray) -> np.ndarray:
    """The cat with one of its eyes copied onto its forehead."""
    height, width = cat.shape[:2]
    mask = ellipse(height, width, (0.44, 0.0, 0.7, 0.3))
    copy = np.roll(cat, (round(-0.27 * height), round(0.19 * width)), axis=(0, 1))
    return np.where(mask[:, :, None], copy, cat)


def layer(cat: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """The cat's face as a layer `[H, W, 4]` for the wall, transparent around it."""
    height, width = wall.shape[:2]
    face = resize(cat, (round(cat.shape[1] * height * 0.6 / cat.shape[0]), round(height * 0.6)))
    left, top = (width - face.shape[1]) // 2, round(height * 0.2)
    placed = np.zeros((height, width, 3), np.uint8)
    placed[top : top + face.shape[0], max(0, left) : left + face.shape[1]] = face[
        :, max(0, -left) : width - left
    ]
    mask = ellipse(height, width, (0.12, 0.22, 0.88, 0.78))
    return np.dstack([placed, mask.astype(np.uint8) * 255])


def main(cat_path: Path, wall_path: Path, folder: Path) -> None:
    """Write the three files."""
    cat, wall = load_image(cat_path).rgb, load_image(wall_path).rgb
    folder.mkdir(parents=True, exist_ok=True)
    save_image(folder / "painting.png", painting(cat), overwrite=True)
    save_image(folder / "composite.png", moved(cat), overwrite=True)
    Image.fromarray(layer(cat, wall)).save(folder / "layer.png")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
