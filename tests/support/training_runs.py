"""Small runs of every family: training in a second or two on one thread."""

from __future__ import annotations

import json
import os
import signal
from functools import partial

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.settings.presets import load_preset, to_dict
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

EXSINGAN_NARROW = {
    "structure.width": 8,
    "refinement.width": 4,
    "refinement.narrow_width": 4,
    "pyramid.coarsest_px": 12,
    "training.layout_batch": 2,
    "training.pool_size": 3,
    "training.critic_width": 4,
}
"""The same of every preset of ExSinGAN."""

FILTERS = {"features": "filters"}
"""The option of `train` that takes the built-in features of patches."""


def narrow_config(preset, **overrides):
    filters = {"transfer.features": "filters"}
    return load_preset(preset, overrides={**filters, **NARROW[preset], **overrides})


def preset_text(model, overrides):
    """A TOML file of the preset `fast` with changes, for commands that take no `--set`."""

    def lines(table, path=""):
        for name, value in table.items():
            if isinstance(value, dict):
                yield from lines(value, f"{path}{name}.")
            else:
                yield f"{path}{name} = {json.dumps(value)}\n"

    return "".join(lines(to_dict(load_preset("fast", model=model, overrides=overrides))))


def tiny_train(image, checkpoint, *, preset="fast", overrides=None, **settings):
    """`train` with the preset made narrow and no look at the user's caches."""
    call = partial(train, image, checkpoint, preset=preset, options=FILTERS, device="cpu")
    return call(overrides={**NARROW[preset], **(overrides or {})}, **settings)


def tiny_exsingan(image, checkpoint, *, model="exsingan", overrides=None, options=None, **settings):
    """`train` with the preset made narrow, and without perceptual loss unless asked for."""
    return train(
        image,
        checkpoint,
        model=model,
        options={"perceptual": "none", **(options or {})},
        overrides={**EXSINGAN_NARROW, **(overrides or {})},
        device="cpu",
        **settings,
    )


def press_ctrl_c(at):
    """A `progress` of `train` that interrupts it at a step."""

    def progress(done):
        if done.step == at:
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def differing_arrays(left, right):
    """Names of the arrays that differ in any bit between two checkpoint files."""
    a, b = load_checkpoint(left).arrays, load_checkpoint(right).arrays
    assert a.keys() == b.keys()
    return [name for name in a if a[name].tobytes() != b[name].tobytes()]
