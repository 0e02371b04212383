"""A tally of slices that are discovered while rows stream by, in one way of slicing or several.

Each block is lifted once, by groups that are parts of one slice of every way, and what was lifted is put together to the slices of each
way. Slices are numbered as they turn up and tallies grow with them; since states are exact, neither the numbers nor the moment of growing
shows in a value. The total is what the slices of one way add up to, so it costs no second pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xent.core.groups import Groups, regrouped
from xent.core.lazy import np
from xent.core.tally import Tally, amounts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xent.core.arrays import Array
    from xent.core.batch import Batch

_JOINT = 4
"""A block is lifted once for all ways while it has at most so many groups for each slice, and else once for every way: rows sliced by two
columns of many values each fall into nearly as many groups as there are rows."""


@dataclass
class SlicedTally(Tally):
    """A tally of all rows and, for each of `ways` ways of slicing, of every slice: `slices[way]` has a group for each.

    Batches carry groups whose `places` say which slice of each way a group is a part of.

    >>> from xent.core.batch import Batch
    >>> from xent.core.table import row_of
    >>> tally = SlicedTally([row_of("mean_squared_error").cls()], ways=1)
    >>> groups = Groups(np.array([0, 1, 1]), 2, (np.array([0, 1]),))
    >>> tally.update(Batch(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 5.0]), groups=groups))
    >>> [tally.slices[0].results(group)[0].value for group in range(2)], tally.total().results()[0].count
    ([0.0, 2.125], 3)
    """

    ways: int = 1
    slices: list[Tally] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.slices = [self.empty(0) for _ in range(self.ways)]

    def _add_lifted(self, marked: Batch, block: Batch) -> None:
        assert block.groups is not None
        for part, ways in self._parts(marked, block.groups):
            assert part.groups is not None
            states = self._lifted(part)
            counts, weights = amounts_of(part if marked is block else block.grouped(part.groups))
            for way in ways:
                places = part.groups.places[way]
                mine = self._of_at_least(way, int(places.max()) + 1)
                if len(places) == mine.groups and (places == np.arange(mine.groups)).all():
                    mine.add(states, counts, weights)
                    continue
                moved = {need: state.regrouped(places, mine.groups) for need, state in states.items()}
                mine.add(moved, regrouped(counts, places, mine.groups), weights.regrouped(places, mine.groups))
            part.forget()

    def _parts(self, block: Batch, groups: Groups) -> Iterator[tuple[Batch, Sequence[int]]]:
        """The block with the groups to lift it by, and the ways that these serve."""
        several = range(self.ways)
        if self.ways == 1 or groups.count <= _JOINT * sum(len(np.unique(places)) for places in groups.places):
            yield block, several
            return
        for way in several:
            found, codes = np.unique(groups.places[way], return_inverse=True)
            yield block.grouped(Groups(codes[groups.codes], len(found), tuple(found for _ in several))), (way,)

    def _of_at_least(self, way: int, count: int) -> Tally:
        """The tally of a way with room for so many slices."""
        mine = self.slices[way]
        if mine.groups < count:
            mine = self.slices[way] = mine.regrouped(np.arange(mine.groups), count)
        return mine

    def merge(self, other: Tally) -> None:
        super().merge(other)
        assert isinstance(other, SlicedTally)
        for way in range(self.ways):
            count = max(tally.slices[way].groups for tally in (self, other))
            self._of_at_least(way, count).merge(other._of_at_least(way, count))

    def reslice(self, places: Sequence[Array]) -> None:
        """Gives slices other numbers: slice g of a way becomes its slice `places[way][g]`."""
        for way, numbers in enumerate(places):
            mine = self.slices[way]
            self.slices[way] = mine.regrouped(numbers[: mine.groups], int(numbers.max(initial=-1)) + 1)

    def total(self) -> Tally:
        """The tally of all rows."""
        first = self.slices[0]
        total = first.regrouped(np.zeros(first.groups, dtype=np.intp), 1)
        total.rows, total.rows_dropped, total.missing = self.rows, self.rows_dropped, self.missing
        total.digest, total.contents = self.digest, self.contents
        return total
