"""`petsgan-sdk build`: engines of a bundle for the GPU of this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from petsgan_sdk._extras import import_extra
from petsgan_sdk.cli._options import Precision, note, print_json, print_line
from petsgan_sdk.errors import ConfigError

__all__ = ["build_command"]


class BuildProvider(StrEnum):
    """Providers that run what was built before."""

    tensorrt = "tensorrt"


def build_command(
    bundle: Annotated[Path, typer.Argument(metavar="MODEL.petsgan", help="A bundle.")],
    *,
    provider: Annotated[
        BuildProvider, typer.Option(help="What to build for.")
    ] = BuildProvider.tensorrt,
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE,...", help="An engine for each: 256,640x480.  [default: as trained]"
        ),
    ] = None,
    least: Annotated[
        str | None, typer.Option("--min", metavar="SIZE", help="One engine from this size on,")
    ] = None,
    best: Annotated[
        str | None, typer.Option("--opt", metavar="SIZE", help="fastest at this size,")
    ] = None,
    most: Annotated[
        str | None, typer.Option("--max", metavar="SIZE", help="up to this size.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="Of the networks behind patch transfer, else of all.")
    ] = Precision.fp32,
    cache_limit_mb: Annotated[
        int | None, typer.Option(min=1, help="Remove the least used engines beyond this.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Build also what is cached.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Build TensorRT engines here and keep them in the cache; sampling then only loads them."""
    asked = _asked(sizes, (least, best, most))

    from petsgan_sdk.runtime.bundle import open_bundle, require_graphs  # noqa: PLC0415 - heavy
    from petsgan_sdk.runtime.tensorrt.build import build_engines, find_target  # noqa: PLC0415
    from petsgan_sdk.runtime.tensorrt.cache import EngineCache  # noqa: PLC0415
    from petsgan_sdk.runtime.tensorrt.sizes import plan_ranges  # noqa: PLC0415

    opened = open_bundle(bundle)
    require_graphs(opened)
    ranges = plan_ranges(opened.manifest, **asked)
    target = find_target()
    halves = None
    if precision is Precision.fp16:
        exporting = import_extra("petsgan_sdk.export.half_precision", extra="export", task="fp16")
        halves = exporting.half_networks(opened)
    limit = None if cache_limit_mb is None else cache_limit_mb * 10**6
    cache = EngineCache(limit_bytes=limit)
    results = build_engines(
        opened, ranges, halves=halves, cache=cache, target=target, rebuild=force, note=note
    )
    if as_json:
        engines = [_as_json(result) for result in results]
        made_for = {"gpu": target.gpu, "compute_capability": target.compute_capability}
        tool = {
            "provider": provider.value,
            "flavour": target.distribution,
            "version": target.version,
        }
        print_json({**tool, **made_for, "cache": cache.place, "engines": engines})
        return
    built = sum(not result.was_cached for result in results)
    print_line(
        f"{len(results)} engines ({built} built now) by {target.distribution} {target.version} for "
        f"{target.gpu} ({target.compute_capability}) in {cache.place}"
    )


def _asked(sizes: str | None, points: tuple[str | None, str | None, str | None]) -> dict[str, Any]:
    given = [point for point in points if point is not None]
    if given and len(given) < 3:
        msg = f"--min, --opt and --max must be given together, got {len(given)} of them"
        raise ConfigError(msg)
    return {
        "sizes_px": () if sizes is None else tuple(map(_parse_side, sizes.split(","))),
        "range_px": tuple(map(_parse_side, given)) or None,
    }


def _parse_side(text: str) -> tuple[int, int]:
    """`256` or `WIDTHxHEIGHT` as `(height, width)`."""
    width, cross, height = text.strip().lower().partition("x")
    if not width.isdecimal() or (cross and not height.isdecimal()) or len(text) > 24:
        msg = f"a size must be PIXELS or WIDTHxHEIGHT such as 256 or 640x480, got {text!r}"
        raise ConfigError(msg)
    return int(height if cross else width), int(width)


def _as_json(result: Any) -> dict[str, Any]:
    entry = result.entry
    return {
        "graph": entry.key.graph,
        "precision": entry.key.precision,
        "profile": entry.key.to_json()["profile"],
        "plan": str(entry.plan),
        "bytes": entry.size_bytes,
        "seconds": entry.report["seconds"],
        "cached": result.was_cached,
    }
