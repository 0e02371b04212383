"""One process, measured from outside: wall time, CPU time, peak memory and what it printed.

Nothing but the standard library is imported here or in `run.py`: on Linux a child's peak memory is at least that of the process that
started it, so a parent that had NumPy loaded would hide what small children use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of `ru_maxrss`."""


@dataclass(frozen=True)
class Run:
    """A process that has ended.

    Attributes
    ----------
    wall, cpu : seconds; `cpu` is user and system time of the process and of its children
    peak : MiB of resident memory at most; of the process alone, unless its children were asked for
    out, err : what it printed
    ended : "done", "failed" or "stopped", which it was when its time was up
    """

    wall: float
    cpu: float
    peak: float
    out: str
    err: str
    ended: str


def measure(command: Sequence[str], *, folder: Path, seconds: float, family: bool = False) -> Run:
    """Runs a command in a folder, for so many seconds at most.

    For the memory of the whole family the process and its children are looked at all the time, so the run takes longer than it would.
    """
    # Compiled modules are kept, for every contender alike: it is how programs start on a user's machine.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    stopped = threading.Event()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=folder)

        def stop() -> None:
            stopped.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        looking = _Looking(process.pid) if family else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        peak = usage.ru_maxrss * PEAK_UNIT / 2**20
        if looking is not None:
            peak = max(peak, looking.end())
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        ended = "stopped" if stopped.is_set() else "failed" if process.returncode else "done"
        return Run(wall, usage.ru_utime + usage.ru_stime, peak, out.read(), err.read(), ended)


class _Looking(threading.Thread):
    """Looks at the memory of a process and its children, what they share counted once, until it is told to end. Linux only."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._peak = 0.0
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.002):
            try:
                children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
                self._peak = max(self._peak, sum(map(_share_of_memory, [str(self._pid), *children])))
            except (OSError, StopIteration):
                continue  # One of them has just ended.

    def end(self) -> float:
        """MiB at most."""
        self._ended.set()
        self.join()
        return self._peak


def _share_of_memory(pid: str) -> float:
    """MiB of a process; of a page that several processes have, its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
