"""Where rows of text begin, without parsing them: far faster than the parser, and of one mind with it.

A row ends at a line feed, a carriage return or both; empty lines are no rows. In delimited text a field that begins with a quotation mark
goes on to the next one that is not doubled, whatever ends of lines stand in it. That can only be decided from the start of the file or of
a row, which is why this begins at one.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xent.io.shards import Share

if TYPE_CHECKING:
    import numpy.typing as npt

_BLOCK = 1 << 20


class Mark(NamedTuple):
    """The place where a row begins: its offset in the file, and how many rows stand between it and the place where the search began."""

    offset: int
    rows: int


def row_at(file: io.RawIOBase, start: Mark, delimiter: str | None, *, offset: int = 0, rows: int = 0) -> Mark:
    """The first row that begins at least at `offset` and has at least so many `rows` before it; the end of the file where there is none.

    Parameters
    ----------
    file : read from `start`, which must be the beginning of a row
    delimiter : of fields, any of which may be quoted; None for text without quoted fields, one JSON object a line
    """
    known, end = start.rows, start.offset
    for looked_at, starts in _starts(file, start.offset, delimiter):
        # The first that satisfies both: offsets and row numbers go up together.
        at = max(int(np.searchsorted(starts, offset)), rows - known)
        if at < len(starts):
            return Mark(int(starts[at]), known + at)
        known, end = known + len(starts), looked_at
    return Mark(end, known)


def stretch_of(file: io.RawIOBase, size: int, delimiter: str | None, share: Share, skip: int) -> tuple[Mark, int]:
    """Where in a text of so many bytes the rows of a share begin, behind so many of them, and the offset where they end.

    Delimited text has a header, which is no row.
    """
    data = Mark(row_at(file, Mark(0, 0), delimiter, rows=0 if delimiter is None else 1).offset, 0)
    begin, end = (data.offset + at for at in share.range(size - data.offset))
    first = row_at(file, data, delimiter, offset=begin)
    stop = size if end >= size else row_at(file, first, delimiter, offset=end).offset
    return (row_at(file, first, delimiter, rows=first.rows + skip) if skip else first), stop


class Rows(NamedTuple):
    """Whole rows of text: the number of the first, how many there are, what is written there, and how many bytes end with them."""

    first: int
    number: int
    text: memoryview
    end: int


def whole_rows(stream: Any, delimiter: str | None, longest: int, *, first: int = 0, header: bool = False) -> Iterator[Rows]:
    """A stream of text, cut between rows about every megabyte.

    Parameters
    ----------
    stream : read to its end from where it is, which must be the beginning of a row or, with a header, of the file
    delimiter : of fields, any of which may be quoted; None for text without quoted fields, one JSON object a line
    longest : the most bytes that a row may have
    first : the number of the first row
    header : whether a header stands before it, which is left out

    Raises
    ------
    ValueError
        A row is longer.
    """
    rest, ended, total = b"", False, 0
    while not ended:
        read = stream.read(_BLOCK)
        total += len(read)
        block, rest, ended = rest + read, b"", not read
        if header:
            # The mark of UTF-8 would hide that the first field is quoted.
            block = block.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
            behind = _behind_first_row(block, delimiter)
            header, rest, block = (True, block, b"") if behind is None else (False, b"", behind)
        count, end = _rows_in(block, delimiter, whole=ended)
        if count:
            yield Rows(first, count, memoryview(block)[:end], total - (len(block) - end))
            first += count
        rest += block[end:]
        if len(rest) > longest:
            raise ValueError(f"row {first + 1}: is longer than {longest:,} bytes")


def _behind_first_row(block: bytes, delimiter: str | None) -> bytes | None:
    """What follows the row that a text begins with; None where that is not seen to end."""
    starts, is_complete = _rows(block, delimiter)
    if len(starts) > 1:
        return block[starts[1] :]
    return b"" if len(starts) and is_complete else None


def _rows_in(block: bytes, delimiter: str | None, *, whole: bool) -> tuple[int, int]:
    """How many whole rows a text begins with, and where they end; if it is `whole`, nothing follows that could belong to the last."""
    found = None
    if b"\r" not in block:
        text = np.frombuffer(block, dtype=np.uint8)
        found = _lines(block, text, delimiter) if delimiter is None or b'"' not in block else _quoted_lines(text, delimiter)
    if found is not None:
        number, end = found
        return (number + (end < len(block)), len(block)) if whole else (number, end)
    starts, is_complete = _rows(block, delimiter)
    if whole or is_complete or not len(starts):
        return len(starts), len(block)
    return len(starts) - 1, int(starts[-1])


def _lines(block: bytes, text: npt.NDArray[np.uint8], delimiter: str | None) -> tuple[int, int] | None:
    """How many lines end in a text, and where the last of them does; None where one of them is empty, and so is no row."""
    ends = text == 10
    blank = ends if delimiter is not None else text <= 32
    if blank[:1].any() or (ends[:-1] & blank[1:]).any():
        return None
    return int(np.count_nonzero(ends)), block.rfind(b"\n") + 1


def _quoted_lines(text: npt.NDArray[np.uint8], delimiter: str) -> tuple[int, int] | None:
    """The same where quotation marks open and close fields, or stand doubled inside of them; None where one stands elsewhere."""
    places = np.flatnonzero((text == 10) | (text == ord('"')))
    is_mark = text[places] == ord('"')
    is_open = np.cumsum(is_mark) % 2 == 1
    ends = places[~is_open & ~is_mark]
    if not _open_fields(places[is_open & is_mark], text, delimiter) or text[0] == 10 or (np.diff(ends) == 1).any():
        return None
    return len(ends), int(ends[-1]) + 1 if len(ends) else 0


def _open_fields(marks: npt.NDArray[np.intp], text: npt.NDArray[np.uint8], delimiter: str) -> bool:
    """Whether these quotation marks, every other one, all stand at the beginning of a field."""
    # Behind another one stands the second half of a doubled mark, which leaves the field as open as it was.
    before = np.isin(text[marks - 1], [10, 13, ord('"'), ord(delimiter)])
    return bool((before | (marks == 0)).all())


def _starts(file: io.RawIOBase, offset: int, delimiter: str | None) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Offsets at which rows begin, stretch by stretch, each with the offset up to which the file has been looked at."""
    file.seek(offset)
    rest = b""
    while True:
        read = file.read(_BLOCK)
        block = rest + read
        starts, _ = _rows(block, delimiter)
        if not read:
            yield offset + len(block), offset + starts
            return
        if len(starts):
            # What follows decides about the last row, which may have begun inside a quoted field that is not closed yet.
            last = int(starts[-1])
            yield offset + len(block), offset + starts[:-1]
            offset, rest = offset + last, block[last:]
        else:
            offset, rest = offset + len(block), b""


def _rows(block: bytes, delimiter: str | None) -> tuple[npt.NDArray[np.int64], bool]:
    """Where rows begin in a text that begins with one, and whether the last of them is seen to end in it."""
    text = np.frombuffer(block, dtype=np.uint8)
    ends = (text == 10) | (text == 13)
    if delimiter is not None and b'"' in block:
        _forget_quoted(ends, block, text, delimiter)
    begins = ~ends
    begins[1:] &= ends[:-1]
    starts = np.flatnonzero(begins)
    if delimiter is None and len(starts) and np.isin(text[starts], (9, 32)).any():
        starts = np.array([start for start in starts.tolist() if _BLANK.match(block, start) is None], dtype=np.int64)
    return starts, bool(ends[-1:].any())


_BLANK = re.compile(rb"[ \t]*(?:[\r\n]|\Z)")
"""A line that holds no object, though it is not empty."""


def _forget_quoted(ends: npt.NDArray[np.bool_], block: bytes, text: npt.NDArray[np.uint8], delimiter: str) -> None:
    """Takes back the ends of rows that stand in quoted fields."""
    marks = np.flatnonzero(text == ord('"'))
    if _open_fields(marks[::2], text, delimiter):
        found = np.flatnonzero(ends)
        ends[found[np.searchsorted(marks, found) % 2 == 1]] = False
        return
    for field in _quoted_fields(delimiter).finditer(block):
        ends[field.start() : field.end()] = False


def _quoted_fields(delimiter: str) -> re.Pattern[bytes]:
    """Fields that begin with a quotation mark; one that is not closed goes on to the end. Elsewhere in a field the mark means nothing."""
    return re.compile(rb"(?:\A|(?<=[\r\n" + re.escape(delimiter.encode()) + rb']))"(?>[^"]*(?:""[^"]*)*)(?:"|\Z)')
