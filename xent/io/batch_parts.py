"""The parts of a dataset that are read beside each other; each knows how far it has been read, and can be gone on with from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xent.core.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.core.batch import Batch
    from xent.io.pairing import LabelsByKey, LabelsByRow
    from xent.io.shards import Share
    from xent.io.tables import Chunk, Part, Table

    BatchOf = Callable[["Source", "Chunk", "npt.NDArray[Any] | None"], Batch]


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


class BatchPart(Protocol):
    """Some of the rows as batches, in order; calling it starts the reading at `position`, which moves on before each batch is given."""

    position: tuple[int, ...]
    finished: bool

    def __call__(self) -> Iterator[Batch]: ...


class RowsPart:
    """A stretch of one source; its position is the number of rows read."""

    def __init__(self, source: Source, part: Part, batch_of: BatchOf) -> None:
        self.position: tuple[int, ...] = (0,)
        self.finished = False
        self._source, self._part, self._batch_of = source, part, batch_of

    def __call__(self) -> Iterator[Batch]:
        (done,) = self.position
        for chunk in self._part(done):
            done += chunk.rows
            self.position = (done,)
            yield self._batch_of(self._source, chunk, None)
        self.finished = True


class PairedPart:
    """All sources beside a second file of labels, which is read once and in order.

    Its position is the number of stretches read, of rows read of the next one, and of rows in the sources before that.

    Parameters
    ----------
    sources : each with its stretches
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

    def __call__(self) -> Iterator[Batch]:
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
                yield self._batch_of(source, chunk, labels.of(chunk, before, source.table.name))
            done = 0
        # A last shard of text that has no rows does not see where the others end.
        if self._check_end and (self._end is not None or end or source.share.split is None):
            labels.finish(end if self._end is None else self._end, self._names)
        self.finished = True


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
