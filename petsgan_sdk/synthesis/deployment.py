"""What a bundle holds of a fitted photo: two steps and their constants."""

from __future__ import annotations

from dataclasses import astuple

from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import CompositeStep, PlacesStep
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.synthesis.photo import PhotoFit

__all__ = ["deployment"]

_FOLDER = "synthesis"


def deployment(
    fit: PhotoFit, settings: SynthesisSettings, *, factor: int = 1, stage: int = 0, output: str
) -> tuple[tuple[PlacesStep, CompositeStep], dict[str, Array]]:
    """The steps that draw images of a photo, and the members that they read.

    Args:
        fit: The photo.
        settings: How places are drawn and made an image.
        factor: Of the bundle: pixels for one of its grid.
        stage: First stage of noise that no other step uses.
        output: Name of the tensor with the image.

    Returns:
        Steps in order, and arrays by name.
    """

    def name(part: str) -> str:
        return f"{_FOLDER}/{part}.npy"

    alike = {name(f"alike_{order}"): table for order, table in enumerate(fit.alike)}
    prices = {name(f"prices_{order}"): table for order, table in enumerate(fit.prices)}
    members: dict[str, Array] = {
        name("photo"): fit.photo,
        name("basis"): fit.basis,
        name("bias"): fit.bias,
        name("shift"): fit.shift,
        **alike,
        **prices,
    }
    places = PlacesStep(
        photo=name("photo"),
        basis=name("basis"),
        bias=name("bias"),
        shift=name("shift"),
        alike=tuple(alike),
        prices=tuple(prices),
        held=fit.held,
        frame=astuple(fit.frame),
        settings=settings.places,
        output="places",
        stage=stage,
    )
    composite = CompositeStep(
        places="places",
        photo=name("photo"),
        settings=settings.composite,
        output=output,
        factor=factor,
    )
    return (places, composite), members
