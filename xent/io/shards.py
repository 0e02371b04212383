"""`--shard K/N`: one of N disjoint parts of all sources, the same whoever asks for it.

The sources lie one behind the other, each as long as its file, and are cut into N pieces of equally many bytes. A file that a cut goes
through gives each shard the units (row groups, batches, rows, lines) that begin in the shard's piece. What cannot be entered in the
middle, such as compressed text, is dealt out block by block to the shards that have a piece of it, and each of them reads all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Self

from xent.core.errors import UsageError

BLOCK_ROWS = 4096
"""The rows in a block of a source that is dealt out."""


class Shard(NamedTuple):
    """The K of N parts that is meant; K counts from 1.

    >>> str(Shard.parse("3/16"))
    '3/16'
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that is written `K/N`.

        Raises
        ------
        UsageError
            It is written otherwise, or there is no such part.
        """
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        if match is None:
            raise UsageError(f"--shard {text!r}: write K/N, as in 3/16 for the third of sixteen parts")
        number, of = int(match[1]), int(match[2])
        if not 1 <= number <= of:
            raise UsageError(f"--shard {text}: of {of} parts, the first is 1/{of} and the last {of}/{of}")
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class Split(NamedTuple):
    """How a source was split: into `of` shards of `total` bytes, among which it takes the `size` bytes from `start` on."""

    of: int
    start: int
    size: int
    total: int

    @property
    def first(self) -> int:
        """The first shard that has a piece of the source."""
        return self.start * self.of // self.total + 1

    @property
    def last(self) -> int:
        """The last one."""
        return -(-(self.start + self.size) * self.of // self.total)


class Share(NamedTuple):
    """What some shards have of one source; without a split, all of it."""

    shards: tuple[int, ...] = (1,)
    split: Split | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the source is missing."""
        return self.split is None or len(self.shards) == self.split.last - self.split.first + 1

    def range(self, units: int) -> tuple[int, int]:
        """Of so many equally long units of the source, the first that begins in the piece of the (only) shard and the first behind it.

        >>> [Share((shard,), Split(of=3, start=0, size=100, total=100)).range(10) for shard in (1, 2, 3)]
        [(0, 4), (4, 7), (7, 10)]
        """
        if self.split is None:
            return 0, units
        (shard,) = self.shards
        of, start, size, total = self.split
        # A cut at byte `cut * total / of` is at unit (cut * total / of - start) * units / size, all in whole numbers.
        begin, end = (-((start * of - cut * total) * units // (size * of)) for cut in (shard - 1, shard))
        return max(0, begin), max(0, min(units, end))

    def has_block(self, number: int) -> bool:
        """Whether the (only) shard has this block of a source that is dealt out."""
        if self.split is None:
            return True
        return number % (self.split.last - self.split.first + 1) == self.shards[0] - self.split.first


WHOLE = Share()


def shares(sizes: Sequence[int], shard: Shard) -> list[Share | None]:
    """What a shard has of each of the sources with these sizes; None where it has nothing.

    >>> [share and share.range(100) for share in shares([100, 100, 100], Shard(2, 2))]
    [None, (50, 100), (0, 100)]
    """
    total = sum(sizes)
    found: list[Share | None] = []
    start = 0
    for size in sizes:
        split = Split(shard.of, start, size, total)
        found.append(Share((shard.number,), split) if split.first <= shard.number <= split.last else None)
        start += size
    return found
