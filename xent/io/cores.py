"""How many cores there are to compute on: those that this process may run on, and no more than its container may use at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def available_cores(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """The number of cores to use.

    Parameters
    ----------
    groups, own : where Linux shows what groups of processes may use, and which of them this one belongs to
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(_quotas(groups, own), default=math.inf)
    return cores if quota >= cores else max(1, math.ceil(quota))


def _quotas(groups: Path, own: Path) -> Iterator[float]:
    """How many cores each of the groups may use at a time that this process is in, where that is bounded."""
    try:
        lines = own.read_text().splitlines()
    except OSError:  # This is not Linux.
        return
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        # The controllers of the first version of control groups have folders of their own.
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = groups / "cpu" if controllers else groups
        inner = Path(path.lstrip("/"))
        # A container may show its own group as the whole.
        for at in (inner, *inner.parents):
            quota = _quota(folder / at)
            if quota > 0.0:
                yield quota


def _quota(folder: Path) -> float:
    """The cores of one group; 0 where they are not bounded."""
    try:
        if (folder / "cpu.max").exists():
            share, period = (folder / "cpu.max").read_text().split()
        else:
            share, period = ((folder / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
        return int(share) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # Without a bound the share is "max".
        return 0.0
