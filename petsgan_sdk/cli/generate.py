"""`petsgan-sdk generate`: a bundle to a folder of images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from petsgan_sdk.cli._options import Precision, Provider, parse_size, print_json, print_line
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
        Path, typer.Option("-o", "--output", metavar="DIR", help="Made if it is not there.")
    ] = Path("samples"),
    name: Annotated[
        str, typer.Option(help="File name: stem, seed, index, width, height in braces.")
    ] = "{stem}_{seed:05d}_{index:04d}_{width}x{height}",
    image_format: Annotated[
        ImageFormat, typer.Option("--format", help="File format.")
    ] = ImageFormat.png,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a contact sheet.")
    ] = None,
    provider: Annotated[
        Provider, typer.Option(help="auto may fall back to cpu and says so.")
    ] = Provider.auto,
    threads: Annotated[
        int | None, typer.Option(help="For one image.  [default: the cores, at most 4]")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="tensorrt: which engines to use.")
    ] = Precision.fp32,
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="tensorrt: build engines that are missing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make images from a bundle; samples, encodes and writes in parallel."""
    asked = None if size is None else parse_size(size)

    from petsgan_sdk.runtime import load  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.batch import generate_images, plan_batch  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.checks import check_size  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.options import ProviderOptions  # noqa: PLC0415 - heavy

    if asked is not None:
        check_size(asked[1], asked[0])
    options = ProviderOptions(precision=precision.value, build=build)
    sampler = load(bundle, provider=provider.value, threads=threads, options=options)
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
    )
    with ProgressBar("generating", unit="img") as bar:
        seconds = generate_images(
            sampler, plan, progress=lambda done: bar.update(done, len(plan.paths))
        )
    if as_json:
        files = [str(path) for path in plan.paths]
        print_json({"files": files, "seed": seed, "provider": sampler.provider, "seconds": seconds})
        return
    wide, high = plan.size_px
    print_line(
        f"{count} {'image' if count == 1 else 'images'} of {wide}x{high} in {output} "
        f"({seconds:.2f} s, seed {seed}, {sampler.provider})"
    )
    if plan.sheet is not None:
        print_line(f"contact sheet {plan.sheet}")
