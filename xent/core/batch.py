"""One chunk of rows, and what is computed from it once for every metric that asks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from xent.core.lazy import np
from xent.core.precision import floatx

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.groups import Groups

_P = ParamSpec("_P")
_T = TypeVar("_T")

_NOTHING: Any = object()
"""What has not been derived yet."""

_BLOCK_VALUES = 1 << 19
_BLOCK_ROWS = 1 << 16
"""A block has at most so many values and rows, so that its arrays stay in the processor's cache while all metrics read them."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Columns of equal length that stand side by side, as a columnar file holds them: a matrix (n, k) that was never assembled."""

    columns: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.columns[0]), len(self.columns)

    @property
    def dtype(self) -> Any:
        return np.result_type(*self.columns)

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, rows: slice) -> Array:
        """The matrix of some rows as float64, shape (m, k), each column contiguous."""
        start, stop, _ = rows.indices(len(self))
        matrix = np.empty((len(self.columns), max(stop - start, 0)), dtype=np.float64)
        for line, column in zip(matrix, self.columns, strict=True):
            line[:] = column[start:stop]
        return matrix.T

    def at(self, rows: Array) -> Stack:
        """The same columns for the rows where `rows`, a mask of shape (n,), holds."""
        return Stack(tuple(column[rows] for column in self.columns))


class Batch:
    """One chunk of rows.

    Attributes
    ----------
    y_true : (n,) class indices or values, (n, k) distributions or several values, or any shape that a metric says it takes
    y_pred : (n,) or (n, k) or (n, ..., k); a `Stack` stands for (n, k)
    sample_weight : any shape that Keras takes beside them, or None
    groups : the slice of every row; None where nothing is sliced
    stored : the name of the type the predictions were stored as
    origin : the number of the source that the rows come from, and of the first of them there
    row_numbers : the numbers of the rows counted from `origin`, where some between them were left out
    keys : (n,) int64, equal for the rows of one query, where rows belong to queries; else None
    clusters : (n,) int64, equal for the rows of one cluster, where rows are correlated; else None
    folds : gives the fold of every row, for metrics whose spread is estimated from folds; see `xent.core.folds`
    ids : (n,) int64, one for each row, by which the rows of two data sets are paired; else None
    partner : what another model predicts for the same rows, where two are compared
    events : the same rows as single events, where `y_pred` was made of them: one column for either outcome
    """

    __slots__ = (
        "_derived",
        "_of_values",
        "_original",
        "clusters",
        "events",
        "folds",
        "groups",
        "ids",
        "keys",
        "origin",
        "partner",
        "row_numbers",
        "sample_weight",
        "stored",
        "y_pred",
        "y_true",
    )

    def __init__(
        self,
        y_true: Array | Stack,
        y_pred: Array | Stack,
        sample_weight: Array | None = None,
        groups: Groups | None = None,
        stored: str | None = None,
        origin: tuple[int, int] = (0, 0),
        row_numbers: Array | None = None,
        keys: Array | None = None,
        clusters: Array | None = None,
    ) -> None:
        # Kernels only ever see blocks, which `blocks` has made arrays of.
        self.y_true = cast("Array", y_true)
        self.y_pred = cast("Array", y_pred)
        self.sample_weight = sample_weight
        self.groups = groups
        self.origin = origin
        self.row_numbers = row_numbers
        self.keys = keys
        self.clusters = clusters
        self.folds: Callable[[], Array] | None = None
        self.ids: Array | None = None
        self.partner: Batch | None = None
        self.events: Batch | None = None
        self._original: Batch | None = None
        self.stored = stored or (y_pred.dtype.name if y_pred.dtype.kind == "f" else floatx())
        self._derived: dict[Hashable, Any] = {}
        self._of_values: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.y_pred)

    def derive(self, function: Callable[Concatenate[Batch, _P], _T], *args: _P.args, **options: _P.kwargs) -> _T:
        """`function(self, *args, **options)`, computed on first use and shared from then on."""
        key = (function, args, *options.items()) if options else (function, args)
        value: _T = self._derived.get(key, _NOTHING)
        if value is _NOTHING:
            value = self._derived[key] = function(self, *args, **options)
        return value

    def derive_values(self, function: Callable[Concatenate[Batch, _P], _T], *args: _P.args, **options: _P.kwargs) -> _T:
        """The same for a function of labels and predictions alone: shared with the same rows in other slices or with other weights."""
        key = (function, args, tuple(options.items()))
        if key not in self._of_values:
            self._of_values[key] = self.derive(function, *args, **options)
        return cast("_T", self._of_values[key])

    def forget(self) -> None:
        """Lets go of what was derived. A view of the rows may be the batch itself, and such a circle would outlive its use."""
        views = [value for value in self._derived.values() if isinstance(value, Batch) and value._derived]
        self._derived.clear()
        for view in views:
            view.forget()
        # Others may still share what is in there.
        self._of_values = {}
        self.folds = None
        if self.partner is not None:
            self.partner.forget()

    def replaced(self, y_true: Array, y_pred: Array) -> Batch:
        """The same rows seen in another way: other labels and predictions, the same weights and slices."""
        seen = self._like(y_true, y_pred, self.sample_weight, self.groups)
        seen._original = self.original
        return seen

    @property
    def original(self) -> Batch:
        """The rows as they were before they were seen in another way: what weights and slices alone decide is derived there, once."""
        return self if self._original is None else self._original

    def grouped(self, groups: Groups) -> Batch:
        """The same rows in other slices."""
        return self._sharing(self._like(self.y_true, self.y_pred, self.sample_weight, groups))

    def weighted(self, sample_weight: Array | None) -> Batch:
        """The same rows with other weights."""
        return self._sharing(self._like(self.y_true, self.y_pred, sample_weight, self.groups))

    def _sharing(self, other: Batch) -> Batch:
        other._of_values = self._of_values
        return other

    def _like(self, y_true: Array, y_pred: Array, sample_weight: Array | None, groups: Groups | None) -> Batch:
        batch = Batch(y_true, y_pred, sample_weight, groups, self.stored, self.origin, self.row_numbers, self.keys, self.clusters)
        batch.folds, batch.ids, batch.partner = self.folds, self.ids, self.partner
        return batch

    def at(self, rows: Array) -> Batch:
        """The rows where `rows`, a mask of shape (n,), holds."""
        numbers = np.flatnonzero(rows) if self.row_numbers is None else self.row_numbers[rows]
        return self._picked(rows, self.origin, numbers)

    def part(self, start: int, stop: int) -> Batch:
        """Some rows that follow each other."""
        source, first = self.origin
        numbers, rows = self.row_numbers, slice(start, stop)
        return self._picked(rows, (source, first + start), None) if numbers is None else self._picked(rows, self.origin, numbers[rows])

    def _picked(self, rows: Array | slice, origin: tuple[int, int], numbers: Array | None) -> Batch:
        beside = (self.sample_weight, self.keys, self.clusters)
        weight, keys, clusters = (None if column is None else column[rows] for column in beside)
        groups = None if self.groups is None else self.groups.at(rows)
        batch = Batch(_at(self.y_true, rows), _at(self.y_pred, rows), weight, groups, self.stored, origin, numbers, keys, clusters)
        batch.ids = None if self.ids is None else self.ids[rows]
        if self.partner is not None:
            batch.partner = self.partner.part(rows.start, rows.stop) if isinstance(rows, slice) else self.partner.at(rows)
        return batch

    def place(self, row: int) -> tuple[int, int]:
        """The number of the source of a row, and of the row there."""
        source, first = self.origin
        return source, first + (row if self.row_numbers is None else int(self.row_numbers[row]))

    def blocks(self) -> Iterator[Batch]:
        """The rows in pieces that fit the cache."""
        width = max(1, int(np.prod(self.y_pred.shape[1:])))
        size = max(1, min(_BLOCK_ROWS, _BLOCK_VALUES // width))
        for start in range(0, len(self), size):
            yield self.part(start, start + size)


def _at(values: Array | Stack, rows: Array | slice) -> Array | Stack:
    if isinstance(values, Stack):
        return values[rows] if isinstance(rows, slice) else values.at(rows)
    return values[rows]
