"""Items dealt to several processes by a token, a few bytes in a pipe that say where the next item begins.

Whoever takes the token out sees where that item ends, puts a token back that says so, and has the item to itself. So items go out in the
order of the rows, each once, to whoever is free first, and nobody has to look through all of a text to know where its rows are.
"""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

_Item = TypeVar("_Item")
_Item_co = TypeVar("_Item_co", covariant=True)

Spot = tuple[int, int]
"""Where in a part an item begins, as the part understands it."""

START: Spot = (0, 0)

_BUSY, _THREADS = 0.75, 2.0
"""Processes are worth it where they are at work for such a share of the time, or so many times as fast as one. Else threads are faster,
which can share one item; but however many they are, they are hardly twice as fast as one."""


class Divisible(Protocol[_Item_co]):
    """A part that gives its items one by one, in whatever process it is asked."""

    @property
    def rows(self) -> int | None:
        """How many there are, or 1 if that is not known, in a part that is one item; None where it is many small ones."""

    def take(self, spot: Spot) -> tuple[_Item_co, Spot] | None:
        """The item that begins at a spot, and the spot behind it; None where nothing is left."""


def takers(parts: Sequence[Divisible[object]], most: int) -> int:
    """Among how many processes, and no more than that, it is best to deal the items of some parts; 1 where it is best not to."""
    whole = [part.rows for part in parts if part.rows is not None]
    if not whole:
        return most if parts else 1
    busy = [0] * most
    for rows in whole:
        heapq.heapreplace(busy, busy[0] + rows)
    gain = sum(whole) / max(busy)
    return most - busy.count(0) if gain >= min(_BUSY * most, _THREADS) else 1


class Token(NamedTuple):
    """The number of an item, that of its part, and where in the part it begins."""

    item: int
    part: int
    spot: Spot


_LAYOUT = struct.Struct("<4q")


class Deal(Generic[_Item]):
    """The items of all parts, dealt to this process and to those that are forked from it.

    Attributes
    ----------
    reader : can be read when a token is there
    held : the token of the item that this process has had last
    """

    def __init__(self, parts: Sequence[Divisible[_Item]]) -> None:
        self._parts = parts
        self.reader, self._writer = os.pipe()
        # Of several that see a token one gets it, and the others go on waiting.
        os.set_blocking(self.reader, False)
        self.held = Token(0, 0, START)
        self._put(self.held)

    def close(self) -> None:
        """Closes the pipe."""
        os.close(self.reader)
        os.close(self._writer)

    def items(self, wait: Callable[[], object]) -> Iterator[_Item]:
        """The items that this process gets; `wait` returns when a token may be there."""
        while True:
            token, found = self._get(wait), None
            following = self._end(token)  # Also where the next item cannot be read.
            try:
                while token.part < len(self._parts) and found is None:
                    self.held = token
                    found = self._parts[token.part].take(token.spot)
                    token = Token(token.item, token.part + 1, START)
                if found is not None:
                    following = Token(self.held.item + 1, self.held.part, found[1])
            finally:
                self._put(following)
            if found is None:
                return
            yield found[0]

    def stop(self, wait: Callable[[], object]) -> None:
        """Lets nobody have another item."""
        self._put(self._end(self._get(wait)))

    def again(self, token: Token) -> _Item | None:
        """An item that another process has had."""
        found = self._parts[token.part].take(token.spot)
        return None if found is None else found[0]

    def _end(self, token: Token) -> Token:
        return token._replace(part=len(self._parts))

    def _get(self, wait: Callable[[], object]) -> Token:
        while True:
            try:
                item, part, *spot = _LAYOUT.unpack(os.read(self.reader, _LAYOUT.size))
            except BlockingIOError:
                wait()
            else:
                return Token(item, part, (spot[0], spot[1]))

    def _put(self, token: Token) -> None:
        os.write(self._writer, _LAYOUT.pack(token.item, token.part, *token.spot))
