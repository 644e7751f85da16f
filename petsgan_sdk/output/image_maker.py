"""One image of a batch after the other, as the bytes of its file. Never imports torch."""

from __future__ import annotations

import threading
from typing import Any

from petsgan_sdk.imaging import encode_image
from petsgan_sdk.imaging.sheet import ContactSheet
from petsgan_sdk.output.batch_plan import BatchPlan
from petsgan_sdk.output.provenance import comment_of, provenance
from petsgan_sdk.runtime.sampler import Sampler

__all__ = ["ImageMaker"]


class ImageMaker:
    """Samples and encodes the images of a plan, each with its provenance; threads may share it.

    Args:
        sampler: The loaded bundle.
        plan: Names, seed and size.
        at_once: Images that are sampled at the same time.

    Raises:
        ConfigError: The images cannot be drawn like that at this size.
        BundleError: The bundle makes no images from seeds.
    """

    def __init__(self, sampler: Sampler, plan: BatchPlan, *, at_once: int) -> None:
        """Check and keep what every image needs."""
        width, height = plan.size_px
        self.plan = plan
        self.sheet = ContactSheet(len(plan.names), plan.size_px) if plan.sheet else None
        """The contact sheet, filled as images are made."""
        cores = at_once * sampler.threads
        self.workers = min(at_once + 1, len(plan.names)) if cores > 1 else 1
        """Threads that make images."""
        self._sampled = sampler.images_of(
            plan.seed, height=height, width=width, **plan.drawing.keywords()
        )
        self._model: str = sampler.info()["digest"]
        self._slots = threading.Semaphore(at_once)

    def provenance(self, number: int) -> dict[str, Any]:
        """What decides the pixels of an image."""
        return self._provenance(index=number)

    def comment(self, number: int) -> str:
        """What the file of an image says of itself."""
        return comment_of(self.provenance(number))

    def sheet_comment(self) -> str:
        """What the contact sheet says of itself."""
        return comment_of(self._provenance(sheet_of=len(self.plan.names)))

    def image_file(self, number: int) -> bytes:
        """Make one image; returns its file."""
        with self._slots:
            image = self._sampled(number)
        if self.sheet is not None:
            self.sheet.add(number, image)
        return encode_image(image, format=self.plan.extension, comment=self.comment(number))

    def sheet_file(self) -> bytes:
        """The file of the contact sheet, of a plan that has one."""
        sheet, path = self.sheet, self.plan.sheet
        assert sheet is not None
        assert path is not None
        kind = path.suffix.lstrip(".")
        return encode_image(sheet.image(), format=kind, comment=self.sheet_comment())

    def _provenance(self, **part: int) -> dict[str, Any]:
        plan = self.plan
        return provenance(
            self._model, part, seed=plan.seed, size_px=plan.size_px, drawing=plan.drawing
        )
