"""All rows of a dataset in one tally, made by threads or by processes: on all cores, and by whoever is faster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeVar, cast

import numpy as np

from xent.core.errors import DataError, DomainError
from xent.core.tally import NanPolicy, Tally
from xent.io.dealing import takers
from xent.io.processes import Counter, may_fork, work_apart
from xent.io.workers import Breaks, work

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.core.batch import Batch
    from xent.core.metric import Metric
    from xent.io.batch_parts import Batches
    from xent.io.dataset import Dataset
    from xent.io.row_pairs import RowPairs
    from xent.io.slices import Key


class Accumulator(Protocol):
    """What rows are added to, on every thread to one of its own: a tally, or several at once."""

    def update(self, batch: Batch) -> None:
        """Adds rows."""

    def merge(self, other: Self) -> None:
        """Adds the rows that another one has seen."""


class _Sliced(Protocol):
    """An accumulator of slices."""

    def reslice(self, places: Sequence[npt.NDArray[np.intp]]) -> None:
        """Gives slices other numbers."""


_Tally = TypeVar("_Tally", bound=Accumulator)


class Watch(NamedTuple):
    """Who looks at a tally while it is made: gets a function that gives the tally so far, and returns what is to be done with it."""

    look: Callable[[Callable[[], Tally]], Callable[[], None]]
    every: float


def tally_of(
    dataset: Dataset | RowPairs,
    metrics: Sequence[Metric],
    kind: Callable[..., _Tally],
    *,
    nan: NanPolicy,
    from_logits: bool,
    progress: Callable[[int], None] | None,
    parts: Sequence[Callable[[], Iterator[Batches]]] | None = None,
    watch: Watch | None = None,
) -> _Tally:
    """The tally of all rows or of some parts of them, of some kind."""
    _keep_freed_memory()
    new = partial(kind, metrics, nan=nan, classes=dataset.classes, from_logits=from_logits)
    try:
        found = _by_processes(dataset, new, progress) if parts is None else None
        return _by_threads(dataset, new, progress, parts, watch) if found is None else found
    except DomainError as error:
        raise dataset.located(error) from error


def _by_threads(
    dataset: Dataset | RowPairs,
    new: Callable[[], _Tally],
    progress: Callable[[int], None] | None,
    parts: Sequence[Callable[[], Iterator[Batches]]] | None,
    watch: Watch | None,
) -> _Tally:
    """The tally of all rows or of some parts, `new` being an empty one."""
    tallies = [new() for _ in range(dataset.request.workers)]
    counting = threading.Lock()

    def count(rows: int) -> None:
        if progress is not None:
            with counting:
                progress(rows)

    def total() -> _Tally:
        merged = new()
        for tally in tallies:
            merged.merge(tally)
        return merged

    # Only tallies are watched.
    breaks = None if watch is None else Breaks(partial(watch.look, cast("Callable[[], Tally]", total)), watch.every)
    work(dataset.parts() if parts is None else parts, [partial(_add, dataset, tally, count) for tally in tallies], breaks)
    return total()


def _by_processes(dataset: Dataset | RowPairs, new: Callable[[], _Tally], progress: Callable[[int], None] | None) -> _Tally | None:
    """The same tally of all rows; None where threads should make it."""
    parts, most = dataset.divided() if may_fork() else ([], 1)
    processes = takers(parts, most)
    if processes < 2:
        return None
    tally, slicer = new(), dataset.slicer
    counter = Counter(processes, progress)

    def outcome() -> tuple[_Tally, list[list[Key]]]:
        return tally, [] if slicer is None else [list(keys) for keys in slicer.keys]

    found = work_apart(parts, processes, partial(_add, dataset, tally, counter.add), outcome, counter)
    if found is None:
        counter.take_back()
        return None
    for other, keys in found:
        if slicer is not None:
            # Slices are numbered as they turn up, in every process by itself.
            cast("_Sliced", other).reslice(slicer.numbered(keys))
        tally.merge(other)
    return tally


def _add(dataset: Dataset | RowPairs, tally: Accumulator, count: Callable[[int], None], batches: Batches) -> None:
    """Adds some rows to a tally, and counts them."""
    for batch in batches():
        _update(tally, batch, dataset)
        count(len(batch))


def _update(tally: Accumulator, batch: Batch, dataset: Dataset | RowPairs) -> None:
    """Adds rows to a tally; what is wrong with all of them, as their shape, is told with the source they come from."""
    try:
        # Formulas say what becomes of infinities and of numbers too large; NumPy's warnings of them would say nothing more.
        with np.errstate(all="ignore"):
            tally.update(batch)
    except DataError as error:
        # A value is placed by whoever asked for the rows. Of two files side by side it is not known whose rows they are.
        if isinstance(error, DomainError) or batch.partner is not None:
            raise
        source, _ = batch.origin
        raise DataError(f"{dataset.sources[source]}: {error}") from error


def _keep_freed_memory() -> None:
    """Asks the C library, in the one way it has, to keep what the blocks free for the blocks to come.

    glibc gives arrays of more than 128 KB back to the system and fetches fresh pages for the next ones, which costs as much as the
    arithmetic, until it has seen a larger one freed. This one is never written to, so it takes no memory; it only has to be below 32 MB.
    """
    np.empty(31 << 20, dtype=np.uint8)
