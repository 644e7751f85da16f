"""Paint, edit, harmonize and stylize: seams, colours, layout and time, on composites made here.

Usage: python benchmarks/tasks/bench_tasks.py [MODEL.petsgan ...] [--photos PHOTO ...] [--json]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

import petsgan_sdk
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.imaging import load_image, resize
from petsgan_sdk.runtime import Sampler
from petsgan_sdk.tasks import edit, harmonize, paint, stylize
from shared.command import parser, run_command
from shared.harness import BenchmarkError
from shared.models import bundle_of
from tasks._composites import composites, painting
from tasks._measures import colour_distance, layout_correlation, seam_ratio

STRENGTHS = {"edit": 1.0, "harmonize": 0.5, "paint": 0.75, "stylize": 0.6}


def insertion_rows(
    model: Sampler, photo: ImageArray, other: ImageArray, *, count: int
) -> list[dict[str, Any]]:
    """One row for each composite: edit for what is the photo's own, harmonize for the others."""
    rows = []
    for case in composites(photo, other, count=count):
        task = edit if case.kind == "own" else harmonize
        result = task(model, case.image, case.mask, source=photo)
        assert result.mask is not None
        if not np.array_equal(result.image[result.mask == 0], case.image[result.mask == 0]):
            msg = f"{task.__name__}: pixels outside the mask must be the composite's, some are not"
            raise BenchmarkError(msg, exit_code=4)
        reach = result.mask >= 128
        rows.append(
            {
                "task": task.__name__,
                "kind": case.kind,
                "seam_photo": seam_ratio(photo, case.mask),
                "seam_before": seam_ratio(case.image, case.mask),
                "seam_after": seam_ratio(result.image, case.mask),
                "outline_photo": seam_ratio(photo, reach),
                "outline_after": seam_ratio(result.image, reach),
                "colour_before": colour_distance(case.image[case.mask], photo),
                "colour_after": colour_distance(result.image[case.mask], photo),
            }
        )
    return rows


def painting_rows(model: Sampler, photo: ImageArray) -> list[dict[str, Any]]:
    """One row for each painting."""
    rows = []
    for mirrored in (False, True):
        given = painting(photo, mirrored=mirrored)
        made = [paint(model, given, strength=s).image for s in (STRENGTHS["paint"], 1.0)]
        keeps = [layout_correlation(given, image) for image in made]
        rows.append({"mirrored": mirrored, "layout": keeps[0], "layout_at_full": keeps[1]})
    return rows


def task_seconds(
    model: Sampler, photo: ImageArray, other: ImageArray, *, rounds: int
) -> dict[str, float]:
    """Least CPU seconds of all threads for each task, and for a sample of the same canvas."""
    case = next(composites(photo, other, count=1))
    height, width = model.manifest.image_size_px
    calls: dict[str, Callable[[], Any]] = {
        "sample": lambda: model.sample(1),
        "refine": lambda: model.refine(photo, height=height, width=width),
        "edit": lambda: edit(model, case.image, case.mask),
        "harmonize": lambda: harmonize(model, case.image, case.mask),
        "paint": lambda: paint(model, photo),
        "sample_at_double": lambda: model.sample(1, height=2 * height, width=2 * width),
        "stylize": lambda: stylize(model, other, source=photo),
    }
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.process_time()
            call()
            least[name] = min(least[name], time.process_time() - started)
    return least


def photo_of(model: Sampler, given: Path | None) -> ImageArray:
    """The photo at the size of training."""
    height, width = model.manifest.image_size_px
    if given is not None:
        return resize(load_image(given).rgb, (width, height))
    if model.photo is None:
        msg = "--photos must name the photo of a bundle that keeps none, got none"
        raise ConfigError(msg)
    return model.photo


def summary(
    insertions: list[dict[str, Any]], paintings: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Means by kind, and how many are as they should be."""
    rows = []
    for kind in dict.fromkeys(row["kind"] for row in insertions):
        of_kind = [row for row in insertions if row["kind"] == kind]
        means = {
            name: float(np.mean([row[name] for row in of_kind]))
            for name in of_kind[0]
            if name not in ("task", "kind", "model")
        }
        against_photo = [row["seam_after"] / row["seam_photo"] for row in of_kind]
        nearer = [row["colour_after"] < row["colour_before"] for row in of_kind]
        rows.append(
            {
                "task": of_kind[0]["task"],
                "kind": kind,
                "cases": len(of_kind),
                **means,
                "seam_over_photo": float(np.mean(against_photo)),
                "colour_nearer": float(np.mean(nearer)),
            }
        )
    layouts = [row["layout"] for row in paintings]
    full = [row["layout_at_full"] for row in paintings]
    rows.append(
        {
            "task": "paint",
            "cases": len(layouts),
            "layout": float(np.mean(layouts)),
            "layout_least": min(layouts),
            "layout_at_full": float(np.mean(full)),
        }
    )
    return rows


def run(models: list[Path], photos: list[Path], *, quick: bool) -> dict[str, Any]:
    """Measure every model."""
    if photos and len(photos) != len(models):
        msg = f"--photos must be one for each model, got {len(photos)} for {len(models)}"
        raise ConfigError(msg)
    with tempfile.TemporaryDirectory() as folder:
        given: list[Path | None] = list(models) or [None]
        loaded, facts = [], []
        for number, path in enumerate(given):
            place = Path(folder) / str(number)
            place.mkdir()
            bundle, fact = bundle_of(path, place, train="petsgan", quick=quick)
            loaded.append(petsgan_sdk.load(bundle, provider="cpu"))
            facts.append(fact)
    sources = [
        photo_of(model, photos[number] if photos else None) for number, model in enumerate(loaded)
    ]
    insertions, paintings, seconds = [], [], []
    for number, (model, photo) in enumerate(zip(loaded, sources, strict=True)):
        print(f"note: {facts[number]['file']}", file=sys.stderr)
        # With one model alone, what is foreign is its own photo upside down in opposite colours.
        other = sources[(number + 1) % len(sources)] if len(sources) > 1 else 255 - photo[::-1]
        name = facts[number]["file"]
        rows = insertion_rows(model, photo, other, count=1 if quick else 4)
        insertions += [{"model": name, **row} for row in rows]
        paintings += [{"model": name, **row} for row in painting_rows(model, photo)]
        times = task_seconds(model, photo, other, rounds=2 if quick else 10)
        seconds.append({"model": name, **times})
    return {
        "models": facts,
        "strengths": STRENGTHS,
        "summary": summary(insertions, paintings),
        "insertions": insertions,
        "paintings": paintings,
        "cpu_seconds": seconds,
    }


def show(result: dict[str, Any]) -> None:
    """Print tables."""
    *insertions, painted = result["summary"]
    print(
        "| task | pasted | seam: photo | composite | result | result / photo | outline: photo |",
        end="",
    )
    print(" result | colours: composite | result | nearer |")
    print("|---" * 11 + "|")
    for row in insertions:
        print(
            "| {task} | {kind} ({cases}) | {seam_photo:.2f} | {seam_before:.2f} | {seam_after:.2f} "
            "| {seam_over_photo:.2f} | {outline_photo:.2f} | {outline_after:.2f} "
            "| {colour_before:.1f} | {colour_after:.1f} | {colour_nearer:.0%} |".format(**row)
        )
    print(
        "\npaint: layout correlation {layout:.2f} (least {layout_least:.2f}) over {cases} "
        "paintings; {layout_at_full:.2f} at strength 1".format(**painted)
    )
    print("\n| model | task | CPU ms | over sampling that canvas |\n|---|---|---|---|")
    for row in result["cpu_seconds"]:
        for task in ("edit", "harmonize", "paint", "stylize"):
            base = row["sample_at_double" if task == "stylize" else "sample"]
            print(f"| {row['model']} | {task} | {row[task] * 1e3:.1f} | {row[task] / base:.2f} |")


def main() -> int:
    """Parse, measure, print."""
    made = parser(__doc__, quick="one composite of each kind; a model of two steps")
    made.add_argument("models", type=Path, nargs="*", metavar="MODEL.petsgan")
    made.add_argument("--photos", type=Path, nargs="+", default=[], help="one for each model")
    given = made.parse_args()
    return run_command(
        lambda: run(given.models, given.photos, quick=given.quick), show, as_json=given.json
    )


if __name__ == "__main__":
    sys.exit(main())
