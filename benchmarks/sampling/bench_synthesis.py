"""Coordinate synthesis on one thread: fitting, samples, far regions and large streams.

    python benchmarks/sampling/bench_synthesis.py [PHOTO] [--baseline MODEL.petsgan] [--whole]

The bundle of `train --model instant`, fitted here, against another bundle, such as one of networks.
Before that, regions of a canvas must be the same bytes as those parts of its stream.
benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

import numpy as np

import petsgan_sdk
from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.diagnosis.host import peak_rss_mb
from petsgan_sdk.imaging import load_image, resize, save_image
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.stations.train import train
from sampling._agreement import check_regions
from shared.clocks import Span, contention
from shared.command import note, parser, print_facts, print_table, run_command
from shared.harness import Turn, Worker, ask_script, serve, summarize, thread_variables
from shared.host import host_facts
from shared.models import PHOTO, make_photo

_PACKAGES = ("petsgan-sdk", "numpy", "onnxruntime")
_THREADS = 1
_INSTANT, _BASELINE = "instant", "baseline"
_BAND_ROWS = 256
_COLUMNS = {
    "figure": "s",
    "name": "s",
    "wall_ms": ".1f",
    "cpu_ms": ".1f",
    "cpu_s_per_megapixel": ".3f",
    "peak_rss_mb": ".0f",
    "samples": "d",
    "times_baseline": ".3f",
    "others_cores": ".2f",
    "contended": "",
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """How large everything is, in pixels of a side."""

    fits: tuple[int, ...] = (256, 1024)
    """The first is what is sampled."""
    sample: int = 256
    samples: int = 40
    opened: int = 10
    canvas: int = 1 << 20
    """That a region is made of."""
    region: int = 512
    fresh: int = 3
    """Samplers that make it as their first."""
    stream: int = 4096
    large: int = 32768
    bands: int = 3
    """Of the large stream, unless all are asked for."""


_QUICK = _Plan((64, 96), 64, 3, 2, canvas=4096, region=64, fresh=1, stream=512, large=1024, bands=1)


class _Sampled:
    """One sampler."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self._sampler = self._open()
        # A baseline that could do both is measured as its networks are.
        layouts = self._sampler.info()["layouts"]
        self._layout = "network" if "network" in layouts else "auto"

    def _open(self) -> Sampler:
        return petsgan_sdk.load(self._bundle, provider="cpu", threads=_THREADS)

    def sample(
        self, *, side: int, seed: int = 0, bands: int = 0, left: int = 0, region: int = 0
    ) -> Array:
        """A square image, its first bands (the last is returned), or a region half way down.

        Of side 0, the bundle is opened once more.
        """
        if not side:
            return np.array(self._open().manifest.image_size_px)
        if region:
            return self._sampler.region(
                side, side, side // 2, left, region, region, seed, layout=self._layout
            )
        if not bands:
            image: ImageArray = self._sampler.sample(
                height=side, width=side, seed=seed, layout=self._layout
            )[0]
            return image
        last: ImageArray | None = None
        rows = min(side, _BAND_ROWS)
        for band in islice(
            self._sampler.stream(side, side, seed, rows=rows, layout=self._layout), bands
        ):
            last = band
        assert last is not None  # every canvas has a band
        return last

    def facts(self) -> dict[str, Any]:
        return {}


def _create(options: argparse.Namespace) -> _Sampled:
    return _Sampled(options.serve)


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.serve is not None:
        serve(lambda: _create(options))
        return None
    if options.fit is not None:
        photo, px, bundle = options.fit
        print(json.dumps(_fit(Path(photo), int(px), Path(bundle))))
        return None
    return _run(options)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="small images only")
    asked.add_argument("photo", nargs="?", type=Path, metavar="PHOTO")
    asked.add_argument("--baseline", type=Path, metavar="MODEL.petsgan", help="to compare with")
    asked.add_argument(
        "--whole", action="store_true", help="all of the largest stream, not its first bands"
    )
    asked.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    return asked.parse_args()


def _run(options: argparse.Namespace) -> dict[str, Any]:
    host = host_facts(_PACKAGES)
    plan = _QUICK if options.quick else _Plan()
    bundles: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        folder = Path(name)
        if options.baseline is not None:
            open_bundle(options.baseline)  # refuses one that cannot be used
            bundles[_BASELINE] = options.baseline
        fits, photo = _fits(_photo(options.photo, folder), plan, folder)
        bundles = {_INSTANT: folder / "0.petsgan", **bundles}
        checks = {}
        for who, bundle in bundles.items():
            note(f"checking regions of {who}")
            checks[who] = check_regions(bundle, _THREADS)
        rows = fits + _measure(
            bundles, plan, bands=-(-plan.large // _BAND_ROWS) if options.whole else plan.bands
        )
        models = {
            who: open_bundle(bundle).manifest.image_size_px[::-1] for who, bundle in bundles.items()
        }
    return {
        "rows": rows,
        "checks": checks,
        "models": {who: f"{width}x{height}" for who, (width, height) in models.items()},
        "photo": photo,
        "host": host,
    }


def _photo(given: Path | None, folder: Path) -> Path:
    if given is not None or PHOTO.is_file():
        return given or PHOTO
    made = folder / "made.png"
    make_photo(made, (168, 256), wave_px=40)
    return made


def _fits(photo: Path, plan: _Plan, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fit the photo at every size, each in a process of its own."""
    rgb = load_image(photo).rgb
    longest = max(rgb.shape[:2])
    rows, enlarged = [], []
    for number, px in enumerate(plan.fits):
        source = photo
        if longest < px:
            enlarged.append(px)
            note(f"note: {photo.name} has {longest} px and is enlarged to {px} px")
            height, width = (round(side * px / longest) for side in rgb.shape[:2])
            source = folder / f"enlarged_{px}.png"
            save_image(source, resize(rgb, (width, height)))
        note(f"fitting at {px} px")
        bundle = folder / f"{number}.petsgan"
        found = ask_script(
            f"fit {px}",
            [__file__, "--fit", str(source), str(px), str(bundle)],
            environment=_environment(),
        )
        rows.append({"figure": f"fit {px} px", "name": _INSTANT, "samples": 1, **found})
    return rows, {"file": photo.name, "longest_px": longest, "enlarged_to_px": enlarged}


def _fit(photo: Path, px: int, bundle: Path) -> dict[str, Any]:
    """Fit and write a bundle, which samples itself before it is written."""
    span = Span()
    train(photo, bundle, model="instant", max_size_px=px)
    wall_s, cpu_s, others_s = span.read()
    return {
        "wall_ms": wall_s * 1e3,
        "cpu_ms": cpu_s * 1e3,
        "peak_rss_mb": peak_rss_mb(),
        **contention(_THREADS, wall_s=wall_s, others_s=others_s),
    }


def _measure(bundles: Mapping[str, Path], plan: _Plan, *, bands: int) -> list[dict[str, Any]]:
    """Every figure of every bundle, in turns, so that a busy moment falls on all of them."""
    with _workers(bundles) as workers:
        rows = _timed("open", workers, {"side": 0}, rounds=plan.opened)
        title, request = f"sample {plan.sample}x{plan.sample}", {"side": plan.sample}
        rows += _timed(title, workers, request, rounds=plan.samples, pixels=plan.sample**2)
    rows += _far_regions(bundles, plan)
    for side, most in ((plan.stream, -(-plan.stream // _BAND_ROWS)), (plan.large, bands)):
        count = min(side, most * _BAND_ROWS)
        title = f"stream {side}x{side}" + (f", {count} rows" if count < side else "")
        with _workers(bundles) as workers:
            request = {"side": side, "bands": most}
            rows += _timed(title, workers, request, rounds=1, pixels=count * side)
    return rows


def _far_regions(bundles: Mapping[str, Path], plan: _Plan) -> list[dict[str, Any]]:
    """The first region that a fresh process makes of a huge canvas, and then the next one."""
    size = f"{plan.region}x{plan.region} of {plan.canvas}x{plan.canvas}"
    turns: dict[str, dict[str, list[Turn]]] = {}
    for _ in range(plan.fresh):
        with _workers(bundles) as workers:
            for number, title in enumerate((f"region {size}, cold", "region right of it")):
                note(title)
                left = plan.canvas // 2 + number * plan.region
                for who, worker in workers.items():
                    turn = Turn(worker, warmups=0, settle=0, repeats=1)
                    turn.take({"side": plan.canvas, "left": left, "region": plan.region})
                    turns.setdefault(title, {}).setdefault(who, []).append(turn)
    return [
        row for title, taken in turns.items() for row in _rows(title, taken, pixels=plan.region**2)
    ]


def _timed(
    title: str,
    workers: Mapping[str, Worker],
    request: Mapping[str, int],
    *,
    rounds: int,
    pixels: int | None = None,
) -> list[dict[str, Any]]:
    """Let workers take turns; of several samples, one more comes first that does not count."""
    note(title)
    turns = {who: Turn(worker, warmups=0, settle=0, repeats=1) for who, worker in workers.items()}
    # Another seed each time: a sampler keeps what it made of a canvas.
    if rounds > 1:
        for worker in workers.values():
            worker.time(1, **request, seed=rounds)
    for number in range(rounds):
        for turn in turns.values():
            turn.take({**request, "seed": number})
    peaks = {who: worker.peak()["peak_rss_mb"] for who, worker in workers.items()}
    rows = _rows(title, {who: [turn] for who, turn in turns.items()}, pixels=pixels)
    return [{**row, "peak_rss_mb": peaks[row["name"]]} for row in rows]


def _rows(
    title: str, taken: Mapping[str, Sequence[Turn]], *, pixels: int | None
) -> list[dict[str, Any]]:
    """One row a bundle, and how many times the baseline's CPU time the other's is."""
    rows = []
    for who, turns in taken.items():
        times = summarize([pair for turn in turns for pair in turn.times_ms])
        others = [turn.others_s for turn in turns if turn.others_s is not None]
        row = {
            "figure": title,
            "name": who,
            "wall_ms": times["p50_ms"],
            "cpu_ms": times["cpu_p50_ms"],
            "samples": times["samples"],
            **contention(
                _THREADS,
                wall_s=sum(turn.wall_s for turn in turns),
                others_s=sum(others) if others else None,
            ),
        }
        if pixels is not None:
            row["cpu_s_per_megapixel"] = times["cpu_p50_ms"] / 1e3 / (pixels / 1e6)
        rows.append(row)
    costs = {row["name"]: row["cpu_ms"] for row in rows}
    if _BASELINE in costs:
        rows[0]["times_baseline"] = costs[_INSTANT] / costs[_BASELINE]
    return rows


@contextmanager
def _workers(bundles: Mapping[str, Path]) -> Iterator[dict[str, Worker]]:
    """A fresh process for each bundle."""
    with ExitStack() as stack:
        yield {
            who: stack.enter_context(
                Worker(who, [__file__, "--serve", str(bundle)], environment=_environment())
            )
            for who, bundle in bundles.items()
        }


def _environment() -> dict[str, str]:
    return {**thread_variables(_THREADS), "PETSGAN_NUM_THREADS": str(_THREADS)}


def _print(result: dict[str, Any]) -> None:
    print_table(
        [{column: row.get(column) for column in _COLUMNS} for row in result["rows"]], _COLUMNS
    )
    print()
    for key in ("checks", "models", "photo", "host"):
        print_facts(key, result[key])


if __name__ == "__main__":
    sys.exit(main())
