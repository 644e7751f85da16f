"""The `biggan:WEIGHTS` prior: a trained BigGAN is made to draw the photo, and then around it.

The papers' external prior (PetsGAN sec. on DEPNet, ExSinGAN sec. on the structural GAN), by DGP
inversion. The whole photo is fitted to the generator's square, and its images are fitted back.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from typing import Any

import numpy as np
from torch import Generator, Tensor

from petsgan_sdk.container import Json
from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import resize, to_u8
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.priors.biggan_weights import (
    BigganFiles,
    find_biggan,
    load_discriminator,
    load_generator,
)
from petsgan_sdk.priors.folder import fit_layout
from petsgan_sdk.priors.interface import PriorInput
from petsgan_sdk.priors.inversion import InversionSettings, invert, jitter, search
from petsgan_sdk.priors.layout_cache import LayoutCache
from petsgan_sdk.priors.layouts import LayoutSet, U8Images

__all__ = ["create_biggan"]


def create_biggan(
    given: PriorInput, argument: str | None, *, settings: InversionSettings | None = None
) -> LayoutSet:
    """Invert the photo, or take what an earlier inversion left in the cache.

    The inversion has a seed of its own, so that trainings with several seeds share one.

    Args:
        given: The photo, the layout's size, and whom to tell. The inversion runs on its device.
        argument: Folder of the weights, or the generator's file; see `find_biggan`.
        settings: Of the inversion; by default those of PetsGAN's public code.

    Raises:
        InputError: There are no weights, or they are of another architecture.
        BackendUnavailableError: Weights in safetensors, and the package to read them is missing.
        TrainingError: The inversion diverged.
    """
    settings = settings or InversionSettings()
    files = find_biggan(argument)
    weights = files.digest()
    photo = to_u8(given.image[0].permute(1, 2, 0).cpu().numpy())
    decides: dict[str, Json] = {
        "photo": hashlib.sha256(repr(photo.shape).encode() + photo.tobytes()).hexdigest(),
        "weights": weights,
        "settings": asdict(settings),
    }
    cache = LayoutCache(decides, given.note)
    kept = cache.read()
    if kept is None:
        kept = _draw(photo, files, given, settings)
        cache.write(*kept)
    else:
        given.note(f"prior biggan: layouts of an earlier inversion, {str(cache.path)!r}")
    images, said = kept
    size = (given.low_res.shape[3], given.low_res.shape[2])
    return LayoutSet(
        np.stack([fit_layout(image, size) for image in images]),
        flip=given.settings.flip,
        device=given.low_res.device,
        record={"name": "biggan", "weights": weights, **said},
    )


def _draw(
    photo: U8Images, files: BigganFiles, given: PriorInput, settings: InversionSettings
) -> tuple[U8Images, dict[str, Any]]:
    """Invert, and draw `[K, S, S, 3]` uint8 images; also say how it went."""
    device = given.image.device
    generator = load_generator(files.generator).to(device)
    discriminator = load_discriminator(files.discriminator).to(device)
    if generator.size_px != discriminator.size_px:
        msg = (
            f"biggan: {str(files.discriminator)!r} must be of the generator's size, "
            f"{generator.size_px} px, got {discriminator.size_px} px"
        )
        raise InputError(msg)
    side = generator.size_px
    steps = sum(stage.steps for stage in settings.stages)
    given.note(
        f"prior biggan: inverting with BigGAN-{side} on {device}, {settings.candidates} candidates "
        f"and {steps} steps; kept for later runs"
    )
    started = time.monotonic()
    target = image_tensor(resize(photo, (side, side))).to(device)
    rng = Generator().manual_seed(settings.seed)
    start = search(generator, discriminator, target, settings, rng)
    given.note(f"prior biggan: class {start.label} is nearest")
    inverted = invert(
        generator, discriminator, target, start=start, settings=settings, note=given.note
    )
    images = _to_hwc(jitter(generator, inverted, settings, rng))
    given.note(f"prior biggan: {len(images)} layouts in {time.monotonic() - started:.0f} s")
    said = {"size_px": side, "class": inverted.label, "psnr_db": round(inverted.psnr_db, 2)}
    return images, said


def _to_hwc(images: Tensor) -> U8Images:
    result: U8Images = images.permute(0, 2, 3, 1).contiguous().numpy()
    return result
