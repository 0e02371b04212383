"""How a program that uses Arrow for one job sets it up. A library leaves these things to its caller."""

from __future__ import annotations

import pyarrow as pa


def leave_signals_to_python() -> None:
    """Keeps Arrow from taking SIGINT for itself while it reads CSV."""
    pa.enable_signal_handlers(False)
