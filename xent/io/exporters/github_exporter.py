"""What GitHub Actions reads: annotations in the output of a step, and its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xent.core.errors import DataError
from xent.io.escaping import printable
from xent.io.exporters.markdown_exporter import to_markdown
from xent.io.exporters.plain import table_size
from xent.io.gate_words import outcome_word, slice_text
from xent.io.interval_words import interval_text
from xent.io.metric_names import MetricNames

if TYPE_CHECKING:
    from xent.core.result import Result

MOST_ANNOTATIONS = 10
"""GitHub shows so many of a step and drops the rest."""

MOST_BYTES = 1 << 20
"""The longest summary that GitHub takes; of a longer one it shows nothing."""

_HEAD = "### xent\n\n"

_WORST_FIRST = ("fail", "error", "inconclusive", "pass")


def to_github(result: Result) -> str:
    """An annotation for each gate, however many slices it has: those that stop first, and ten at most."""
    by_gate: dict[str, list[Mapping[str, Any]]] = {}
    for gate in result.gates:
        by_gate.setdefault(gate["gate"], []).append(gate)
    groups = sorted(by_gate.values(), key=lambda group: (group[0]["severity"] != "error", min(map(_rank, group))))
    lines = [_annotation(group) for group in groups[:MOST_ANNOTATIONS]]
    if not lines:
        names = MetricNames(result.metrics)
        told = ((names.short(one), table_size(one.value) or one.value, interval_text(one.ci)) for one in result.metrics)
        values = ", ".join(f"{name} {value} {interval}".rstrip() for name, value, interval in told)
        lines = [f"::notice title=xent::{_data(values)}"]
    return "".join(f"{line}\n" for line in lines)


def _rank(gate: Mapping[str, Any]) -> int:
    return _WORST_FIRST.index(gate["outcome"])


def _annotation(group: Sequence[Mapping[str, Any]]) -> str:
    worst = min(group, key=_rank)
    outcome = worst["outcome"]
    level = "notice" if outcome == "pass" else "error" if worst["severity"] == "error" and outcome != "inconclusive" else "warning"
    message = worst["reason"]
    if worst["slice"] is not None:
        alike = sum(gate["outcome"] == outcome for gate in group)
        message = f"{alike} of {len(group)} slices {outcome_word(worst)}, the first is {slice_text(worst)}: {message}"
    title = f"{worst['gate']}: {outcome_word(worst)}"
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def step_summary(result: Result, most: int = MOST_BYTES) -> str:
    """The result in Markdown, at most so many bytes long; nothing where not even the verdict has room."""
    # The last line is empty, so that what a later step appends begins a paragraph of its own.
    text = f"{_HEAD}{to_markdown(result, most - len(_HEAD) - 1)}\n"
    return text if len(text.encode("utf-8", "replace")) <= most else ""


def append_summary(result: Result, path: Path) -> None:
    """Appends the summary to the file that GitHub names, and keeps the whole of it below its limit.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    try:
        there = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(step_summary(result, MOST_BYTES - 1 - there))
    except OSError as error:
        raise DataError(f"cannot write the summary {str(path)!r}: {error.strerror or error}") from error
