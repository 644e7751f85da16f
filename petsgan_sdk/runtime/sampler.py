"""Images of any size from a bundle: the one class that a user of the runtime needs.

Each image is made alone, from noise that is a function of (seed, image, place), so that image k of
a seed is the same bytes whatever else is asked for in the same call. A canvas larger than one block
is made block by block, whether it is returned whole, in bands, or in part. Never imports torch or
onnx.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.canvas import Canvas, NoiseSource
from petsgan_sdk.runtime.checks import (
    check_canvas,
    check_int,
    check_range,
    check_region,
    check_seamless,
    check_seed,
    check_size,
    default_threads,
)
from petsgan_sdk.runtime.describe import describe_bundle
from petsgan_sdk.runtime.device.pipeline import open_pipeline
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.providers import candidate_providers, check_provider_name
from petsgan_sdk.runtime.randomness import between, stream_noise
from petsgan_sdk.runtime.render import ImageArray, Rendering
from petsgan_sdk.runtime.steps import Observer, Pipeline
from petsgan_sdk.runtime.tiles import can_tile

__all__ = ["ImageArray", "Sampler", "load"]

_KEPT_PIXELS = 1024 * 1024
"""Larger canvases in one piece give their scratch memory back, which makes their next run a third
slower. Only bundles that cannot be tiled have them."""

_log = logging.getLogger(__name__)


def load(
    path: str | Path,
    *,
    provider: str = "auto",
    threads: int | None = None,
    options: ProviderOptions | None = None,
) -> Sampler:
    """Open a bundle and make it ready to sample.

    Args:
        path: A `.petsgan` file.
        provider: `auto` (CUDA if this onnxruntime has it and it starts, else CPU, and
            `Sampler.provider_note` says why), `cpu`, `cuda`, or `tensorrt`, whose engines
            `petsgan-sdk build` makes.
        threads: Threads for one image, 1 to 256. Default: `PETSGAN_NUM_THREADS`, else the usable
            cores but at most 4.
        options: Precision, building and memory of the GPU providers.

    Raises:
        BundleError: The file is missing, damaged, unsafe, of another kind or version.
        BackendUnavailableError: The named provider, or onnxruntime, is not there.
        ConfigError: An unknown provider or an impossible number of threads.
    """
    check_provider_name(provider)
    threads = default_threads(threads)
    bundle = open_bundle(Path(path))
    note: str | None = None
    for candidate in candidate_providers(provider):
        try:
            pipeline = open_pipeline(
                bundle,
                provider=candidate.name,
                threads=threads,
                options=options or ProviderOptions(),
            )
        except BackendUnavailableError as exc:
            if candidate.required:
                raise
            note = f"fell back from {candidate.name}: {exc}"
            _log.warning("%s", note)
            continue
        return Sampler(bundle, pipeline, provider=candidate.name, threads=threads, note=note)
    msg = "onnxruntime offers none of the providers that petsgan-sdk knows"
    raise BackendUnavailableError(msg, hint="petsgan-sdk doctor")


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
        self._pipeline = pipeline
        self._description = describe_bundle(bundle)
        self.manifest: BundleManifest = bundle.manifest
        """What the bundle says of itself."""
        self.provider: str = provider
        """The provider that the graphs run on: `cpu`, `cuda` or `tensorrt`."""
        self.provider_note: str | None = note
        """Why `auto` fell back, or None."""
        self.threads: int = threads
        """Threads for one image."""

    def sample(
        self,
        n: int = 1,
        *,
        height: int | None = None,
        width: int | None = None,
        seed: int = 0,
        start: int = 0,
        seamless: bool = False,
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

        Returns:
            `[n, height, width, 3]` uint8, RGB.

        Raises:
            ConfigError: A size, count or seed is out of range.
            BundleError: `seamless` with a bundle that cannot be run in tiles.

        Note:
            The same bundle, seed, index and size give the same bytes on the same provider, for
            any `n` and from any thread.
        """
        height, width = self._size(height, width)
        n, start = check_range(n, start, image_bytes=height * width * 3)
        images = np.empty((n, height, width, 3), dtype=np.uint8)
        drawn = self.images(
            n, height=height, width=width, seed=seed, start=start, seamless=seamless
        )
        for slot, image in zip(images, drawn, strict=True):
            slot[...] = image
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
            observer: Called with the name and seconds of every step, once for each block that an
                image is made in.

        Raises:
            ConfigError: A size, count or seed is out of range; raised at the call.
            BundleError: As in `sample`.
        """
        height, width = self._size(height, width)
        n, start = check_range(n, start, image_bytes=1)
        seed = check_seed(seed)
        if seamless:
            self._check_seamless(height, width)
        return (
            self._render(
                stream_noise(seed, index),
                height=height,
                width=width,
                seamless=seamless,
                observer=observer,
            )
            for index in range(start, start + n)
        )

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

        Returns:
            `[h, w, 3]` uint8: the same bytes as this window of the whole canvas, which `sample` and
            `stream` make.

        Raises:
            ConfigError: A size or seed is out of range, or the window reaches beyond the canvas.
            BundleError: The bundle cannot be run in tiles, and the canvas needs it.
        """
        height, width = check_canvas(height, width)
        if seamless:
            self._check_seamless(height, width)
        top, left, h, w = check_region((top, left, h, w), (height, width), seamless=seamless)
        rendering = self._rendering(self._source(seed, index), height, width, seamless=seamless)
        return rendering.region(top, left, h, w)

    def stream(
        self,
        height: int,
        width: int,
        seed: int = 0,
        *,
        rows: int | None = None,
        index: int = 0,
        seamless: bool = False,
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
        if seamless:
            self._check_seamless(height, width)
        source = self._source(seed, index)
        rendering = self._rendering(source, height, width, seamless=seamless, observer=observer)
        bands = rendering.bands(height, width)
        return bands if rows is None else _in_bands_of(rows, bands)

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
            source = between(seed_a, seed_b, number / (steps - 1))
            slot[...] = self._render(source, height=height, width=width)
        return images

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

    def _check_seamless(self, height: int, width: int) -> None:
        factor, least = self.manifest.factor, self.manifest.min_canvas_px
        check_seamless(height, width, factor=factor, least=least)

    def _source(self, seed: int, index: int) -> NoiseSource:
        _, index = check_range(1, index, image_bytes=1)
        return stream_noise(check_seed(seed), index)

    def _render(
        self,
        source: NoiseSource,
        *,
        height: int,
        width: int,
        seamless: bool = False,
        observer: Observer | None = None,
    ) -> ImageArray:
        """One image in memory. A bundle that cannot be tiled makes it in one piece."""
        rendering = self._rendering(
            source,
            height,
            width,
            seamless=seamless,
            in_one_piece=not seamless and not can_tile(self._pipeline.steps),
            observer=observer,
        )
        image: ImageArray | None = None
        done = 0
        for band in rendering.bands(height, width):
            if len(band) == height:
                return band
            image = np.empty((height, width, 3), dtype=np.uint8) if image is None else image
            image[done : done + len(band)] = band
            done += len(band)
        assert image is not None  # there is always a band
        return image

    def _rendering(
        self,
        source: NoiseSource,
        height: int,
        width: int,
        *,
        seamless: bool,
        in_one_piece: bool = False,
        observer: Observer | None = None,
    ) -> Rendering:
        """Prepare the next larger canvas."""
        factor, least = self.manifest.factor, self.manifest.min_canvas_px
        rows, columns = (-(-max(side, least) // factor) for side in (height, width))
        release = in_one_piece and rows * columns * factor**2 > _KEPT_PIXELS
        return Rendering(
            self._pipeline,
            Canvas(rows, columns, source, release=release, seamless=seamless),
            factor=factor,
            threads=self.threads,
            in_one_piece=in_one_piece,
            observer=observer,
        )


def _in_bands_of(rows: int, bands: Iterator[ImageArray]) -> Iterator[ImageArray]:
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
