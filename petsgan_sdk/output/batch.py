"""Write many images to a folder or to tars, and keep all cores busy meanwhile.

Everything that can be refused is refused before the first image is made. Never imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import check_distinct, remove_abandoned
from petsgan_sdk.files.endings import check_ending
from petsgan_sdk.files.regular import is_taken
from petsgan_sdk.imaging import FORMATS
from petsgan_sdk.output.image_maker import ImageMaker, made_folders, write_all
from petsgan_sdk.output.names import DEFAULT_TEMPLATE, TAR_TEMPLATE, plan_names
from petsgan_sdk.output.plan import BatchPlan, OutputFile
from petsgan_sdk.output.resume import unfinished
from petsgan_sdk.output.shards import shard_paths
from petsgan_sdk.runtime.checks import check_int, check_seed, check_size
from petsgan_sdk.runtime.entries import check_makes_images
from petsgan_sdk.runtime.sampler import Sampler

__all__ = ["MAX_IMAGES", "BatchPlan", "BatchResult", "generate_images", "plan_batch"]

MAX_IMAGES = 1_000_000
"""Most images of one call."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What `generate_images` did."""

    seconds: float
    """From the call to the end, the look at what was there included."""
    written: int
    """Images that were made."""
    skipped: int
    """Images that were there."""

    @property
    def images_per_s(self) -> float:
        """Images made in a second."""
        return self.written / self.seconds


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
    seamless: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    shard_size: int | None = None,
    sidecars: bool = False,
) -> BatchPlan:
    """Name every file, and refuse what could not be written. Writes nothing.

    Args:
        bundle: The bundle that will be sampled; it names the files and is never overwritten.
        output: A folder, which `generate_images` makes, or a file name that ends in `.tar`.
        count: Number of images, 1 to 1,000,000.
        size_px: `(width, height)`.
        seed: 0 to 2**64 - 1.
        template: See `names.plan_names`; None for the usual name in a folder, and for a number of
            six digits in a tar.
        extension: `png`, `jpg` or `webp`.
        sheet: A contact sheet to write as well.
        seamless: See `Sampler.sample`, which also checks the size.
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
    names = plan_names(template, count, stem=stem, seed=seed, size_px=size, extension=extension)
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
        seamless=seamless,
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


def generate_images(
    sampler: Sampler,
    plan: BatchPlan,
    *,
    at_once: int = 1,
    progress: Callable[[int], None] | None = None,
) -> BatchResult:
    """Make the images of a plan and write them.

    A file is there whole or not at all. When a write fails or Ctrl-C comes, the files that are
    finished stay. The files are the same for any number of threads.

    Args:
        sampler: The loaded bundle.
        plan: What to write.
        at_once: Images to sample at the same time, each with the sampler's threads; see
            `cores.share_cores`. One image on providers other than the CPU.
        progress: Called with the number of images that are written or were there.

    Raises:
        OutputError: A file cannot be written, or one that is there is another image.
        BundleError: The bundle makes no images from seeds.
    """
    check_makes_images(sampler.manifest)
    started = time.perf_counter()
    at_once = check_int(at_once, "at_once", low=1, high=256) if sampler.provider == "cpu" else 1
    maker = ImageMaker(sampler, plan, at_once=at_once)
    todo = unfinished(plan, maker) if plan.resume else list(plan.files)
    written = sum(len(file.numbers) for file in todo)
    skipped = len(plan.names) - written
    with made_folders(plan):
        if plan.resume:
            for folder in {path.parent for path in plan.outputs}:
                remove_abandoned(folder)
        write_all(maker, todo, progress=progress, skipped=skipped)
    return BatchResult(time.perf_counter() - started, written, skipped)


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
    if existing and not (plan.overwrite or plan.resume):
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
