"""`petsgan-sdk paint | edit | harmonize | stylize`: a bundle and an image to an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from petsgan_sdk.cli._task_run import TaskRun, read_mask, read_photo, task_command, with_alpha

if TYPE_CHECKING:
    from petsgan_sdk.tasks import Edited

__all__ = ["edit_command", "harmonize_command", "paint_command", "stylize_command"]

_COMPOSITE = typer.Argument(
    metavar="COMPOSITE", help="The photo with something pasted in, or only that, transparent."
)
Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="White on what was pasted.  [default: the alpha channel, else what differs from the "
        "photo]",
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(metavar="PHOTO", help="The photo.  [default: the one that the bundle keeps]"),
]
Scale = Annotated[float, typer.Option(help="0.5 to 16: how fine the style is next to the content.")]


@task_command(
    "paint", typer.Argument(metavar="PAINTING", help="An image of any size."), strength=0.75
)
def paint_command(run: TaskRun) -> None:
    """Turn a rough painting in the photo's colours into an image with the photo's texture."""
    from petsgan_sdk.tasks import paint  # noqa: PLC0415 - heavy

    run.finish(paint(run.sampler, run.image.rgb, **run.settings))


@task_command("edit", _COMPOSITE, strength=1.0)
def edit_command(run: TaskRun, *, mask: Mask = None, source: Source = None) -> None:
    """Make a photo in which parts were moved, copied or removed look like one photo."""
    from petsgan_sdk.tasks import edit  # noqa: PLC0415 - heavy

    _insert(run, edit, mask, source)


@task_command("harmonize", _COMPOSITE, strength=0.5)
def harmonize_command(run: TaskRun, *, mask: Mask = None, source: Source = None) -> None:
    """Give something foreign that was pasted into a photo the photo's colours."""
    from petsgan_sdk.tasks import harmonize  # noqa: PLC0415 - heavy

    _insert(run, harmonize, mask, source)


@task_command(
    "stylize", typer.Argument(metavar="CONTENT", help="An image of any size."), strength=0.6
)
def stylize_command(run: TaskRun, *, source: Source = None, scale: Scale = 2.0) -> None:
    """Give another photo the texture and colours of the one that was learned."""
    from petsgan_sdk.tasks import stylize  # noqa: PLC0415 - heavy

    photo = read_photo(source)
    run.finish(stylize(run.sampler, run.image.rgb, source=photo, scale=scale, **run.settings))


def _insert(
    run: TaskRun, task: Callable[..., Edited], mask: Path | None, source: Path | None
) -> None:
    pasted, photo = read_mask(mask), read_photo(source)
    run.finish(task(run.sampler, with_alpha(run.image), pasted, source=photo, **run.settings))
