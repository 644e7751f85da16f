"""`petsgan-sdk bench`: how fast a bundle is here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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

__all__ = ["bench_command"]


def bench_command(
    bundle: Annotated[Path, typer.Argument(metavar="MODEL.petsgan", help="A bundle.")],
    *,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Repeat for more rows.  [default: as trained]"),
    ] = None,
    iterations: Annotated[int, typer.Option(help="Timed calls of each row.")] = 30,
    provider: Annotated[
        Provider | None,
        typer.Option(help="Time this one, which must answer.  [default: all that answer]"),
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="tensorrt: which engines to use.")
    ] = Precision.fp32,
    provider_option: Pairs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time a bundle: load, first image, warm images, stages, memory."""
    sizes = [parse_size(text) for text in size or []]
    options = make_options(provider, precision=precision, pairs=provider_option)

    from petsgan_sdk.diagnosis.benchmark import benchmark  # noqa: PLC0415 - heavy

    result = benchmark(
        bundle,
        sizes_px=sizes,
        iterations=iterations,
        provider=None if provider is None else provider.value,
        options=options,
    )
    if as_json:
        print_json(result)
        return
    for name, reason in result["unavailable"].items():
        note(f"note: provider {name} is left out: {reason}")
    _print_table(result)


def _print_table(result: dict[str, Any]) -> None:
    print_line(
        "provider  size         batch  thr   load ms  first ms    min   mean    p50    p90    "
        "p95    p99   img/s   peak MB"
    )
    for row in result["rows"]:
        warm = row["warm_ms"]
        times = " ".join(f"{warm[k]:6.1f}" for k in ("min", "mean", "p50", "p90", "p95", "p99"))
        peak = row["peak_rss_mb"]
        print_line(
            f"{row['provider']:<8}  {'x'.join(map(str, row['size'])):<12} {row['batch']:>5} "
            f"{row['threads']:>4} {row['load_ms']:>9.1f} {row['first_ms']:>9.1f} {times} "
            f"{row['images_per_s']:>7.1f} {'-' if peak is None else f'{peak:.0f}':>9}"
        )
    for row in result["rows"]:
        stages = ", ".join(f"{name} {ms:.2f}" for name, ms in row["stages_ms"].items())
        print_line(f"{row['provider']} {'x'.join(map(str, row['size']))} stages, ms: {stages}")
    found = {name: value for name, value in result["versions"].items() if value is not None}
    print_line("versions: " + ", ".join(f"{name} {value}" for name, value in found.items()))
    load = result["load_average"]
    print_line(f"load average before {load['before']}, after {load['after']}")
