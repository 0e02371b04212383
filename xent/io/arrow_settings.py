"""Whose SIGINT is: Arrow takes it for itself while it reads CSV, unless it is told not to.

A library leaves that to its caller, and a program that reads no CSV need not import Arrow to say it.
"""

from __future__ import annotations

_said: list[bool] = []


def leave_signals_to_python() -> None:
    """Keeps Arrow from taking SIGINT, from now on and whenever it comes to be used."""
    _said.append(True)


def apply_settings() -> None:
    """What was said, said to Arrow; for those who are about to use it."""
    if _said:
        import pyarrow as pa

        pa.enable_signal_handlers(False)
