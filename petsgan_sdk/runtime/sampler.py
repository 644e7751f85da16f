"""Images of any size from a bundle: the one class that a user of the runtime needs.

Each image is made alone, from noise that is a function of (seed, image, place), so that image k of
a seed is the same bytes whatever else is asked for in the same call. Never imports torch or onnx.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError, BundleError, InputError
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.checks import (
    check_int,
    check_range,
    check_seed,
    check_size,
    default_threads,
)
from petsgan_sdk.runtime.describe import describe_bundle
from petsgan_sdk.runtime.device.pipeline import open_pipeline
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.providers import candidate_providers, check_provider_name
from petsgan_sdk.runtime.session import FloatArray
from petsgan_sdk.runtime.steps import (
    Canvas,
    NoiseSource,
    Observer,
    Pipeline,
)

__all__ = ["ImageArray", "Sampler", "load"]

ImageArray = np.ndarray[Any, np.dtype[np.uint8]]

_KEPT_PIXELS = 1024 * 1024
"""Larger canvases give their scratch memory back, which makes their next run a third slower."""

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
    ) -> ImageArray:
        """Draw images `start` to `start + n - 1` of a seed's stream.

        Args:
            n: Number of images, at least 1.
            height: In pixels, 16 to 16000, any number. Default: as the training image.
            width: As height; the image may have at most 4096 x 4096 pixels.
            seed: 0 to 2**64 - 1.
            start: Index of the first image, 0 to 2**32 - 1.

        Returns:
            `[n, height, width, 3]` uint8, RGB.

        Raises:
            ConfigError: A size, count or seed is out of range.

        Note:
            The same bundle, seed, index and size give the same bytes on the same provider, for
            any `n` and from any thread.
        """
        height, width = self._size(height, width)
        n, start = check_range(n, start, image_bytes=height * width * 3)
        images = np.empty((n, height, width, 3), dtype=np.uint8)
        stream = self.stream(n, height=height, width=width, seed=seed, start=start)
        for slot, image in zip(images, stream, strict=True):
            slot[...] = image
        return images

    def stream(
        self,
        n: int,
        *,
        height: int | None = None,
        width: int | None = None,
        seed: int = 0,
        start: int = 0,
        observer: Observer | None = None,
    ) -> Iterator[ImageArray]:
        """As `sample`, one image `[height, width, 3]` at a time, so that memory holds only one.

        Args:
            n: Number of images, at least 1.
            height: As in `sample`.
            width: As in `sample`.
            seed: As in `sample`.
            start: As in `sample`.
            observer: Called with the name and seconds of every step.

        Raises:
            ConfigError: A size, count or seed is out of range; raised at the call.
        """
        height, width = self._size(height, width)
        n, start = check_range(n, start, image_bytes=1)
        seed = check_seed(seed)
        return (
            self._render(_stream_noise(seed, index), height=height, width=width, observer=observer)
            for index in range(start, start + n)
        )

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
            source = _between(seed_a, seed_b, number / (steps - 1))
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

    def _render(
        self, source: NoiseSource, *, height: int, width: int, observer: Observer | None = None
    ) -> ImageArray:
        """One image: run the steps on the next larger canvas, then crop."""
        factor, least = self.manifest.factor, self.manifest.min_canvas_px
        rows, columns = (-(-max(side, least) // factor) for side in (height, width))
        release = rows * columns * factor**2 > _KEPT_PIXELS
        canvas = Canvas(rows, columns, source, release=release)
        result = self._pipeline.run(canvas, observer=observer)
        expected = (1, 3, rows * factor, columns * factor)
        if result.shape != expected:
            name = self.manifest.output
            msg = f"tensor {name!r} must be {expected}, got {result.shape}; export the model again"
            raise BundleError(msg)
        started = time.perf_counter()
        image = self._to_image(result[0], height=height, width=width)
        if observer is not None:
            observer("to_uint8", time.perf_counter() - started)
        return image

    def _to_image(
        self, signed: np.ndarray[Any, np.dtype[Any]], *, height: int, width: int
    ) -> ImageArray:
        """The upper left of a canvas `[3, H, W]` in [-1, 1] as `[height, width, 3]` uint8."""
        canvas = np.ascontiguousarray(signed, dtype=np.float32)
        try:
            return kernels.signed_to_u8(canvas, height=height, width=width, threads=self.threads)
        except InputError as exc:
            msg = "the model made values that are not finite; export or train it again"
            raise BundleError(msg) from exc


def _stream_noise(seed: int, index: int) -> NoiseSource:
    def draw(shape: tuple[int, int, int, int], stage: int, margin: int) -> FloatArray:
        return kernels.normal_noise(
            shape, seed=seed, stage=stage, first_image=index, top=-margin, left=-margin
        )

    return draw


def _between(seed_a: int, seed_b: int, position: float) -> NoiseSource:
    """Noise at `position` (0..1) on the great circle between the first images of two seeds."""
    draw_a, draw_b = _stream_noise(seed_a, 0), _stream_noise(seed_b, 0)

    def draw(shape: tuple[int, int, int, int], stage: int, margin: int) -> FloatArray:
        a, b = draw_a(shape, stage, margin), draw_b(shape, stage, margin)
        lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
        angle = math.acos(max(-1.0, min(1.0, float(np.vdot(a, b)) / max(lengths, 1e-30))))
        weight_a, weight_b = 1.0 - position, position
        if math.sin(angle) > 1e-6:
            weight_a = math.sin(weight_a * angle) / math.sin(angle)
            weight_b = math.sin(weight_b * angle) / math.sin(angle)
        return a * np.float32(weight_a) + b * np.float32(weight_b)

    return draw
