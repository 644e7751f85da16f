"""Kill every command that writes at any moment, look at what it left, and let it finish.

    PYTHONPATH=tests python -m campaign.kill --rounds 3 --seed 1
    PYTHONPATH=tests python -m campaign.kill --command "generate tar" --rounds 50

After a kill every file under a final name is whole: the new one, or the one that was there before.
Run once more, the command ends well, leaves what an uninterrupted one leaves, and nothing else.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.paths import ROOT

from campaign.writers import OUT, WRITERS, Inputs, Writer, digest, final_name, make_inputs
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import PetsganError

_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_CODES = {signal.SIGKILL: (-9,), signal.SIGTERM: (143,), signal.SIGINT: (130,)}
_HIDDEN = ".petsgan-"
_TIMEOUT_S = 600
# A run that is saved once a minute would never be killed between two saves.
_PROGRAM = """
import sys
if sys.argv[1] in ("train", "make"):
    import petsgan_sdk.training.loop as loop
    loop._SAVE_INTERVAL_S = 0.2
from petsgan_sdk.cli import main
main()
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """When and how a round's command is killed."""

    signal: signal.Signals
    over_older: bool
    """Whether outputs of an earlier run are there and are to be replaced."""
    in_write: bool
    """Whether the moment is when a hidden file is seen, or a part of the usual time."""
    part: float
    pause_s: float

    @staticmethod
    def of(writer: Writer, seed: int, number: int) -> Plan:
        """That of a round's number."""
        rng = random.Random(f"{seed} {writer.name} {number}")
        return Plan(
            rng.choice(_SIGNALS),
            writer.replaces and rng.random() < 0.5,
            rng.random() < 0.5,
            rng.uniform(0.02, 1.0),
            rng.choice((0.0, 0.001, 0.01, 0.05)),
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """What an uninterrupted command leaves, and how long it takes."""

    files: dict[str, str]
    seconds: float


@dataclass(slots=True)
class Tally:
    """What came of a command."""

    rounds: Counter[str] = field(default_factory=Counter)
    """By the name of the signal."""
    too_late: int = 0
    """Rounds in which the command had ended before."""
    amid_write: int = 0
    """Rounds that left a hidden file, so that the kill fell into writing."""
    failures: list[str] = field(default_factory=list)


def run_rounds(
    writer: Writer, inputs: Inputs, *, rounds: Sequence[int], seed: int, folder: Path
) -> Tally:
    """Kill and repeat a command; rounds are numbered, and the same number is the same round."""
    tally = Tally()
    whole = _reference(writer, inputs, folder / "reference")
    older = None
    if writer.replaces:
        older = folder / "older"
        _make_older(folder / "reference" / OUT, older)
    for number in rounds:
        place = folder / f"round-{number}"
        plan = Plan.of(writer, seed, number)
        problems = _round(writer, inputs, place, plan, whole=whole, older=older, tally=tally)
        tally.failures += [f"{writer.name}, round {number}: {problem}" for problem in problems]
        shutil.rmtree(place, ignore_errors=True)
    return tally


def _round(
    writer: Writer,
    inputs: Inputs,
    place: Path,
    plan: Plan,
    *,
    whole: Reference,
    older: Path | None,
    tally: Tally,
) -> list[str]:
    number = plan.signal
    more: tuple[str, ...] = ()
    _make_folders(place)
    if older is not None and plan.over_older:
        shutil.rmtree(place / OUT)
        shutil.copytree(older, place / OUT)
        more = ("--force",)
    before = _files(place / OUT)
    code, stderr = _killed(writer, inputs, place, more, plan, whole.seconds)
    tally.rounds[number.name] += 1
    tally.too_late += code == 0
    tally.amid_write += bool(_hidden(place / OUT))
    problems = _wrong_files(place / OUT, whole.files, before)
    if code not in (0, *_CODES[number]):
        problems.append(f"left with {code} after {number.name}: {stderr.strip()[-300:]}")
    if "Traceback" in stderr:
        problems.append(f"a traceback after {number.name}: {stderr.strip()[-300:]}")
    if number != signal.SIGKILL and (left := _hidden(place)):
        problems.append(f"{number.name} left {left}")
    process = _start(writer.command(inputs) + list(writer.again), place)
    _, stderr = process.communicate(timeout=_TIMEOUT_S)
    if process.returncode:
        problems.append(f"again it left with {process.returncode}: {stderr.strip()[-300:]}")
    elif (found := _files(place / OUT)) != whole.files:
        names = sorted(n for n in found | whole.files if found.get(n) != whole.files.get(n))
        problems.append(f"again it left other files than alone: {names[:5]}")
    if left := _hidden(place / OUT):
        problems.append(f"again it left {left}")
    return problems


def _killed(
    writer: Writer,
    inputs: Inputs,
    place: Path,
    more: tuple[str, ...],
    plan: Plan,
    usual_s: float,
) -> tuple[int, str]:
    """Run the command and end it, at a moment of its usual time or while it writes."""
    process = _start([*writer.command(inputs), *more], place)
    started = time.monotonic()
    while process.poll() is None and time.monotonic() - started < _TIMEOUT_S:
        if plan.in_write and _hidden(place / OUT):
            time.sleep(plan.pause_s)
            break
        if not plan.in_write and time.monotonic() - started > plan.part * usual_s:
            break
        time.sleep(0.001)
    # Before Python runs our program no program could handle these.
    while (
        plan.signal != signal.SIGKILL and process.poll() is None and not _is_listening(process.pid)
    ):
        time.sleep(0.01)
    process.send_signal(plan.signal)
    _, stderr = process.communicate(timeout=_TIMEOUT_S)
    return process.returncode, stderr


def _start(words: Sequence[str], place: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(place / "tmp"),
        "PETSGAN_CACHE": str(place / OUT / "cache" if words[0] == "build" else place / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _is_listening(process: int) -> bool:
    """Whether it handles SIGTERM, which it does from its first lines on."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return True
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")), 0)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def _make_folders(place: Path) -> None:
    for name in (OUT, "tmp", "cache"):
        (place / name).mkdir(parents=True)


def _reference(writer: Writer, inputs: Inputs, place: Path) -> Reference:
    _make_folders(place)
    started = time.monotonic()
    process = _start(writer.command(inputs), place)
    _, stderr = process.communicate(timeout=_TIMEOUT_S)
    if process.returncode:
        msg = f"{writer.name}: left with {process.returncode} undisturbed: {stderr.strip()}"
        raise RuntimeError(msg)
    return Reference(_files(place / OUT), time.monotonic() - started)


def _make_older(new: Path, older: Path) -> None:
    """Outputs of the same names with something else in them, as an earlier run may have left."""
    shutil.copytree(new, older)
    for path in older.rglob("*"):
        if path.is_file() and path.suffix in (".png", ".tif", ".petsgan", ".onnx"):
            path.write_bytes(path.read_bytes() + b"older")


def _files(out: Path) -> dict[str, str]:
    """Digests of what lies under final names, and of nothing that cannot be read."""
    found = {}
    for path in sorted(out.rglob("*")):
        relative = path.relative_to(out)
        if path.is_file() and not any(part.startswith(_HIDDEN) for part in relative.parts):
            name = final_name(path, out)
            try:
                found[name] = digest(path)
            except (PetsganError, ValueError) as exc:
                found[name] = f"cannot be read: {exc}"
    return found


def _wrong_files(out: Path, whole: dict[str, str], before: dict[str, str]) -> list[str]:
    """Files that are neither the new nor the old ones, and old ones that are gone."""
    found = _files(out)
    problems = []
    for name, value in found.items():
        if value in (whole.get(name), before.get(name)) or _is_a_stage(out / name):
            continue
        problems.append(f"{name} is neither the new file nor the old one ({value[:80]})")
    gone = sorted(set(before) - set(found))
    return problems + ([f"{gone} were there before and are gone"] if gone else [])


def _is_a_stage(path: Path) -> bool:
    """A checkpoint of a run that is not finished is whole as well."""
    return path.suffix == ".pt" and not load_checkpoint(path).is_finished


def _hidden(folder: Path) -> list[str]:
    found = [path.relative_to(folder) for path in folder.rglob(f"{_HIDDEN}*")]
    return sorted(str(path) for path in found)


def main(words: Sequence[str] | None = None, say: Callable[[str], None] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="campaign.kill", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first")
    parser.add_argument("--command", action="append", choices=[w.name for w in WRITERS])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(words)
    say = say or _say
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        inputs = make_inputs(Path(name), with_models=True)
        for number, writer in enumerate(WRITERS):
            if options.command and writer.name not in options.command:
                continue
            if writer.needs is not None and importlib.util.find_spec(writer.needs) is None:
                say(f"{writer.name}: left out, {writer.needs} is not installed")
                continue
            folder = Path(name) / f"command-{number}"
            rounds = range(options.first, options.first + options.rounds)
            tallies[writer.name] = tally = run_rounds(
                writer, inputs, rounds=rounds, seed=options.seed, folder=folder
            )
            shutil.rmtree(folder, ignore_errors=True)
            for failure in tally.failures:
                say(f"FAILED {failure}")
            if not options.json:
                counts = ", ".join(f"{n} {text}" for text, n in sorted(tally.rounds.items()))
                say(f"{writer.name:24} {counts}; {tally.amid_write} amid a write, "
                    f"{tally.too_late} too late, {len(tally.failures)} failures")  # fmt: skip
    if options.json:
        say(json.dumps({n: _as_json(t) for n, t in tallies.items()}, indent=1))
    total = sum(sum(t.rounds.values()) for t in tallies.values())
    failed = sum(len(t.failures) for t in tallies.values())
    say(f"{total} kills of {len(tallies)} commands, {failed} failures")
    return 1 if failed else 0


def _as_json(tally: Tally) -> dict[str, object]:
    return {
        "rounds": dict(tally.rounds),
        "amid_write": tally.amid_write,
        "too_late": tally.too_late,
        "failures": tally.failures,
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
