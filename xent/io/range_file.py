"""A file far away, read in blocks that are fetched beside each other and ahead of the one who reads.

Every stretch that will be read is a lane. A lane is read from its start to its end, so its next blocks are under way while one is
being used, and no byte outside of the lanes is fetched ahead. Where nobody said what will be read, the whole file is one lane, and
blocks are fetched ahead only while the reading goes on from one to the next.
"""

from __future__ import annotations

import io
import queue
import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from xent.io.places import Stretch

Fetch = Callable[[int, int], bytes]
"""Gives the bytes of a stretch, all of them."""

BLOCK = 4 << 20
"""The largest number of bytes asked for at once: long enough to hide the way there, short enough to be fetched again."""

_LEAST_BLOCK = 64 << 10

_IN_FLIGHT = 64 << 20
"""About how many bytes one file may hold."""

_GAP = 4096
"""Stretches no farther apart are fetched as one where a block holds them: a request costs more."""

_CONNECTIONS = 16


class RangeFile(io.RawIOBase):
    """A file whose bytes are fetched.

    Parameters
    ----------
    fetch : gives the bytes of a stretch
    size : the length of the file
    lanes : the stretches that will be read, if that is known; reading elsewhere fetches what is asked for, no more
    """

    def __init__(self, fetch: Fetch, size: int, lanes: Sequence[Stretch] | None = None) -> None:
        self._fetch = fetch
        self._size = size
        self._position = 0
        if lanes is None:
            self._lanes = [_Lane(fetch, (0, size), BLOCK, ahead=4, keep=12, eager=False)]
        else:
            wanted = _joined(lanes, 0)
            block, ahead = _shares(wanted)
            self._lanes = [_Lane(fetch, lane, block, ahead=ahead, keep=ahead + 1, eager=True) for lane in _joined(wanted, block)]
        self._starts = [lane.start for lane in self._lanes]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._position))
        done = 0
        while done < count:
            piece = self._bytes_at(self._position, count - done)
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return count

    def _bytes_at(self, position: int, most: int) -> memoryview:
        """At least one byte from there on."""
        at = bisect_right(self._starts, position) - 1
        if at >= 0 and position < self._lanes[at].stop:
            return self._lanes[at].bytes_at(position)[:most]
        stop = position + most
        if at + 1 < len(self._starts):
            stop = min(stop, self._starts[at + 1])
        return memoryview(self._fetch(position, stop))

    def close(self) -> None:
        if not self.closed:
            for lane in self._lanes:
                lane.forget()
        super().close()


class _Lane:
    """A stretch in blocks, of which the last few that were used and the next ones are held."""

    def __init__(self, fetch: Fetch, stretch: Stretch, block: int, *, ahead: int, keep: int, eager: bool) -> None:
        self.start, self.stop = stretch
        self._fetch = fetch
        self._block = block
        self._ahead = ahead
        self._keep = keep
        self._eager = eager
        self._last = -2
        self._blocks: dict[int, Future[bytes]] = {}
        if eager:
            self._want(0)

    def bytes_at(self, position: int) -> memoryview:
        """The bytes from a position to the end of its block."""
        number = (position - self.start) // self._block
        if number != self._last:
            goes_on = self._eager or number == self._last + 1
            for wanted in range(number, number + 1 + (self._ahead if goes_on else 0)):
                self._want(wanted)
            self._last = number
        data = self._blocks[number].result()
        return memoryview(data)[position - self.start - number * self._block :]

    def _want(self, number: int) -> None:
        start = self.start + number * self._block
        if start >= self.stop:
            return
        known = self._blocks.pop(number, None)
        self._blocks[number] = known or _pool.submit(self._fetch, start, min(start + self._block, self.stop))
        while len(self._blocks) > self._keep:
            # Those used last stand at the end.
            self._blocks.pop(next(iter(self._blocks))).cancel()

    def forget(self) -> None:
        """Gives up what is under way."""
        for block in self._blocks.values():
            block.cancel()
        self._blocks.clear()


def _shares(lanes: Sequence[Stretch]) -> tuple[int, int]:
    """The size of blocks, and how many of a lane are fetched ahead, so that all lanes together hold what one file may."""
    if sum(stop - start for start, stop in lanes) <= _IN_FLIGHT:
        return BLOCK, _IN_FLIGHT // BLOCK
    block = max(_LEAST_BLOCK, min(BLOCK, _IN_FLIGHT // (2 * len(lanes))))
    return block, max(1, _IN_FLIGHT // (2 * block * len(lanes)))


def _joined(stretches: Sequence[Stretch], block: int) -> list[Stretch]:
    """The stretches in order: those that overlap as one, and neighbours as one that a single block holds.

    Neighbours are read in turns, and in a lane of several blocks each would push out those of the others.
    """
    joined: list[Stretch] = []
    for start, stop in sorted(stretch for stretch in stretches if stretch[1] > stretch[0]):
        first, end = joined[-1] if joined else (start, -1)
        if joined and (start < end or (start <= end + _GAP and stop - first <= block)):
            joined[-1] = (first, max(end, stop))
        else:
            joined.append((start, stop))
    return joined


class _Pool:
    """Threads that fetch. They do not keep a program from ending, as those of `concurrent.futures` do until a stalled server answers."""

    def __init__(self, threads: int) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[bytes], Fetch, int, int]] = queue.SimpleQueue()
        self._missing = threads
        self._lock = threading.Lock()

    def submit(self, fetch: Fetch, start: int, stop: int) -> Future[bytes]:
        """Fetches a stretch as soon as a thread is free."""
        found: Future[bytes] = Future()
        self._tasks.put((found, fetch, start, stop))
        with self._lock:
            if self._missing:
                self._missing -= 1
                threading.Thread(target=self._work, name="xent-fetch", daemon=True).start()
        return found

    def _work(self) -> None:
        while True:
            found, fetch, start, stop = self._tasks.get()
            if found.set_running_or_notify_cancel():
                try:
                    found.set_result(fetch(start, stop))
                except BaseException as error:  # noqa: BLE001  # Raised where the bytes are waited for.
                    found.set_exception(error)
            del found, fetch  # Not held while waiting for more.


_pool = _Pool(_CONNECTIONS)
