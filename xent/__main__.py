"""`python -m xent`, and the entry point of the command `xent`."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

ENVIRONMENT = {
    # NumPy's matrix library starts threads when it is imported, and no metric multiplies matrices.
    "OPENBLAS_NUM_THREADS": "1",
    # Arrow's own allocator keeps what it frees. That costs a third more memory, and saves no time where a few batches go round.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""What the libraries below are told before they are imported, where the caller has not told them otherwise."""


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    # An exception, so that a half-written file is cleared away before the program ends.
    raise SystemExit(128 + signum)


def main() -> NoReturn:
    """Runs the command line and ends the process with the exit status of the contract."""
    try:
        # The start makes tens of thousands of objects that live to the end. Looking through them for garbage takes a twentieth of it.
        gc.set_threshold(100_000, 20, 20)
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        signal.signal(signal.SIGTERM, _terminate)
        from xent.cli.app import app

        status = app.run(sys.argv[1:], leave=os._exit)
    except KeyboardInterrupt:
        status = 130
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    _end(status)


def _end(status: int) -> NoReturn:
    """Ends the process, and leaves what the libraries hold to the system: taking them down piece by piece is an eighth of a short run."""
    threading = sys.modules.get("threading")
    if threading is None or all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        atexit._run_exitfuncs()
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        except (OSError, ValueError):
            sys.exit(status)
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
