"""Tables of text, one row behind the other: parsed as a stream by one thread, or cut between rows for several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from xent.io.lines import Mark, Rows, stretch_of, whole_rows
from xent.io.places import Place
from xent.io.shards import WHOLE, Share
from xent.io.tables import MOST_ROWS, Chunk, Part, Piece, Table, dealt, pieces_behind, reading

_T = TypeVar("_T")


class TextTable(Table):
    """One file of text; subclasses say how it is parsed.

    Parameters
    ----------
    place : the file
    delimiter : of fields, any of which may be quoted, under a header; None for text without either, one JSON object a line
    longest : the most bytes that a row may have
    """

    is_divisible = True
    """Whether the parser has no threads of its own, so that processes gain from sharing out the text."""

    is_cut = True
    """Whether seeing where rows end takes far less time than parsing them, too, so that threads do."""

    def __init__(self, place: Place, delimiter: str | None, longest: int) -> None:
        self.name = place.name
        self.contiguous = place.is_plain
        self._place, self._delimiter, self._longest = place, delimiter, longest

    def batches(self, stream: Any, columns: Sequence[str], first: int, *, header: bool) -> Iterator[pa.RecordBatch]:
        """Parses columns of a text, whose first row has that number, and stands behind a header or not."""
        raise NotImplementedError

    def parts(self, columns: Sequence[str], chunk_rows: int | None, share: Share = WHOLE) -> list[Part]:
        wanted, most = list(dict.fromkeys(columns)), chunk_rows or MOST_ROWS
        if self._place.is_plain:
            read = partial(self._within, share, partial(self._read, wanted, most))
            cut = partial(self._within, share, partial(self._cut, wanted, most))
            step = partial(self._step, wanted, most) if self.is_divisible and share.split is None else None
            return [Part(partial(read, 0), read, cut=cut if self.is_cut else None, step=step)]
        # What cannot be entered in the middle is read from its start, and a share of it is dealt out row by row.
        cut_behind = (lambda skip: pieces_behind(self._cut(wanted, most), skip)) if self.is_cut and share.split is None else None
        return [Part(lambda: dealt(self._read(wanted, most), share), cut=cut_behind)]

    def _within(self, share: Share, read: Callable[..., Iterator[_T]], skip: int) -> Iterator[_T]:
        """What is read of the rows that a share has, behind so many of them."""
        if share.split is None and not skip:
            yield from read()
            return
        with reading(self.name), self._place.open_file() as file:
            begin, end = stretch_of(file, file.seek(0, os.SEEK_END), self._delimiter, share, skip)
        if begin.offset < end:
            yield from read(begin, end)

    def _read(self, columns: list[str], most: int, begin: Mark | None = None, end: int = 0) -> Iterator[Chunk]:
        """All rows, or those from a mark to an offset."""
        with reading(self.name), self._opened(begin, end) as stream:
            yield from self._chunks(stream, columns, most, begin.rows if begin else 0, header=self._has_header(begin))

    def _cut(self, columns: list[str], most: int, begin: Mark | None = None, end: int = 0) -> Iterator[Piece]:
        """The same, to be parsed by whoever takes it."""
        first, header = begin.rows if begin else 0, self._has_header(begin)
        with reading(self.name), self._opened(begin, end) as stream:
            for rows in whole_rows(stream, self._delimiter, self._longest, first=first, header=header):
                yield Piece(rows.number, partial(self._parsed, columns, most, rows))

    def _step(self, columns: list[str], most: int, place: tuple[int, int]) -> tuple[Piece, Mark] | None:
        """The piece at a place, and the place behind it."""
        begin = Mark(*place) if any(place) else None
        offset, first = place
        with reading(self.name), self._opened(begin, self._place.size() or 0) as stream:
            cut = whole_rows(stream, self._delimiter, self._longest, first=first, header=self._has_header(begin))
            rows = next(cut, None)
        if rows is None:
            return None
        return Piece(rows.number, partial(self._parsed, columns, most, rows)), Mark(offset + rows.end, first + rows.number)

    def _has_header(self, begin: Mark | None) -> bool:
        return begin is None and self._delimiter is not None

    def _parsed(self, columns: list[str], most: int, rows: Rows) -> Iterator[Chunk]:
        with reading(self.name):
            yield from self._chunks(pa.BufferReader(rows.text), columns, most, rows.first, header=False)

    def _chunks(self, stream: Any, columns: list[str], most: int, first: int, *, header: bool) -> Iterator[Chunk]:
        for batch in self.batches(stream, columns, first, header=header):
            for start in range(0, batch.num_rows, most):
                some = batch.slice(start, most)
                yield Chunk(first, some.num_rows, dict(zip(some.schema.names, some.columns, strict=True)))
                first += some.num_rows

    def _opened(self, begin: Mark | None, end: int) -> Any:
        return self._place.open_stream() if begin is None else self._place.open_range(begin.offset, end)
