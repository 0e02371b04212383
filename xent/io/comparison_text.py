"""A comparison as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xent.core.differences import heaviest_first
from xent.io.escaping import printable
from xent.io.exporters.csv_exporter import cell
from xent.io.exporters.markdown_exporter import escaped
from xent.io.exporters.plain import data_as_dict, json_text
from xent.io.gate_words import outcome_word, slice_text, verdict_sentence
from xent.io.metric_names import MetricNames
from xent.io.slice_words import slice_name

if TYPE_CHECKING:
    from xent.core.differences import CarriedRow, CarriedRows, Comparison, Difference


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison; `xent schema comparison` describes it."""
    return {
        "schema_version": comparison.schema_version,
        "xent": comparison.xent,
        "base": data_as_dict(comparison.base),
        "candidates": [
            {
                "data": data_as_dict(one.data),
                "unmatched_base": one.unmatched_base,
                "unmatched_candidate": one.unmatched_candidate,
                "decisions": None if one.decisions is None else one.decisions._asdict(),
                "rows": None if one.rows is None else _rows_as_dict(one.rows),
            }
            for one in comparison.candidates
        ],
        "level": comparison.level,
        "margin": comparison.margin,
        "differences": [_difference_as_dict(one) for one in comparison.differences],
        "slices": [_difference_as_dict(one) for one in comparison.slices],
        "gates": [dict(gate) for gate in comparison.gates],
        "verdict": comparison.verdict,
    }


def _rows_as_dict(rows: CarriedRows) -> dict[str, Any]:
    rising, falling = ([row._asdict() for row in found] for found in (rows.rising, rows.falling))
    return {"metric": rows.metric, "rising": rising, "falling": falling}


def _difference_as_dict(one: Difference) -> dict[str, Any]:
    return {
        "name": one.name,
        **({} if one.label is None else {"label": one.label}),
        "candidate": one.candidate,
        "base_value": one.base,
        "value": one.value,
        "difference": one.difference,
        "ci": None if one.ci is None else one.ci._asdict(),
        "standard_error": one.standard_error,
        "p_value": one.p_value,
        "p_adjusted": one.p_adjusted,
        "better": one.better,
        "worse": one.worse,
        "finding": one.finding,
        "contribution": one.contribution,
        "count": one.count,
        "direction": one.direction,
        "params": dict(one.params),
        "slice": None if one.slice is None else dict(one.slice),
        "signature": one.signature,
    }


def to_json(comparison: Comparison) -> str:
    """One JSON text."""
    return json_text(as_dict(comparison), indent=2)


_COLUMNS = (
    "name", "label", "slice", "candidate", "base_value", "value", "difference", "ci_level", "ci_low", "ci_high", "ci_method",
    "standard_error", "p_value", "p_adjusted", "better", "worse", "finding", "contribution", "count", "signature",
)  # fmt: skip


def to_csv(comparison: Comparison) -> str:
    """One line for each metric, candidate and slice."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in (*comparison.differences, *comparison.slices):
        plain: dict[str, Any] = {f"ci_{key}": value for key, value in (one.ci._asdict() if one.ci else {}).items()}
        plain |= _difference_as_dict(one) | {"slice": "" if one.slice is None else slice_name(one.slice)}
        writer.writerow([cell(plain.get(column)) for column in _COLUMNS])
    return text.getvalue()


def to_markdown(comparison: Comparison) -> str:
    """The verdict of gates, and a table with one line for each metric, candidate and slice, for pull requests and notes."""
    named = 1 + (len(comparison.candidates) > 1) + bool(comparison.slices)
    table = _table(header(comparison), ([*map(escaped, line[:named]), *line[named:]] for line in lines(comparison)))
    gates = "".join(
        f"- {escaped(gate['gate'])} [{escaped(slice_text(gate))}]: {outcome_word(gate)}, {escaped(gate['reason'])}\n"
        for gate in comparison.gates
    )
    verdict = f"**{verdict_sentence(comparison)}**\n\n{gates}\n" if comparison.gates else ""
    notes = "".join(f"\n{escaped(note)}\n" for note in sentences(comparison))
    carried = (
        f"\n<details><summary>{escaped(title)}</summary>\n\n{_table(ROWS, ([*map(escaped, row)] for row in rows))}\n</details>\n"
        for title, rows in carried_rows(comparison)
    )
    return verdict + table + notes + "".join(carried)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (names, ["---"] * len(names), *rows))


def header(comparison: Comparison) -> list[str]:
    """The columns of a comparison as a table."""
    which = ["of candidate"] if len(comparison.candidates) > 1 else []
    where = ["slice"] if comparison.slices else []
    adds = ["adds"] if comparison.slices else []
    level = f"{comparison.level * 100:.10g}% interval"
    return ["metric", *which, *where, "base", "candidate", "difference", *adds, level, "p", "finding"]


def lines(comparison: Comparison) -> Iterator[list[str]]:
    """The values of its lines, the slices that carry most of a change first; of each, the first ones may hold names from files."""
    names = MetricNames(comparison.differences)
    for one in (*comparison.differences, *heaviest_first(comparison.slices)):
        which = [str(one.candidate + 1)] if len(comparison.candidates) > 1 else []
        where = ["all" if one.slice is None else slice_name(one.slice)] if comparison.slices else []
        base, value, difference, interval, p_value = _numbers(one)
        adds = [shown(one.contribution, sign=True)] if comparison.slices else []
        yield [names(one), *which, *where, base, value, difference, *adds, interval, p_value, one.finding]


def _numbers(one: Difference) -> list[str]:
    interval = "" if one.ci is None else f"[{shown(one.ci.low)}, {shown(one.ci.high)}]"
    return [shown(one.base), shown(one.value), shown(one.difference, sign=True), interval, p_text(one)]


def shown(value: Any, *, sign: bool = False) -> str:
    """A number with the digits that matter; nothing for arrays and for what is not known.

    >>> shown(0.123456789), shown(0.5, sign=True), shown(None)
    ('0.123457', '+0.5', '')
    """
    return f"{value:{'+' if sign else ''}.6g}" if isinstance(value, int | float) else ""


def p_text(one: Difference) -> str:
    """The p-value, adjusted where several were tested."""
    p_value = one.p_adjusted if one.p_adjusted is not None else one.p_value
    return "" if p_value is None else "< 0.0001" if p_value < 1e-4 else f"{p_value:.2g}"


def sentences(comparison: Comparison) -> list[str]:
    """What else is to be said: which rows were compared, and how decisions changed."""
    base = comparison.base
    said = [f"base: {_named(base.sources)}, {base.rows:,} rows"]
    for number, one in enumerate(comparison.candidates, 1):
        which = f"candidate {number}" if len(comparison.candidates) > 1 else "candidate"
        said.append(f"{which}: {_named(one.data.sources)}")
        if one.unmatched_base or one.unmatched_candidate:
            said.append(f"{which}: {one.unmatched_base:,} rows of the base and {one.unmatched_candidate:,} of its own have no partner")
        if one.decisions is not None:
            changed, fixed, broken = one.decisions
            said.append(f"{which}: {changed:,} rows are decided in another way; {fixed:,} are right now, {broken:,} were right before")
    return said


ROWS = ("adds", "base", "candidate", "label", "base predicts", "candidate predicts", "row", "candidate's row")
"""The columns of a table of rows that carry a change."""


def carried_rows(comparison: Comparison) -> Iterator[tuple[str, list[list[str]]]]:
    """The rows that carry the change of each candidate, in both directions: a title and the cells of a table, in which names are data."""
    for number, one in enumerate(comparison.candidates, 1):
        if one.rows is None:
            continue
        which = f" of candidate {number}" if len(comparison.candidates) > 1 else ""
        for verb, rows in (("raise", one.rows.rising), ("lower", one.rows.falling)):
            if rows:
                count = "the row" if len(rows) == 1 else f"the {len(rows)} rows"
                verb = f"{verb}s" if len(rows) == 1 else verb
                yield f"{count} that {verb} {one.rows.metric}{which} most", [_row_cells(comparison.base.class_names, row) for row in rows]


def _row_cells(names: Sequence[str] | None, row: CarriedRow) -> list[str]:
    predictions = [_prediction(names, value) for value in (row.base_prediction, row.prediction)]
    label = row.label if isinstance(row.label, str) else _prediction(None, row.label)
    places = [f"{printable(source)}:{number}" for source, number in ((row.source, row.row), (row.candidate_source, row.candidate_row))]
    return [shown(row.contribution, sign=True), shown(row.base_value), shown(row.value), printable(label), *predictions, *places]


def _prediction(names: Sequence[str] | None, value: Any) -> str:
    """A number; of several the largest, with its class.

    >>> _prediction(("cat", "dog"), [0.25, 0.75]), _prediction(None, 0.5)
    ('dog 0.75', '0.5')
    """
    if not isinstance(value, list):
        return shown(value)
    if not value or not all(isinstance(one, int | float) for one in value):
        return "…"
    best = max(range(len(value)), key=value.__getitem__)
    return f"{printable(names[best]) if names and len(names) == len(value) else best} {shown(value[best])}"


def _named(sources: tuple[str, ...]) -> str:
    names = [printable(source) for source in sources]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} files, {names[0]} .. {names[-1]}"


FORMATS: Mapping[str, Callable[[Comparison], str]] = {"json": to_json, "csv": to_csv, "markdown": to_markdown}
