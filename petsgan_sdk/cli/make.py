"""`petsgan-sdk make`: a photo to a folder with a model, images and a contact sheet, in one step."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from petsgan_sdk.cli._options import note, print_json, print_line
from petsgan_sdk.cli.progress import ProgressBar, format_seconds

if TYPE_CHECKING:
    from petsgan_sdk.output.make import MakeProgress, MakeResult

__all__ = ["make_command"]

_UNITS = {"fitting": "round", "training": "step", "exporting": "file", "drawing": "img"}


def make_command(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Any photo that Pillow reads.")],
    *,
    count: Annotated[int, typer.Option("-n", help="Number of images of the photo's size.")] = 8,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="A folder.  [default: PHOTO's name and _made]"
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="instant: seconds, without training. petsgan, exsingan or singan: networks, "
            "minutes.",
        ),
    ] = "instant",
    preset: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="How the model is made, as in train.")
    ] = "fast",
    max_size: Annotated[
        int | None,
        typer.Option(help="Longer side of the images, up to 2048.  [default: the preset's]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the images, 0 to 2**64-1.")] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there of other photos or settings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """From a photo to a model, images and a contact sheet, in one step.

    The same command goes on where it was interrupted.
    """
    # Torch's idle OpenMP threads otherwise spin, which slows every step down on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from petsgan_sdk.output.make import make  # noqa: PLC0415 - heavy

    folder = Path(f"{photo.stem}_made") if output is None else output
    with ProgressBar("") as bar:

        def show(state: MakeProgress) -> None:
            bar.begin(state.task, unit=_UNITS[state.task])
            bar.update(state.done, state.total, numbers=state.losses, phase=state.phase)

        try:
            result = make(
                photo,
                folder,
                count=count,
                model=model,
                preset=preset,
                max_size_px=max_size,
                seed=seed,
                overwrite=force,
                progress=show,
                note=bar.note,
            )
        except KeyboardInterrupt:
            bar.note("the same command goes on from what is finished")
            raise
    if as_json:
        print_json(_as_json(result, photo, model=model, seed=seed))
        return
    _print(result)
    if result.checkpoint is None:
        note(
            "with another -o: larger images, --max-size 1024; models that are learned, in minutes, "
            "--model petsgan, exsingan or singan"
        )


def _print(result: MakeResult) -> None:
    pictures = result.pictures
    width, height = pictures.size_px
    count, took = len(pictures.images), format_seconds(result.seconds)
    larger = f"{pictures.wide.name} of {3 * width}x{height}"
    if pictures.extended is not None:
        across, down = pictures.extended_px
        larger += f", {pictures.extended.name} of {across}x{down}"
    there = len(pictures.paths) - 1 - result.written
    made = f"{took}; {there} were there" if there else took
    print_line(
        f"{count} {'image' if count == 1 else 'images'} of {width}x{height} in "
        f"{pictures.sheet.parent}, {larger} ({made})"
    )
    print_line(f"all of them on one sheet: {pictures.sheet}")
    bundle = shlex.quote(str(result.bundle))
    print_line(f"more, of any size: petsgan-sdk generate {bundle} --size 1024x512 -o more")


def _as_json(result: MakeResult, photo: Path, *, model: str, seed: int) -> dict[str, object]:
    pictures, checkpoint = result.pictures, result.checkpoint
    return {
        "photo": str(photo),
        "model": model,
        "bundle": str(result.bundle),
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "images": [str(path) for path in pictures.images],
        "wide": str(pictures.wide),
        "extended": None if pictures.extended is None else str(pictures.extended),
        "sheet": str(pictures.sheet),
        "size": list(pictures.size_px),
        "seed": seed,
        "written": result.written,
        "seconds": result.seconds,
    }
