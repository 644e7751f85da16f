"""`petsgan-sdk generate`: a bundle to a folder or a tar of images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from petsgan_sdk.cli._options import Provider, note, parse_size, print_json, print_line
from petsgan_sdk.cli.progress import ProgressBar

__all__ = ["generate_command"]


class ImageFormat(StrEnum):
    """File formats of the images."""

    png = "png"
    jpg = "jpg"
    webp = "webp"


def generate_command(
    bundle: Annotated[Path, typer.Argument(metavar="MODEL.petsgan", help="A bundle.")],
    *,
    count: Annotated[int, typer.Option("-n", help="Number of images.")] = 16,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="In pixels, from 16.  [default: as trained]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="0 to 2**64-1; the same seed, the same images.")] = 0,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR|FILE.tar", help="Made if it is not there."),
    ] = Path("samples"),
    name: Annotated[
        str | None,
        typer.Option(
            help="File name: stem, seed, index, width, height in braces.  [default: "
            "{stem}_{seed:05d}_{index:04d}_{width}x{height}, in a tar {index:06d}]"
        ),
    ] = None,
    image_format: Annotated[
        ImageFormat, typer.Option("--format", help="File format.")
    ] = ImageFormat.png,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a contact sheet.")
    ] = None,
    shard_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images of one tar: FILE-000000.tar and so on.")
    ] = None,
    sidecars: Annotated[
        bool, typer.Option("--sidecars", help="Put a .json beside each image of a tar.")
    ] = False,
    provider: Annotated[
        Provider, typer.Option(help="auto may fall back to cpu and says so.")
    ] = Provider.auto,
    threads: Annotated[int | None, typer.Option(help="Cores to keep busy.  [default: all]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep files that are whole, make the others.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make images from a bundle; samples, encodes and writes in parallel."""
    asked = None if size is None else parse_size(size)

    from petsgan_sdk.runtime import load  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.batch import generate_images, plan_batch  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.checks import check_size, default_threads  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.cores import share_cores  # noqa: PLC0415 - heavy

    if asked is not None:
        check_size(asked[1], asked[0])
    at_once, threads = share_cores(default_threads(threads, most=256), count, asked)
    sampler = load(bundle, provider=provider.value, threads=threads)
    height, width = sampler.manifest.image_size_px
    plan = plan_batch(
        bundle,
        output,
        count=count,
        size_px=asked or (width, height),
        seed=seed,
        template=name,
        extension=image_format.value,
        sheet=sheet,
        overwrite=force,
        resume=resume,
        shard_size=shard_size,
        sidecars=sidecars,
    )
    with ProgressBar("generating", unit="img") as bar:
        result = generate_images(
            sampler, plan, at_once=at_once, progress=lambda done: bar.update(done, count)
        )
    if as_json:
        print_json(
            {
                "files": [str(path) for path in plan.paths],
                "seed": seed,
                "provider": sampler.provider,
                "seconds": result.seconds,
                "images": result.written,
                "skipped": result.skipped,
                "images_per_s": result.images_per_s,
            }
        )
        return
    wide, high = plan.size_px
    print_line(
        f"{count} {'image' if count == 1 else 'images'} of {wide}x{high} in {output} "
        f"({result.seconds:.2f} s, seed {seed}, {sampler.provider})"
    )
    if plan.sheet is not None:
        print_line(f"contact sheet {plan.sheet}")
    there = f"{result.skipped} were there; " if result.skipped else ""
    note(f"{there}{result.written} made, {result.images_per_s:.1f} images/s")
