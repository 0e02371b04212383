"""Sections that the page of an evaluation and that of a comparison have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from xent.io.escaping import named
from xent.io.gate_words import outcome_word, slice_text, verdict_sentence
from xent.io.report.markup import Child, element
from xent.io.report.page import Section
from xent.io.report.tables import Cell, Column, number_cell, number_text, rows_within, table, text_cell

if TYPE_CHECKING:
    from xent.core.differences import Comparison
    from xent.core.result import DataReport, Result

GATE_BYTES = 100_000
MOST_SOURCES = 20
_ORDER = ("fail", "error", "inconclusive", "pass")


def verdict_line(found: Result | Comparison) -> ET.Element | None:
    """The verdict of all gates; nothing without gates."""
    if not found.gates:
        return None
    return element("p", verdict_sentence(found), class_=f"verdict {found.verdict}")


def gate_section(found: Result | Comparison) -> list[Section]:
    """What became of every gate, those first that did not pass."""
    if not found.gates:
        return []
    gates = sorted(found.gates, key=lambda gate: _ORDER.index(gate["outcome"]))
    # What matters most stands where it is seen on a phone too.
    columns = [Column("outcome"), Column("gate"), Column("slice"), Column("value", True), Column("rows", True), Column("why")]
    lines = ([*_gate_cells(gate)] for gate in gates)
    return [Section("Gates", [table("Gates, those first that did not pass", columns, rows_within(lines, GATE_BYTES))])]


def _gate_cells(gate: Mapping[str, Any]) -> Iterable[Cell]:
    colour = gate["outcome"] if gate["severity"] == "error" or gate["outcome"] == "pass" else "inconclusive"
    yield Cell(element("span", outcome_word(gate), class_=f"outcome {colour}"))
    yield text_cell(gate["gate"])
    yield text_cell(slice_text(gate))
    yield number_cell(gate["value"])
    yield number_cell(gate["count"])
    yield text_cell(gate["reason"], "wide")


def facts(pairs: Sequence[tuple[str, Child | Sequence[Child]]]) -> ET.Element:
    """Names with what there is to say of them."""
    parts = []
    for name, content in pairs:
        children = content if isinstance(content, list | tuple) else (content,)
        parts += [element("dt", name), element("dd", *children)]
    return element("dl", *parts, class_="facts")


def data_facts(data: DataReport) -> list[tuple[str, Child | Sequence[Child]]]:
    """What was read."""
    names = [element("li", named(source)) for source in data.sources[:MOST_SOURCES]]
    if len(data.sources) > MOST_SOURCES:
        names.append(element("li", f"and {len(data.sources) - MOST_SOURCES:,} more"))
    pairs: list[tuple[str, Child | Sequence[Child]]] = [
        ("sources", element("ul", *names)),
        ("rows", number_text(data.rows)),
        ("rows left out for missing values", number_text(data.rows_dropped)),
        ("sum of the weights", number_text(data.weight_sum)),
    ]
    if data.classes is not None:
        shown = ", ".join(named(name) for name in (data.class_names or ())[:MOST_SOURCES])
        more = "" if len(data.class_names or ()) <= MOST_SOURCES else ", …"
        pairs.append(("classes", f"{data.classes:,}" + (f": {shown}{more}" if shown else "")))
    pairs += [(f"column of {role}", _columns(value)) for role, value in data.columns.items() if value and role != "class_names"]
    return [*pairs, ("fingerprint of labels and weights", element("code", named(data.digest)))]


def _columns(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return named(str(value))
    shown = ", ".join(named(str(name)) for name in value[:MOST_SOURCES])
    return shown if len(value) <= MOST_SOURCES else f"{shown}, … ({len(value):,} columns)"
