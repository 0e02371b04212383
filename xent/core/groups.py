"""Rows sorted into slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The slice of every row: `codes`, shape (n,), in `range(count)`.

    Reductions run over the codes with `numpy.add.at`, in one pass whatever the number of slices. Where rows are sliced in several
    ways, or slices are still being discovered, a group is a part of one slice of each way: `places` holds, for every way, the number of
    the slice that each group belongs to, shape (count,). Whoever has counted the rows of each group already says so in `known_sizes`.
    """

    codes: npt.NDArray[np.intp]
    count: int
    places: tuple[npt.NDArray[np.intp], ...] = ()
    known_sizes: npt.NDArray[np.intp] | None = None

    def sizes(self) -> npt.NDArray[np.int64]:
        """The number of rows of each group, shape (count,)."""
        found = np.bincount(self.codes, minlength=self.count) if self.known_sizes is None else self.known_sizes
        return found.astype(np.int64)

    def count_where(self, found: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """The number of rows of each group for which `found`, shape (n,), holds."""
        return np.bincount(self.codes[found], minlength=self.count).astype(np.int64)

    def largest(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The largest of `values`, shape (n,), in each group; 0 for an empty group."""
        result = np.zeros(self.count)
        # Where NaN is the largest, that is no reason for a warning.
        with np.errstate(invalid="ignore"):
            np.maximum.at(result, self.codes, values)
        return result

    def at(self, rows: slice | npt.NDArray[Any]) -> Groups:
        """The same slices for some of the rows."""
        codes = self.codes[rows]
        all_of_them = isinstance(rows, slice) and len(codes) == len(self.codes)
        return Groups(codes, self.count, self.places, self.known_sizes if all_of_them else None)


def regrouped(values: npt.NDArray[Any], places: npt.NDArray[np.intp], count: int, *, largest: bool = False) -> npt.NDArray[Any]:
    """Values with a leading group axis in other groups: those of group g count towards group `places[g]` of `count`.

    They are added, or the largest is taken; then 0 stands for nothing, as it does wherever a state keeps a largest value.

    >>> regrouped(np.array([1, 2, 4]), np.array([1, 0, 1]), 3).tolist()
    [2, 5, 0]
    """
    result = np.zeros((count, *values.shape[1:]), dtype=values.dtype)
    # A largest value that is NaN stays so, which is no reason for a warning.
    with np.errstate(invalid="ignore"):
        (np.maximum if largest else np.add).at(result, places, values)
    return result


def sum_of_others(values: npt.NDArray[Any], groups: int) -> npt.NDArray[Any]:
    """For every group the sum over all other groups; each has as many values, which stand side by side along the first axis.

    >>> sum_of_others(np.array([1, 2, 4]), 3).tolist()
    [6, 5, 3]
    """
    by_group = values.reshape(groups, -1)
    return np.asarray(by_group.sum(axis=0) - by_group).reshape(values.shape)
