"""`petsgan-sdk paint | edit | harmonize | stylize`: a bundle and an image to an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from petsgan_sdk.cli._options import Provider
from petsgan_sdk.cli._task_run import TaskJob, read_mask, read_photo, run_task, with_alpha

if TYPE_CHECKING:
    from petsgan_sdk.imaging import LoadedImage
    from petsgan_sdk.runtime import Sampler
    from petsgan_sdk.tasks import Edited

__all__ = ["edit_command", "harmonize_command", "paint_command", "stylize_command"]

Bundle = Annotated[Path, typer.Argument(metavar="MODEL.petsgan", help="A bundle.")]
Composite = Annotated[
    Path,
    typer.Argument(
        metavar="COMPOSITE", help="The photo with something pasted in, or only that, transparent."
    ),
]
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
Strength = Annotated[
    float, typer.Option(help="0 to 1: how far the result may leave the input; see docs/tasks.md.")
]
Seed = Annotated[int, typer.Option(help="0 to 2**64-1, of the noise; PetsGAN uses none here.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="PNG, JPEG or WebP.  [default: COMMAND.png]"
    ),
]
Compare = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write input, mask and result side by side."),
]
Where = Annotated[Provider, typer.Option("--provider", help="auto may fall back to cpu.")]
Threads = Annotated[int | None, typer.Option(help="Threads.  [default: cores, at most 4]")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def paint_command(
    bundle: Bundle,
    painting: Annotated[Path, typer.Argument(metavar="PAINTING", help="An image of any size.")],
    *,
    strength: Strength = 0.75,
    seed: Seed = 0,
    output: Output = None,
    compare: Compare = None,
    provider: Where = Provider.auto,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Turn a rough painting in the photo's colours into an image with the photo's texture."""
    job = TaskJob(
        "paint",
        bundle,
        painting,
        strength,
        seed,
        output,
        compare,
        provider,
        threads,
        force=force,
        as_json=as_json,
    )

    def make(sampler: Sampler, loaded: LoadedImage) -> Edited:
        from petsgan_sdk.tasks import paint  # noqa: PLC0415 - heavy

        return paint(sampler, loaded.rgb, strength=strength, seed=seed)

    run_task(job, make)


def edit_command(
    bundle: Bundle,
    composite: Composite,
    *,
    mask: Mask = None,
    source: Source = None,
    strength: Strength = 1.0,
    seed: Seed = 0,
    output: Output = None,
    compare: Compare = None,
    provider: Where = Provider.auto,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a photo in which parts were moved, copied or removed look like one photo."""
    job = TaskJob(
        "edit",
        bundle,
        composite,
        strength,
        seed,
        output,
        compare,
        provider,
        threads,
        force=force,
        as_json=as_json,
    )

    def make(sampler: Sampler, loaded: LoadedImage) -> Edited:
        from petsgan_sdk.tasks import edit  # noqa: PLC0415 - heavy

        pasted, photo = read_mask(mask), read_photo(source)
        image = with_alpha(loaded)
        return edit(sampler, image, pasted, source=photo, strength=strength, seed=seed)

    run_task(job, make, mask, source)


def harmonize_command(
    bundle: Bundle,
    composite: Composite,
    *,
    mask: Mask = None,
    source: Source = None,
    strength: Strength = 0.5,
    seed: Seed = 0,
    output: Output = None,
    compare: Compare = None,
    provider: Where = Provider.auto,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give something foreign that was pasted into a photo the photo's colours."""
    job = TaskJob(
        "harmonize",
        bundle,
        composite,
        strength,
        seed,
        output,
        compare,
        provider,
        threads,
        force=force,
        as_json=as_json,
    )

    def make(sampler: Sampler, loaded: LoadedImage) -> Edited:
        from petsgan_sdk.tasks import harmonize  # noqa: PLC0415 - heavy

        pasted, photo = read_mask(mask), read_photo(source)
        image = with_alpha(loaded)
        return harmonize(sampler, image, pasted, source=photo, strength=strength, seed=seed)

    run_task(job, make, mask, source)


def stylize_command(
    bundle: Bundle,
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="An image of any size.")],
    *,
    source: Source = None,
    scale: Annotated[
        float, typer.Option(help="0.5 to 16: how fine the style is next to the content.")
    ] = 2.0,
    strength: Strength = 0.6,
    seed: Seed = 0,
    output: Output = None,
    compare: Compare = None,
    provider: Where = Provider.auto,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give another photo the texture and colours of the one that was learned."""
    job = TaskJob(
        "stylize",
        bundle,
        content,
        strength,
        seed,
        output,
        compare,
        provider,
        threads,
        force=force,
        as_json=as_json,
    )

    def make(sampler: Sampler, loaded: LoadedImage) -> Edited:
        from petsgan_sdk.tasks import stylize  # noqa: PLC0415 - heavy

        photo = read_photo(source)
        return stylize(sampler, loaded.rgb, source=photo, strength=strength, seed=seed, scale=scale)

    run_task(job, make, source)
