"""A result as a table for people. What comes from files goes in as text, never as rich's markup."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from xent.io.escaping import printable
from xent.io.exporters.plain import table_size
from xent.io.health_words import health_sentences
from xent.io.interval_words import interval_text, level_text, levels_of
from xent.io.metric_names import MetricNames
from xent.io.slice_words import slice_text, worst_first

if TYPE_CHECKING:
    from xent.core.result import DataReport, MetricResult, Result
    from xent.io.slice_losses import SliceLosses

ARROWS = {"lower": "↓", "higher": "↑", "none": ""}

MOST_VALUES = 12
"""So many values of an array are shown."""

BAR_WIDTH = 10
_LEVELS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")

MOST_SLICES = 50
"""So many slices are shown for each metric and way of slicing."""


def result_table(result: Result, *, to_terminal: bool = False, bars: bool = False, losses: SliceLosses | None = None) -> str:
    """Metrics with their values and rows, the worst slices first, then what was done to the predictions, then what was read.

    With `bars` a bar stands beside the value of every slice: as long as the value is far from 0, for one metric and way of slicing. With
    `losses` a sparkline of the losses of its rows stands there too, where the terminal is wide enough.
    """
    ranked = worst_first(result.slices)
    rows = (*result.metrics, *(metric for slices in ranked for metric in slices[:MOST_SLICES]))
    table = _values(rows, ranked, bars=bars, losses=losses)
    more = []
    if losses is not None:
        told = losses.sentence()
        if to_terminal and _least_width(table) > _width():
            # Sparklines tell more than bars. But where they are cut, or break names, they tell less than none.
            table = _values(rows, ranked, bars=False, losses=losses)
            if (needed := _least_width(table)) > _width():
                table = _values(rows, ranked, bars=bars)
                told = f"a terminal {needed} characters wide has room for the losses of rows beside each slice"
        more.append(Text(told, style="dim"))
    health = (Text(line, style="yellow") for line in _health_lines(result.metrics))
    left = sorted({len(slices) for slices in ranked if len(slices) > MOST_SLICES})
    more += [Text(f"the first {MOST_SLICES} of {count:,} slices; -f csv has all", style="dim") for count in left]
    if any(shown(metric.value) == table_size(metric.value) for metric in rows):
        more.append(Text("-f json has all numbers of the tables", style="dim"))
    gates = []
    if result.gates:
        from xent.cli.gate_table import gate_parts

        gates = gate_parts(result)
    return printed([table, *more, *health, Text(data_line(result.data), style="dim"), *gates], to_terminal=to_terminal)


def _values(
    rows: Sequence[MetricResult], ranked: Sequence[Sequence[MetricResult]], *, bars: bool, losses: SliceLosses | None = None
) -> Table:
    """The table of values, with bars and sparklines where they are wanted and there are slices."""
    sliced = any(metric.slice is not None for metric in rows)
    levels, names = levels_of(rows), MetricNames(rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("metric", *(["slice"] if sliced else [])):
        table.add_column(column, overflow="fold")
    table.add_column("value", justify="right", no_wrap=True, style="bold")
    bars = bars and sliced
    if bars:
        table.add_column("", no_wrap=True)
        longest = {id(metric): _largest(slices) for slices in ranked for metric in slices}
    if losses is not None:
        table.add_column(_axis(losses), no_wrap=True)
    for level in levels:
        table.add_column(level_text(level), no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    for metric in rows:
        where = [Text(_slice(metric))] if sliced else []
        sure = [Text(interval_text(metric.ci, level)) for level in levels]
        beside = [_bar(metric.value, longest.get(id(metric), 0.0))] if bars else []
        if losses is not None:
            beside.append(_sparkline(losses.shape(metric)))
        counted = [Text(ARROWS[metric.direction]), Text(f"{metric.count:,}")]
        table.add_row(Text(names(metric, printable)), *where, Text(shown(metric.value)), *beside, *sure, *counted)
    return table


def _largest(metrics: Sequence[MetricResult]) -> float:
    return max((abs(metric.value) for metric in metrics if _is_finite(metric.value)), default=0.0)


def _bar(value: Any, largest: float) -> Text:
    """A bar of eighths of characters."""
    if not largest or not _is_finite(value):
        return Text("")
    eighths = round(abs(value) / largest * BAR_WIDTH * 8)
    return Text("█" * (eighths // 8) + _EIGHTHS[eighths % 8], style="cyan")


def _axis(losses: SliceLosses) -> Text:
    """The ends of the axis, each above the end of the sparklines that it is of."""
    low, high = losses.ends
    return Text(f"{low} {high.rjust(len(losses.axis.ends) - len(low) - 2)}")


def _sparkline(shape: Sequence[float] | None) -> Text:
    """A character for each cell, as high as much lies in it, for the fullest of all the highest; blank where nothing lies."""
    if shape is None:
        return Text("")
    most = max(shape)
    return Text("".join(_LEVELS[math.ceil(weight / most * 8)] for weight in shape), style="cyan")


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def printed(parts: Sequence[Table | Text | str], *, to_terminal: bool = False) -> str:
    """Tables as wide as the terminal, and lines of text as long as they are. A `str` is text, never rich's markup."""
    # Without a terminal there is no width to keep to.
    console = Console(file=io.StringIO(), force_terminal=to_terminal, width=None if to_terminal else 10_000, highlight=False)
    if to_terminal:
        console.width = _width()
    with console.capture() as capture:
        for part in parts:
            console.print(Text(part) if isinstance(part, str) else part, soft_wrap=not isinstance(part, Table))
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _width() -> int:
    """How many characters fit in a line of the terminal."""
    return Console(file=sys.stdout).width


def _least_width(table: Table) -> int:
    """How wide a terminal must be to break no word of a table."""
    # Asked for in a console without end: in a narrow one, columns would say that they need no more than there is.
    console = Console(file=io.StringIO(), width=10_000)
    return Measurement.get(console, console.options, table).minimum


def shown(value: Any) -> str:
    """A value with seven digits, as Keras shows its own; of a long list the first ones, and of a table of numbers its size.

    >>> shown(0.1234567891), shown([0.5, float("nan")]), shown([[0.5, 0.25]] * 15)
    ('0.1234568', '[0.5, nan]', '15 x 2 numbers')
    """
    if isinstance(value, list):
        if (size := table_size(value)) is not None and _numbers_in(value) > MOST_VALUES:
            return size
        head = ", ".join(shown(item) for item in value[:MOST_VALUES])
        return f"[{head}]" if len(value) <= MOST_VALUES else f"[{head}, … {len(value)} in all]"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _numbers_in(value: list[Any]) -> int:
    return sum(_numbers_in(item) if isinstance(item, list) else 1 for item in value)


def data_line(data: DataReport) -> str:
    """What was read, in one line."""
    sources = [printable(source) for source in data.sources]
    names = ", ".join(sources) if len(sources) <= 3 else f"{len(sources)} files, {sources[0]} .. {sources[-1]}"
    facts = [f"{data.rows:,} rows"]
    if data.rows_dropped:
        facts.append(f"{data.rows_dropped:,} dropped for missing values")
    if data.classes is not None:
        facts.append(f"{data.classes:,} classes")
    if data.weight_sum != data.rows:
        facts.append(f"weights sum to {data.weight_sum:.10g}")
    return f"{names}: {', '.join(facts)}"


def _slice(metric: MetricResult) -> str:
    return "all" if metric.slice is None else printable(slice_text(metric))


def _health_lines(rows: tuple[MetricResult, ...]) -> list[str]:
    """The health of every value that has something to tell; values of the same health share a line."""
    names = MetricNames(rows)
    alike: dict[str, list[str]] = {}
    for metric in rows:
        if sentences := health_sentences(metric):
            where = "" if metric.slice is None else f" [{_slice(metric)}]"
            alike.setdefault("; ".join(sentences), []).append(f"{names.short(metric, printable)}{where}")
    return [f"{', '.join(named)}: {text}" for text, named in alike.items()]
