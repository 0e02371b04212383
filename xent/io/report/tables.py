"""Tables of the page: real ones, with captions and scopes, which the script of the page makes sortable and filterable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from xent.io.escaping import named
from xent.io.report.markup import Child, breakable, element, written


class Cell(NamedTuple):
    """What stands in a cell, the number that it is sorted by, and what else is said of it."""

    content: Child | tuple[Child, ...]
    number: float | None = None
    class_: str | None = None
    title: str | None = None


class Column(NamedTuple):
    """A column: its header, and whether numbers stand in it."""

    name: str
    is_number: bool = False


class Rows(NamedTuple):
    """The rows of a table that there is room for, and how many there are not."""

    elements: list[ET.Element]
    left_out: int


def number_text(value: Any) -> str:
    """A number with the digits that people read; what is no number is an empty text.

    >>> number_text(0.123456789), number_text(1234567), number_text(float("nan")), number_text(None)
    ('0.123457', '1,234,567', 'nan', '')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float) and math.isfinite(value) and value == math.floor(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def label_text(label: Any) -> str | None:
    """A label as text: also a number is a name here."""
    return label if label is None or isinstance(label, str) else number_text(label) if isinstance(label, float) else str(label)


def number_cell(value: Any, *more: Child, class_: str | None = None) -> Cell:
    """A number, with all its digits where the pointer rests on it."""
    text = number_text(value)
    exact = repr(value) if text and repr(value) != text else None
    is_number = isinstance(value, int | float)
    content: Child | tuple[Child, ...] = (text, *more) if more else text
    return Cell(content, float(value) if is_number else None, f"number {class_}" if class_ else "number", exact)


def rows_within(lines: Iterable[Sequence[Cell]], most_bytes: int, heads: int = 1) -> Rows:
    """The rows of cells up to so many bytes.

    Parameters
    ----------
    lines : the cells of each row
    most_bytes : the most bytes that all rows may take; the first row always stands
    heads : so many of the first cells of a row say what the row is
    """
    elements: list[ET.Element] = []
    room, left_out = most_bytes, 0
    for line in lines:
        if left_out:
            left_out += 1
            continue
        made = element("tr", *_cells(line, heads))
        room -= len(written(made).encode())
        if room >= 0 or not elements:
            elements.append(made)
        else:
            left_out = 1
    return Rows(elements, left_out)


def _cells(line: Sequence[Cell], heads: int) -> Iterator[ET.Element]:
    for place, cell in enumerate(line):
        children = cell.content if isinstance(cell.content, tuple) else (cell.content,)
        sort = None if cell.number is None else _sort_key(cell.number)
        is_head = place < heads
        yield element(
            "th" if is_head else "td", *children, scope="row" if is_head else None, class_=cell.class_, title=cell.title, data_sort=sort
        )


def _sort_key(number: float) -> str:
    """A number as JavaScript reads it.

    >>> _sort_key(0.1), _sort_key(float("-inf")), _sort_key(float("nan"))
    ('0.1', '-Infinity', 'nan')
    """
    return repr(number).replace("inf", "Infinity")


def table(caption: str, columns: Sequence[Column], rows: Rows, *, sortable: bool = True, filterable: bool = False) -> ET.Element:
    """A table in a frame that scrolls by itself, with the keyboard too."""
    head = [element("th", *breakable(named(column.name)), scope="col", class_="number" if column.is_number else None) for column in columns]
    left = f"; {rows.left_out:,} more are left out here, the result in JSON has all" if rows.left_out else ""
    made = element(
        "table",
        caption_of(caption + left),
        element("thead", element("tr", *head)),
        element("tbody", *rows.elements),
        data_sortable="" if sortable else None,
        data_filterable="" if filterable else None,
    )
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def caption_of(text: str) -> ET.Element:
    """A caption that stays in sight where a wide table is scrolled."""
    return element("caption", element("span", text))


def text_cell(text: Any, class_: str | None = None) -> Cell:
    """A name, or whatever a file holds in its place; the whole of a long one is nowhere on the page."""
    if isinstance(text, bool | str) or text is None:
        return Cell("" if text is None else named(str(text)), class_=class_)
    return number_cell(text) if isinstance(text, int | float) else Cell(named(str(text)), class_=class_)
