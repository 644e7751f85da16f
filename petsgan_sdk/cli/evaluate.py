"""`petsgan-sdk evaluate`: samples measured against their photo, and the papers' table."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from petsgan_sdk._extras import import_extra
from petsgan_sdk.cli._drawing import (
    Fill,
    Layout,
    LayoutOption,
    Variation,
    drawing_json,
    make_drawing,
)
from petsgan_sdk.cli._evaluation_text import counted, result_lines, table_lines
from petsgan_sdk.cli._options import (
    Provider,
    note,
    parse_size,
    print_json,
    print_line,
)
from petsgan_sdk.cli.progress import ProgressBar
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.endings import check_ending
from petsgan_sdk.files.regular import is_folder

if TYPE_CHECKING:
    from petsgan_sdk.evaluation.samples import SampleSet
    from petsgan_sdk.evaluation.table import Table
    from petsgan_sdk.metrics import Judge
    from petsgan_sdk.runtime.drawing import Drawing

__all__ = ["evaluate_command"]

_COUNT = 36  # as the papers
_COUNT_OF_A_SIZE = 4  # large ones take their time
_FAILED = 4


def evaluate_command(
    samples: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL.petsgan|DIR", help="A bundle, or a folder of samples."),
    ] = None,
    image: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="The photo they are judged by.")
    ] = None,
    *,
    count: Annotated[
        int | None,
        typer.Option("-n", help="Number.  [default: 36; 4 of another size; all of a folder]"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Of a bundle's samples.  [default: as the photo]"),
    ] = None,
    seamless: Annotated[
        bool, typer.Option("--seamless", help="Samples of a bundle that can be laid edge to edge.")
    ] = False,
    layout: LayoutOption = Layout.auto,
    variation: Variation = 1.0,
    fill: Fill = 1.0,
    seed: Annotated[int, typer.Option(help="0 to 2**63-1.")] = 0,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Some of sifid, sifid192, coverage, repeats, lpips, ssim, diversity, sharpness, "
            "copy, with commas between.  [default: sifid,lpips,ssim,diversity,sharpness,copy; "
            "of another size sifid,coverage,repeats,sharpness; without those whose weights are not "
            "here]",
        ),
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(help="Pairs that LPIPS compares.  [default: all]")
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of Inception v3 for SIFID.")
    ] = None,
    lpips: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of LPIPS or ST-LPIPS.")
    ] = None,
    lpips_backbone: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The network of plain LPIPS.")
    ] = None,
    provider: Annotated[
        Provider, typer.Option(help="auto may fall back to cpu and says so.")
    ] = Provider.auto,
    table: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Train every photo of a folder with every variant."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="--table: models and numbers, to go on from."
        ),
    ] = Path("evaluation"),
    variants: Annotated[
        str | None, typer.Option(help="--table: rows, with commas between.  [default: all]")
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="--table: model to train, as in train.")
    ] = "petsgan",
    preset: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="--table: recipe of training.")
    ] = "fast",
    prior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="internal|synthesis|folder:DIR",
            help="--table: where layouts come from, as in train.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="--table: a setting of all variants."),
    ] = None,
    device: Annotated[str, typer.Option(help="--table: auto, cpu or cuda.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="--table: make everything again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure samples against their photo, or fill the table of the papers."""
    # Torch's idle OpenMP threads otherwise spin, which slows a busy machine down.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from petsgan_sdk.metrics import (  # noqa: PLC0415 - heavy
        DEFAULT_METRICS,
        DEFAULT_METRICS_OF_A_SIZE,
        Judge,
        check_metrics,
    )

    if (table is None) == (samples is None) or (samples is None) != (image is None):
        msg = "evaluate: give MODEL.petsgan or DIR and IMAGE, or --table DIR alone"
        raise ConfigError(msg)
    drawing = make_drawing(layout=layout, variation=variation, fill=fill, seamless=seamless)
    is_drawn = size is not None or bool(drawing.record())
    if is_drawn and (samples is None or is_folder(samples)):
        msg = (
            "--size, --seamless, --layout, --variation and --fill must come with a bundle, whose "
            "samples are drawn as they say"
        )
        raise ConfigError(msg)
    size_px = None if size is None else parse_size(size)
    if table is not None:
        check_ending(output, (), expected="a folder")
    # Before weights of metrics are looked for: a wrong name is found at once.
    rows = _rows(variants, preset, model) if table is not None else ()
    names = None if metrics is None else check_metrics(map(str.strip, metrics.split(",")))
    make_judge = partial(
        Judge, inception=inception, lpips=lpips, lpips_backbone=lpips_backbone, num_pairs=pairs
    )
    if table is not None:
        filled = _fill(
            table,
            output,
            rows,
            make_judge(names or DEFAULT_METRICS),
            count=count,
            seed=seed,
            model=model,
            preset=preset,
            prior=prior,
            settings=settings,
            device=device,
            force=force,
        )
        _print_table(filled, as_json=as_json)
    elif samples is not None and image is not None:
        read = _read(samples, image, count) if is_folder(samples) else None
        of_a_size = size is not None if read is None else not read.has_photo_size
        number = _count(count, of_a_size=of_a_size) if read is None else len(read.names)
        if names is None:
            usual = DEFAULT_METRICS_OF_A_SIZE if of_a_size else DEFAULT_METRICS
            judge = make_judge(usual, only_here=True, count=number)
        else:
            judge = make_judge(names)
        for reason in judge.left_out.values():
            note(f"left out: {reason}")
        found = read or _sample(
            samples,
            image,
            count=number,
            size_px=size_px,
            drawing=drawing,
            seed=seed,
            provider=provider,
        )
        _print_results(samples, image, found, judge, drawing=drawing, as_json=as_json)


def _read(samples: Path, image: Path, count: int | None) -> SampleSet:
    from petsgan_sdk.evaluation.samples import read_samples  # noqa: PLC0415 - heavy

    found = read_samples(samples, image, count=count, note=note)
    for file in found.skipped:
        note(f"skipped {file.path.name}: {file.reason}")
    return found


def _count(count: int | None, *, of_a_size: bool) -> int:
    usual = _COUNT_OF_A_SIZE if of_a_size else _COUNT
    return usual if count is None else count


def _sample(
    samples: Path,
    image: Path,
    *,
    count: int,
    size_px: tuple[int, int] | None,
    drawing: Drawing,
    seed: int,
    provider: Provider,
) -> SampleSet:
    from petsgan_sdk.evaluation.samples import sample_bundle  # noqa: PLC0415 - heavy

    with ProgressBar("sampling", unit="img") as bar:
        return sample_bundle(
            samples,
            image,
            count=count,
            size_px=size_px,
            drawing=drawing,
            seed=seed,
            provider=provider.value,
            note=bar.note,
            progress=bar.update,
        )


def _print_results(
    samples: Path,
    image: Path,
    found: SampleSet,
    judge: Judge,
    *,
    drawing: Drawing,
    as_json: bool,
) -> None:
    results = judge(found.samples, found.photo)
    height, width = found.samples.shape[1:3]
    undefined = judge.undefined(found.photo, sample_size=(width, height))
    for name, reason in undefined.items():
        note(f"{name} is left out: {reason}")
    if as_json:
        skipped = {file.path.name: file.reason for file in found.skipped}
        print_json(
            {
                "samples": str(samples),
                "image": str(image),
                "count": len(found.names),
                "names": found.names,
                "size": [width, height],
                "photo_size": [found.photo.shape[1], found.photo.shape[0]],
                "skipped": skipped,
                "left_out": judge.left_out | undefined,
                **drawing_json(drawing),
                "metrics": {name: result.to_json() for name, result in results.items()},
            }
        )
        return
    left_out = f", {counted(len(found.skipped), 'file')} skipped" if found.skipped else ""
    print_line(f"{counted(len(found.names), 'sample')} of {samples} at {width}x{height}{left_out}")
    for line in result_lines(found.names, results):
        print_line(line)


def _rows(variants: str | None, preset: str, model: str) -> tuple[str, ...]:
    from petsgan_sdk.evaluation.variants import choose_variants  # noqa: PLC0415 - costs at import

    wanted = None if variants is None else variants.split(",")
    return choose_variants(preset, wanted, model=model)


def _fill(
    table: Path,
    output: Path,
    rows: tuple[str, ...],
    judge: Judge,
    *,
    count: int | None,
    seed: int,
    model: str,
    preset: str,
    prior: list[str] | None,
    settings: list[str] | None,
    device: str,
    force: bool,
) -> Table:
    from petsgan_sdk.settings.presets import parse_overrides  # noqa: PLC0415 - costs at import

    tables = import_extra("petsgan_sdk.evaluation.table", extra="train,export", task="--table")
    options = tables.TableOptions(
        model=model,
        preset=preset,
        overrides=parse_overrides(settings or []),
        prior=tuple(prior or ()),
        device=device,
        seed=seed,
        count=_COUNT if count is None else count,
    )
    with ProgressBar("training", unit="step") as bar:
        filled: Table = tables.fill_table(
            table,
            output,
            variants=rows,
            judge=judge,
            options=options,
            overwrite=force,
            progress=lambda label, done, total: bar.update(done, total, phase=label),
            note=bar.note,
        )
    return filled


def _print_table(table: Table, *, as_json: bool) -> None:
    rows = table.rows()
    if as_json:
        print_json(
            {
                "rows": rows,
                "cells": [cell.to_json() for cell in table.cells],
                "failed": table.failed,
                "skipped": {file.path.name: file.reason for file in table.skipped},
            }
        )
    else:
        for line in table_lines(rows):
            print_line(line)
        skipped, failed = len(table.skipped), len(table.failed)
        print_line(f"{counted(skipped, 'file')} skipped, {counted(failed, 'training')} failed")
    if table.failed:
        raise typer.Exit(_FAILED)
