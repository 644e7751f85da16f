"""`petsgan-sdk generate`: a bundle to a folder or tar of images, or to one image of any size."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from petsgan_sdk.cli._drawing import (
    Fill,
    Layout,
    LayoutOption,
    Pins,
    Variation,
    drawing_json,
    layout_taken,
    make_drawing,
)
from petsgan_sdk.cli._options import (
    Pairs,
    Precision,
    Provider,
    make_options,
    note,
    parse_size,
    print_json,
    print_line,
)
from petsgan_sdk.cli.progress import ProgressBar
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.regular import is_folder

if TYPE_CHECKING:
    from petsgan_sdk.output.batch_plan import BatchPlan
    from petsgan_sdk.output.large import LargePlan
    from petsgan_sdk.runtime import Sampler

__all__ = ["generate_command"]

_FILES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp")
"""Endings that name a file rather than a folder; which of them can be streamed is said later."""


class ImageFormat(StrEnum):
    """File formats of the images."""

    png = "png"
    jpg = "jpg"
    webp = "webp"


def generate_command(
    bundle: Annotated[Path, typer.Argument(metavar="MODEL.petsgan", help="A bundle.")],
    *,
    count: Annotated[
        int | None, typer.Option("-n", help="Number of images.  [default: 16; 1 to a file]")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="In pixels, from 16.  [default: as trained]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="0 to 2**64-1; the same seed, the same images.")] = 0,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR|FILE",
            help="A folder, made if it is not there; FILE.tar; or FILE.png, FILE.tif: one image of "
            "any size.",
        ),
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
    tile: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Make and write a file PX rows at a time; same pixels."),
    ] = None,
    seamless: Annotated[
        bool, typer.Option("--seamless", help="Copies can be laid edge to edge.")
    ] = False,
    layout: LayoutOption = Layout.auto,
    variation: Variation = 1.0,
    fill: Fill = 1.0,
    pins: Pins = None,
    provider: Annotated[
        Provider, typer.Option(help="auto may fall back to cpu and says so.")
    ] = Provider.auto,
    threads: Annotated[
        int | None, typer.Option(help="Cores to keep busy.  [default: all usable]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep files that are whole, make the others.")
    ] = False,
    precision: Annotated[
        Precision, typer.Option(help="tensorrt: which engines to use.")
    ] = Precision.fp32,
    build: Annotated[
        bool, typer.Option("--build/--no-build", help="tensorrt: build engines that are missing.")
    ] = False,
    provider_option: Pairs = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make images from a bundle; samples, encodes and writes in parallel.

    An image of more than 16 megapixels needs -o FILE and is streamed to it.
    """
    asked = None if size is None else parse_size(size)
    options = make_options(provider, precision=precision, build=build, pairs=provider_option)
    drawing = make_drawing(
        layout=layout, variation=variation, fill=fill, seamless=seamless, pins=pins
    )
    is_file = output.suffix.lower() in _FILES and not is_folder(output)
    if is_file:
        _refuse_folder_options(count=count, sheet=sheet)
    elif tile is not None:
        msg = f"--tile needs one file, -o FILE.png or -o FILE.tif, got -o {str(output)!r}"
        raise ConfigError(msg)

    from petsgan_sdk._quota import usable_cores  # noqa: PLC0415 - heavy
    from petsgan_sdk.output.batch_plan import plan_batch  # noqa: PLC0415 - heavy
    from petsgan_sdk.output.large import plan_large  # noqa: PLC0415 - heavy
    from petsgan_sdk.output.parallel import share_cores  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime import load  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.bundle import open_bundle  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.checks import default_threads  # noqa: PLC0415 - heavy

    opened = open_bundle(bundle)
    load_on = partial(load, opened, provider=provider.value, options=options)
    size_px = asked or opened.manifest.image_size_px[::-1]
    if is_file:
        large = plan_large(
            bundle,
            output,
            size_px=size_px,
            seed=seed,
            rows=tile,
            drawing=drawing,
            overwrite=force,
        )
        _write_file(load_on(threads=threads), large, as_json=as_json)
        return
    count = 16 if count is None else count
    cores = default_threads(threads, most=256)
    plan = plan_batch(
        bundle,
        output,
        count=count,
        size_px=size_px,
        seed=seed,
        template=name,
        extension=image_format.value,
        sheet=sheet,
        drawing=drawing,
        overwrite=force,
        resume=resume,
        shard_size=shard_size,
        sidecars=sidecars,
    )
    at_once, threads = share_cores(cores, count, size_px, most=usable_cores())
    _write_batch(load_on(threads=threads), plan, output, at_once=at_once, as_json=as_json)


def _refuse_folder_options(*, count: int | None, sheet: Path | None) -> None:
    if count not in (None, 1):
        msg = f"-n must be 1 where -o names a file, got {count}; name a folder for more images"
        raise ConfigError(msg)
    if sheet is not None:
        msg = "--sheet must be left out where -o names a file, got one; name a folder"
        raise ConfigError(msg)


def _write_batch(
    sampler: Sampler, plan: BatchPlan, output: Path, *, at_once: int, as_json: bool
) -> None:
    from petsgan_sdk.output.batch import generate_images  # noqa: PLC0415 - heavy

    count, (width, height) = len(plan.names), plan.size_px
    with ProgressBar("generating", unit="img") as bar:
        result = generate_images(
            sampler, plan, at_once=at_once, progress=lambda done: bar.update(done, count)
        )
    if as_json:
        print_json(
            {
                "files": [str(path) for path in plan.paths],
                "seed": plan.seed,
                **drawing_json(plan.drawing),
                "layout": layout_taken(sampler.manifest, plan.drawing, plan.size_px),
                "provider": sampler.provider,
                "seconds": result.seconds,
                "images": result.written,
                "skipped": result.skipped,
                "images_per_s": result.images_per_s,
            }
        )
        return
    print_line(
        f"{count} {'image' if count == 1 else 'images'} of {width}x{height} in {output} "
        f"({result.seconds:.2f} s, seed {plan.seed}, {sampler.provider})"
    )
    if plan.sheet is not None:
        print_line(f"contact sheet {plan.sheet}")
    there = f"{result.skipped} were there; " if result.skipped else ""
    note(f"{there}{result.written} made, {result.images_per_s:.1f} images/s")


def _write_file(sampler: Sampler, plan: LargePlan, *, as_json: bool) -> None:
    from petsgan_sdk.output.large import write_large  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.checks import MAX_PIXELS  # noqa: PLC0415 - heavy

    width, height = plan.size_px
    if width * height > MAX_PIXELS:
        note(f"note: {width}x{height} is too large for one piece; streaming it to {plan.path}")
    with ProgressBar("generating", unit="rows") as bar:
        seconds = write_large(sampler, plan, progress=lambda done: bar.update(done, height))
    size_bytes = plan.path.stat().st_size
    if as_json:
        print_json(
            {
                "files": [str(plan.path)],
                "seed": plan.seed,
                **drawing_json(plan.drawing),
                "layout": layout_taken(sampler.manifest, plan.drawing, plan.size_px),
                "provider": sampler.provider,
                "seconds": seconds,
                "size": [width, height],
                "bytes": size_bytes,
            }
        )
        return
    print_line(
        f"1 image of {width}x{height} in {plan.path} ({seconds:.2f} s, seed {plan.seed}, "
        f"{sampler.provider}, {size_bytes / 1e6:.1f} MB)"
    )
