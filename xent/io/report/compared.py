"""The sections of a comparison: every metric of both models beside each other, and how sure their difference is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xent.core.differences import heaviest_first
from xent.io.comparison_text import p_text
from xent.io.escaping import named
from xent.io.interval_words import interval_text, level_text
from xent.io.metric_names import MetricNames
from xent.io.report.glyphs import Span, interval_glyph
from xent.io.report.markup import breakable, element
from xent.io.report.page import Section
from xent.io.report.shared import data_facts, facts
from xent.io.report.tables import Cell, Column, label_text, number_cell, number_text, rows_within, table, text_cell
from xent.io.slice_words import slice_name

if TYPE_CHECKING:
    from xent.core.differences import Comparison, Difference

DIFFERENCE_BYTES, SLICE_BYTES, ROW_BYTES = 200_000, 500_000, 30_000


def comparison_title(comparison: Comparison) -> str:
    """What the page is of."""
    base, *others = comparison.base.sources or ("no source",)
    candidates = ", ".join(next(iter(one.data.sources), "no source") for one in comparison.candidates[:3])
    return f"{candidates} against {base}" + (f" and {len(others):,} more" if others else "")


def comparison_sections(comparison: Comparison) -> list[Section]:
    """The differences, those of slices, and what was read."""
    whole = _table(comparison, comparison.differences, "All rows", DIFFERENCE_BYTES)
    sections = [Section("Differences", [whole, _explanation(comparison)])]
    if comparison.slices:
        ways = len({tuple(one.slice or ()) for one in comparison.slices})
        caption = f"Slices by {ways:,} ways of slicing" if ways > 1 else "Slices"
        sections.append(
            Section(
                "Slices",
                [
                    _table(
                        comparison,
                        heaviest_first(comparison.slices),
                        f"{caption}, those first that add most to the whole difference",
                        SLICE_BYTES,
                    )
                ],
            )
        )
    sections += [Section("Rows", tables)] if (tables := [*_carried(comparison)]) else []
    models = [element("div", element("h3", "base"), facts(data_facts(comparison.base)))]
    for number, one in enumerate(comparison.candidates, 1):
        pairs = [*data_facts(one.data)]
        if one.unmatched_base or one.unmatched_candidate:
            pairs.append(("rows without partner", f"{one.unmatched_base:,} of the base, {one.unmatched_candidate:,} of its own"))
        if one.decisions is not None:
            changed, fixed, broken = one.decisions
            pairs.append(("rows decided in another way", f"{changed:,}: {fixed:,} are right now, {broken:,} were right before"))
        models.append(element("div", element("h3", _candidate(comparison, number)), facts(pairs)))
    return [*sections, Section("Data", [element("div", *models, class_="models")])]


def _carried(comparison: Comparison) -> Iterator[ET.Element]:
    """The rows that carry the change of each candidate."""
    columns = [Column("row", True), Column("label"), Column("base", True), Column("candidate", True), Column("adds", True)]
    for number, one in enumerate(comparison.candidates, 1):
        if one.rows is None:
            continue
        for verb, rows in (("grows", one.rows.rising), ("falls", one.rows.falling)):
            several = len({row.source for row in rows}) > 1
            lines = (
                [
                    number_cell(row.row),
                    *([text_cell(row.source)] if several else []),
                    text_cell(label_text(row.label)),
                    *map(number_cell, (row.base_value, row.value, row.contribution)),
                ]
                for row in rows
            )
            heads = [columns[0], *([Column("file")] if several else []), *columns[1:]]
            caption = f"{_candidate(comparison, number)}: rows whose {one.rows.metric} {verb} most"
            if rows:
                yield table(caption, heads, rows_within(lines, ROW_BYTES))


def _candidate(comparison: Comparison, number: int) -> str:
    return f"candidate {number}" if len(comparison.candidates) > 1 else "candidate"


def _explanation(comparison: Comparison) -> ET.Element:
    margin = f", and equivalent where the interval lies within {number_text(comparison.margin)} of it" if comparison.margin else ""
    text = f"better and worse: the {level_text(comparison.level)} of the difference does not hold 0{margin}."
    return element("p", f"The difference is candidate less base. A stroke marks 0. {text[0].upper()}{text[1:]}", class_="note")


def _table(comparison: Comparison, differences: Sequence[Difference], caption: str, most_bytes: int) -> ET.Element:
    several = len(comparison.candidates) > 1
    sliced = any(one.slice is not None for one in differences)
    columns = [
        Column("metric"),
        *([Column("slice")] if sliced else []),
        Column("finding"),
        *([Column("candidate number", True)] if several else []),
        *([Column("rows", True)] if sliced else []),
        Column("base", True),
        Column("candidate", True),
        Column("difference", True),
        *([Column("adds", True)] if sliced else []),
        Column(level_text(comparison.level)),
        Column("p", True),
    ]
    names = MetricNames(differences)
    lines = ([*_cells(one, names(one, named), sliced=sliced, several=several)] for one in differences)
    return table(caption, columns, rows_within(lines, most_bytes, heads=2 if sliced else 1), filterable=sliced)


def _cells(one: Difference, name: str, *, sliced: bool, several: bool) -> Iterator[Cell]:
    # Names are broken where they may be, so that the finding is seen on a phone, and the p-value on a screen.
    yield Cell(tuple(breakable(name)), title=named(one.signature))
    if sliced:
        yield Cell(tuple(breakable("all" if one.slice is None else named(slice_name(one.slice)))))
    yield Cell(element("span", one.finding, class_=f"finding {one.finding}"))
    if several:
        yield number_cell(one.candidate + 1)
    if sliced:
        yield number_cell(one.count)
    yield number_cell(one.base)
    yield number_cell(one.value)
    yield number_cell(one.difference)
    if sliced:
        yield number_cell(one.contribution)
    low, high = (None, None) if one.ci is None else (one.ci.low, one.ci.high)
    # Every line has its own unit, so zero stands in the middle of each.
    reach = max((abs(end) for end in (low, high, one.difference) if isinstance(end, int | float)), default=0.0)
    span = Span.of((-reach, reach), 0.0)
    glyph = interval_glyph(span, one.difference, low, high, class_=one.finding)
    yield Cell((glyph, element("span", interval_text(one.ci), class_="sure")), title=None if one.ci is None else named(one.ci.method))
    p_value = one.p_adjusted if one.p_adjusted is not None else one.p_value
    yield Cell(p_text(one), p_value, "number")
