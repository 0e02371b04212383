"""Interruptions that find the program waiting inside a library.

Python runs a signal handler when its main thread is back in Python, and that may never be: Arrow waits for a stalled pipe without
looking up, and a thread pool waits for its threads. So a thread watches too, and where nobody has dealt with the signal in time it ends
the process. Nothing is lost by that: files are put in their places by the main thread alone, which would have been awake.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 1.0
"""Seconds for the main thread to deal with the signal by itself."""

_ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


PATIENCE_TO_SAVE = 15.0
"""The same where something is to be saved first."""


@contextmanager
def watched(patience: float = PATIENCE) -> Iterator[None]:
    """While this lasts, an interruption ends the process within so many seconds, whatever it waits for."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may arrange for signals; others are not interrupted anyway.
        yield
        return
    from xent.io.arrow_settings import leave_signals_to_python
    from xent.io.processes import WATCHER

    leave_signals_to_python()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(reader, done, patience), name=WATCHER, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(before)
        os.close(writer)
        watcher.join()
        os.close(reader)


def _watch(reader: int, done: threading.Event, patience: float) -> None:
    while arrived := os.read(reader, 1):
        ending = _ENDINGS.get(signal.Signals(arrived[0]))
        if ending is not None and not done.wait(patience):
            from xent.cli.exits import say

            say(f"error: {ending}")
            os._exit(128 + arrived[0])
