"""What a batch of images will write: every file is named and refused before the first is made.

Never imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import check_distinct
from petsgan_sdk.files.endings import check_ending
from petsgan_sdk.files.regular import is_taken
from petsgan_sdk.imaging import FORMATS
from petsgan_sdk.output.file_names import DEFAULT_TEMPLATE, TAR_TEMPLATE, file_names
from petsgan_sdk.output.shards import shard_paths
from petsgan_sdk.runtime.checks import check_int, check_seed, check_size
from petsgan_sdk.runtime.drawing import PLAIN, Drawing

__all__ = ["MAX_IMAGES", "BatchPlan", "OutputFile", "plan_batch"]

MAX_IMAGES = 1_000_000
"""Most images of one call."""


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
    drawing: Drawing
    """How every image is drawn."""
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
    def may_replace(self) -> bool:
        """Whether a file may be written where one is."""
        return self.overwrite or self.resume

    @property
    def extension(self) -> str:
        """Of the images, without a dot."""
        return self.names[0].rpartition(".")[2]


def plan_batch(
    bundle: Path,
    output: Path,
    *,
    count: int,
    size_px: tuple[int, int],
    seed: int = 0,
    template: str | None = None,
    extension: str = "png",
    sheet: Path | None = None,
    drawing: Drawing = PLAIN,
    overwrite: bool = False,
    resume: bool = False,
    shard_size: int | None = None,
    sidecars: bool = False,
) -> BatchPlan:
    """Name every file, and refuse what could not be written. Writes nothing.

    Args:
        bundle: The bundle that will be sampled; it names the files and is never overwritten.
        output: A folder, made with the first image, or a file name that ends in `.tar`.
        count: Number of images, 1 to 1,000,000.
        size_px: `(width, height)`.
        seed: 0 to 2**64 - 1.
        template: See `file_names`; None for the usual name in a folder, and for a number of
            six digits in a tar.
        extension: `png`, `jpg` or `webp`.
        sheet: A contact sheet to write as well.
        drawing: How the images are drawn; the sampler checks it.
        overwrite: Whether existing files may be replaced.
        resume: Whether existing files that are whole stay as they are, and others are made again.
        shard_size: Images of one tar; None for one tar of all.
        sidecars: Whether a tar holds a `.json` beside each image.

    Raises:
        ConfigError: A count, size, seed, template or extension cannot be used, or two options
            exclude each other, or the output's name is that of a file of another format.
        OutputError: A file exists, or a folder cannot be written.
    """
    count = check_int(count, "number of images", low=1, high=MAX_IMAGES)
    seed = check_seed(seed)
    height, width = check_size(size_px[1], size_px[0])
    check_ending(output, ("tar",), expected="a folder, FILE.tar, FILE.png or FILE.tif")
    is_tar = _extension(output) == "tar"
    _check_options(shard_size, is_tar=is_tar, sidecars=sidecars, both=overwrite and resume)
    size = (width, height)
    template = template or (TAR_TEMPLATE if is_tar else DEFAULT_TEMPLATE)
    stem = bundle.stem
    names = file_names(template, count, stem=stem, seed=seed, size_px=size, extension=extension)
    if is_tar:
        _check_key(names[0], template)
        shards = shard_paths(output, count, shard_size)
        files = tuple(OutputFile(path, numbers) for path, numbers in shards)
    else:
        files = tuple(OutputFile(output / name, range(k, k + 1)) for k, name in enumerate(names))
    plan = BatchPlan(
        seed,
        size,
        tuple(names),
        files,
        sheet,
        drawing=drawing,
        overwrite=overwrite,
        resume=resume,
        is_tar=is_tar,
        sidecars=sidecars,
    )
    if sheet is not None:
        _check_sheet(sheet, plan.paths)
    _check_folder(output.parent if is_tar else output)
    _check_existing(plan, bundle)
    return plan


def _extension(path: Path) -> str:
    return path.suffix.lstrip(".").lower()


def _check_options(shard_size: int | None, *, is_tar: bool, sidecars: bool, both: bool) -> None:
    if both:
        msg = "--resume keeps files that are whole and --force replaces them; choose one"
        raise ConfigError(msg)
    if shard_size is not None:
        check_int(shard_size, "shard size", low=1, high=MAX_IMAGES)
    if not is_tar and (shard_size is not None or sidecars):
        name = "--shard-size" if shard_size is not None else "--sidecars"
        msg = f"{name} needs an output that ends in .tar, such as -o samples.tar"
        raise ConfigError(msg)


def _check_key(name: str, template: str) -> None:
    """WebDataset takes what comes before the first dot as the key of a sample."""
    if "." in name.rpartition(".")[0]:
        msg = (
            f"name template {template!r} must give keys without a dot in a tar, got {name!r}; "
            "leave out {stem} or the dot"
        )
        raise ConfigError(msg)


def _check_sheet(sheet: Path, paths: tuple[Path, ...]) -> None:
    if _extension(sheet) not in FORMATS:
        msg = f"sheet must end in one of .{', .'.join(FORMATS)}, got {str(sheet)!r}"
        raise ConfigError(msg)
    if sheet.absolute() in {path.absolute() for path in paths}:
        msg = f"sheet must be another file than the images, got {str(sheet)!r}"
        raise ConfigError(msg)


def _check_folder(folder: Path) -> None:
    try:
        usable = folder.is_dir() or not folder.exists()
    except (OSError, ValueError) as exc:
        msg = f"output folder {str(folder)!r} cannot be used: {exc}"
        raise OutputError(msg) from exc
    if not usable:
        msg = f"output folder must be a folder, got the file {str(folder)!r}; choose another -o"
        raise OutputError(msg)


def _check_existing(plan: BatchPlan, bundle: Path) -> None:
    existing = [path for path in plan.outputs if is_taken(path)]
    if existing and not plan.may_replace:
        others = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        msg = (
            f"output must be new, but {str(existing[0])!r}{others} exists; choose another folder, "
            "name or seed, go on with --resume, or overwrite with --force"
        )
        raise OutputError(msg)
    for path in existing:
        if path.is_dir():
            msg = f"output must be a file, got the folder {str(path)!r}; choose another name"
            raise OutputError(msg)
        check_distinct(path, bundle)
