"""What the inversion of the `biggan` prior costs, on random weights of the public sizes.

Usage: python benchmarks/training/bench_inversion.py [--size 256] [--device cuda] [--json]

Times the three parts of an inversion, one thread on the CPU, and adds them up for the default
settings. Weights decide no time. Nothing here says how well an inversion works.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

from petsgan_sdk.diagnosis.host import peak_rss_mb
from petsgan_sdk.models.biggan import (
    BigganDiscriminator,
    BigganGenerator,
    DiscriminatorArchitecture,
    GeneratorArchitecture,
)
from petsgan_sdk.priors.inversion import InversionSettings, Stage, invert, jitter, search
from shared.command import parser, print_table, run_command
from shared.host import host_facts

STEPS = 4
COLUMNS = {
    "size_px": "d",
    "width": "d",
    "device": "s",
    "candidate_s": ".3f",
    "first_step_s": ".3f",
    "last_step_s": ".3f",
    "layout_s": ".3f",
    "total_s": ".0f",
    "peak_rss_mb": ".0f",
}


def least_seconds(work: Callable[[], object], *, repeats: int, device: torch.device) -> float:
    """Least time of several runs: CPU time of the process on the CPU, else wall time."""
    is_cpu = device.type == "cpu"
    clock = time.process_time if is_cpu else time.perf_counter
    seconds = []
    for _ in range(repeats):
        started = clock()
        work()
        if not is_cpu:
            torch.cuda.synchronize(device)
        seconds.append(clock() - started)
    return min(seconds)


def measure(size_px: int, width: int, device: torch.device, *, repeats: int) -> dict[str, Any]:
    """One row: seconds of each part by itself, and of the whole inversion."""
    torch.manual_seed(0)
    generator = BigganGenerator(GeneratorArchitecture(size_px=size_px, width=width))
    discriminator = BigganDiscriminator(DiscriminatorArchitecture(size_px=size_px, width=width))
    generator, discriminator = generator.to(device), discriminator.to(device)
    discriminator.requires_grad_(False)
    target: Tensor = torch.rand((1, 3, size_px, size_px)).to(device) * 2 - 1
    whole = InversionSettings()
    some = replace(
        whole, candidates=whole.batch, jitter_levels=(0.1,), jitter_per_level=whole.batch
    )
    draw = torch.Generator().manual_seed(0)
    start = search(generator, discriminator, target, some, draw)  # warms up too

    def step(stage: Stage) -> float:
        settings = replace(some, stages=(replace(stage, steps=STEPS),))
        inverted = least_seconds(
            lambda: invert(generator, discriminator, target, start=start, settings=settings),
            repeats=repeats,
            device=device,
        )
        return inverted / STEPS

    steps = [step(stage) for stage in whole.stages]
    candidate = least_seconds(
        lambda: search(generator, discriminator, target, some, draw),
        repeats=repeats,
        device=device,
    )
    settings = replace(some, stages=())
    inverted = invert(generator, discriminator, target, start=start, settings=settings)
    layout = least_seconds(
        lambda: jitter(generator, inverted, some, draw), repeats=repeats, device=device
    )
    layouts = whole.jitter_per_level * len(whole.jitter_levels)
    total = (
        candidate / some.candidates * whole.candidates
        + sum(seconds * stage.steps for seconds, stage in zip(steps, whole.stages, strict=True))
        + layout / whole.batch * layouts
    )
    return {
        "size_px": size_px,
        "width": width,
        "device": str(device),
        "candidate_s": candidate / some.candidates,
        "first_step_s": steps[0],
        "last_step_s": steps[-1],
        "layout_s": layout / whole.batch,
        "total_s": total,
        "peak_rss_mb": peak_rss_mb(),
    }


def main(words: list[str] | None = None) -> int:
    """Measure and print."""
    parse = parser(__doc__, quick="a BigGAN of a twelfth of the width, once")
    parse.add_argument("--size", type=int, choices=(128, 256), default=128)
    parse.add_argument("--device", default="cpu")
    parse.add_argument("--repeats", type=int, default=3)
    given = parse.parse_args(words)
    torch.set_num_threads(1)

    def run() -> dict[str, Any]:
        host = host_facts(["torch", "numpy"])
        width, repeats = (8, 1) if given.quick else (96, given.repeats)
        row = measure(given.size, width, torch.device(given.device), repeats=repeats)
        return {"rows": [row], "host": host}

    return run_command(run, lambda report: print_table(report["rows"], COLUMNS), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
