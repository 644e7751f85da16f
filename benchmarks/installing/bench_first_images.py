"""How long it takes from a wheel to the first images of a photo, without a compiler.

    python benchmarks/installing/bench_first_images.py WHEEL [PHOTO] [--json]

Makes a virtual environment, which is not timed, and in it does what the README says first: install
the wheel, fit the photo with `instant`, generate eight images. Nothing else is on the PATH. The
install mostly waits for numpy and Pillow, from wherever pip gets packages here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

from PIL import Image

from shared.command import note, parser, print_facts, print_table, run_command
from shared.harness import BenchmarkError
from shared.host import host_facts

_PHOTO = Path(__file__).parents[2] / "examples" / "chelsea.png"
_PACKAGES = ("petsgan-sdk", "pip")


def _timed(command: list[str | Path], folder: Path) -> float:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    begun = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PATH": str(folder / "env" / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        msg = f"{' '.join(map(str, command))} ended with {done.returncode}: {' '.join(last)}"
        raise BenchmarkError(msg)
    return seconds


def _measure(wheel: Path, photo: Path, count: int) -> dict[str, Any]:
    for path in (wheel, photo):
        if not path.is_file():
            msg = f"expected a wheel and a photo, found no file {path}"
            raise BenchmarkError(msg, exit_code=2)
    host = host_facts(_PACKAGES)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        note("making a virtual environment")
        venv.create(folder / "env", with_pip=True)
        tools = folder / "env" / "bin"
        sdk = tools / "petsgan-sdk"
        commands: dict[str, list[str | Path]] = {
            "install": [tools / "python", "-m", "pip", "install", wheel.absolute()],
            "fit": [sdk, "train", photo.absolute(), "--model", "instant", "-o", "m.petsgan"],
            "generate": [sdk, "generate", "m.petsgan", "-n", str(count), "-o", "out"],
        }
        rows: list[dict[str, Any]] = []
        for name, command in commands.items():
            note(name)
            rows.append({"name": name, "seconds": _timed(command, folder)})
        images = sorted((folder / "out").glob("*.png"))
        with Image.open(images[0]) as first:
            size = first.size
        if len(images) != count:
            msg = f"expected {count} images, found {len(images)}"
            raise BenchmarkError(msg)
    rows.append({"name": "all", "seconds": sum(row["seconds"] for row in rows)})
    return {"wheel": wheel.name, "images": count, "size": size, "rows": rows, "host": host}


def _show(report: dict[str, Any]) -> None:
    print_facts("measured", {key: report[key] for key in ("wheel", "images", "size")})
    print_table(report["rows"], {"name": "s", "seconds": ".1f"})
    host = report["host"]
    print_facts("host", {key: host[key] for key in ("cpu", "cores", "load_average", "commit")})


def main() -> int:
    """Parse the command line and run."""
    asked = parser(__doc__, quick="two images instead of eight")
    asked.add_argument("wheel", type=Path, help="a wheel of the package for this Python")
    asked.add_argument("photo", type=Path, nargs="?", default=_PHOTO)
    given = asked.parse_args()
    count = 2 if given.quick else 8
    return run_command(lambda: _measure(given.wheel, given.photo, count), _show, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
