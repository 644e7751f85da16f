"""What the commands of the tasks share: their options, files in, files out, and what they print."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from petsgan_sdk.cli._options import Provider, note, print_json, print_line
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files import check_distinct, check_writable

if TYPE_CHECKING:
    from petsgan_sdk._arrays import ImageArray
    from petsgan_sdk.imaging import LoadedImage
    from petsgan_sdk.tasks import Edited

__all__ = ["TaskRun", "read_mask", "read_photo", "task_command", "with_alpha"]

Command = Callable[..., None]
Bundle = Annotated[Path, typer.Argument(metavar="MODEL.petsgan", help="A bundle.")]


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """The options that every task has, as the command line declares them."""

    strength: Annotated[
        float,
        typer.Option(help="0 to 1: how far the result may leave the input; see docs/tasks.md."),
    ]
    seed: Annotated[
        int, typer.Option(help="0 to 2**64-1, of the noise; PetsGAN uses none here.")
    ] = 0
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="PNG, JPEG or WebP.  [default: COMMAND.png]"
        ),
    ] = None
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write input, mask and result side by side."),
    ] = None
    provider: Annotated[Provider, typer.Option(help="auto may fall back to cpu.")] = Provider.auto
    threads: Annotated[int | None, typer.Option(help="Threads.  [default: cores, at most 4]")] = (
        None
    )
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False


def task_command(task: str, image: Any, *, strength: float) -> Callable[[Command], Command]:
    """Make a command of what is a task's own; the bundle, the image and `TaskOptions` come with it.

    What is its own takes a `TaskRun` and the options that no other task has, and finishes the run.

    Args:
        task: Its name, also that of its default output.
        image: The argument of Typer for the image.
        strength: Default of `--strength`.
    """

    def declared(own: Command) -> Command:
        def command(bundle: Path, image: Path, **options: Any) -> None:
            values = {option.name: options.pop(option.name) for option in own_options}
            read = [value for value in values.values() if isinstance(value, Path)]
            own(TaskRun(task, bundle, image, TaskOptions(**options), others=read), **values)

        own_options = _declared_by(own)[1:]
        shared = _declared_by(TaskOptions)
        shared[0] = shared[0].replace(default=strength)
        arguments = {"bundle": Bundle, "image": Annotated[Path, image]}
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                *(
                    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
                    for name, annotation in arguments.items()
                ),
                *own_options,
                *shared,
            ]
        )
        command.__doc__ = own.__doc__
        return command

    return declared


def _declared_by(declaration: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(declaration, include_extras=True)
    return [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(declaration).parameters.items()
    ]


class TaskRun:
    """One run of a task: the image and the model that it is given, and what becomes of its result.

    Args:
        task: The task's name.
        bundle: The bundle.
        image: The image.
        options: What all tasks can be told.
        others: Further files that it reads.

    Raises:
        ConfigError: An output has an ending that cannot be written.
        OutputError: An output cannot be written, or is an input.
    """

    def __init__(
        self, task: str, bundle: Path, image: Path, options: TaskOptions, *, others: list[Path]
    ) -> None:
        """Check the outputs, then read the image and load the bundle."""
        self._task = task
        self._options = options
        self._target = options.output or Path(f"{task}.png")
        self._files = [self._target, *([] if options.compare is None else [options.compare])]
        self._check_outputs([bundle, image, *others])

        from petsgan_sdk.runtime import load  # noqa: PLC0415 - heavy

        self.image = _loaded(image)
        """The image."""
        self.sampler = load(bundle, provider=options.provider.value, threads=options.threads)
        """The bundle's."""
        self._started = time.perf_counter()

    @property
    def settings(self) -> dict[str, Any]:
        """What every task takes, by the names of its parameters."""
        return {"strength": self._options.strength, "seed": self._options.seed}

    def finish(self, edited: Edited) -> None:
        """Write the result and say what was done."""
        from petsgan_sdk.imaging import save_image  # noqa: PLC0415 - heavy

        seconds = time.perf_counter() - self._started
        options = self._options
        save_image(self._target, edited.image, overwrite=options.force)
        if options.compare is not None:
            sheet = _side_by_side(self.image.rgb, edited)
            save_image(options.compare, sheet, overwrite=options.force)
        notes = (*_notes_on(self.image, has_mask=edited.mask is not None), *edited.notes)
        self._report(edited, notes, seconds)

    def _check_outputs(self, inputs: list[Path]) -> None:
        from petsgan_sdk.imaging import FORMATS  # noqa: PLC0415 - heavy

        for path in self._files:
            if path.suffix.lower().removeprefix(".") not in FORMATS:
                msg = f"output: must end in one of .{', .'.join(FORMATS)}, got {str(path)!r}"
                raise ConfigError(msg)
            check_distinct(path, *inputs)
        check_writable(*self._files, overwrite=self._options.force)
        if len({path.resolve() for path in self._files}) < len(self._files):
            msg = (
                "--compare must name another file than the result, got "
                f"{str(self._options.compare)!r} for both"
            )
            raise ConfigError(msg)

    def _report(self, edited: Edited, notes: tuple[str, ...], seconds: float) -> None:
        options, provider = self._options, self.sampler.provider
        height, width = edited.image.shape[:2]
        if options.as_json:
            print_json(
                {
                    "task": self._task,
                    "files": [str(path) for path in self._files],
                    "size": [width, height],
                    "strength": options.strength,
                    "seed": options.seed,
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
            f"{self._task}: {width}x{height} in {self._target} ({seconds:.2f} s, strength "
            f"{options.strength:g}, seed {options.seed}, {provider})"
        )
        if options.compare is not None:
            print_line(f"comparison {options.compare}")


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
