"""Decoding and arithmetic on all cores by threads, with memory bounded by the batches in flight.

Every worker takes a part of the rows, reads it batch by batch and adds each to a tally of its own; pyarrow and NumPy let go of the
interpreter's lock for both. Where there are fewer parts than workers, workers share one: its batches are read one after another, and
while one worker computes the next reads. Tallies merge exactly, so it makes no difference who computed what. Where processes can do the
same they are faster (`xent.io.processes`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

_BEHIND = 2**63
"""Where a failure to read on stands among the items of a part: behind all that were read."""


class _Part(Generic[_Item]):
    """A part that several workers may read from, one at a time."""

    def __init__(self, number: int, start: Callable[[], Iterator[_Item]]) -> None:
        self.number = number
        self.readers = 0
        self.given = 0
        self.finished = False
        self._start = start
        self._items: Iterator[_Item] | None = None
        self._lock = threading.Lock()

    def next_item(self) -> tuple[int, _Item] | None:
        """The next item, with its number."""
        with self._lock:
            if self.finished:
                return None
            if self._items is None:
                self._items = self._start()
            try:
                item = next(self._items, None)
            except BaseException:
                self.finished = True
                raise
            if item is None:
                self.finished = True
                return None
            self.given += 1
            return self.given, item


class _Plan(Generic[_Item]):
    """Who reads what: a part nobody has begun, else the begun one with the fewest readers.

    After an error only the parts before it go on, for they may hold an earlier one, and so may the items of the same part that others
    are at: the error that is reported is the first in the order of the rows, whoever met one first.
    """

    def __init__(self, parts: Sequence[Callable[[], Iterator[_Item]]]) -> None:
        self._waiting = [_Part(number, start) for number, start in enumerate(parts)][::-1]
        self._begun: list[_Part[_Item]] = []
        self._lock = threading.Lock()
        self.errors: list[tuple[int, int, BaseException]] = []
        self.lost: BaseException | None = None
        self._limit = len(parts)

    def choose(self) -> _Part[_Item] | None:
        with self._lock:
            if self._waiting and self._waiting[-1].number < self._limit:
                part = self._waiting.pop()
                self._begun.append(part)
            else:
                self._begun = [part for part in self._begun if not part.finished]
                open_parts = [part for part in self._begun if part.number < self._limit]
                if not open_parts:
                    return None
                part = min(open_parts, key=lambda part: part.readers)
            part.readers += 1
            return part

    def goes_on(self, part: _Part[_Item]) -> bool:
        return part.number < self._limit

    def fail(self, part: _Part[_Item], item: int, error: BaseException) -> None:
        with self._lock:
            self.errors.append((part.number, item, error))
            self._limit = min(self._limit, part.number)
            part.readers -= 1

    def leave(self, part: _Part[_Item]) -> None:
        with self._lock:
            part.readers -= 1

    def stop(self) -> None:
        self._limit = -1

    def keeping(self, run: Callable[[], None]) -> None:
        """All that one worker does. Where memory lacks even to write an error down it is kept too: rows that are lost are never silent."""
        try:
            run()
        except BaseException as error:  # noqa: BLE001  # Raised by the thread that waits.
            self.lost = error
            self.stop()


class Breaks:
    """Moments at which no consumer is at work, so that what they have done together can be looked at.

    Parameters
    ----------
    look : called at such a moment; what it returns is called when all but one of them are at work again
    every : seconds between two breaks, which are more where a break takes long

    Attributes
    ----------
    spoilt : tells whether a consumer has failed in the middle of an item, so that there is nothing to look at any more
    """

    def __init__(self, look: Callable[[], Callable[[], None]], every: float) -> None:
        self._look = look
        self._every = every
        self.spoilt: Callable[[], bool] = lambda: False
        self._due = time.monotonic() + every
        self._at_work = 0
        self._wanted = False
        self._changed = threading.Condition()

    def around(self, run: Callable[[], None]) -> None:
        """All that one consumer does."""
        self._enter()
        try:
            run()
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._changed:
            try:
                self._changed.wait_for(lambda: not self._wanted)
            finally:
                self._at_work += 1  # Whatever happens: a consumer leaves as often as it enters.

    def _leave(self) -> None:
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def between_items(self) -> None:
        """Called by consumers before each item."""
        if self._wanted:
            self._leave()
            self._enter()
        elif time.monotonic() >= self._due:
            self._take()

    def _take(self) -> None:
        with self._changed:
            if self._wanted or time.monotonic() < self._due:
                return  # Another one was quicker.
            self._wanted, self._due = True, math.inf
            self._at_work -= 1
            try:
                self._changed.wait_for(lambda: not self._at_work)
                start = time.monotonic()
                then = None if self.spoilt() else self._look()
            finally:
                self._wanted = False
                self._at_work += 1
                self._changed.notify_all()
        if then is not None:
            then()
        now = time.monotonic()
        self._due = now + max(self._every, _REST * (now - start))

    def end(self) -> None:
        """Waits until no consumer is at work any more, and looks for a last time."""
        with self._changed:
            # Not by joining their threads: in Python 3.11 and 3.12 a join that was interrupted takes its thread for ended.
            self._changed.wait_for(lambda: not self._at_work)
            then = None if self.spoilt() else self._look()
        if then is not None:
            then()


_REST = 20
"""Breaks are at least so many times as far apart as they are long."""


def work(
    parts: Sequence[Callable[[], Iterator[_Item]]],
    consumers: Sequence[Callable[[_Item], None]],
    breaks: Breaks | None = None,
) -> None:
    """Gives every item of every part to one of the consumers, each of which runs in a thread of its own.

    Parameters
    ----------
    parts : called to start reading a part
    consumers : one a thread; a single one runs in the calling thread, unless there are breaks
    breaks : taken between items, and when the work is interrupted

    Raises
    ------
    The first error that a part or a consumer raised, in the order of the rows.
    """
    plan = _Plan(parts)

    def run(consume: Callable[[_Item], None]) -> None:
        while (part := plan.choose()) is not None:
            number = _BEHIND
            try:
                while plan.goes_on(part) and (found := part.next_item()) is not None:
                    number, item = found
                    consume(item)
                    number = _BEHIND
                    if breaks is not None:
                        breaks.between_items()
            except BaseException as error:  # noqa: BLE001  # Raised again below, by the thread that waits.
                plan.fail(part, number, error)
            else:
                plan.leave(part)

    # An interruption hits the calling thread, which must not be in the middle of an item if there is something to save.
    if len(consumers) == 1 and breaks is None:
        run(consumers[0])
    else:
        _in_threads(plan, [partial(run, consume) for consume in consumers], breaks)
    if plan.lost is not None:
        raise plan.lost
    if plan.errors:
        raise min(plan.errors, key=itemgetter(0, 1))[2]


def _in_threads(plan: _Plan[_Item], runs: Sequence[Callable[[], None]], breaks: Breaks | None) -> None:
    runs = [partial(plan.keeping, run) for run in runs]
    if breaks is not None:
        breaks.spoilt = lambda: bool(plan.errors) or plan.lost is not None
        # Kept twice: what is lost is known before the others look at what there is.
        runs = [partial(plan.keeping, partial(breaks.around, run)) for run in runs]
    threads = [threading.Thread(target=run, name="xent", daemon=True) for run in runs]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        plan.stop()  # Interrupted: the workers end after the batch they are at.
        if breaks is not None:
            breaks.end()
        raise
