"""How many images `generate` makes in a second, and how busy it keeps the cores.

    python benchmarks/sampling/bench_throughput.py [MODEL.petsgan|MODEL.pt] [-n 1000] [--json]

Each row makes and writes the images in a process of its own. First the files of every row must hold
the same images. benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.diagnosis.host import peak_rss_mb
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.output.batch import generate_images
from petsgan_sdk.output.batch_plan import plan_batch
from petsgan_sdk.output.parallel import share_cores
from petsgan_sdk.runtime import Sampler, load
from petsgan_sdk.runtime.checks import check_int, check_size, default_threads
from shared.clocks import Span, contention
from shared.command import note, parse_size, parser, print_facts, print_table, run_command
from shared.harness import BenchmarkError, ask_script
from shared.host import host_facts
from shared.models import add_train_option, bundle_of

_PACKAGES = ("petsgan-sdk", "numpy", "pillow", "onnxruntime")
_NUM_CHECKED = 8
_NUM_WARMUPS = 4
_SEED = 11
_COLUMNS = {
    "at_once": "d",
    "threads": "d",
    "target": "s",
    "format": "s",
    "images_per_s": ".1f",
    "megapixels_per_s": ".2f",
    "cpu_ms_per_image": ".2f",
    "sample_cpu_ms": ".2f",
    "encode_cpu_ms": ".2f",
    "cores_busy": ".2f",
    "cores_asked": ".2f",
    "others_cores": ".2f",
    "contended": "",
    "peak_rss_mb": ".0f",
    "bytes_per_image": ".0f",
}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.row is not None:
        print(json.dumps(_measure(json.loads(options.row))))
        return None
    check_size(options.size[1], options.size[0])
    check_int(options.count, "-n", low=_NUM_CHECKED, high=1_000_000)
    return _run(options)


def _print(result: dict[str, Any]) -> None:
    print_table(result["rows"], _COLUMNS)
    for key in ("model", "host", "check"):
        print_facts(key, result[key])


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="tiny: to see that it runs")
    asked.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="bundle or checkpoint")
    add_train_option(asked)
    asked.add_argument("-n", dest="count", type=int, help="images of a row; default 1000")
    asked.add_argument("--size", type=parse_size, metavar="WxH", help="default 256x256")
    asked.add_argument("--threads", type=int, help="cores to keep busy; default all")
    asked.add_argument("--output", type=Path, help="folder for the images; default a temporary one")
    asked.add_argument("--row", help=argparse.SUPPRESS)
    options = asked.parse_args()
    options.size = options.size or ((64, 64) if options.quick else (256, 256))
    options.count = options.count or (12 if options.quick else 1000)
    return options


def _run(options: argparse.Namespace) -> dict[str, Any]:
    host = host_facts(_PACKAGES)
    cores = default_threads(options.threads, most=256)
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-", dir=options.output) as name:
        folder = Path(name)
        bundle, source = bundle_of(options.model, folder, train=options.train, quick=options.quick)
        rows, images = [], []
        for number, row in enumerate(_rows(cores, options.count, options.size)):
            output = folder / f"{number}{'.tar' if row['target'] == 'tar' else ''}"
            request = {
                **row,
                "bundle": str(bundle),
                "output": str(output),
                "count": options.count,
                "size_px": options.size,
            }
            note(", ".join(f"{key} {value}" for key, value in row.items()))
            rows.append(
                {**row, **ask_script(f"row {number}", [__file__, "--row", json.dumps(request)])}
            )
            images.append(_first_images(output))
        check = _check(rows, images)
    width, height = options.size
    return {
        "rows": [
            {"width": width, "height": height, "images": options.count, **row} for row in rows
        ],
        "check": check,
        "model": source,
        "host": host,
    }


def _rows(cores: int, count: int, size: tuple[int, int]) -> list[dict[str, Any]]:
    """What `generate` does comes first, then other ways to use the cores, then other outputs."""
    usual = share_cores(cores, count, size)
    ways = dict.fromkeys([usual, (1, cores), (cores, 1), (1, 1)])
    rows = [(*way, "folder", "png") for way in ways]
    rows += [(*usual, "folder", "jpg"), (*usual, "folder", "webp"), (*usual, "tar", "png")]
    return [dict(zip(("at_once", "threads", "target", "format"), row, strict=True)) for row in rows]


def _measure(request: dict[str, Any]) -> dict[str, Any]:
    """One row: warm up, then make and write the images."""
    width, height = request["size_px"]
    count, threads, at_once = request["count"], request["threads"], request["at_once"]
    bundle = Path(request["bundle"])
    sampler = load(bundle, provider="cpu", threads=threads)
    parts = _parts(sampler, (width, height), request["format"], repeats=_NUM_WARMUPS)
    plan = plan_batch(
        bundle,
        Path(request["output"]),
        count=count,
        size_px=(width, height),
        seed=_SEED,
        template="{index:06d}",
        extension=request["format"],
    )
    asked = _Asked(count)
    span = Span()
    wall = generate_images(sampler, plan, at_once=at_once, progress=asked.look).seconds
    _, cpu, others = span.read()
    cores = at_once * threads
    return {
        "seconds": wall,
        "images_per_s": count / wall,
        "megapixels_per_s": count * width * height / wall / 1e6,
        "cpu_ms_per_image": cpu / count * 1e3,
        **parts,
        "cores_busy": cpu / (wall * cores),
        "cores_asked": None if asked.seconds is None else asked.seconds / (wall * cores),
        **contention(cores, wall_s=wall, others_s=others),
        "peak_rss_mb": peak_rss_mb(),
        "bytes_per_image": sum(path.stat().st_size for path in plan.paths) / count,
    }


class _Asked:
    """Time that the threads of this process ran or stood in line for a core; Linux only.

    It tells whether the cores would have been busy on a machine that other programs use as well.
    """

    seconds: float | None = None
    """Of all threads, from the beginning to the last image."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._before = self._total()

    def look(self, done: int) -> None:
        """Read the clocks when the last image is written, while its threads are still there."""
        after = self._total() if done == self._count else None
        if after is not None and self._before is not None:
            self.seconds = after - self._before

    def _total(self) -> float | None:
        try:
            files = [path / "schedstat" for path in Path("/proc/self/task").iterdir()]
            pairs = [file.read_text(encoding="ascii").split()[:2] for file in files]
        except OSError:
            return None
        return sum(int(run) + int(line) for run, line in pairs) / 1e9


def _parts(
    sampler: Sampler, size_px: tuple[int, int], kind: str, *, repeats: int
) -> dict[str, float]:
    """CPU time of one image alone, sampled and encoded; the least of a few."""
    width, height = size_px
    sampling, encoding = [], []
    for index in range(repeats + 1):
        start = time.process_time()
        image = sampler.sample(height=height, width=width, seed=_SEED, start=index)[0]
        sampled = time.process_time()
        encode_image(image, format=kind)
        encoding.append(time.process_time() - sampled)
        sampling.append(sampled - start)
    return {"sample_cpu_ms": min(sampling) * 1e3, "encode_cpu_ms": min(encoding) * 1e3}


def _first_images(output: Path) -> list[ImageArray]:
    if output.suffix == ".tar":
        with tarfile.open(output) as archive:
            entries = archive.getmembers()[:_NUM_CHECKED]
            members = (archive.extractfile(entry) for entry in entries)
            files = [member.read() for member in members if member is not None]
    else:
        files = [path.read_bytes() for path in sorted(output.iterdir())[:_NUM_CHECKED]]
    images = []
    for data in files:
        with Image.open(io.BytesIO(data)) as opened:
            images.append(np.asarray(opened.convert("RGB")))
    return images


def _check(rows: list[dict[str, Any]], images: list[list[ImageArray]]) -> dict[str, Any]:
    """Every lossless row must hold the bytes of the first.

    Raises:
        BenchmarkError: A row differs.
    """
    lossless = [number for number, row in enumerate(rows) if row["format"] == "png"]
    for number in lossless:
        for k, (image, other) in enumerate(zip(images[lossless[0]], images[number], strict=True)):
            if not np.array_equal(image, other):
                msg = f"rows must hold the same images, but image {k} of row {number} differs"
                raise BenchmarkError(msg, exit_code=4)
    return {"rows_compared": len(lossless), "images_compared": len(images[lossless[0]])}


if __name__ == "__main__":
    sys.exit(main())
