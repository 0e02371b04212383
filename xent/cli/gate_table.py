"""What became of gates, as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from xent.io.escaping import printable
from xent.io.gate_words import outcome_word, slice_text, verdict_sentence

if TYPE_CHECKING:
    from xent.core.differences import Comparison
    from xent.core.result import Result

STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "error": "red"}


def gate_parts(result: Result | Comparison) -> list[Any]:
    """A table with a line for each gate and slice, and the verdict; nothing where there are no gates."""
    if not result.gates:
        return []
    sliced = any(gate["slice"] is not None for gate in result.gates)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("gate", *(["slice"] if sliced else []), "outcome", "why"):
        table.add_column(column, overflow="fold")
    for gate in result.gates:
        where = [Text(printable(slice_text(gate)))] if sliced else []
        outcome = Text(outcome_word(gate), style=STYLES[gate["outcome"]] if gate["severity"] == "error" else "yellow")
        table.add_row(Text(printable(gate["gate"])), *where, outcome, Text(printable(gate["reason"])))
    style = "green" if result.verdict == "pass" else "red" if result.verdict == "fail" else "yellow"
    return ["", table, Text(verdict_sentence(result), style=f"bold {style}")]
