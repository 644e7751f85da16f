"""Small ExSinGAN runs: a few levels of a small picture, in a second or two on one thread."""

from __future__ import annotations

from petsgan_sdk.training import train

NARROW = {
    "structure.width": 8,
    "refinement.width": 4,
    "refinement.narrow_width": 4,
    "pyramid.coarsest_px": 12,
    "training.layout_batch": 2,
    "training.pool_size": 3,
    "training.critic_width": 4,
}
"""Overrides that keep a preset's structure and make it small."""


def tiny_exsingan(image, checkpoint, *, model="exsingan", overrides=None, options=None, **settings):
    """`train` with the preset made narrow, and without perceptual loss unless asked for."""
    return train(
        image,
        checkpoint,
        model=model,
        options={"perceptual": "none", **(options or {})},
        overrides={**NARROW, **(overrides or {})},
        device="cpu",
        **settings,
    )
