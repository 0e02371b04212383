"""The rows of two data sets side by side: paired as they stand, or by a key in any order, in bounded memory."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from xent.core.batch import Batch, Stack
from xent.core.errors import DataError, DomainError
from xent.core.groups import Groups

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.io.batch_parts import Batches, BatchPart
    from xent.io.dataset import Dataset

PARTITION_BYTES = 8 << 20
"""So many bytes are held in memory, more or less: of rows that wait to be written, and of a partition of both data sets that is joined."""

_MOST_PARTITIONS = 1024
"""Each takes two files, of which one is open at a time."""

_MOST_UNPACKED = 4
"""A file takes hardly more than so many times its size as numbers."""

_JOINED_ROWS = 1 << 16
"""Rows of a batch that was joined."""

_COLUMNS = ("ids", "y_true", "y_pred", "weight", "clusters", "slices", "places")
"""What a row keeps through a join."""


class RowPairs:
    """The rows that two data sets share, as batches of the base with those of the candidate as partners.

    Rows are paired by their keys where the data sets were opened with a key column, and as they stand otherwise. `clusters` are the
    keys, or the numbers of the rows, where the base has no others. It can be measured as a data set can; closing it deletes its files.

    Attributes
    ----------
    unmatched_base, unmatched_candidate : rows whose key the other data set does not hold; known when all have been read
    """

    def __init__(self, base: Dataset, candidate: Dataset) -> None:
        self.base, self.candidate = base, candidate
        self.request, self.roles, self.classes = base.request, base.roles, base.classes
        self.sources, self.width, self.slicer = base.sources, base.width, base.slicer
        self.unmatched_base = self.unmatched_candidate = 0
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def parts(self) -> list[Callable[[], Iterator[Batches]]]:
        """The rows as a single part, for both data sets are read in step."""
        pairs = self._by_row if self.request.key is None else self._by_key
        return [lambda: (functools.partial(iter, (batch,)) for batch in pairs())]

    def divided(self) -> tuple[Sequence[BatchPart], int]:
        """No parts that processes could take from each other."""
        return [], 1

    def located(self, error: DomainError) -> DataError:
        """The error with the file, column and row it speaks of."""
        if error.source < len(self.sources):
            return self.base.located(error)
        error.source -= len(self.sources)
        return self.candidate.located(error)

    def _by_row(self) -> Iterator[Batch]:
        number = 0
        for one, other in self._in_step():
            if one.clusters is None:
                one.clusters = np.arange(number, number + len(one))
            number += len(one)
            yield self._paired(one, other)

    def _in_step(self) -> Iterator[tuple[Batch, Batch]]:
        """Batches of both, cut so that they have the same rows."""
        streams = [_filled(dataset) for dataset in (self.base, self.candidate)]
        one, other = (next(stream, None) for stream in streams)
        rows = 0
        while one is not None and other is not None:
            count = min(len(one), len(other))
            yield one.part(0, count), other.part(0, count)
            rows += count
            one = one.part(count, len(one)) if count < len(one) else next(streams[0], None)
            other = other.part(count, len(other)) if count < len(other) else next(streams[1], None)
        if one is not None or other is not None:
            longer, shorter = (self.base, self.candidate) if one is not None else (self.candidate, self.base)
            raise DataError(
                f"{_names(longer)}: has more rows than the {rows:,} of {_names(shorter)}\npair rows by a key column with --on COLUMN"
            )

    def _by_key(self) -> Iterator[Batch]:
        """Both data sets are dealt into partitions by a hash of the key, in temporary files where they are large, and joined one by one."""
        partitions = _partitions(self.base, self.candidate)
        self.unmatched_base = self.unmatched_candidate = 0
        sides = [_Spill(partitions, lambda: self._folder, side) for side in ("base", "candidate")]
        for dataset, spill in zip((self.base, self.candidate), sides, strict=True):
            for batch in _filled(dataset):
                spill.add(_columns(batch))
        for partition in range(partitions):
            mine, theirs = (
                None if rows is None else _in_order(dataset, rows)
                for dataset, rows in zip((self.base, self.candidate), (spill.rows(partition) for spill in sides), strict=True)
            )
            yield from self._joined(mine, theirs)

    @functools.cached_property
    def _folder(self) -> Path:
        """A folder for rows that do not fit in memory, which is there until the pairs are closed."""
        return Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="xent-", ignore_cleanup_errors=True)))

    def _joined(self, mine: tuple[Any, ...] | None, theirs: tuple[Any, ...] | None) -> Iterator[Batch]:
        if mine is None or theirs is None:
            self.unmatched_base += 0 if mine is None else len(mine[0])
            self.unmatched_candidate += 0 if theirs is None else len(theirs[0])
            return
        place = np.minimum(np.searchsorted(theirs[0], mine[0]), len(theirs[0]) - 1)
        found = theirs[0][place] == mine[0]
        self.unmatched_base += int(np.count_nonzero(~found))
        self.unmatched_candidate += len(theirs[0]) - int(np.count_nonzero(found))
        mine = tuple(None if column is None else column[found] for column in mine)
        theirs = tuple(None if column is None else column[place[found]] for column in theirs)
        # A batch tells where its rows stand by the number of one source and their numbers there.
        sources = mine[-1][:, 0] * len(self.candidate.sources) + theirs[-1][:, 0]
        for source in np.unique(sources).tolist():
            rows = np.flatnonzero(sources == source)
            for start in range(0, len(rows), _JOINED_ROWS):
                at = rows[start : start + _JOINED_ROWS]
                yield self._paired(*(_batch([None if column is None else column[at] for column in side]) for side in (mine, theirs)))

    def _paired(self, one: Batch, other: Batch) -> Batch:
        """The one with the other as its partner.

        Raises
        ------
        DataError
            They have other labels or weights in a row.
        """
        for role, mine, theirs in (("label", one.y_true, other.y_true), ("weight", one.sample_weight, other.sample_weight)):
            self._require_equal(role, mine, theirs, one, other)
        # The sources of the candidate are numbered after those of the base, so that an error tells whose row it speaks of.
        source, first = other.origin
        other.origin = (source + len(self.sources), first)
        one.partner = other
        return one

    def _require_equal(self, role: str, mine: Any, theirs: Any, one: Batch, other: Batch) -> None:
        if mine is None and theirs is None:
            return
        if mine is None or theirs is None:
            without = self.base if mine is None else self.candidate
            raise DataError(f"{_names(without)}: has no {role}s, and the data set it is compared with has")
        if mine.shape != theirs.shape:
            shapes = f"{theirs.shape[1:]} and {mine.shape[1:]} for a row"
            raise DataError(f"{_names(self.candidate)}: has {role}s of another shape than {_names(self.base)}: {shapes}")
        unlike = ~np.isclose(mine[:], theirs[:], rtol=0.0, atol=0.0, equal_nan=True)
        if unlike.any():
            row = int(np.argmax(unlike.reshape(len(unlike), -1).any(axis=1)))
            (where, at), (there, line) = one.place(row), other.place(row)
            roles = self.candidate.roles
            column = ", ".join(roles.label) if role == "label" else roles.weight
            advice = "" if self.request.key else "; where they stand in another order, pair them by a key with --on COLUMN"
            raise DataError(
                f"{self.candidate.sources[there]}: column {column!r}, row {line + 1}: the {role} is {self._text(role, theirs[row])}, "
                f"and {self._text(role, mine[row])} in row {at + 1} of {self.sources[where]}\n"
                f"both must hold the same rows{advice}"
            )

    def _text(self, role: str, value: Any) -> str:
        """A label by its name where it has one; anything else as a number."""
        if role == "label" and self.classes and np.ndim(value) == 0 and value in range(len(self.classes)):
            return repr(self.classes[int(value)])
        return str(value.tolist())


def _filled(dataset: Dataset) -> Iterator[Batch]:
    return (batch for batch in dataset.batches() if len(batch))


def _names(dataset: Dataset) -> str:
    few = ", ".join(dataset.sources[:3])
    return few if len(dataset.sources) <= 3 else f"{few} and {len(dataset.sources) - 3} files more"


@dataclass
class _Spill:
    """The rows of one data set, dealt into partitions by their key: in memory, or in files where they are many."""

    partitions: int
    folder: Callable[[], Path]
    side: str
    held: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)
    size: int = 0
    written: set[int] = field(default_factory=set)

    def add(self, columns: tuple[Any, ...]) -> None:
        """Deals rows out."""
        number = _partition(columns[0], self.partitions)
        order = np.argsort(number, kind="stable")
        ends = np.cumsum(np.bincount(number, minlength=self.partitions)).tolist()
        for partition, (start, end) in enumerate(pairwise([0, *ends])):
            if start < end:
                mine = order[start:end]
                self.held.setdefault(partition, []).append(tuple(None if column is None else column[mine] for column in columns))
        self.size += sum(column.nbytes for column in columns if column is not None)
        if self.size > PARTITION_BYTES:
            self._write()

    def _write(self) -> None:
        """Puts what is held behind what the files hold.

        Raises
        ------
        DataError
            There is no room for it.
        """
        try:
            for partition, parts in self.held.items():
                self.written.add(partition)
                with self._path(partition).open("ab") as file:
                    for column in _together(parts):
                        np.save(file, np.zeros(0) if column is None else column, allow_pickle=False)
        except OSError as error:
            where = f"cannot keep the rows of {self.side} in {tempfile.gettempdir()}: {error.strerror or error}"
            raise DataError(f"{where}\nthe variable TMPDIR names another folder for temporary files") from error
        self.held, self.size = {}, 0

    def rows(self, partition: int) -> tuple[Any, ...] | None:
        """All rows of a partition, or None where it has none. They are not held any longer."""
        parts = self.held.pop(partition, [])
        if partition in self.written:
            parts = [*self._read(partition), *parts]
            self._path(partition).unlink()
        return _together(parts) if parts else None

    def _path(self, partition: int) -> Path:
        return self.folder() / f"{self.side}{partition}"

    def _read(self, partition: int) -> list[tuple[Any, ...]]:
        parts: list[tuple[Any, ...]] = []
        with self._path(partition).open("rb") as file:
            while file.peek(1):
                columns = [np.load(file, allow_pickle=False) for _ in _COLUMNS]
                # An empty column beside rows that there are stands for none.
                parts.append(tuple(None if len(column) < len(columns[0]) else column for column in columns))
        return parts


def _together(parts: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(None if columns[0] is None else np.concatenate(columns) for columns in zip(*parts, strict=True))


def _partition(ids: npt.NDArray[np.int64], partitions: int) -> npt.NDArray[np.int64]:
    mixed = ids.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed >> np.uint64(33)) % np.uint64(partitions)).astype(np.int64)


def _partitions(base: Dataset, candidate: Dataset) -> int:
    """So many partitions that one of them fits in memory, from what files and rows there are; the most where that is not known."""
    size = 0
    for dataset in (base, candidate):
        if dataset.rows is not None:
            size += dataset.rows * 8 * ((dataset.width or 1) + 6)
        elif all(Path(source).is_file() for source in dataset.sources):
            size += _MOST_UNPACKED * sum(Path(source).stat().st_size for source in dataset.sources)
        else:
            return _MOST_PARTITIONS
    return min(_MOST_PARTITIONS, 1 + size // PARTITION_BYTES)


def _columns(batch: Batch) -> tuple[Any, ...]:
    """The columns of a batch in the order of `_COLUMNS`."""
    slices = None
    if batch.groups is not None:
        slices = np.stack([places[batch.groups.codes] for places in batch.groups.places], axis=1)
    y_pred = batch.y_pred[:] if isinstance(batch.y_pred, Stack) else batch.y_pred
    source, first = batch.origin
    numbers = np.arange(len(batch)) if batch.row_numbers is None else batch.row_numbers
    places = np.stack([np.full(len(batch), source), first + numbers], axis=1)
    return batch.ids, batch.y_true, y_pred, batch.sample_weight, batch.clusters, slices, places


def _in_order(dataset: Dataset, columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """The rows in ascending order of their keys, each of which must stand there once."""
    order = np.argsort(columns[0], kind="stable")
    columns = tuple(None if column is None else column[order] for column in columns)
    twice = np.flatnonzero(columns[0][1:] == columns[0][:-1])
    if len(twice):
        (source, row), (again, line) = columns[-1][twice[0]].tolist(), columns[-1][twice[0] + 1].tolist()
        raise DataError(
            f"{dataset.sources[again]}: column {dataset.request.key!r}, row {line + 1}: the key of row {row + 1} of "
            f"{dataset.sources[source]} again; a key names one row"
        )
    return columns


def _batch(columns: Sequence[Any]) -> Batch:
    ids, y_true, y_pred, weight, clusters, slices, places = columns
    groups = None
    if slices is not None:
        found, codes = np.unique(slices, axis=0, return_inverse=True)
        groups = Groups(codes.reshape(-1), len(found), tuple(found.T))
    clusters = ids if clusters is None else clusters
    return Batch(y_true, y_pred, weight, groups, origin=(int(places[0, 0]), 0), row_numbers=places[:, 1], clusters=clusters)
