"""Progress of long work on standard error: rows, rows a second, time left."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE = 0.5
"""Seconds that work may take before anything is shown, unless progress was asked for."""

EVERY = 5.0
"""Seconds between two lines where standard error is no terminal."""


class Progress:
    """Counts rows, from any thread, and shows the count.

    Parameters
    ----------
    total : the number of rows to come, or None where it is not known
    wanted : show it; None shows it on a terminal, once the work takes long
    """

    def __init__(self, total: int | None, wanted: bool | None = None) -> None:
        self._total = total
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = self._terminal if wanted is None else wanted
        self._patience = PATIENCE if wanted is None else 0.0
        self._start = self._last = time.monotonic()
        self._rows = 0
        self._lock = threading.Lock()
        self._bar: Bar | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._shown and not self._terminal:
            self._say()

    def add(self, rows: int) -> None:
        """Counts `rows` more."""
        with self._lock:
            self._rows += rows
            if not self._shown:
                return
            now = time.monotonic()
            if self._terminal:
                if self._bar is None and now - self._start >= self._patience:
                    self._bar = self._new_bar()
                if self._bar is not None:
                    self._bar.update(self._task, completed=self._rows, speed=f"{self._speed():,.0f} rows/s")
            elif now - self._last >= EVERY:
                self._last = now
                self._say()

    def _speed(self) -> float:
        return self._rows / max(time.monotonic() - self._start, 1e-9)

    def _say(self) -> None:
        from xent.cli.exits import say

        share = f" of {self._total:,}" if self._total is not None else ""
        say(f"{self._rows:,}{share} rows, {self._speed():,.0f} rows/s")

    def _new_bar(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        bar = Progress(
            BarColumn(),
            TextColumn("{task.completed:,.0f} rows  {task.fields[speed]}"),
            TimeElapsedColumn() if self._total is None else TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = bar.add_task("rows", total=self._total, speed="")
        bar.start()
        return bar
