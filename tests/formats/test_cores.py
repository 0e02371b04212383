"""Cores: what the system gives, within what a container may use."""

import os

import pytest

from xent.io.cores import available_cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def with_groups(tmp_path):
    """Counts the cores, given the lines of `/proc/self/cgroup` and the files below `/sys/fs/cgroup`."""

    def count(lines, files):
        (tmp_path / "own").write_text(lines)
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return available_cores(tmp_path / "groups", tmp_path / "own")

    return count


@pytest.mark.parametrize(
    ("share", "cores"),
    [
        ("max", CORES),
        ("50000", 1),
        ("100000", 1),
        ("100001", min(2, CORES)),
        ("9900000", min(99, CORES)),
        ("nonsense", CORES),
        ("-1", CORES),
    ],
)
def test_what_a_group_may_use(with_groups, share, cores):
    assert with_groups("0::/\n", {"cpu.max": f"{share} 100000\n"}) == cores
    # The first version says the same in two files.
    assert (
        with_groups("4:cpu,cpuacct:/docker/1f\n9:memory:/\n", {"cpu/cpu.cfs_quota_us": share, "cpu/cpu.cfs_period_us": "100000"}) == cores
    )


def test_the_strictest_of_the_groups_counts(with_groups):
    files = {"a/b/cpu.max": "max 100000", "a/cpu.max": "100000 100000", "cpu.max": "800000 100000"}
    assert with_groups("3:memory:/x\n0::/a/b\n", files) == 1


@pytest.mark.parametrize("lines", ["", "0::/nowhere\n", "5:memory:/\n"])
def test_without_a_bound_all_cores_count(with_groups, lines):
    assert with_groups(lines, {}) == CORES


def test_other_systems_have_no_groups(tmp_path):
    assert available_cores(tmp_path, tmp_path / "missing") == CORES
