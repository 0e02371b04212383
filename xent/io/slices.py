"""`--by`: rows sorted into slices by the values of columns, which are discovered while rows stream by."""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xent.core.errors import UsageError
from xent.core.groups import Groups, regrouped
from xent.io.columns import numbers_of
from xent.io.group_keys import distinct_values
from xent.io.sources import natural_key

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.io.tables import Column

    Codes = npt.NDArray[np.intp]

_FEW = 4096
"""Up to so many codes are numbered by a table, however few rows there are."""

Key = tuple[str | None, ...]
"""The value of every column of one slice; None where it is missing."""

_PIECE = re.compile(r"\s*(?:(?P<name>[^=,()]*)=)?\s*cut\((?P<column>[^,()]+),(?P<edges>[^()]*)\)\s*(?:,|$)|(?P<plain>[^,]*)(?:,|$)")


class SliceColumn(NamedTuple):
    """One column to slice by: the name of the slice, the column that is read, and where numbers are cut, if they are."""

    name: str
    column: str
    edges: tuple[float, ...] | None = None

    def labels(self) -> tuple[str, ...]:
        """What the intervals between the edges are called.

        >>> SliceColumn("age", "age", (18.0, 30.5)).labels()
        ('< 18', '[18, 30.5)', '>= 30.5')
        """
        edges = [_number_text(edge) for edge in self.edges or ()]
        inner = [f"[{low}, {high})" for low, high in itertools.pairwise(edges)]
        return f"< {edges[0]}", *inner, f">= {edges[-1]}"

    def sort_key(self, value: str | None) -> Any:
        """Numbers in values count as numbers, intervals go up, and what is missing comes last."""
        if value is None:
            return (2,)
        if self.edges is not None and value in self.labels():
            return 0, self.labels().index(value)
        return 1, natural_key(value)


class By(NamedTuple):
    """One way of slicing: by the values of one column, or of several at once."""

    text: str
    columns: tuple[SliceColumn, ...]

    def sorted(self, keys: Collection[Key]) -> list[Key]:
        """Keys in the order in which slices stand in a result."""
        return sorted(keys, key=lambda key: [column.sort_key(value) for column, value in zip(self.columns, key, strict=True)])

    def named(self, key: Key) -> dict[str, str | None]:
        """A key as it stands in a result."""
        return {column.name: value for column, value in zip(self.columns, key, strict=True)}


def parse_by(text: str, known: Collection[str] = ()) -> By:
    """What `--by` asks for: columns with commas between them, and numbers cut as in `age=cut(age,18,30,50)`.

    Parameters
    ----------
    text : what was asked for
    known : the columns there are; a name that holds a comma is taken for one of these

    Raises
    ------
    UsageError
        It cannot be understood.

    >>> parse_by("country,age=cut(years,18,30)").columns
    (SliceColumn(name='country', column='country', edges=None), SliceColumn(name='age', column='years', edges=(18.0, 30.0)))
    """
    if text in known:
        return By(text, (SliceColumn(text, text),))
    columns = []
    at = 0
    while at <= len(text):
        match = _PIECE.match(text, at)
        assert match is not None  # The second half matches anything, if only nothing.
        columns.append(_slice_column(text, match))
        if match.end() == len(text) and not match[0].endswith(","):
            break
        at = match.end()
    names = [column.name for column in columns]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"--by {text}: {twice[0]!r} stands there twice")
    return By(text, tuple(columns))


def _slice_column(text: str, match: re.Match[str]) -> SliceColumn:
    if match["column"] is None:
        plain = match["plain"].strip()
        if not plain or "cut(" in plain:
            raise UsageError(f"--by {text}: write columns with commas between them, and a cut as in 'age=cut(age,18,30,50)'")
        return SliceColumn(plain, plain)
    column = match["column"].strip()
    try:
        edges = tuple(float(edge) for edge in match["edges"].split(","))
    except ValueError:
        raise UsageError(f"--by {text}: a column is cut at numbers, as in 'age=cut(age,18,30,50)'") from None
    if not all(map(math.isfinite, edges)) or any(low >= high for low, high in itertools.pairwise(edges)):
        raise UsageError(f"--by {text}: the numbers that a column is cut at must go up")
    return SliceColumn((match["name"] or column).strip(), column, edges)


class Slicer:
    """Gives rows their slices in every way that was asked for, and remembers the slices there are.

    Parameters
    ----------
    ways : the ways of slicing
    most : the largest number of slices that one of them may have
    """

    def __init__(self, ways: Sequence[By], most: int) -> None:
        self.ways = tuple(ways)
        self.keys: tuple[dict[Key, int], ...] = tuple({} for _ in ways)
        self._most = most
        self._lock = threading.Lock()
        self._columns = tuple(dict.fromkeys(column._replace(name="") for by in ways for column in by.columns))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read."""
        return tuple(dict.fromkeys(column.column for column in self._columns))

    @property
    def texts(self) -> set[str]:
        """The columns whose values are names, whatever they look like."""
        return set(self.columns) - self.numbers

    @property
    def numbers(self) -> set[str]:
        """The columns that are cut."""
        return {column.column for column in self._columns if column.edges is not None}

    def groups(self, columns: Mapping[str, Column], rows: int) -> Groups:
        """The slices of some rows.

        Raises
        ------
        SliceColumnError
            A column cannot be sliced by.
        UsageError
            There are more slices than allowed.
        """
        coded = {column: _coded(column, columns[column.column]) for column in self._columns}
        joint, parts, sizes = _joined([codes for _, codes in coded.values()])
        values = {column: (texts, part) for (column, (texts, _)), part in zip(coded.items(), parts, strict=True)}
        places = tuple(self._places(way, values) for way in range(len(self.ways)))
        if len(places) == 1 and (count := int(places[0].max(initial=-1)) + 1) <= 2 * len(parts[0]):
            # Rows that know the slices themselves leave nothing to be put together block by block.
            same = count == len(parts[0]) and (places[0] == np.arange(count)).all()
            if not same:
                joint, sizes = places[0][joint], regrouped(sizes, places[0], count)
            return Groups(joint, count, (np.arange(count),), sizes)
        return Groups(joint, len(parts[0]), places, sizes)

    def _places(self, way: int, values: Mapping[SliceColumn, tuple[list[str | None], Codes]]) -> Codes:
        by = self.ways[way]
        mine = [values[column._replace(name="")] for column in by.columns]
        joint, parts, _ = _joined([codes for _, codes in mine])
        found = zip(*([texts[code] for code in part.tolist()] for (texts, _), part in zip(mine, parts, strict=True)), strict=True)
        return self._numbers(way, found)[joint]

    def numbered(self, others: Sequence[Iterable[Key]]) -> list[Codes]:
        """The numbers here of slices that somebody else has met, for each way.

        Raises
        ------
        UsageError
            There are more slices than allowed.
        """
        return [self._numbers(way, found) for way, found in enumerate(others)]

    def _numbers(self, way: int, found: Iterable[Key]) -> Codes:
        keys = self.keys[way]
        with self._lock:
            numbers = [keys.setdefault(key, len(keys)) for key in found]
            if len(keys) > self._most:
                raise self._too_many(self.ways[way], keys)
        return np.array(numbers, dtype=np.intp)

    def _too_many(self, by: By, keys: Collection[Key]) -> UsageError:
        counts = [(len(set(values)), column.column) for values, column in zip(zip(*keys, strict=True), by.columns, strict=True)]
        count, column = max(counts, key=lambda pair: pair[0])
        each = f"column {column!r} has at least {count:,} values" + (f", crossed at least {len(keys):,}" if len(counts) > 1 else "")
        return UsageError(
            f"--by {by.text}: more than {self._most:,} slices: {each}\n"
            f"slice by a column of fewer values, cut numbers as in 'x=cut({column},0,10)', or raise --max-slices"
        )


class SliceColumnError(TypeError):
    """A column that rows cannot be sliced by."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _coded(column: SliceColumn, values: Column) -> tuple[list[str | None], Codes]:
    """The different values of a column, as they are shown, and for every row the number of its value."""
    try:
        if column.edges is not None:
            return _cut(column, values)
        found, codes = distinct_values(values)
    except TypeError as error:
        raise SliceColumnError(column.column, str(error)) from error
    texts: dict[str | None, int] = {}
    numbers = np.array([texts.setdefault(_text(value), len(texts)) for value in found] or [0], dtype=np.intp)
    return list(texts), codes if len(texts) == len(numbers) else numbers[codes]


def _cut(column: SliceColumn, values: Column) -> tuple[list[str | None], Codes]:
    numbers = numbers_of(values)
    if numbers.ndim > 1:
        raise TypeError("holds several values a row")
    codes = np.searchsorted(np.array(column.edges), numbers, side="right")
    labels = column.labels()
    codes[np.isnan(numbers)] = len(labels)
    return [*labels, None], codes


@lru_cache(maxsize=1 << 12, typed=True)
def _text(value: Any) -> str | None:
    """A value as it is shown; whole numbers look the same whatever type they are stored as."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return _number_text(value) if isinstance(value, float) else str(value)


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**63 else repr(value)


def _joined(columns: Sequence[Codes]) -> tuple[Codes, list[Codes], Codes]:
    """Different combinations of codes, numbered: the number of every row, for each column the code that every number stands for, and how
    many rows have each number.
    """
    joint, found, sizes = _numbered(columns[0])
    parts = [found]
    for codes in columns[1:]:
        span = int(codes.max(initial=0)) + 1
        # Numbered anew after each column, so that the product never overflows.
        joint, found, sizes = _numbered(joint * span + codes)
        before, last = np.divmod(found, span)
        parts = [*(part[before] for part in parts), last]
    return joint, parts, sizes


def _numbered(codes: Codes) -> tuple[Codes, Codes, Codes]:
    """Codes numbered without gaps: the number of every row, the code of every number, and how many rows have it."""
    span = int(codes.max(initial=-1)) + 1
    if span > max(_FEW, 4 * len(codes)):
        found, numbers, sizes = np.unique(codes, return_inverse=True, return_counts=True)
        return numbers, found, sizes
    # A table with a place for each code takes a tenth of the time of sorting.
    sizes = np.zeros(span, dtype=np.intp)
    np.add.at(sizes, codes, 1)
    found = np.flatnonzero(sizes)
    if len(found) == span:
        return codes, found, sizes
    table = np.zeros(span, dtype=np.intp)
    table[found] = np.arange(len(found))
    return table[codes], found, sizes[found]
