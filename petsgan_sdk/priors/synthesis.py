"""The `synthesis` prior: layouts are the photo's own places arranged anew, reduced."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.priors.folder import fit_layout
from petsgan_sdk.priors.interface import PriorInput
from petsgan_sdk.priors.layouts import LayoutSet, U8Images
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.synthesis import Knobs, PhotoFit, PhotoLevels, PlaceField, fit_photo

__all__ = ["create_synthesis"]

_COUNT = 128
"""Four times the modes of the preset `fast`; drawing them takes about as long as the fit."""
_VARIATION = 1.0
"""As of a plain sample: how coordinate synthesis was tuned."""


def create_synthesis(given: PriorInput, argument: str | None) -> LayoutSet:
    """Fit the photo by coordinate synthesis, and draw images of its size.

    Args:
        given: The photo, the layout's size and device, and the seed that decides the images.
        argument: None.

    Raises:
        ConfigError: It takes no argument.
        InputError: The photo is too small or too long to be synthesised from.
    """
    if argument is not None:
        msg = f"prior: synthesis must have no argument, got {argument!r}"
        raise ConfigError(msg)
    settings = SynthesisSettings()
    photo = np.ascontiguousarray(to_u8(given.image[0].permute(1, 2, 0).cpu().numpy()))
    draw_image = _drawer(fit_photo(photo, settings), settings, seed=given.seed)
    size = (given.low_res.shape[3], given.low_res.shape[2])
    layouts = np.stack([fit_layout(draw_image(index), size) for index in range(_COUNT)])
    given.note(f"prior synthesis: {_COUNT} layouts of the photo's places")
    return LayoutSet(
        layouts,
        flip=given.settings.flip,
        device=given.low_res.device,
        record={"name": "synthesis", "variation": _VARIATION},
    )


def _drawer(fit: PhotoFit, settings: SynthesisSettings, *, seed: int) -> Callable[[int], U8Images]:
    """From the number of an image to its pixels `[H, W, 3]` uint8."""
    threads = torch.get_num_threads()  # the same bytes with any
    levels = PhotoLevels(fit, threads=threads)
    height, width = fit.photo.shape[:2]
    close = settings.composite

    def draw_image(index: int) -> U8Images:
        field = PlaceField(
            levels,
            settings.places,
            height=height,
            width=width,
            draw=partial(_normal, seed, index),
            knobs=Knobs(variation=_VARIATION),
            threads=threads,
        )
        signed = kernels.composite_places(
            field.window(0, 0, height, width),
            fit.photo,
            screening=close.screening,
            slowest=close.slowest,
            steps=close.steps,
            softness=close.softness,
            threads=threads,
        )
        return to_u8(signed.transpose(1, 2, 0))

    return draw_image


def _normal(
    seed: int, index: int, stage: int, _size: tuple[int, int], area: tuple[int, int, int, int]
) -> FloatArray:
    """Noise of an image of a seed; as `synthesis.Draw`."""
    top, left, height, width = area
    drawn = kernels.normal_noise(
        (1, 2, height, width), seed=seed, stage=stage, first_image=index, top=top, left=left
    )
    return np.asarray(drawn[0])
