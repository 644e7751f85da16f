"""How many cores this process may keep busy: its affinity and the CPU quota of its control groups.

A container with `--cpus=0.5` sees every core of its host, and its threads are stopped for most of
each period once they have used up the quota together: more threads than the quota only cost memory.
Standard library only.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["allowed_cores", "cpu_quota", "usable_cores"]

_ROOT = Path("/")
_NUMBER = re.compile("[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class _Mount:
    """A hierarchy of control groups that counts processor time."""

    is_v2: bool
    """Whether it is the unified hierarchy."""
    root: PurePosixPath
    """The group whose folder is the mount point: not `/` where only a part is mounted."""
    point: Path
    """The folder of that group."""


def allowed_cores() -> int:
    """How many cores the system lets this process run on, quota aside."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def usable_cores(root: Path = _ROOT) -> int:
    """How many cores this process can keep busy, at least 1.

    A quota is rounded up: of 1.5 cores a second thread still uses the half, where one thread would
    leave it idle.

    Args:
        root: Folder that holds `proc` and the mounted control groups.
    """
    quota = cpu_quota(root)
    cores = allowed_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota(root: Path = _ROOT) -> float | None:
    """The tightest CPU quota of this process's control groups, in cores.

    Every group above counts, as far as this process can see them. What cannot be read or
    understood sets no limit.

    Args:
        root: Folder that holds `proc` and the mounted control groups.

    Returns:
        None without a quota.
    """
    paths = dict(_own_groups(root))
    quotas = [
        quota
        for mount in _mounts(root)
        if (path := paths.get(mount.is_v2)) is not None
        for folder in _folders(mount, path)
        if (quota := (_read_v2 if mount.is_v2 else _read_v1)(folder)) is not None
    ]
    return min(quotas, default=None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (OSError, ValueError):
        return []


def _own_groups(root: Path) -> Iterator[tuple[bool, PurePosixPath]]:
    """`(is_v2, path)` of this process in the hierarchies that can limit it."""
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not path.startswith("/"):
            continue
        if number == "0" and not controllers:
            yield True, PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            yield False, PurePosixPath(path)


def _mounts(root: Path) -> Iterator[_Mount]:
    """Where these hierarchies are mounted, see proc(5) on mountinfo."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kinds) < 3:
            continue
        is_v2 = kinds[0] == "cgroup2"
        if is_v2 or (kinds[0] == "cgroup" and "cpu" in kinds[2].split(",")):
            group, point = (_unescaped(field) for field in fields[3:5])
            yield _Mount(is_v2, PurePosixPath(group), root / point.lstrip("/"))


def _unescaped(field: str) -> str:
    """Undo the octal escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _folders(mount: _Mount, path: PurePosixPath) -> Iterator[Path]:
    """The folder of a group and of every group above it, up to the mount point.

    A path that does not lie below what is mounted says where the group is on the host: then only
    the mount point itself is known to be ours.
    """
    try:
        parts = path.relative_to(mount.root).parts
    except ValueError:
        parts = ()
    if ".." in parts:  # outside the namespace of groups
        parts = ()
    for count in range(len(parts), -1, -1):
        yield mount.point.joinpath(*parts[:count])


def _read_v2(folder: Path) -> float | None:
    words = " ".join(_lines(folder / "cpu.max")).split()
    if len(words) == 1:
        words.append("100000")  # what the kernel takes where the period is left out
    return _cores(*words) if len(words) == 2 else None


def _read_v1(folder: Path) -> float | None:
    quota, period = (
        " ".join(_lines(folder / f"cpu.cfs_{name}_us")).strip() for name in ("quota", "period")
    )
    return _cores(quota, period)


def _cores(quota: str, period: str) -> float | None:
    """None for `max` (version 2), -1 (version 1) and for what is no number."""
    if not (_NUMBER.fullmatch(quota) and _NUMBER.fullmatch(period)):
        return None
    return int(quota) / int(period)
