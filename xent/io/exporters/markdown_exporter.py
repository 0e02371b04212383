"""Markdown: what a comment on a pull request says, the verdict first and never longer than a comment may be."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.io.escaping import printable
from xent.io.exporters.plain import json_text, table_size
from xent.io.gate_words import outcome_word, verdict_sentence
from xent.io.gate_words import slice_text as gate_slice_text
from xent.io.health_words import health_sentences
from xent.io.interval_words import interval_text, level_text, levels_of
from xent.io.metric_names import MetricNames
from xent.io.slice_words import slice_text, worst_first

if TYPE_CHECKING:
    from xent.core.result import DataReport, MetricResult, Result

MOST_BYTES = 1 << 16
"""GitHub refuses a comment of more than so many characters, of which none is shorter than a byte."""

MOST_OPEN = 10
"""So many values of slices stand among the others; more of them are folded away."""

MOST_SOURCES = 3

MOST_TEXT = 200
"""A table of numbers whose text is longer is told by its size: a curve in a cell would be all that is seen."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~])")
_MENTION = re.compile(r"([@#])(?=\w)")
_CUT = "\n… and {} more, for which there is no room here; the result in JSON has all of them.\n"


class _Table(NamedTuple):
    """A table, and what stands before and after it."""

    before: str
    header: Sequence[str]
    rows: Sequence[str]
    after: str = ""
    share: float = 1.0
    """How much of the room that is left its rows may take."""

    @property
    def head(self) -> str:
        """All that comes before the rows."""
        numbers = ("value", "rows")
        return self.before + _line(self.header) + _line(["---:" if name in numbers else "---" for name in self.header])


def to_markdown(result: Result, most: int = MOST_BYTES) -> str:
    """The verdict and the gates, the values, those of slices the worst first, and what was read.

    Parameters
    ----------
    result : what was found
    most : the most bytes of UTF-8 that the rows of the tables may bring it to; those that do not fit are left out, and that is said
    """
    tables = [*_gate_tables(result), *_value_tables(result)]
    foot = f"\n{_data_line(result.data)}; xent {result.xent}\n"
    room = most - sum(_size(table.head + table.after + _CUT.format(10**9)) for table in tables) - _size(foot)
    texts = []
    for table in tables:
        kept, kept_free = [], room - int(room * table.share)
        for row in table.rows:
            if _size(row) <= room - kept_free:
                kept.append(row)
                room -= _size(row)
        left = len(table.rows) - len(kept)
        texts.append(f"{table.head}{''.join(kept)}{_CUT.format(left) if left else ''}{table.after}")
    return "\n".join(texts) + foot


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))  # As it is written.


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _gate_tables(result: Result) -> list[_Table]:
    """One line for each gate, and for each slice that did not pass it."""
    if not result.gates:
        return []
    sliced = any(gate["slice"] is not None for gate in result.gates)
    rows = []
    for _, group in itertools.groupby(result.gates, key=lambda gate: gate["gate"]):
        gates = list(group)
        passed = [gate for gate in gates if gate["outcome"] == "pass" and gate["slice"] is not None]
        shown = gates if len(passed) <= 1 else [gate for gate in gates if gate["outcome"] != "pass"]
        if len(passed) > 1:
            # First, so that there is room for it however many slices fail.
            rows.append(_gate_row(passed[0], f"{len(passed)} of {len(gates)} slices", ""))
        rows += [_gate_row(gate, gate_slice_text(gate) if sliced else None, gate["reason"]) for gate in shown]
    header = ("gate", *(["slice"] if sliced else []), "outcome", "why")
    # However many slices fail, some room is left for the values.
    return [_Table(f"**{verdict_sentence(result)}**\n\n", header, rows, share=0.5)]


def _gate_row(gate: Mapping[str, Any], where: str | None, reason: str) -> str:
    return _line([escaped(gate["gate"]), *([] if where is None else [escaped(where)]), outcome_word(gate), escaped(reason)])


def _value_tables(result: Result) -> list[_Table]:
    slices = list(itertools.chain.from_iterable(worst_first(result.slices)))
    level = next(iter(levels_of((*result.metrics, *slices))), None)
    names = MetricNames(result.metrics)

    def table(before: str, metrics: Sequence[MetricResult], after: str = "", *, sliced: bool) -> _Table:
        interval = [] if level is None else [level_text(level)]
        header = ("metric", *(["slice"] if sliced else []), "value", *interval, "rows", "better", "notes")
        return _Table(before, header, [_value_row(metric, names(metric, escaped), level, sliced=sliced) for metric in metrics], after)

    if len(slices) <= MOST_OPEN:
        rows = (*result.metrics, *slices)
        return [table("", rows, sliced=any(metric.slice is not None for metric in rows))]
    fold = f"<details>\n<summary>{len(slices):,} values of slices, the worst first</summary>\n\n"
    return [table("", result.metrics, sliced=False), table(fold, slices, "\n</details>\n", sliced=True)]


def _value_row(metric: MetricResult, name: str, level: float | None, *, sliced: bool) -> str:
    where = ["all" if metric.slice is None else escaped(slice_text(metric))] if sliced else []
    interval = [] if level is None else [interval_text(metric.ci, level)]
    better = {"lower": "lower ↓", "higher": "higher ↑"}.get(metric.direction, "")
    notes = "; ".join(health_sentences(metric)).replace("|", "\\|")
    return _line([name, *where, _number(metric.value), *interval, str(metric.count), better, notes])


def _data_line(data: DataReport) -> str:
    sources = [escaped(source) for source in data.sources]
    names = ", ".join(sources) if len(sources) <= MOST_SOURCES else f"{len(sources)} files, {sources[0]} to {sources[-1]}"
    dropped = f", {data.rows_dropped} dropped" if data.rows_dropped else ""
    return f"{data.rows} rows{dropped} from {names}"


def escaped(name: str) -> str:
    r"""A name that Markdown shows as it is, and that calls nobody: a comment parts what GitHub would take for a mention of somebody.

    >>> escaped("a|b_<i>"), escaped("@team")
    ('a\\|b\\_&lt;i&gt;', '@<!-- -->team')
    """
    text = printable(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub(r"\1<!-- -->", _SPECIAL.sub(r"\\\1", text))


def _number(value: Any) -> str:
    if isinstance(value, int | float):
        return repr(value)
    size = table_size(value)
    text = json_text(value).rstrip("\n")
    return text if size is None or len(text) <= MOST_TEXT else size
