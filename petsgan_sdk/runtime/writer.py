"""Encode images and write them in worker threads, each file whole or not at all.

Encoding a PNG takes about as long as sampling it, and both release the interpreter lock, so that
one thread samples while others encode. Imports numpy and Pillow, never torch.
"""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import TracebackType

from petsgan_sdk.files import atomic_write
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.runtime.sampler import ImageArray

__all__ = ["ImageWriter"]


class ImageWriter:
    """A few threads that encode and write; used as a context.

    Leaving the context waits for what was put. Leaving it by an exception, Ctrl-C included, lets
    the files at hand finish and drops the rest.

    Args:
        workers: Number of threads. The queue holds two images for each, so memory is bounded.
        overwrite: Whether existing files may be replaced.
    """

    def __init__(self, *, workers: int, overwrite: bool) -> None:
        """Make the threads; they start with the context."""
        self._overwrite = overwrite
        self._queue: queue.Queue[tuple[ImageArray, Path] | None] = queue.Queue(2 * workers)
        self._failure: BaseException | None = None
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"petsgan-writer-{k}") for k in range(workers)
        ]

    def put(self, image: ImageArray, path: Path) -> None:
        """Queue one image `[H, W, 3]` uint8; waits while the queue is full.

        Raises:
            PetsganError: An earlier image could not be written.
        """
        self._raise_failure()
        self._queue.put((image, path))

    def __enter__(self) -> ImageWriter:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish or drop what is queued, and end the threads."""
        if kind is not None:
            self._stopped.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if kind is None:
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        # After a failure the queue is still emptied, so that `put` can never block forever.
        while (item := self._queue.get()) is not None:
            if self._stopped.is_set():
                continue
            image, path = item
            try:
                encoded = encode_image(image, format=path.suffix.lstrip("."))
                atomic_write(path, encoded, overwrite=self._overwrite)
            except BaseException as exc:  # noqa: BLE001 - raised again in the calling thread
                self._failure = self._failure or exc
                self._stopped.set()
