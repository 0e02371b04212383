"""Markdown: a table for pull requests and notes."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from xent.io.escaping import printable
from xent.io.exporters.plain import json_text
from xent.io.gate_words import outcome_word, verdict_sentence
from xent.io.gate_words import slice_text as gate_slice_text
from xent.io.health_words import health_sentences
from xent.io.slice_words import slice_text, worst_first

if TYPE_CHECKING:
    from xent.core.result import Result

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~])")


def to_markdown(result: Result) -> str:
    """A table with one line for each value, of slices the worst first, and what was read below it."""
    rows = (*result.metrics, *itertools.chain.from_iterable(worst_first(result.slices)))
    sliced = any(metric.slice is not None for metric in rows)
    header = ["metric", *(["slice"] if sliced else []), "value", "rows", "better", "notes"]
    lines = [header, ["---", *(["---"] if sliced else []), "---:", "---:", "---", "---"]]
    for metric in rows:
        name = metric.name if metric.label is None else f"{escaped(metric.label)} ({metric.name})"
        where = ["all" if metric.slice is None else escaped(slice_text(metric))] if sliced else []
        better = {"lower": "lower ↓", "higher": "higher ↑"}.get(metric.direction, "")
        lines.append(
            [name, *where, _number(metric.value), str(metric.count), better, "; ".join(health_sentences(metric)).replace("|", "\\|")]
        )
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    data = result.data
    dropped = f", {data.rows_dropped} dropped" if data.rows_dropped else ""
    gates = f"\n{gate_table(result)}" if result.gates else ""
    return f"{table}{gates}\n{data.rows} rows{dropped} from {', '.join(escaped(source) for source in data.sources)}; xent {result.xent}\n"


def gate_table(result: Result) -> str:
    """The verdict, and a table with one line for each gate and slice."""
    lines = [["gate", "slice", "outcome", "why"], ["---"] * 4]
    lines += [[escaped(gate["gate"]), escaped(gate_slice_text(gate)), outcome_word(gate), escaped(gate["reason"])] for gate in result.gates]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"**{verdict_sentence(result)}**\n\n{table}"


def escaped(name: str) -> str:
    r"""A name that Markdown shows as it is.

    >>> escaped("a|b_<i>")
    'a\\|b\\_&lt;i&gt;'
    """
    text = _SPECIAL.sub(r"\\\1", printable(name))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _number(value: Any) -> str:
    return repr(value) if isinstance(value, int | float) else json_text(value).rstrip("\n")
