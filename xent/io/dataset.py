"""Sources opened, columns resolved, rows given as batches."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from xent.core.batch import Batch, Stack
from xent.core.errors import DataError, DomainError, NothingEvaluated, UsageError
from xent.io.batch_parts import BYTES_EACH, Batches, BatchPart, Source, paired_parts, require_known, rows_before, rows_parts
from xent.io.class_labels import LabelDecoder, decoded
from xent.io.columns import numbers_of, rows_where, whole_numbers
from xent.io.places import Place, open_source
from xent.io.readers import open_place
from xent.io.roles import Roles, class_names, require_columns, resolve, resolve_label
from xent.io.shards import WHOLE, Shard, Share, shares
from xent.io.sources import expand, partition_of, repeated

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.core.groups import Groups
    from xent.core.table import Task
    from xent.io.pairing import LabelsByKey, LabelsByRow
    from xent.io.request import Request
    from xent.io.slices import Slicer
    from xent.io.tables import Chunk, Column, Field, Table
    from xent.io.where import AllOf

_LOOK_ROWS = 1000
"""Rows that are looked at to see what the task is; a fixed number, so that the answer does not depend on the chunks."""


class KeptBatch(Batch):
    """A batch with the columns that are kept for whoever shows its rows."""

    __slots__ = ("columns",)

    def __init__(self, *args: Any, columns: Mapping[str, Column], **options: Any) -> None:
        super().__init__(*args, **options)
        self.columns = columns


class Dataset:
    """All sources of a run as one sequence of rows.

    Attributes
    ----------
    sources : the files, as shown
    fields : the columns of the first of them
    roles : which column is what
    classes : class names in the order of the predictions, where they are known
    kept : the columns that batches carry along
    notes : what was chosen, as sentences
    repeated : what to say of files that are read more than once
    rows : the number of rows where it is known before reading
    places : where all that is read comes from, labels last
    is_piped : whether something can be read only once
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self._where: AllOf | None = None
        if request.where:
            from xent.io.where import AllOf

            self._where = AllOf(request.where)
        places = [open_source(path, request.input_format, retries=request.retries) for path in expand(request.sources, request.retries)]
        self.repeated = repeated(places)
        self.is_piped = any(place.is_pipe for place in places)
        if request.on is not None and request.labels is None:
            raise UsageError("--on COLUMN joins a second file of labels: pass --labels FILE with it")
        self._sources, self._tables = self._opened(places)
        self.places = [places[source.place] for source in self._sources]
        first = self._tables[0]
        self.sources = tuple(source.table.name for source in self._sources)
        self.fields: Sequence[Field] = first.fields
        self._labels = None
        if request.labels is not None:
            place = open_source(request.labels, retries=request.retries)
            self._labels = open_place(place)
            self.places.append(place)
            self.is_piped |= place.is_pipe
        self.roles = self._resolve_roles(first)
        self.slicer = self._slicer(first)
        self.kept = tuple(field.name for field in first.fields) if request.keep_all else request.keep
        self.classes = self._class_names()
        hard = len(self.roles.label) == 1
        self._decoder = LabelDecoder(self.classes if hard else None)
        for table in [*self._tables, *([self._labels] if self._labels else [])]:
            require_columns(table, self._columns(table), first, self._where)
            if self._where is not None and table is not self._labels and self._labels is None:
                table.restrict(self._where.columns, self._where.may_hold)
            numbers = {*self.roles.pred, *([self.roles.weight] if self.roles.weight else []), *(self.roles.label if not hard else ())}
            # Labels may be names as well as numbers, but nothing else.
            numbers |= {field.name for field in table.fields if field.name in self.roles.label and field.kind == "other"}
            texts = {*self._texts(), *(self.roles.label if hard and self._decoder.wants_text else ())}
            names = set() if self.slicer is None else (self.slicer.texts & self._texts()) - set(self.kept)
            table.declare(texts=texts, numbers=numbers if self.slicer is None else numbers | self.slicer.numbers, names=names)
        counted = self._where is None and request.shard is None
        self.rows = rows_before(self._tables)[-1] if counted else None
        self._check_lengths()
        self._looked_at: list[tuple[list[Batches], Iterator[Batches]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._looked_at = []

    def _opened(self, places: Sequence[Place]) -> tuple[list[Source], list[Table]]:
        """The sources that are read, and all tables that are opened, of which the first says what the columns are."""
        request = self.request
        shares = [WHOLE] * len(places) if request.shard is None else self._shares(places, Shard.parse(request.shard))
        by_row = request.labels is not None and request.on is None
        tables = {
            number: _with_partition(place.path, open_place(place))
            for number, place in enumerate(places)
            if number == 0 or by_row or shares[number] is not None
        }
        before = rows_before(list(tables.values())) if by_row else [0] * len(places)
        mine = [(number, share) for number, share in enumerate(shares) if share is not None]
        sources = [Source(at, number, tables[number], share, before[number]) for at, (number, share) in enumerate(mine)]
        if by_row and request.shard is not None:
            require_known(sources)
        return sources, list(tables.values())

    @staticmethod
    def _shares(places: Sequence[Place], shard: Shard) -> Sequence[Share | None]:
        # A pipe does not say how long it is.
        return shares([place.size() or 1 for place in places], shard)

    @property
    def shares(self) -> tuple[Share, ...]:
        """What is read of each of the sources."""
        return tuple(source.share for source in self._sources)

    def _slicer(self, first: Table) -> Slicer | None:
        if not self.request.by:
            return None
        names = {field.name for field in first.fields}
        from xent.io.slices import Slicer, parse_by

        return Slicer([parse_by(text, names) for text in self.request.by], self.request.max_slices)

    def _texts(self) -> set[str]:
        """The columns whose values name groups, slices and rows; labels, and what `where` compares, are read as what they look like."""
        texts = (set() if self.slicer is None else self.slicer.texts) | set(self.kept)
        texts -= {*self.roles.label, *(self._where.columns if self._where else ())}
        return texts | {column for column in (self.roles.group, self.roles.cluster, self.request.key) if column}

    def _resolve_roles(self, first: Table) -> Roles:
        request = self.request
        hidden = {request.on, request.key}
        fields = [field for field in first.fields if field.name not in hidden]
        flags = {name: getattr(request, name) for name in ("label", "pred", "weight", "group", "cluster")}
        roles = resolve(first.name, fields, **flags, label_elsewhere=self._labels is not None)
        if self._labels is not None:
            label = resolve_label(self._labels.name, self._labels.fields, request.label, request.on)
            return roles._replace(label=label)
        names, labels = class_names(roles.pred), class_names(roles.label)
        if names and labels and names != labels and sorted(names) == sorted(labels):
            # One-hot columns of the same classes in another order are put in the order of the predictions.
            ordered = tuple(roles.label[labels.index(name)] for name in names)
            return roles._replace(label=ordered)
        return roles

    def _class_names(self) -> tuple[str, ...] | None:
        given = self.request.classes
        width = self.width
        if given is None:
            return class_names(self.roles.pred)
        if len(set(given)) < len(given):
            raise UsageError(f"--classes names {next(name for name in given if given.count(name) > 1)!r} twice")
        if width is not None and len(given) != width and not (width == 1 and len(given) == 2):
            there = "is 1 prediction" if width == 1 else f"are {width} predictions"
            raise UsageError(f"--classes names {len(given)} classes, and there {there} a row")
        return tuple(given)

    @property
    def width(self) -> int | None:
        """The number of prediction values in a row, where the schema tells."""
        if len(self.roles.pred) > 1:
            return len(self.roles.pred)
        return next(field.width for field in self.fields if field.name == self.roles.pred[0])

    @property
    def notes(self) -> tuple[str, ...]:
        said = self.roles.sentences()
        if self.classes and len(self.roles.label) == 1:
            few = ", ".join(self.classes[:10]) + (f" .. {self.classes[-1]}" if len(self.classes) > 10 else "")
            said.append(f"classes, in the order of the predictions: {few}")
        if self.width == 2 and len(self.roles.label) == 1:
            second = self.roles.pred[1] if len(self.roles.pred) > 1 else f"{self.roles.pred[0]}[1]"
            said.append(f"binary metrics use the prediction of class 1, {second}")
        return (*said, *self.repeated)

    def _columns(self, table: Table) -> list[str]:
        """The columns to read of a table."""
        if table is self._labels:
            return [*self.roles.label, *([self.request.on] if self.request.on else [])]
        beside = [column for column in (self.roles.weight, self.roles.group, self.roles.cluster, self.request.key) if column]
        key = [self.request.on] if self.request.on else []
        label = () if self._labels else self.roles.label
        where = sorted(self._where.columns) if self._where else []
        slices = self.slicer.columns if self.slicer else ()
        return list(dict.fromkeys([*label, *self.roles.pred, *beside, *key, *where, *slices, *self.kept]))

    def _check_lengths(self) -> None:
        labels = self._labels
        if labels is None or self.request.on or labels.rows is None:
            return
        predictions = rows_before(self._tables)[-1]
        if predictions is not None and labels.rows != predictions:
            names = ", ".join(table.name for table in self._tables)
            raise DataError(f"{labels.name}: has {labels.rows} rows, and {names} {predictions}")

    def parts(self) -> Sequence[Callable[[], Iterator[Batches]]]:
        """Stretches of the rows that can be read beside each other; together, in order, they are all rows."""
        # What was looked at is not read again: a pipe could not be, and what comes from far costs.
        begun, self._looked_at = self._looked_at, []
        return [*(partial(itertools.chain, seen, rest) for seen, rest in begun), *self.stretches()[len(begun) :]]

    def stretches(self) -> Sequence[BatchPart]:
        """All parts from their beginnings, which know how far they have been read; for sources that can be read again."""
        read = [
            (source, source.table.parts(self._columns(source.table), self.request.chunk_rows, source.share)) for source in self._sources
        ]
        if self._labels is None:
            return rows_parts(read, self._batch, self.request.workers)
        apart = self.request.on is None and self._labels.is_enterable
        return paired_parts(read, self._open_labels, self._batch, end=rows_before(self._tables)[-1], apart=apart)

    def divided(self) -> tuple[Sequence[BatchPart], int]:
        """All parts from their beginnings, and how many processes may take them from each other; at most 1 where only one can read them."""
        if self.is_piped or any(place.is_remote for place in self.places):
            return [], 1
        most = min(self.request.workers, sum(place.size() or 0 for place in self.places) // BYTES_EACH)
        return (self.stretches(), most) if most > 1 else ([], 1)

    def batches(self) -> Iterator[Batch]:
        """All rows in order."""
        for part in self.parts():
            for some in part():
                yield from some()

    def _open_labels(self) -> LabelsByRow | LabelsByKey:
        labels, request = self._labels, self.request
        assert labels is not None
        # Imported by runs that need it, like others below: the start is short.
        from xent.io.pairing import LabelsByKey, LabelsByRow

        if request.on is not None:
            return LabelsByKey(labels, self.roles.label, request.on, self._decoder, request.chunk_rows)
        return LabelsByRow(labels, self.roles.label, self._decoder, request.chunk_rows)

    def _batch(self, source: Source, chunk: Chunk, y_true: npt.NDArray[Any] | None) -> Batch:
        """The rows of a chunk, whose labels are in it unless they are given."""
        name, columns, row_numbers = source.table.name, chunk.columns, None
        if y_true is None:
            y_true = decoded(name, chunk, self.roles.label, self._decoder)
        if self._where is not None:
            mask = self._where(columns)
            row_numbers = np.flatnonzero(mask)
            columns = {column: rows_where(values, mask) for column, values in columns.items()}
            y_true = y_true[mask]
        preds = [_numbers(name, chunk, column, columns[column]) for column in self.roles.pred]
        if len(preds) > 1 and any(values.ndim > 1 for values in preds):
            raise DataError(
                f"{name}: predictions are one list column or several columns of numbers, not both: {', '.join(self.roles.pred)}"
            )
        if len(preds) == 1 and self._holds_integers(self.roles.pred[0]):
            # As predictions integers may be the numbers of classes, which 3.0 may not.
            preds = [whole_numbers(preds[0])]
        weight = self.roles.weight
        keys, clusters, ids = (
            None if column is None else _keys(name, chunk, column, columns[column], row_numbers)
            for column in (self.roles.group, self.roles.cluster, self.request.key)
        )
        kind = partial(KeptBatch, columns={column: columns[column] for column in self.kept}) if self.kept else Batch
        batch = kind(
            y_true,
            preds[0] if len(preds) == 1 else Stack(tuple(preds)),
            None if weight is None else _numbers(name, chunk, weight, columns[weight]),
            None if self.slicer is None else _groups(name, self.slicer, columns, len(y_true)),
            origin=(source.number, chunk.first),
            row_numbers=row_numbers,
            keys=keys,
            clusters=clusters,
        )
        batch.ids = ids
        return batch

    def _holds_integers(self, column: str) -> bool:
        """Whether a column of the first source looks as if it held integers only. In CSV they are parsed as floats all the same."""
        return any(field.name == column and field.kind == "integer" for field in self.fields)

    def task(self) -> Task:
        """What the predictions are, from their number and the first rows.

        Raises
        ------
        NothingEvaluated
            There are no rows.
        """
        width = self.width
        if width is not None and width > 2:
            return "multiclass"
        if self.request.shard is not None:
            # The same for every shard.
            if self.is_piped:
                raise UsageError("--shard of a pipe needs -m: what fits can only be seen in the first rows, which are gone then")
            return Dataset(dataclasses.replace(self.request, shard=None)).task()
        first = self._first_batches()
        if not first:
            raise NothingEvaluated(f"{', '.join(self.sources)}: {self.request.no_rows}")
        shape = first[0].y_pred.shape
        if len(shape) > 1:
            return "multiclass" if shape[-1] > 2 else "binary"
        zeros_and_ones = _within(np.concatenate([batch.y_true for batch in first])[:_LOOK_ROWS], {0.0, 1.0})
        return "binary" if zeros_and_ones or self._decoder.wants_text else "regression"

    def _first_batches(self) -> list[Batch]:
        """Batches with at least the first rows that are looked at; they are given again by `parts`."""
        first: list[Batch] = []
        for part in self.parts():
            seen: list[Batches] = []
            rest = part()
            self._looked_at.append((seen, rest))
            while sum(map(len, first)) < _LOOK_ROWS and (some := next(rest, None)) is not None:
                first += (batches := list(some()))
                seen.append(partial(iter, batches))
            if sum(map(len, first)) >= _LOOK_ROWS:
                break
        return first

    def located(self, error: DomainError) -> DataError:
        """The error with the file, column and row it speaks of."""
        names = {"y_true": self.roles.label, "y_pred": self.roles.pred, "sample_weight": (self.roles.weight or "",)}[error.role]
        column = names[error.column] if len(names) > 1 and error.column < len(names) else names[0]
        entry = f"[{error.column}]" if len(names) == 1 and error.role == "y_pred" and (self.width or 2) > 1 else ""
        file = self._labels.name if self._labels is not None and error.role == "y_true" else self.sources[error.source]
        located = DataError(f"{file}: column {column!r}{entry}, row {error.row + 1}: {error}")
        located.__cause__ = error
        return located


def open_dataset(request: Request) -> Dataset:
    """Opens the sources and resolves the columns.

    Raises
    ------
    UsageError
        The request contradicts itself.
    DataError
        A source cannot be read or lacks a column.
    NothingEvaluated
        A glob or directory holds nothing to read.
    """
    return Dataset(request)


def _numbers(name: str, chunk: Chunk, column: str, values: Column) -> npt.NDArray[Any]:
    try:
        found = numbers_of(values)
    except DomainError as error:
        raise DataError(f"{name}: column {column!r}, row {chunk.first + error.row + 1}: {error}") from error
    except TypeError as error:
        raise DataError(f"{name}: column {column!r} {error}") from error
    return found.view(np.uint8) if found.dtype.kind == "b" else found


def _keys(name: str, chunk: Chunk, column: str, values: Column, row_numbers: npt.NDArray[np.intp] | None) -> npt.NDArray[np.int64]:
    # Hashing is imported by runs that need it.
    from xent.io.group_keys import group_keys

    try:
        return group_keys(values)
    except DomainError as error:
        row = error.row if row_numbers is None else int(row_numbers[error.row])
        raise DataError(f"{name}: column {column!r}, row {chunk.first + row + 1}: {error}") from error
    except TypeError as error:
        raise DataError(f"{name}: column {column!r} {error}") from error


def _with_partition(path: str, table: Table) -> Table:
    if not partition_of(path):
        return table
    from xent.io.partitions import with_partition

    return with_partition(path, table)


def _groups(name: str, slicer: Slicer, columns: Mapping[str, Column], rows: int) -> Groups:
    from xent.io.slices import SliceColumnError

    try:
        return slicer.groups(columns, rows)
    except SliceColumnError as error:
        raise DataError(f"{name}: column {error.column!r} {error}") from error


def _within(values: npt.NDArray[Any], allowed: set[float]) -> bool:
    return all(value in allowed or math.isnan(value) for value in np.unique(values).tolist())
