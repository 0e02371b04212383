"""A confusion matrix as a heat table, and the confusions that are most frequent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xent.io.confusions import MOST_CLASSES, Matrix, confusions
from xent.io.escaping import named
from xent.io.report.markup import element
from xent.io.report.page import Section
from xent.io.report.tables import Cell, Column, caption_of, number_cell, number_text, rows_within, table, text_cell

if TYPE_CHECKING:
    from xent.core.result import Result

MOST_CONFUSIONS = 15
HEAD_CHARACTERS = 40
MOST_MATRICES = 2
MATRIX_BYTES, CONFUSION_BYTES = 60_000, 20_000
LEVELS = 10
"""So many shades there are; `report.css` has a class for each."""


def confusion_section(result: Result) -> list[Section]:
    """The confusion matrices that were measured."""
    parts = [part for confusion in confusions(result)[:MOST_MATRICES] for part in _parts(confusion.matrix, confusion.names)]
    return [Section("Confusion matrix", parts)] if parts else []


def _parts(matrix: Matrix, names: Sequence[str]) -> Iterator[ET.Element]:
    # Of more classes the largest confusions alone are told.
    if len(matrix) <= MOST_CLASSES:
        yield _heat_table(matrix, names)
    if len(matrix) > 2:
        yield _confusions(matrix, names)


def _heat_table(matrix: Matrix, names: Sequence[str]) -> ET.Element:
    heads = [element("th", named(name, HEAD_CHARACTERS), scope="col") for name in names]
    lines = ([text_cell(name), *_heat_cells(matrix[at], at)] for at, name in enumerate(names))
    rows = rows_within(lines, MATRIX_BYTES)
    caption = "True classes down, predicted classes across; the darker, the larger the share of the true class"
    made = element(
        "table",
        caption_of(caption),
        element("thead", element("tr", element("th", "true \\ predicted", scope="col"), *heads)),
        element("tbody", *rows.elements),
        class_="heat",
    )
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _heat_cells(row: Sequence[float], at: int) -> Iterator[Cell]:
    whole = math.fsum(row)
    for column, value in enumerate(row):
        share = value / whole if whole > 0.0 else 0.0
        level = math.ceil(share * LEVELS - 1e-9) if share > 0.0 else 0
        kind = "right" if column == at else "wrong"
        small = element("span", f"{100 * share:.3g} %", class_="share") if value else None
        yield number_cell(value, small, class_=f"{kind} h{level}")


def _confusions(matrix: Matrix, names: Sequence[str]) -> ET.Element:
    cells = ((value, true, predicted) for true, row in enumerate(matrix) for predicted, value in enumerate(row))
    pairs = [(value, true, predicted) for value, true, predicted in cells if true != predicted and value > 0.0]
    # Of equally frequent ones those of the first classes.
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    lines = (
        [
            text_cell(names[true]),
            text_cell(names[predicted]),
            number_cell(value),
            Cell(f"{100 * value / math.fsum(matrix[true]):.3g} %", value / math.fsum(matrix[true]), "number"),
        ]
        for value, true, predicted in pairs[:MOST_CONFUSIONS]
    )
    columns = [Column("true class"), Column("taken for"), Column("rows", True), Column("share of the true class", True)]
    caption = f"The most frequent of {number_text(len(pairs))} confusions"
    return table(caption, columns, rows_within(lines, CONFUSION_BYTES, heads=2))
