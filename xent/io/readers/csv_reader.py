"""CSV and TSV: columns are parsed as what their roles say they are, from the first byte to the last.

Nothing is inferred block by block, so a column never changes its type in the middle of a file.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from xent.core.errors import DataError, NothingEvaluated
from xent.io.address_space import require_thread
from xent.io.arrow_settings import apply_settings
from xent.io.places import Place, decoded_head
from xent.io.tables import Field, Kind, reading
from xent.io.text_tables import TextTable

_HEAD = 1 << 20
"""Bytes that are looked at to see the header and whether a column holds numbers."""

_BLOCK = 1 << 19
"""Bytes that are parsed at a time, and the most that a row may have. pyarrow reads several blocks ahead, so larger ones cost memory, and
gain no speed."""

_MOST_COLUMNS = _BLOCK // 2
"""A value takes a byte, and a delimiter another one."""

_LONGEST_HEADER = 1 << 24

_MISSING = ["", "NA", "N/A", "nan", "NaN", "NAN", "null", "NULL", "None"]

_TRUE, _FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]

_SHOWN: dict[Kind, str] = {"text": "text", "boolean": "text (booleans)", "integer": "text (integers)", "float": "text (floats)"}
"""What a column of text that holds values of a kind is called."""

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII).fullmatch

_WHERE = re.compile(r"(?:In CSV column #(?P<column>\d+): )?(?:CSV parse error: )?(?:Row #(?P<row>\d+): )?(?P<what>.*)", re.DOTALL)


class CsvTable(TextTable):
    """One file of delimited text with a header line."""

    _delimiter: str

    def __init__(self, place: Place, delimiter: str) -> None:
        super().__init__(place, delimiter, longest=_BLOCK)
        with reading(self.name):
            self._names, sample = self._look()
        columns: defaultdict[int, list[str]] = defaultdict(list)
        for row in sample:
            # It may be shorter or longer than the header; that is found out when it is parsed.
            for at, value in enumerate(row):
                columns[at].append(value)
        self.fields = [_field(name, columns.get(at, ())) for at, name in enumerate(self._names)]
        self._texts = {field.name for field in self.fields if field.kind in ("text", "boolean")}

    def _look(self) -> tuple[list[str], list[list[str]]]:
        """The names in the header, and the rows that follow it in the first bytes."""
        size = _HEAD
        while True:
            head = self._place.head(size)
            whole = len(head) < size
            if whole or b"\n" in head.lstrip() or size >= _LONGEST_HEADER:
                break
            size *= 8
        text = decoded_head(self.name, head, whole=whole)
        if not text.strip():
            raise NothingEvaluated(f"{self.name}: the file is empty")
        if "\0" in text:
            raise DataError(f"{self.name}: holds NUL bytes; is it text?")
        # `splitlines` would also end lines at characters that no parser of CSV takes for line ends.
        lines = list(io.StringIO(text, newline=""))
        if max(line.count(self._delimiter) for line in lines) >= _MOST_COLUMNS:
            raise DataError(f"{self.name}: a line has more than {_MOST_COLUMNS:,} columns, for whose values a row has no room")
        rows = list(csv.reader(lines if whole else lines[:-1] or lines, delimiter=self._delimiter, strict=False))
        self._blank_lines = next(at for at, row in enumerate(rows) if row)
        self.is_cut = not any('"' in line for line in lines[self._blank_lines + 1 :])
        names, *rows = filter(None, rows)
        self._has_rows = bool(rows) or not whole
        return names, rows

    def declare(self, *, texts: Collection[str], numbers: Collection[str], names: Collection[str]) -> None:
        # Class names may look like numbers in the first rows, and a stray word in a column of numbers is a fault to report.
        self._texts = (self._texts | set(texts)) - set(numbers)

    def batches(self, stream: Any, columns: Sequence[str], first: int, *, header: bool) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches(stream, columns, header=header)
        except pa.ArrowInvalid as error:
            uncounted = 1 + self._blank_lines if header else 0
            raise DataError(f"{self.name}: {self._explain(error, first - uncounted)}") from error

    def _batches(self, stream: Any, columns: Sequence[str], *, header: bool) -> Iterator[pa.RecordBatch]:
        counts = Counter(self._names)
        if twice := next((name for name in columns if counts[name] > 1), None):
            raise DataError(f"{self.name}: column {twice!r} stands in the header more than once")
        types = {name: pa.dictionary(pa.int32(), pa.string()) if name in self._texts else pa.float64() for name in columns}
        apply_settings()
        require_thread()
        with stream:
            if not self._has_rows:
                return
            yield from pa_csv.open_csv(
                stream,
                # Without threads of its own the parser counts rows, and is as fast: the arithmetic runs in another thread anyway.
                read_options=pa_csv.ReadOptions(
                    block_size=_BLOCK,
                    column_names=self._names,
                    skip_rows_after_names=self._blank_lines + 1 if header else 0,
                    use_threads=False,
                ),
                parse_options=pa_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=types,
                    null_values=_MISSING,
                    true_values=_TRUE,
                    false_values=_FALSE,
                    strings_can_be_null=False,
                ),
            )

    def _explain(self, error: pa.ArrowInvalid, before: int) -> str:
        """pyarrow's message with the column's name instead of its number, and so many rows before those that it counted."""
        found = _WHERE.match(str(error).partition("\n")[0])
        assert found is not None  # Every part of the pattern is optional.
        column = f"column {self._names[int(found['column'])]!r}, " if found["column"] else ""
        row = f"row {int(found['row']) + before}: " if found["row"] else ""
        return column + row + found["what"].removeprefix("CSV conversion error to double: ")


def _field(name: str, sample: Sequence[str]) -> Field:
    values = set(map(str.strip, sample)).difference(_MISSING)
    kind: Kind = "float"
    if values and values.issubset((*_TRUE, *_FALSE)):
        kind = "boolean"
    elif values and all(map(_INTEGER, values)):
        kind = "integer"
    elif not _are_numbers(values):
        kind = "text"
    return Field(name, _SHOWN[kind] if values else "text (empty)", kind)


def _are_numbers(values: Collection[str]) -> bool:
    text = "".join(values)
    if not text.isascii() or "_" in text:
        return False  # Python would take these; the parser does not.
    try:
        deque(map(float, values), maxlen=0)
    except ValueError:
        return False
    return True


def open_csv(place: Place) -> CsvTable:
    """Opens comma-separated text."""
    return CsvTable(place, ",")


def open_tsv(place: Place) -> CsvTable:
    """Opens tab-separated text."""
    return CsvTable(place, "\t")
