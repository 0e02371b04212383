"""Room where the address space is limited, as by `ulimit -v`: Arrow waits forever for a thread of its own that could not be started."""

from __future__ import annotations

_THREAD = 72 << 20
"""What a thread takes: 8 MB of stack, and 64 MB that the C library sets aside for what it will allocate."""

_DATA = 24 << 20
"""What is read and computed with, beside that."""


def is_limited() -> bool:
    """Whether the system gives this process less than there are addresses."""
    try:
        import resource
    except ImportError:  # There is no such limit on Windows.
        return False
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def threads_that_fit(wanted: int) -> int:
    """How many of so many threads to start, which is one at least, so that there is room for one of Arrow's too."""
    if is_limited():
        while wanted > 1 and not _has_room(wanted + 1):
            wanted -= 1
    return wanted


def require_thread() -> None:
    """Makes sure that Arrow gets the one thread that it cannot read text without.

    Raises
    ------
    MemoryError
        There is no room for it.
    """
    if is_limited():
        import pyarrow as pa

        pa.set_io_thread_count(1)
        if not _has_room(1):
            raise MemoryError


def _has_room(threads: int) -> bool:
    import mmap

    try:
        mmap.mmap(-1, threads * _THREAD + _DATA).close()
    except (OSError, MemoryError):
        return False
    return True
