"""Whole images and bands, put together from the pixels of a canvas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.manifest import BundleManifest, canvas_of
from petsgan_sdk.runtime.entries import Start, check_makes_images
from petsgan_sdk.runtime.rendering.canvas import Canvas, NoiseField, Window
from petsgan_sdk.runtime.rendering.canvas_pixels import CanvasPixels
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.steps.places import place_pairs
from petsgan_sdk.runtime.rendering.steps.runner import Observer, Tensors
from petsgan_sdk.runtime.rendering.tiles import can_tile
from petsgan_sdk.synthesis import Knobs

__all__ = ["Renderer", "in_bands_of"]

_KEPT_PIXELS = 1024 * 1024
"""Larger canvases in one piece give their scratch memory back, which makes their next run a third
slower. Only bundles that cannot be tiled have them."""


class Renderer:
    """Makes canvases of any size for images of any size; threads may share it.

    Args:
        pipeline: The steps of a bundle, ready to run.
        manifest: What the bundle says of itself.
        threads: Threads for one image.
    """

    def __init__(self, pipeline: Pipeline, manifest: BundleManifest, *, threads: int) -> None:
        """Keep what every image needs."""
        results = manifest.layouts
        self._pipeline = pipeline.making(manifest.output) if results else pipeline
        self._layouts = {name: pipeline.making(tensor) for name, tensor in results.items()}
        self._manifest = manifest
        self._threads = threads

    def image(
        self,
        noise: NoiseField,
        height: int,
        width: int,
        *,
        seamless: bool = False,
        start: Start | None = None,
        layout: str = "network",
        knobs: Knobs | None = None,
        observer: Observer | None = None,
    ) -> ImageArray:
        """One image in memory. A bundle that cannot be tiled makes it in one piece.

        Args:
            noise: Where randomness comes from.
            height: In pixels.
            width: In pixels.
            seamless: Whether it goes on at its other side.
            start: A stage and the image that it continues from.
            layout: Where the layout comes from, of `manifest.layouts`; any other name is the
                bundle's own way.
            knobs: What the caller changes of how places are drawn.
            observer: Called with the name and seconds of every step.
        """
        pixels = self.pixels(
            noise,
            height,
            width,
            seamless=seamless,
            in_one_piece=not seamless and not can_tile(self._making(layout).steps),
            start=start,
            layout=layout,
            knobs=knobs,
            observer=observer,
        )
        image: ImageArray | None = None
        done = 0
        for band in pixels.bands(height, width):
            if len(band) == height:
                return band
            image = np.empty((height, width, 3), dtype=np.uint8) if image is None else image
            image[done : done + len(band)] = band
            done += len(band)
        assert image is not None  # there is always a band
        return image

    def pixels(
        self,
        noise: NoiseField,
        height: int,
        width: int,
        *,
        seamless: bool = False,
        in_one_piece: bool = False,
        start: Start | None = None,
        layout: str = "network",
        knobs: Knobs | None = None,
        observer: Observer | None = None,
    ) -> CanvasPixels:
        """Prepare the next larger canvas.

        Raises:
            BundleError: It takes several blocks, and the bundle cannot be run in tiles; or it only
                starts from images, and there is none.
        """
        if start is None:
            check_makes_images(self._manifest)
        manifest, pipeline = self._manifest, self._making(layout)
        factor = manifest.factor
        canvas = self._canvas(noise, height, width, seamless=seamless, knobs=knobs)
        release = in_one_piece and canvas.height * canvas.width * factor**2 > _KEPT_PIXELS
        canvas = replace(canvas, release=release)
        if start is not None:
            canvas = replace(canvas, given=start.given(manifest, canvas, (height, width)))
            pipeline = pipeline.given(start.entry.tensor)
        return CanvasPixels(
            pipeline,
            canvas,
            factor=factor,
            threads=self._threads,
            in_one_piece=in_one_piece,
            observer=observer,
        )

    def places(
        self,
        noise: NoiseField,
        height: int,
        width: int,
        window: Window,
        *,
        seamless: bool,
        knobs: Knobs,
    ) -> npt.NDArray[np.int32]:
        """The places of a window of the next larger canvas, `[h, w, 2]`: (y, x) in the photo.

        Args:
            noise: Where randomness comes from.
            height: In pixels.
            width: In pixels.
            window: In pixels.
            seamless: Whether the canvas goes on at its other side.
            knobs: What the caller changes of how places are drawn.
        """
        canvas = self._canvas(noise, height, width, seamless=seamless, knobs=knobs)
        (drawn,) = (each for each in self._making("synthesis").steps if each.step.takes_knobs)
        factor = self._manifest.factor
        top, left = window.top // factor, window.left // factor
        rows, columns = -(-window.bottom // factor) - top, -(-window.right // factor) - left
        tensors: Tensors = {}
        drawn.run(tensors, canvas, Window(top, left, rows, columns))
        (packed,) = tensors[drawn.step.writes[0]]
        above, before = window.top - top * factor, window.left - left * factor
        cut = packed[above : above + window.height, before : before + window.width]
        return place_pairs(cut)

    def _canvas(
        self, noise: NoiseField, height: int, width: int, *, seamless: bool, knobs: Knobs | None
    ) -> Canvas:
        """The next larger one."""
        rows, columns = canvas_of(self._manifest, height, width)
        canvas = Canvas.of(self._manifest, rows, columns, noise, seamless=seamless)
        return canvas if knobs is None else replace(canvas, knobs=knobs)

    def _making(self, layout: str) -> Pipeline:
        return self._layouts.get(layout, self._pipeline)


def in_bands_of(rows: int, bands: Iterator[ImageArray]) -> Iterator[ImageArray]:
    """Cut or join bands to `rows` rows each; the last may have fewer."""
    held: list[ImageArray] = []
    count = 0
    for band in bands:
        held.append(band)
        count += len(band)
        if count < rows:
            continue
        joined = held[0] if len(held) == 1 else np.concatenate(held)
        whole = count - count % rows
        yield from (joined[top : top + rows] for top in range(0, whole, rows))
        held, count = ([joined[whole:]], count - whole) if whole < count else ([], 0)
    if held:
        yield held[0] if len(held) == 1 else np.concatenate(held)
