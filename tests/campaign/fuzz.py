"""Attack everything that reads what a stranger made, and keep what breaks it.

    PYTHONPATH=tests python -m campaign.fuzz --seconds 60 --seed 1
    PYTHONPATH=tests python -m campaign.fuzz --target onnx --count 5000
    PYTHONPATH=tests python -m campaign.fuzz --replay results/fuzz/onnx-1-17.json

Only `ok` and typed errors pass. Input number i of a target and seed is always the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # trials are small and forked
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from campaign.bases import Bases, make_bases
from campaign.cases import Canary, Case, from_seed, read_seed, to_seed
from campaign.pool import OK, TYPED, Limits, Outcome, Run, Trial, run_trials
from campaign.targets import TARGETS, Target
from petsgan_sdk.errors import PetsganError
from petsgan_sdk.runtime.providers import import_onnxruntime

SEEDS = Path(__file__).parent / "seeds"
"""Inputs that once broke something; every test run tries them."""
_SHOWN_OF_A_KIND = 3
_SLICE_S = 4.0


@dataclass
class Tally:
    """What came of a target."""

    trials: int = 0
    ok: int = 0
    typed: int = 0
    failures: list[tuple[Outcome, str]] = field(default_factory=list)
    """With the command that makes each again."""
    seconds: float = 0.0
    worst_cpu_s: float = 0.0
    worst_mb: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.trials += 1
        self.ok += outcome.verdict == OK
        self.typed += outcome.verdict == TYPED
        self.worst_cpu_s = max(self.worst_cpu_s, outcome.cpu_s)
        self.worst_mb = max(self.worst_mb, outcome.peak_mb)


class Campaign:
    """The bases, a folder to work in, and where failures are kept."""

    def __init__(self, folder: Path, out: Path | None, limits: Limits, say: Callable[[str], None]):
        self.folder, self.out, self.limits, self.say = folder, out, limits, say
        self.bases = make_bases(folder)
        import_onnxruntime()  # once, for all children; sessions are theirs
        self.tallies: dict[str, Tally] = {}
        self._kinds: Counter[str] = Counter()

    def run(self, target: Target, seed: int, numbers: Sequence[int], until: float | None) -> int:
        """Try inputs until they or the time are at an end; returns how many were."""
        tally = self.tallies.setdefault(target.name, Tally())
        started = time.monotonic()
        done = 0
        cases = _trial(self.folder, self.bases, target, lambda n: target.case(self.bases, seed, n))
        for outcome in run_trials(cases, numbers, self.limits):
            done += 1
            tally.add(outcome)
            if outcome.is_failure:
                self._fail(target, seed, outcome)
            if until is not None and time.monotonic() > until:
                break
        tally.seconds += time.monotonic() - started
        return done

    def replay(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Outcome]]:
        """Try kept inputs again."""
        for path in paths:
            seed = read_seed(path)
            target = TARGETS[seed["target"]]
            kept = from_seed(seed) or target.case(self.bases, seed["seed"], seed["number"])
            trial = _trial(self.folder, self.bases, target, lambda _, case=kept: case)
            for outcome in run_trials(trial, [seed["number"]], self.limits):
                self.tallies.setdefault(target.name, Tally()).add(outcome)
                yield path, outcome

    def _fail(self, target: Target, seed: int, outcome: Outcome) -> None:
        again = f"--target {target.name} --seed {seed} --from {outcome.number} --count 1"
        self.tallies[target.name].failures.append((outcome, again))
        kind = f"{target.name} {outcome.verdict} {_where(outcome.detail)}"
        self._kinds[kind] += 1
        if self._kinds[kind] > _SHOWN_OF_A_KIND:
            return
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / f"{target.name}-{seed}-{outcome.number}.json"
            case = target.case(self.bases, seed, outcome.number)
            facts = {"target": target.name, "seed": seed, "number": outcome.number}
            facts |= {"verdict": outcome.verdict, "detail": outcome.detail}
            path.write_text(json.dumps(to_seed(case, **facts), indent=1) + "\n")
            again = f"--replay {path}"
        self.say(f"FAILED {target.name}: {outcome.detail}\n  again: make fuzz ARGS='{again}'")

    def kinds(self) -> dict[str, int]:
        """How often each kind of failure came."""
        return dict(self._kinds.most_common())


def _where(detail: str) -> str:
    """A failure's detail without its own numbers: two of one place are of one kind."""
    head, at, place = detail.rpartition(" at ")
    return (
        f"{head.split(':')[0]} {place}"
        if at
        else detail.split(";", maxsplit=1)[0].split(",", maxsplit=1)[0]
    )


def _trial(folder: Path, bases: Bases, target: Target, case_of: Callable[[int], Case]) -> Trial:
    """What a child does with a number."""
    canary: list[Canary] = []

    def trial(number: int) -> Run:
        if not canary:  # in the child: each has a watch of its own
            os.chdir(folder)
            canary.append(Canary(folder))
        path = case_of(number).write(folder, bases)

        def run() -> tuple[str, str]:
            verdict, detail = _judge(target, path, bases)
            path.unlink(missing_ok=True)
            if canary[0].was_opened():
                return "outside", f"outside: a file beside the input was opened; {detail}"
            return verdict, detail

        return run

    return trial


def _judge(target: Target, path: Path, bases: Bases) -> tuple[str, str]:
    try:
        target.check(path, bases)
    except PetsganError as exc:
        return _judge_typed(exc)
    except Exception as exc:  # noqa: BLE001 - that is what is looked for
        return "untyped", f"{type(exc).__name__}: {str(exc)[:160]} at {_innermost(exc)}"
    if target.must_refuse:
        return "accepted", "accepted: changed bytes were taken for a whole file"
    return OK, ""


def _judge_typed(exc: PetsganError) -> tuple[str, str]:
    text = f"{type(exc).__name__}: {exc}"
    if "\n" in text:
        return "message", f"message of several lines: {text[:160]!r}"
    cause: BaseException | None = exc
    while cause is not None:
        said = str(cause).lower()
        if isinstance(cause, MemoryError) or "bad_alloc" in said or "failed to allocate" in said:
            return "memory", f"memory: more was asked for than there is; {text[:160]}"
        cause = cause.__cause__ or cause.__context__
    return TYPED, text[:160]


def _innermost(exc: BaseException) -> str:
    """The last place in the product."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if "petsgan_sdk" in frame.filename] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"


def attack(
    campaign: Campaign,
    targets: Sequence[Target],
    *,
    seed: int,
    first: int = 0,
    count: int | None = None,
    seconds: float = 0.0,
) -> None:
    """Try `count` inputs of every target, or as many as the time allows."""
    if count is not None:
        for target in targets:
            campaign.run(target, seed, range(first, first + count), None)
        return
    end, reached = time.monotonic() + seconds, dict.fromkeys((t.name for t in targets), first)
    shares = sum(target.share for target in targets)
    rounds = max(1, round(seconds / (_SLICE_S * len(targets))))
    for number in range(rounds):
        for target in targets:
            slice_s = seconds * target.share / (shares * rounds)
            until = min(end, time.monotonic() + slice_s) if number or seconds < 1 else (
                time.monotonic() + slice_s
            )  # fmt: skip
            if time.monotonic() >= end:
                return
            begin = reached[target.name]
            numbers = range(begin, begin + 1_000_000)
            reached[target.name] += campaign.run(target, seed, numbers, until)


def table(campaign: Campaign) -> list[str]:
    """What was tried, a line for each target."""
    lines = [f"{'target':20} {'kind':10} {'trials':>8} {'ok':>7} {'typed':>8} {'failed':>7}"
             f" {'per s':>7} {'most s':>7} {'most MB':>8}"]  # fmt: skip
    for name, t in campaign.tallies.items():
        rate = t.trials / t.seconds if t.seconds else 0
        failed = t.trials - t.ok - t.typed
        lines.append(
            f"{name:20} {TARGETS[name].kind:10} {t.trials:8} {t.ok:7} {t.typed:8} {failed:7}"
            f" {rate:7.0f} {t.worst_cpu_s:7.2f} {t.worst_mb:8.0f}"
        )
    for kind in ("bytes", "structured"):
        total = sum(t.trials for n, t in campaign.tallies.items() if TARGETS[n].kind == kind)
        lines.append(f"{'all':20} {kind:10} {total:8}")
    return lines


def as_json(campaign: Campaign, seed: int) -> dict[str, Any]:
    """The same as data."""
    rows = {
        name: {
            "kind": TARGETS[name].kind,
            "trials": t.trials,
            "ok": t.ok,
            "typed": t.typed,
            "failed": t.trials - t.ok - t.typed,
            "most_cpu_s": t.worst_cpu_s,
            "most_mb": t.worst_mb,
        }
        for name, t in campaign.tallies.items()
    }
    return {"seed": seed, "targets": rows, "kinds": campaign.kinds()}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(words: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(words)
    chosen = [t for t in TARGETS.values() if not options.target or t.name in options.target]
    chosen = [t for t in chosen if options.kind in (None, t.kind)]
    random.seed(0)
    with tempfile.TemporaryDirectory(prefix="petsgan-fuzz-") as name:
        limits = Limits(cpu_s=options.limit_s, memory_mb=options.limit_mb)
        campaign = Campaign(Path(name), options.out, limits, _say)
        chosen = [t for t in chosen if campaign.bases.checkpoints or "checkpoint" not in t.name]
        if options.replay:
            for path, outcome in campaign.replay(options.replay):
                _say(f"{path}: {outcome.verdict} {outcome.detail}")
        else:
            attack(
                campaign,
                chosen,
                seed=options.seed,
                first=options.first,
                count=options.count,
                seconds=options.seconds,
            )
        if options.json:
            _say(json.dumps(as_json(campaign, options.seed), indent=1))
        else:
            _say("\n".join(table(campaign)))
            for kind, times in campaign.kinds().items():
                _say(f"{times:6} x {kind}")
    failed = any(t.trials > t.ok + t.typed for t in campaign.tallies.values())
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="campaign.fuzz", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long, of all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="inputs of each target, instead of seconds")
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="only this")
    parser.add_argument("--kind", choices=("bytes", "structured"), help="only these")
    parser.add_argument("--out", type=Path, default=Path("results/fuzz"), help="for failures")
    parser.add_argument("--limit-s", type=float, default=Limits().cpu_s, help="of processor time")
    parser.add_argument("--limit-mb", type=int, default=Limits().memory_mb)
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="kept failures")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
