"""Small pictures and small runs: training in a second or two on one thread."""

from __future__ import annotations

from functools import partial

import numpy as np
from PIL import Image

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.training import train

NARROW = {
    "fast": {
        "depnet.width": 8,
        "restoration.width": 8,
        "training.pool_size": 4,
        "training.layout_batch": 2,
    },
    "paper": {"depnet.width": 8, "restoration.width": 8, "training.layout_batch": 2},
}
"""Overrides that keep a preset's structure and make it small."""

FILTERS = {"features": "filters"}
"""The option of `train` that takes the built-in features of patches."""


def picture(width=64, height=64, *, seed=0):
    """`[H, W, 3]` uint8 with structure at several scales: waves, a disc, some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [
        np.sin(rng.uniform(0.05, 0.3) * x + rng.uniform(0.05, 0.3) * y + rng.uniform(0, 6))
        for _ in range(3)
    ]
    disc = np.hypot(x - width * rng.uniform(0.3, 0.7), y - height * rng.uniform(0.3, 0.7))
    image = 120 + 70 * np.stack(waves, axis=2) + 40 * (disc < min(width, height) / 4)[:, :, None]
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def write_picture(path, width=64, height=64, *, seed=0):
    Image.fromarray(picture(width, height, seed=seed)).save(path)
    return path


def narrow_config(preset, **overrides):
    filters = {"transfer.features": "filters"}
    return load_preset(preset, overrides={**filters, **NARROW[preset], **overrides})


def tiny_train(image, checkpoint, *, preset="fast", overrides=None, **settings):
    """`train` with the preset made narrow and no look at the user's caches."""
    call = partial(train, image, checkpoint, preset=preset, options=FILTERS, device="cpu")
    return call(overrides={**NARROW[preset], **(overrides or {})}, **settings)


def differing_arrays(left, right):
    """Names of the arrays that differ in any bit between two checkpoint files."""
    a, b = load_checkpoint(left).arrays, load_checkpoint(right).arrays
    assert a.keys() == b.keys()
    return [name for name in a if a[name].tobytes() != b[name].tobytes()]
