"""The parts of a dataset that are read beside each other; each knows how far it has been read, and can be gone on with from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.io.dealing import START, Divisible, Spot

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.io.pairing import LabelsByKey, LabelsByRow
    from xent.io.shards import Share
    from xent.io.tables import Chunk, Part, Piece, Table

    BatchOf = Callable[["Source", "Chunk", "npt.NDArray[Any] | None"], Batch]


Batches = Callable[[], Iterator[Batch]]
"""Some rows; whoever takes them decodes them by calling it."""

_SHARED = 4
"""Where there are at least so many parts for each thread, no thread waits long for the last one, and they need not be cut into pieces."""

BYTES_EACH = 4 << 20
"""Bytes of files that take as long as it takes another process to be ready to help."""

_END: Spot = (1, 0)


class Source(NamedTuple):
    """One of the sources of a dataset.

    Attributes
    ----------
    number : counted from 0 among the sources that the dataset reads
    place : the same among all sources there are
    share : what is read of it
    before : the rows of all sources before it, where that is known without reading them
    """

    number: int
    place: int
    table: Table
    share: Share
    before: int | None


class BatchPart(Divisible[Batches], Protocol):
    """Some of the rows, in order; calling it starts the reading at `position`, which moves on before each lot of batches is given."""

    position: tuple[int, ...]
    finished: bool

    def __call__(self) -> Iterator[Batches]: ...


class RowsPart:
    """A stretch of one source, which may be shared by several threads; its position is the number of rows read."""

    def __init__(self, source: Source, part: Part, batch_of: BatchOf, *, shared: bool) -> None:
        self.position: tuple[int, ...] = (0,)
        self.finished = False
        self._source, self._part, self._batch_of, self._shared = source, part, batch_of, shared

    def __call__(self) -> Iterator[Batches]:
        (done,) = self.position
        for piece in self._part.pieces(done, shared=self._shared):
            done += piece.rows
            self.position = (done,)
            yield partial(self._batches, piece)
        self.finished = True

    @property
    def rows(self) -> int | None:
        """How many there are, or 1 if it is not known; None where others may take some of them."""
        return (self._part.rows or 1) if self._part.step is None else None

    def take(self, spot: Spot) -> tuple[Batches, Spot] | None:
        """The rows at a spot, as many as one process takes at a time, and the spot behind them; None where there are none."""
        if self._part.step is None:
            return _whole(self, spot)
        found = self._part.step(spot)
        return None if found is None else (partial(self._batches, found[0]), found[1])

    def _batches(self, piece: Piece) -> Iterator[Batch]:
        for chunk in piece.read():
            yield self._batch_of(self._source, chunk, None)


class PairedPart:
    """Stretches of sources beside a second file of labels, of which the rows for these are read once and in order.

    Its position is the number of stretches read, of rows read of the next one, and of rows in the sources before that.

    Parameters
    ----------
    sources : each with stretches that follow each other
    labels : opens the second file
    end : the rows of all sources, where they are known before reading; else None
    check_end : whether labels that are left over in the end are a fault
    """

    def __init__(
        self,
        sources: Sequence[tuple[Source, Sequence[Part]]],
        labels: Callable[[], LabelsByRow | LabelsByKey],
        batch_of: BatchOf,
        *,
        end: int | None,
        check_end: bool,
    ) -> None:
        self.position: tuple[int, ...] = (0, 0, sources[0][0].before or 0)
        self.finished = False
        self._stretches = [(source, part) for source, parts in sources for part in parts]
        self._names = ", ".join(source.table.name for source, _ in sources)
        self._labels, self._batch_of, self._end, self._check_end = labels, batch_of, end, check_end

    @property
    def rows(self) -> int:
        """How many there are, or 1 if it is not known."""
        return sum(part.rows or 0 for _, part in self._stretches) or 1

    def take(self, spot: Spot) -> tuple[Batches, Spot] | None:
        """All rows at once, as `RowsPart.take` gives those of a stretch that is not divided."""
        return _whole(self, spot)

    def __call__(self) -> Iterator[Batches]:
        at, done, before = self.position
        labels = self._labels()
        # A source whose rows are not known before is a single stretch.
        end, latest = before + done, None
        for number, (source, part) in enumerate(self._stretches[at:], start=at):
            if latest is not None and latest is not source:
                before = end if source.before is None else source.before
            latest = source
            for chunk in part(done):
                done += chunk.rows
                end = before + chunk.first + chunk.rows
                self.position = (number, done, before)
                yield partial(self._batches, source, chunk, labels.of(chunk, before, source.table.name))
            done = 0
        # A last shard of text that has no rows does not see where the others end.
        if self._check_end and (self._end is not None or end or source.share.split is None):
            labels.finish(end if self._end is None else self._end, self._names)
        self.finished = True

    def _batches(self, source: Source, chunk: Chunk, y_true: npt.NDArray[Any]) -> Iterator[Batch]:
        yield self._batch_of(source, chunk, y_true)


def paired_parts(
    read: Sequence[tuple[Source, Sequence[Part]]],
    labels: Callable[[], LabelsByRow | LabelsByKey],
    batch_of: BatchOf,
    *,
    end: int | None,
    apart: bool,
) -> list[PairedPart]:
    """The stretches of all sources beside a second file of labels; `apart` tells that labels can be had from any row on.

    Else all is one part, for which the labels are read once.
    """
    last, _ = read[-1]
    # Whoever reads the last of the predictions sees whether labels are left over.
    check_end = last.share.split is None or (last.share.shards[0] == last.share.split.of and last.table.contiguous)
    lots = [read]
    if apart and all(source.before is not None for source, _ in read):
        lots = [[(source, [part])] for source, parts in read for part in parts] or lots
    return [PairedPart(lot, labels, batch_of, end=end, check_end=check_end and lot is lots[-1]) for lot in lots]


def _whole(part: BatchPart, spot: Spot) -> tuple[Batches, Spot] | None:
    return (partial(_all_of, part), _END) if spot == START else None


def _all_of(part: BatchPart) -> Iterator[Batch]:
    for some in part():
        yield from some()


def rows_parts(read: Sequence[tuple[Source, Sequence[Part]]], batch_of: BatchOf, workers: int) -> list[RowsPart]:
    """The stretches of all sources, for so many threads."""
    shared = workers > 1 and sum(len(parts) for _, parts in read) < _SHARED * workers
    return [RowsPart(source, part, batch_of, shared=shared) for source, parts in read for part in parts]


def rows_before(tables: Sequence[Table]) -> list[int | None]:
    """The rows of all sources before each, and of all in the end; None where they are not known."""
    known: list[int | None] = [0]
    for table in tables:
        last = known[-1]
        known.append(None if last is None or table.rows is None else last + table.rows)
    return known


def require_known(sources: Sequence[Source]) -> None:
    """Raises `UsageError` where the labels of a shard's rows cannot be found without reading all that stands before them."""
    for source in sources:
        if source.before is None:
            raise UsageError(
                f"--shard: the labels of {source.table.name} stand behind those of other sources, whose rows are not known without reading"
                " them\njoin the labels by a key (--on COLUMN), give one source, or write the predictions as Parquet or NPY"
            )
