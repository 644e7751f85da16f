from __future__ import annotations

from pathlib import Path

import pytest

from petsgan_sdk import _quota as quota
from petsgan_sdk._quota import cpu_quota, usable_cores
from petsgan_sdk.runtime.checks import default_threads

V2_MOUNT = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = (
    "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 {root} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "34 31 0:31 {root} /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids"
)


class Tree:
    """A folder that looks like `/` to the code that reads the control groups."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, text: str | bytes) -> Tree:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self

    def v2(self, path: str, *, root: str = "/") -> Tree:
        self.put("proc/self/cgroup", f"0::{path}\n")
        mounts = "22 1 8:1 / / rw - ext4 /dev/sda rw\n" + V2_MOUNT.format(root=root) + "\n"
        return self.put("proc/self/mountinfo", mounts)

    def v1(self, path: str, *, root: str = "/") -> Tree:
        own = f"9:name=systemd:/x\n8:pids:/y\n3:cpuset:/z\n2:cpu,cpuacct:{path}\n0::/\n"
        self.put("proc/self/cgroup", own)
        return self.put("proc/self/mountinfo", V1_MOUNT.format(root=root) + "\n")

    def v1_group(self, folder: str, quota_us: object, period_us: object = 100_000) -> Tree:
        where = f"sys/fs/cgroup/cpu,cpuacct/{folder}"
        self.put(f"{where}/cpu.cfs_quota_us", f"{quota_us}\n")
        return self.put(f"{where}/cpu.cfs_period_us", f"{period_us}\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "allowed_cores", lambda: 8)


@pytest.mark.usefixtures("_eight_cores")
@pytest.mark.parametrize(
    ("text", "cores", "usable"),
    [
        ("50000 100000", 0.5, 1),
        ("1000 100000", 0.01, 1),
        ("100000 100000", 1.0, 1),
        ("150000 100000", 1.5, 2),  # the half would be idle with one thread
        ("75000 50000", 1.5, 2),
        ("200000 100000", 2.0, 2),
        ("200001 100000", 2.00001, 3),
        ("3200000 100000", 32.0, 8),  # affinity is the tighter one
        ("250000", 2.5, 3),  # the period that the kernel takes by default
        ("max 100000", None, 8),
        ("max", None, 8),
        ("0 100000", None, 8),
        ("100000 0", None, 8),
        ("-1 100000", None, 8),
        ("", None, 8),
        ("lots", None, 8),
        ("1e5 100000", None, 8),
        ("100000 100000 7", None, 8),
        ("9" * 5000 + " 100000", None, 8),
        ("\N{ARABIC-INDIC DIGIT ONE} 100000", None, 8),
    ],
)
def test_a_quota_is_read_and_rounded_up(
    tree: Tree, text: str, cores: float | None, usable: int
) -> None:
    tree.v2("/box").put("sys/fs/cgroup/box/cpu.max", text + "\n")
    assert cpu_quota(tree.root) == cores
    assert usable_cores(tree.root) == usable


def test_the_tightest_group_above_counts(tree: Tree) -> None:
    tree.v2("/pod/box/inner")
    tree.put("sys/fs/cgroup/pod/cpu.max", "400000 100000")
    tree.put("sys/fs/cgroup/pod/box/cpu.max", "60000 50000")
    tree.put("sys/fs/cgroup/pod/box/inner/cpu.max", "max 100000")
    tree.put("sys/fs/cgroup/other/cpu.max", "1000 100000")
    tree.put("sys/fs/cgroup/cpu.max", "500000 100000")
    assert cpu_quota(tree.root) == 1.2
    tree.put("sys/fs/cgroup/cpu.max", "70000 100000")
    assert cpu_quota(tree.root) == 0.7


def test_version_1_with_a_group_above(tree: Tree) -> None:
    tree.v1("/docker/box").v1_group("docker/box", -1)
    assert cpu_quota(tree.root) is None
    tree.v1_group("docker", 50_000)
    assert cpu_quota(tree.root) == 0.5
    tree.v1_group("docker/box", 20_000, 80_000)
    assert cpu_quota(tree.root) == 0.25
    tree.v1_group("docker/box", "none", 80_000)
    assert cpu_quota(tree.root) == 0.5


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("path", "root", "folder"),
    [
        ("/docker/abc/deep", "/docker/abc", "deep"),  # the container's group is mounted as the root
        ("/docker/abc", "/docker/abc", ""),
        ("/docker/abc", "/", ""),  # a path of the host, whose folder is not there
        ("/../../elsewhere", "/", ""),  # outside the namespace
        ("/", "/docker/abc", ""),
    ],
)
def test_a_path_of_the_host_and_what_is_mounted(
    tree: Tree, version: str, path: str, root: str, folder: str
) -> None:
    getattr(tree, version)(path, root=root)
    if version == "v2":
        tree.put(f"sys/fs/cgroup/{folder}/cpu.max", "50000 100000")
    else:
        tree.v1_group(folder, 50_000)
    assert cpu_quota(tree.root) == 0.5


def test_both_versions_at_once(tree: Tree) -> None:
    tree.put("proc/self/cgroup", "2:cpu,cpuacct:/a\n0::/b\n")
    tree.put("proc/self/mountinfo", V1_MOUNT.format(root="/") + "\n" + V2_MOUNT.format(root="/"))
    tree.v1_group("a", 300_000).put("sys/fs/cgroup/b/cpu.max", "200000 100000")
    assert cpu_quota(tree.root) == 2


def test_a_mount_point_with_a_blank(tree: Tree) -> None:
    tree.put("proc/self/cgroup", "0::/a\n")
    mount = "30 23 0:26 / /sys/my\\040groups rw - cgroup2 none rw\n"
    tree.put("proc/self/mountinfo", mount).put("sys/my groups/a/cpu.max", "50000 100000")
    assert cpu_quota(tree.root) == 0.5


@pytest.mark.usefixtures("_eight_cores")
def test_what_is_missing_or_garbage_sets_no_limit(tree: Tree) -> None:
    assert usable_cores(tree.root) == 8
    tree.v2("/box")
    assert usable_cores(tree.root) == 8
    tree.put("sys/fs/cgroup/box/cpu.max", b"\xff\x00\n\xfe")
    assert usable_cores(tree.root) == 8
    (tree.root / "sys/fs/cgroup/cpu.max").mkdir()
    assert usable_cores(tree.root) == 8
    for text in ("", ":::\n", "0:\n", "x\n\n", "0::relative\n", "2:cpu\n"):
        tree.put("proc/self/cgroup", text)
        assert usable_cores(tree.root) == 8
    tree.put("proc/self/cgroup", "0::/box\n")
    tree.put("proc/self/mountinfo", b"\n - \n1 2 3\n1 2 3 4 - cgroup2\n\xff - cgroup2 x y\n")
    assert usable_cores(tree.root) == 8


def test_the_default_number_of_threads_follows_the_quota(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PETSGAN_NUM_THREADS", raising=False)
    monkeypatch.setattr(quota, "allowed_cores", lambda: 32)
    tree.v1("/box").v1_group("box", 150_000)
    monkeypatch.setattr("petsgan_sdk.runtime.checks.usable_cores", lambda: usable_cores(tree.root))
    assert default_threads() == default_threads(most=256) == 2
    assert default_threads(7) == 7  # what the caller says
    monkeypatch.setenv("PETSGAN_NUM_THREADS", "3")
    assert default_threads() == 3
