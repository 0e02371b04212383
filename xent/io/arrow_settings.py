"""How a program that uses Arrow for one job sets it up. A library leaves these things to its caller."""

from __future__ import annotations

import os

import pyarrow as pa


def settle_arrow() -> None:
    """Leaves SIGINT to Python, which Arrow would take for itself while it reads CSV, and takes a modest allocator.

    Arrow's default allocator keeps what it frees, which costs half as much again in memory and saves no time where a few batches go
    round. Whoever names one in the environment gets it.
    """
    pa.enable_signal_handlers(False)
    if "ARROW_DEFAULT_MEMORY_POOL" in os.environ:
        return
    try:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    except NotImplementedError:
        pa.set_memory_pool(pa.system_memory_pool())
