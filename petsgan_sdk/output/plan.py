"""What a batch of images will write. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["BatchPlan", "OutputFile"]


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file that is there whole or not at all: an image, or a tar of images."""

    path: Path
    numbers: range
    """The images that it holds."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What will be written; made by `plan_batch`, which checks it."""

    seed: int
    """The seed."""
    size_px: tuple[int, int]
    """`(width, height)` of every image."""
    names: tuple[str, ...]
    """File name of each image, in order."""
    files: tuple[OutputFile, ...]
    """The files that hold them, in order."""
    sheet: Path | None
    """The contact sheet."""
    seamless: bool
    """Whether every image goes on at its other side."""
    overwrite: bool
    """Whether existing files may be replaced."""
    resume: bool
    """Whether existing files that are whole are left as they are."""
    is_tar: bool
    """Whether the files are tars."""
    sidecars: bool
    """Whether a tar holds a `.json` beside each image."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that hold images, in order."""
        return tuple(file.path for file in self.files)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that is written, the contact sheet last."""
        return self.paths if self.sheet is None else (*self.paths, self.sheet)

    @property
    def extension(self) -> str:
        """Of the images, without a dot."""
        return self.names[0].rpartition(".")[2]
