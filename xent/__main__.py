"""`python -m xent`, and the entry point of the command `xent`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    # An exception, so that a half-written file is cleared away before the program ends.
    raise SystemExit(128 + signum)


def main() -> NoReturn:
    """Runs the command line and ends the process with the exit status of the contract."""
    try:
        # The start makes tens of thousands of objects that live to the end. Looking through them for garbage takes a twentieth of it.
        gc.set_threshold(100_000, 20, 20)
        signal.signal(signal.SIGTERM, _terminate)
        from xent.cli.app import app

        status = app.run(sys.argv[1:], leave=os._exit)
    except KeyboardInterrupt:
        status = 130
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    sys.exit(status)


if __name__ == "__main__":
    main()
