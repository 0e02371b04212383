"""The sections of an evaluation: values, slices, figures, what the classes are taken for, and the rows that hurt."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from xent.io.escaping import named
from xent.io.exporters.plain import table_size
from xent.io.figures import is_curve
from xent.io.health_words import health_sentences
from xent.io.interval_words import interval_text, level_text
from xent.io.metric_names import MetricNames
from xent.io.report.glyphs import Span, interval_glyph, shape_glyph
from xent.io.report.markup import Child, breakable, element
from xent.io.report.page import Section
from xent.io.report.shared import data_facts, facts
from xent.io.report.svg import drawing, place_of_row
from xent.io.report.tables import Cell, Column, caption_of, label_text, number_cell, number_text, rows_within, table, text_cell
from xent.io.slice_words import MISSING

if TYPE_CHECKING:
    from xent.core.result import MetricResult, Result
    from xent.io.figures import Figure
    from xent.io.slice_losses import SliceLosses
    from xent.io.top_rows import Found

METRIC_BYTES, CLASS_BYTES, SLICE_BYTES, WORST_BYTES = 120_000, 60_000, 400_000, 150_000
MOST_FIGURES = 12
MOST_CARDS = 6
MOST_KEYS = 12
MOST_LISTED = 8
"""So many values of a list are shown where its numbers have no table of their own."""

_BETTER = {"lower": "lower ↓", "higher": "higher ↑"}


def cards(result: Result) -> ET.Element | None:
    """The first values, large enough to be seen first."""
    numbers = [metric for metric in result.metrics if _is_number(metric.value)][:MOST_CARDS]
    names = MetricNames(result.metrics)
    return element("div", *(_card(metric, names(metric, named)) for metric in numbers), class_="cards") if numbers else None


def _card(metric: MetricResult, name: str) -> ET.Element:
    better = {"lower": "lower is better", "higher": "higher is better"}.get(metric.direction)
    sure = interval_text(metric.ci)
    return element(
        "div",
        element("div", *breakable(name), class_="name"),
        element("div", number_text(metric.value), class_="value", title=repr(metric.value)),
        element("div", sure, class_="sure", title=level_text(metric.ci.level)) if sure and metric.ci else None,
        element("div", better, class_="better") if better else None,
        class_="card",
    )


def metric_section(result: Result) -> list[Section]:
    """Every value of all rows, and those of every class."""
    shown = [metric for metric in result.metrics if not is_curve(metric) and metric.name != "confusion_matrix"]
    if not shown:
        return []
    notes = [Column("notes")] if any(health_sentences(metric) for metric in shown) else []
    columns = [Column("metric"), Column("value", True), Column("interval"), Column("better"), Column("rows", True), *notes]
    called = MetricNames(result.metrics)
    rows = rows_within(([*_metric_cells(metric, called(metric, named))][: len(columns)] for metric in shown), METRIC_BYTES)
    parts = [table("Values of all rows", columns, rows)]
    names = _class_names(result)
    by_class = [metric for metric in shown if isinstance(metric.value, list) and len(metric.value) == len(names) > 0 and _is_flat(metric)]
    if by_class:
        lines = ([text_cell(name), *(number_cell(metric.value[at]) for metric in by_class)] for at, name in enumerate(names))
        heads = [Column("class"), *(Column(called(metric, named), True) for metric in by_class)]
        parts.append(table("Values of every class", heads, rows_within(lines, CLASS_BYTES), filterable=True))
    return [Section("Metrics", parts)]


def _metric_cells(metric: MetricResult, name: str) -> Iterator[Cell]:
    yield Cell(tuple(breakable(name)), title=named(metric.signature))
    yield number_cell(metric.value) if _is_number(metric.value) else Cell(_listed(metric.value))
    method = "" if metric.ci is None else f"{level_text(metric.ci.level)}, {named(metric.ci.method)}"
    yield Cell(interval_text(metric.ci), class_="interval", title=method or None)
    yield Cell(_BETTER.get(metric.direction, ""))
    yield number_cell(metric.count)
    notes = "; ".join(health_sentences(metric))
    yield Cell(notes, class_="wide" if notes else None)


def _listed(value: Any) -> str:
    if (size := table_size(value)) is not None:
        return size
    if not isinstance(value, list):
        return ""
    shown = ", ".join(number_text(item) or "…" for item in value[:MOST_LISTED])
    return f"[{shown}]" if len(value) <= MOST_LISTED else f"[{shown}, … {len(value):,} in all]"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_flat(metric: MetricResult) -> bool:
    return all(map(_is_number, metric.value))


def _class_names(result: Result) -> list[str]:
    names = result.data.class_names
    return list(names) if names else [str(number) for number in range(result.data.classes or 0)]


def slice_section(result: Result, shapes: SliceLosses | None = None, *, pictures: bool = True) -> list[Section]:
    """For every way of slicing a table with a row for each slice and a column for each metric, with small pictures or without."""
    ways: dict[tuple[str, ...], list[MetricResult]] = {}
    for metric in result.slices:
        ways.setdefault(tuple(metric.slice or ()), []).append(metric)
    parts = [_slice_table(result, way, values, shapes, SLICE_BYTES // len(ways), pictures=pictures) for way, values in ways.items()]
    return [Section("Slices", parts)] if parts else []


def _slice_table(
    result: Result, way: tuple[str, ...], values: list[MetricResult], shapes: SliceLosses | None, most_bytes: int, *, pictures: bool
) -> ET.Element:
    metrics = {_kind(metric): metric for metric in values if _is_number(metric.value)}
    overall = {_kind(metric): metric.value for metric in result.metrics}
    spans = {kind: Span.of(_ends(values, kind), overall.get(kind)) if pictures else None for kind in metrics}
    slices: dict[tuple[str | None, ...], dict[Any, MetricResult]] = {}
    for metric in values:
        slices.setdefault(tuple((metric.slice or {}).values()), {})[_kind(metric)] = metric
    first = next(iter(metrics), None)
    better = {"lower": -1.0, "higher": 1.0}.get(metrics[first].direction if first else "none")
    ordered = sorted(slices.items(), key=lambda item: _badness(item[1].get(first), better)) if better else list(slices.items())
    names = MetricNames(metrics.values())
    columns = [
        *(Column(name) for name in way),
        Column("rows", True),
        *([] if shapes is None else [Column("losses")]),
        *(Column(names(metric, named), True) for metric in metrics.values()),
    ]
    lines = (
        [
            *(text_cell(MISSING if value is None else value) for value in keys),
            number_cell(max(metric.count for metric in found.values())),
            *([] if shapes is None else [_shape_cell(shapes, found.values())]),
            *(_slice_cell(found.get(kind), spans[kind]) for kind in metrics),
        ]
        for keys, found in ordered
    )
    order = f", the worst {names(metrics[first], named)} first" if first and better else ""
    marked = "; a stroke marks the value of all rows" if pictures else ""
    drawn = "" if shapes is None else f"; {shapes.sentence()}"
    caption = f"{len(slices):,} slices by {named(', '.join(way))}{order}{marked}{drawn}"
    return table(caption, columns, rows_within(lines, most_bytes, heads=len(way)), filterable=True)


def _kind(metric: MetricResult) -> tuple[str | None, str]:
    return metric.label, metric.signature


def _ends(values: list[MetricResult], kind: tuple[str | None, str]) -> Iterator[object]:
    for metric in values:
        if _kind(metric) == kind:
            yield metric.value
            if metric.ci is not None:
                yield from (metric.ci.low, metric.ci.high)


def _badness(metric: MetricResult | None, better: float) -> tuple[bool, float]:
    value = None if metric is None else metric.value
    return (False, value * better) if isinstance(value, int | float) and not math.isnan(value) else (True, 0.0)


def _slice_cell(metric: MetricResult | None, span: Span | None) -> Cell:
    if metric is None:
        return Cell("")
    low, high = (None, None) if metric.ci is None else (metric.ci.low, metric.ci.high)
    sure = element("span", interval_text(metric.ci), class_="sure") if metric.ci is not None else None
    return number_cell(metric.value, interval_glyph(span, metric.value, low, high), sure)


def _shape_cell(shapes: SliceLosses, metrics: Iterable[MetricResult]) -> Cell:
    """How the losses of a slice are distributed; sorted by the losses of its fullest cell."""
    shape = next(filter(None, map(shapes.shape, metrics)), None)
    if shape is None:
        return Cell("")
    low, high = shapes.axis.fullest(shape)
    return Cell(shape_glyph(shape, f"most often from {low:.2g} to {high:.2g}"), low)


def figure_section(figures: Sequence[Figure]) -> list[Section]:
    """The figures, each with its numbers as a table: what the pointer shows is read from there."""
    return [Section("Figures", [element("div", *map(_figure, figures[:MOST_FIGURES]), class_="figures")])] if figures else []


def _figure(figure: Figure) -> ET.Element:
    title, summary = named(figure.title), figure.summary.replace(" %", "\N{NO-BREAK SPACE}%")
    is_alone = len(figure.series) == 1 and figure.reference is None
    legend = [] if is_alone else [element("li", series.name, class_=f"s{number}") for number, series in enumerate(figure.series, 1)]
    if figure.reference is not None:
        legend.append(element("li", figure.reference[2], class_="reference"))
    # The script finds the point that is nearest to the pointer by these places.
    heads = [element("th", name, scope="col") for name in figure.columns]
    rows = []
    for place, row in enumerate(figure.rows):
        points = " ".join(f"{x},{y}" for x, y in (place_of_row(figure, place, series) for series in figure.series))
        rows.append(element("tr", *(element("td", number_text(number)) for number in row), data_points=points))
    left = f"; {figure.left_out:,} points between them are left out here" if figure.left_out else ""
    numbers = element(
        "table",
        caption_of(f"The numbers of {title}{left}"),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
    )
    return element(
        "figure",
        element(
            "figcaption",
            element("h3", title),
            element("p", summary, *(f" {note}." for note in figure.notes)),
        ),
        element("div", drawing(figure), class_="plot", data_plot=title),
        element("ul", *legend, class_="legend") if legend else None,
        element(
            "details",
            element("summary", "Numbers"),
            element("div", numbers, class_="scroll", tabindex=0, role="region", aria_label=f"The numbers of {title}"),
        ),
        id=f"figure-{figure.key}",
    )


def worst_section(found: Found) -> list[Section]:
    """The rows of the largest losses, and how all losses are distributed."""
    several = len(found.data.sources) > 1
    weighted = any(row.weight != 1.0 for row in found.rows)
    predicted = any(row.predicted is not None for row in found.rows)
    keys = found.keys[:MOST_KEYS]
    columns = [
        Column("rank", True),
        *([Column("file")] if several else []),
        Column("row", True),
        *(Column(key) for key in keys),
        Column("label"),
        *([Column("predicted")] if predicted else []),
        Column("prediction", not any(isinstance(row.prediction, list) for row in found.rows)),
        *([Column("weight", True)] if weighted else []),
        Column("loss", True),
    ]
    lines = (
        [
            number_cell(record["rank"]),
            *([text_cell(record["file"])] if several else []),
            number_cell(record["row"]),
            *(text_cell(record["keys"][key]) for key in keys),
            text_cell(label_text(record["label"])),
            *([text_cell(label_text(record["predicted"]))] if predicted else []),
            _prediction(found, record),
            *([number_cell(record["weight"])] if weighted else []),
            number_cell(record["loss"]),
        ]
        for record in found.records()
    )
    caption = f"The {len(found.rows)} rows of the {found.order} {found.metric.name}"
    share = found.losses.share_of_worst()
    carried = f"The 1 % of the rows with the largest losses carry {100 * share:.3g} % of the whole loss."
    parts = [] if math.isnan(share) else [element("p", carried)]
    return [Section("Worst rows", [*parts, table(caption, columns, rows_within(lines, WORST_BYTES), filterable=True)])]


def _prediction(found: Found, record: dict[str, Any]) -> Cell:
    scores = found.decisive(record)
    if isinstance(scores, dict):
        return Cell(", ".join(f"{named(str(name))} {number_text(score)}" for name, score in scores.items()))
    return number_cell(scores) if _is_number(scores) else Cell(_listed(scores))


def data_section(result: Result) -> list[Section]:
    """What was read, and what was done to it."""
    names = MetricNames(result.metrics)
    lines: dict[str, list[str]] = {}
    for metric in result.metrics:
        for sentence in health_sentences(metric):
            lines.setdefault(sentence, []).append(names(metric, named))
    told: list[Child] = [element("li", f"{', '.join(alike)}: {sentence}") for sentence, alike in itertools.islice(lines.items(), 50)]
    health: Child = element("ul", *told) if told else "nothing was clipped and nothing renormalised"
    has_health = any(metric.health is not None for metric in result.metrics)
    return [Section("Data", [facts([*data_facts(result.data), *([("health of the predictions", health)] if has_health else [])])])]


def window_title(result: Result) -> str:
    """What the page is of."""
    first, *others = result.data.sources or ("no source",)
    return f"{first} and {len(others):,} more" if others else first
