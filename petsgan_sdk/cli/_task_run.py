"""What the commands of the tasks share: files in, files out, and what they print."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from petsgan_sdk.cli._options import Provider, note, print_json, print_line
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files import check_distinct, check_writable

if TYPE_CHECKING:
    from petsgan_sdk._arrays import ImageArray
    from petsgan_sdk.imaging import LoadedImage
    from petsgan_sdk.runtime import Sampler
    from petsgan_sdk.tasks import Edited

__all__ = ["TaskJob", "read_mask", "read_photo", "run_task", "with_alpha"]


@dataclass(frozen=True, slots=True)
class TaskJob:
    """The options that all tasks share."""

    task: str
    bundle: Path
    image: Path
    strength: float
    seed: int
    output: Path | None
    compare: Path | None
    provider: Provider
    threads: int | None
    force: bool
    as_json: bool

    @property
    def target(self) -> Path:
        """The file of the result."""
        return self.output or Path(f"{self.task}.png")

    @property
    def files(self) -> list[Path]:
        """What is written."""
        return [self.target] if self.compare is None else [self.target, self.compare]


def run_task(
    job: TaskJob, make: Callable[[Sampler, LoadedImage], Edited], *others: Path | None
) -> None:
    """Check the outputs, do the task, write, and say what was done.

    Args:
        job: The options.
        make: The task.
        others: Further files that it reads.

    Raises:
        ConfigError: An output has an ending that cannot be written.
        OutputError: An output cannot be written, or is an input.
    """
    _check_outputs(job, [job.bundle, job.image, *(path for path in others if path is not None)])

    from petsgan_sdk.imaging import save_image  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime import load  # noqa: PLC0415 - heavy

    loaded = _loaded(job.image)
    sampler = load(job.bundle, provider=job.provider.value, threads=job.threads)
    started = time.perf_counter()
    edited = make(sampler, loaded)
    seconds = time.perf_counter() - started
    save_image(job.target, edited.image, overwrite=job.force)
    if job.compare is not None:
        save_image(job.compare, _side_by_side(loaded.rgb, edited), overwrite=job.force)
    notes = (*_notes_on(loaded, has_mask=edited.mask is not None), *edited.notes)
    _report(job, edited, notes, sampler.provider, seconds)


def read_mask(path: Path | None) -> ImageArray | None:
    """A mask file as levels `[H, W, 3]`, or its alpha channel `[H, W]` if it has one."""
    if path is None:
        return None
    loaded = _loaded(path)
    return loaded.rgb if loaded.alpha is None else loaded.alpha


def read_photo(path: Path | None) -> ImageArray | None:
    """A photo as `[H, W, 3]`."""
    if path is None:
        return None
    return _loaded(path).rgb


def _loaded(path: Path) -> LoadedImage:
    """An image file, refused by its header if it has more pixels than a task takes."""
    from petsgan_sdk.imaging import load_image  # noqa: PLC0415 - heavy
    from petsgan_sdk.tasks.checks import MAX_PIXELS  # noqa: PLC0415 - heavy

    return load_image(path, max_pixels=MAX_PIXELS)


def with_alpha(loaded: LoadedImage) -> ImageArray:
    """`[H, W, 4]` with colours as they were before white was laid behind, or `[H, W, 3]`."""
    import numpy as np  # noqa: PLC0415 - heavy

    if loaded.alpha is None:
        return loaded.rgb
    whole = np.concatenate([loaded.rgb, loaded.alpha[:, :, None]], axis=2)
    for top in range(0, len(whole), 64):  # as floats, all rows would take four times the image
        rows = whole[top : top + 64]
        alpha = rows[:, :, 3:].astype(np.float32) / np.float32(255)
        colour = (rows[:, :, :3] - 255 * (1 - alpha)) / np.maximum(alpha, np.float32(1 / 255))
        rows[:, :, :3] = np.clip(np.floor(colour + 0.5), 0, 255)
    return whole


def _check_outputs(job: TaskJob, inputs: list[Path]) -> None:
    from petsgan_sdk.imaging import FORMATS  # noqa: PLC0415 - heavy

    for path in job.files:
        if path.suffix.lower().removeprefix(".") not in FORMATS:
            msg = f"output: must end in one of .{', .'.join(FORMATS)}, got {str(path)!r}"
            raise ConfigError(msg)
        check_distinct(path, *inputs)
        check_writable(path, overwrite=job.force)
    if job.compare is not None and job.compare.resolve() == job.target.resolve():
        msg = f"--compare must name another file than the result, got {str(job.compare)!r} for both"
        raise ConfigError(msg)


def _notes_on(loaded: LoadedImage, *, has_mask: bool) -> list[str]:
    """What reading changed. What a mask goes with had its transparency given back."""
    return [
        line for line in loaded.notes if not (has_mask and line.startswith("transparency became"))
    ]


def _side_by_side(image: ImageArray, edited: Edited) -> ImageArray:
    import numpy as np  # noqa: PLC0415 - heavy

    from petsgan_sdk.imaging import contact_sheet  # noqa: PLC0415 - heavy

    panels = {"input": image}
    if edited.mask is not None:
        panels["mask"] = np.repeat(edited.mask[:, :, None], 3, axis=2)
    panels["result"] = edited.image
    return contact_sheet(list(panels.values()), columns=3, labels=list(panels))


def _report(
    job: TaskJob, edited: Edited, notes: tuple[str, ...], provider: str, seconds: float
) -> None:
    height, width = edited.image.shape[:2]
    if job.as_json:
        print_json(
            {
                "task": job.task,
                "files": [str(path) for path in job.files],
                "size": [width, height],
                "strength": job.strength,
                "seed": job.seed,
                "changed": 1.0 if edited.mask is None else float((edited.mask > 0).mean()),
                "notes": list(notes),
                "provider": provider,
                "seconds": seconds,
            }
        )
        return
    for line in notes:
        note(f"note: {line}")
    print_line(
        f"{job.task}: {width}x{height} in {job.target} ({seconds:.2f} s, strength "
        f"{job.strength:g}, seed {job.seed}, {provider})"
    )
    if job.compare is not None:
        print_line(f"comparison {job.compare}")
