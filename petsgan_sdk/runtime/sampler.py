"""Images of any size from a bundle: the one class that a user of the runtime needs.

Each image is made alone, from noise that is a function of (seed, image, place), so that image k of
a seed is the same bytes whatever else is asked for in the same call. A canvas larger than one block
is made block by block, whether it is returned whole, in bands, or in part. Never imports torch or
onnx.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.bundle import Bundle, photo_of
from petsgan_sdk.runtime.checks import (
    MAX_CANVAS_SIDE_PX,
    check_canvas,
    check_int,
    check_number,
    check_range,
    check_region,
    check_seed,
    check_size,
)
from petsgan_sdk.runtime.describe import describe_bundle
from petsgan_sdk.runtime.drawing import Drawing, check_drawing
from petsgan_sdk.runtime.entries import check_makes_images, check_start
from petsgan_sdk.runtime.rendering.canvas import NoiseField, Window
from petsgan_sdk.runtime.rendering.noise_fields import between, scaled, stream_noise
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.renderer import Renderer, in_bands_of
from petsgan_sdk.runtime.rendering.steps.runner import Observer
from petsgan_sdk.synthesis import Pin

__all__ = ["Sampler"]

_MAX_NOISE = 1000.0
"""Most that `refine` multiplies the noise with."""


class Sampler:
    """Draws images from one trained model. Made by `load`; threads may share it.

    Args:
        bundle: The open bundle. It is not kept: only its manifest and description are.
        pipeline: Its steps, ready to run.
        provider: The provider that the graphs really run on.
        threads: Threads for one image.
        note: Why `auto` did not choose a better provider.
    """

    def __init__(
        self, bundle: Bundle, pipeline: Pipeline, *, provider: str, threads: int, note: str | None
    ) -> None:
        """Keep what sampling needs."""
        self._renderer = Renderer(pipeline, bundle.manifest, threads=threads)
        self._description = describe_bundle(bundle)
        self._photo = photo_of(bundle)
        self.manifest: BundleManifest = bundle.manifest
        """What the bundle says of itself."""
        self.provider: str = provider
        """The provider that the graphs run on: `cpu`, `cuda` or `tensorrt`."""
        self.provider_note: str | None = note
        """Why `auto` fell back, or None."""
        self.threads: int = threads
        """Threads for one image."""

    @property
    def photo(self) -> ImageArray | None:
        """The photo that was learned, `[H, W, 3]` uint8, or None where the bundle keeps none.

        Bundles that carry its texture do; it is at the size of training.
        """
        return self._photo

    def sample(
        self,
        n: int = 1,
        *,
        height: int | None = None,
        width: int | None = None,
        seed: int = 0,
        start: int = 0,
        seamless: bool = False,
        layout: str = "auto",
        variation: float = 1.0,
        fill: float = 1.0,
        pins: Sequence[Pin | tuple[int, int]] = (),
    ) -> ImageArray:
        """Draw images `start` to `start + n - 1` of a seed's stream.

        Args:
            n: Number of images, at least 1.
            height: In pixels, 16 to 16000, any number. Default: as the training image.
            width: As height; the image may have at most 4096 x 4096 pixels.
            seed: 0 to 2**64 - 1.
            start: Index of the first image, 0 to 2**32 - 1.
            seamless: Make images that go on at their other side, so that copies can be laid edge
                to edge. Sides must be multiples of `manifest.factor`.
            layout: Where layouts come from: `network` or `synthesis`, places of the photo; `auto`
                takes the network's on canvases of about the photo's size, up to a quarter more or
                less along both sides, and synthesis elsewhere and where a knob is turned or a pin
                is set, of a bundle that has both. `info` says which it has. The last stage of a
                pyramid goes on from places, and redraws pins too.
            variation: How far places of the photo are moved at random, 0 to 4: 0 gives the photo
                back at its size, beyond 1 it goes further. For bundles that draw places.
            fill: How often things recur on a large canvas, 0 to 4: at 0 quiet areas grow.
            pins: Rectangles of the photo that stand as they are; `(x, y)` puts all of it there.

        Returns:
            `[n, height, width, 3]` uint8, RGB.

        Raises:
            ConfigError: A size, count or seed is out of range, or a knob or pin is.
            BundleError: The bundle has no such layouts or draws no places, `seamless` with one that
                cannot be run in tiles, or it was trained for manipulation and only starts from
                images.

        Note:
            The same bundle, seed, index and size give the same bytes on the same provider, for
            any `n` and from any thread.
        """
        height, width = self._size(height, width)
        n, start = check_range(n, start, image_bytes=height * width * 3)
        sampled = self.images_of(
            seed,
            height=height,
            width=width,
            **Drawing(seamless, layout, variation, fill, pins).keywords(),
        )
        if n == 1:
            return sampled(start)[np.newaxis]
        images = np.empty((n, height, width, 3), dtype=np.uint8)
        for number, slot in enumerate(images):
            slot[...] = sampled(start + number)
        return images

    def images(
        self,
        n: int,
        *,
        height: int | None = None,
        width: int | None = None,
        seed: int = 0,
        start: int = 0,
        seamless: bool = False,
        layout: str = "auto",
        variation: float = 1.0,
        fill: float = 1.0,
        pins: Sequence[Pin | tuple[int, int]] = (),
        observer: Observer | None = None,
    ) -> Iterator[ImageArray]:
        """As `sample`, one image `[height, width, 3]` at a time, so that memory holds only one.

        Args:
            n: Number of images, at least 1.
            height: As in `sample`.
            width: As in `sample`.
            seed: As in `sample`.
            start: As in `sample`.
            seamless: As in `sample`.
            layout: As in `sample`.
            variation: As in `sample`.
            fill: As in `sample`.
            pins: As in `sample`.
            observer: Called with the name and seconds of every step, once for each block that an
                image is made in.

        Raises:
            ConfigError: A size, count or seed is out of range; raised at the call.
            BundleError: As in `sample`.
        """
        n, start = check_range(n, start, image_bytes=1)
        sampled = self.images_of(
            seed,
            height=height,
            width=width,
            observer=observer,
            **Drawing(seamless, layout, variation, fill, pins).keywords(),
        )
        return map(sampled, range(start, start + n))

    def images_of(
        self,
        seed: int = 0,
        *,
        height: int | None = None,
        width: int | None = None,
        seamless: bool = False,
        layout: str = "auto",
        variation: float = 1.0,
        fill: float = 1.0,
        pins: Sequence[Pin | tuple[int, int]] = (),
        observer: Observer | None = None,
    ) -> Callable[[int], ImageArray]:
        """The images of a seed's stream by index: checked once, then made one by one.

        Args:
            seed: As in `sample`.
            height: As in `sample`.
            width: As in `sample`.
            seamless: As in `sample`.
            layout: As in `sample`.
            variation: As in `sample`.
            fill: As in `sample`.
            pins: As in `sample`.
            observer: As in `images`.

        Returns:
            Makes the image of an index from 0 to 2**32 - 1, which it does not check:
            `[height, width, 3]` uint8. Threads may share it.

        Raises:
            ConfigError: A size or seed is out of range.
            BundleError: As in `sample`.
        """
        check_makes_images(self.manifest)
        height, width = self._size(height, width)
        seed = check_seed(seed)
        drawing = Drawing(seamless, layout, variation, fill, pins)
        chosen, knobs = check_drawing(self.manifest, (height, width), drawing)

        def sampled(index: int) -> ImageArray:
            noise = stream_noise(seed, index)
            return self._renderer.image(
                noise,
                height,
                width,
                seamless=seamless,
                layout=chosen,
                knobs=knobs,
                observer=observer,
            )

        return sampled

    def region(
        self,
        height: int,
        width: int,
        top: int,
        left: int,
        h: int,
        w: int,
        seed: int = 0,
        *,
        index: int = 0,
        seamless: bool = False,
        layout: str = "auto",
        variation: float = 1.0,
        fill: float = 1.0,
        pins: Sequence[Pin | tuple[int, int]] = (),
    ) -> ImageArray:
        """Make a window of a canvas of any size, without the rest.

        Args:
            height: Of the canvas in pixels, from 16.
            width: As height; the canvas may have up to 2**40 pixels.
            top: First row of the window.
            left: First column of the window.
            h: Rows of the window.
            w: Columns of the window.
            seed: 0 to 2**64 - 1.
            index: Index of the image in the seed's stream.
            seamless: As in `sample`; the window may then lie anywhere, since the canvas repeats.
            layout: As in `sample`.
            variation: As in `sample`.
            fill: As in `sample`.
            pins: As in `sample`.

        Returns:
            `[h, w, 3]` uint8: the same bytes as this window of the whole canvas, which `sample` and
            `stream` make.

        Raises:
            ConfigError: A size or seed is out of range, or the window reaches beyond the canvas.
            BundleError: The bundle cannot be run in tiles, and the canvas needs it.
        """
        height, width = check_canvas(height, width)
        drawing = Drawing(seamless, layout, variation, fill, pins)
        chosen, knobs = check_drawing(self.manifest, (height, width), drawing)
        top, left, h, w = check_region((top, left, h, w), (height, width), seamless=seamless)
        noise = self._noise(seed, index)
        pixels = self._renderer.pixels(
            noise, height, width, seamless=seamless, layout=chosen, knobs=knobs
        )
        return pixels.region(top, left, h, w)

    def stream(
        self,
        height: int,
        width: int,
        seed: int = 0,
        *,
        rows: int | None = None,
        index: int = 0,
        seamless: bool = False,
        layout: str = "auto",
        variation: float = 1.0,
        fill: float = 1.0,
        pins: Sequence[Pin | tuple[int, int]] = (),
        observer: Observer | None = None,
    ) -> Iterator[ImageArray]:
        """Make a canvas of any size in bands, top to bottom; memory holds one band.

        Args:
            height: Of the canvas in pixels, from 16.
            width: As height; the canvas may have up to 2**40 pixels.
            seed: 0 to 2**64 - 1.
            rows: Rows of each band but the last. Default: what is made at a time, at most 512; the
                pixels are the same.
            index: Index of the image in the seed's stream.
            seamless: As in `sample`.
            layout: As in `sample`.
            variation: As in `sample`.
            fill: As in `sample`.
            pins: As in `sample`.
            observer: As in `images`; what it raises ends the stream.

        Returns:
            An iterator over bands `[rows, width, 3]` uint8, which together are the canvas.

        Raises:
            ConfigError: A size, count or seed is out of range; raised at the call.
            BundleError: The bundle cannot be run in tiles, and the canvas needs it.
        """
        height, width = check_canvas(height, width)
        if rows is not None:
            rows = check_int(rows, "rows", low=1, high=height)
        drawing = Drawing(seamless, layout, variation, fill, pins)
        chosen, knobs = check_drawing(self.manifest, (height, width), drawing)
        noise = self._noise(seed, index)
        pixels = self._renderer.pixels(
            noise,
            height,
            width,
            seamless=seamless,
            layout=chosen,
            knobs=knobs,
            observer=observer,
        )
        bands = pixels.bands(height, width)
        return bands if rows is None else in_bands_of(rows, bands)

    def places(
        self,
        height: int,
        width: int,
        top: int = 0,
        left: int = 0,
        h: int | None = None,
        w: int | None = None,
        seed: int = 0,
        *,
        index: int = 0,
        seamless: bool = False,
        variation: float = 1.0,
        fill: float = 1.0,
        pins: Sequence[Pin | tuple[int, int]] = (),
    ) -> npt.NDArray[np.int32]:
        """Where in the photo each pixel of a window lies: what layout `synthesis` is made from.

        For programs that composite an image themselves, with the file of
        `export --format onnx --layout synthesis` or otherwise.

        Args:
            height: Of the canvas, as in `region`.
            width: As height.
            top: First row of the window, as in `region`.
            left: First column of the window.
            h: Rows of the window. Default: all below `top`.
            w: Columns of the window. Default: all from `left` on.
            seed: As in `region`.
            index: As in `region`.
            seamless: As in `region`.
            variation: As in `sample`.
            fill: As in `sample`.
            pins: As in `sample`.

        Returns:
            `[h, w, 2]` int32, (y, x) in `photo`: the same numbers as this window of the whole.

        Raises:
            ConfigError: As in `region`.
            BundleError: The bundle draws no places.
        """
        height, width = check_canvas(height, width)
        drawing = Drawing(seamless, "synthesis", variation, fill, pins)
        _, knobs = check_drawing(self.manifest, (height, width), drawing)
        top, left = (
            check_int(value, name, low=-MAX_CANVAS_SIDE_PX, high=MAX_CANVAS_SIDE_PX)
            for name, value in (("top", top), ("left", left))
        )
        size = (height - top if h is None else h, width - left if w is None else w)
        window = Window(*check_region((top, left, *size), (height, width), seamless=seamless))
        noise = self._noise(seed, index)
        return self._renderer.places(noise, height, width, window, seamless=seamless, knobs=knobs)

    def interpolate(
        self,
        seed_a: int,
        seed_b: int,
        *,
        steps: int = 8,
        height: int | None = None,
        width: int | None = None,
    ) -> ImageArray:
        """Go from the first image of one seed to the first image of another.

        The noise moves along the great circle between the two, so that it stays normal.

        Args:
            seed_a: Where to start; the first image is `sample(seed=seed_a)`.
            seed_b: Where to end; the last image is `sample(seed=seed_b)`.
            steps: Number of images, at least 2.
            height: As in `sample`.
            width: As in `sample`.

        Returns:
            `[steps, height, width, 3]` uint8, RGB.

        Raises:
            ConfigError: A size, count or seed is out of range.
        """
        seed_a, seed_b = check_seed(seed_a, "seed_a"), check_seed(seed_b, "seed_b")
        height, width = self._size(height, width)
        steps = check_int(steps, "steps", low=2, high=2**32)
        check_range(steps, 0, image_bytes=height * width * 3)
        images = np.empty((steps, height, width, 3), dtype=np.uint8)
        for number, slot in enumerate(images):
            noise = between(seed_a, seed_b, number / (steps - 1))
            slot[...] = self._renderer.image(noise, height, width)
        return images

    def refine(
        self,
        image: ImageArray,
        start_stage: int = 1,
        *,
        seed: int = 0,
        index: int = 0,
        height: int | None = None,
        width: int | None = None,
        noise: float = 1.0,
        observer: Observer | None = None,
    ) -> ImageArray:
        """Continue from a given image instead of from what the stages before would make.

        The coarser the stage, the more of the image is only its layout and colours.

        Args:
            image: `[h, w, 3]` uint8, RGB, from 8 px; at most 4096 x 4096 pixels. It is brought to
                the resolution that the stage continues from.
            start_stage: Which of `manifest.entries`, from 1 on; 1 is the coarsest.
            seed: 0 to 2**64 - 1.
            index: Index in the seed's stream.
            height: Of the result in pixels, as in `sample`. Default: as the image.
            width: As height.
            noise: Strength of the noise of the stages that run, 0 to 1000; at 0 the result is the
                same for every seed. Not every stage takes noise.
            observer: As in `images`.

        Returns:
            `[height, width, 3]` uint8, RGB. As `sample`, the same bytes every time.

        Raises:
            ConfigError: There is no such stage, or a size, seed or `noise` is out of range.
            InputError: The image is no such array.
            BundleError: No stage of the bundle can start from an image.
        """
        start = check_start(self.manifest, start_stage, image)
        own_height, own_width = start.image.shape[:2]
        height, width = check_size(
            own_height if height is None else height, own_width if width is None else width
        )
        normals = self._noise(seed, index)
        own_noise = scaled(normals, check_number(noise, "noise", low=0, high=_MAX_NOISE))
        return self._renderer.image(own_noise, height, width, start=start, observer=observer)

    def warmup(self, sizes: Sequence[tuple[int, int]] | None = None) -> None:
        """Run once at each size and discard the image, so that the first real call is fast.

        Args:
            sizes: `(height, width)` pairs in pixels. Default: the size of the training image.

        Raises:
            ConfigError: A size is out of range.
        """
        for height, width in [self._size(None, None)] if sizes is None else sizes:
            self.sample(height=height, width=width)

    def info(self) -> dict[str, Any]:
        """What this sampler is, as JSON types: the bundle's description, provider and threads."""
        return {
            **self._description,
            "provider": self.provider,
            "provider_note": self.provider_note,
            "threads": self.threads,
        }

    def _size(self, height: int | None, width: int | None) -> tuple[int, int]:
        trained_height, trained_width = self.manifest.image_size_px
        return check_size(
            trained_height if height is None else height,
            trained_width if width is None else width,
        )

    def _noise(self, seed: int, index: int) -> NoiseField:
        index = check_int(index, "index", low=0, high=2**32 - 1)
        return stream_noise(check_seed(seed), index)
