"""The machine, the software and the command of a measurement. Never imports torch."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from petsgan_sdk._quota import usable_cores
from petsgan_sdk.diagnosis.host import installed_version, load_average

__all__ = ["host_facts"]


def host_facts(packages: Sequence[str]) -> dict[str, Any]:
    """The machine, the software and the command, so that a number can be judged later.

    To be asked before the run: a checkout may move on during it.

    Args:
        packages: Distributions whose versions matter.
    """
    model, mhz = _cpu()
    return {
        "cpu": model,
        "mhz": mhz,
        "cores": usable_cores(),
        "load_average": {"before": load_average()},
        "platform": platform.platform(),
        "versions": {
            "python": platform.python_version(),
            **{name: installed_version(name) for name in packages},
        },
        "command": shlex.join(["python", *sys.argv]),
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _cpu() -> tuple[str | None, float | None]:
    """Name and current clock of the first core, where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None, None
    pairs = [line.partition(":")[::2] for line in lines]
    facts = {key.strip(): value.strip() for key, value in reversed(pairs)}
    mhz = facts.get("cpu MHz")
    return facts.get("model name"), None if mhz is None else float(mhz)


def _commit() -> str | None:
    """The commit of the checkout, with `-dirty` if tracked files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
