"""What is drawn of a result: curves and histograms as plain numbers, made before any way of drawing is chosen.

The page of `xent report`, the terminal and the files of `--plot-dir` draw the same figures, so they show the same numbers.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from xent.io.interval_words import level_text
from xent.io.metric_names import MetricNames

if TYPE_CHECKING:
    from xent.core.loss_distribution import LossDistribution
    from xent.core.result import MetricResult, Result

MOST_POINTS = 201
"""So many points of a curve are drawn; the eye sees no more."""

_WIDE = 1000.0
"""A span of positive numbers whose ends are in a larger ratio is drawn on a logarithmic axis."""

Row = Sequence[float]


@dataclass(frozen=True, slots=True)
class Axis:
    """What is measured along one side, and between which ends."""

    label: str
    low: float = 0.0
    high: float = 1.0
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies between the ends, from 0 to 1; beyond them it lies at the end.

        >>> Axis("loss", 0.01, 100.0, is_logarithmic=True).place(100.0)
        1.0
        """
        low, high = self.low, self.high
        if self.is_logarithmic:
            value, low, high = (math.log(max(number, math.ulp(0.0))) for number in (value, low, high))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round numbers between the ends.

        >>> Axis("share", 0.0, 1.0).ticks(), Axis("loss", 0.005, 20.0, is_logarithmic=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.01, 0.1, 1.0, 10.0])
        """
        if self.is_logarithmic:
            lowest, highest = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if highest - lowest < 2:
                tens = range(math.floor(math.log10(self.low)), highest + 1)
                ticks = (factor * float(f"1e{power}") for power in tens for factor in (1.0, 2.0, 5.0))
                return [tick for tick in ticks if self.low <= tick <= self.high]
            apart = max(1, math.ceil((highest - lowest + 1) / 7))
            return [float(f"1e{number}") for number in range(lowest, highest + 1, apart)]
        rough = (self.high - self.low) / 5.0
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1.0 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        digits = 12 - math.floor(math.log10(step))
        return [round(number * step, digits) for number in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def labelled_ticks(self) -> list[tuple[float, str]]:
        """The same, each with its text: short, and with the digits that tell it from the next.

        >>> Axis("", 0.0, 2e6).labelled_ticks()[1:3], Axis("", 2000.0, 2000.1).labelled_ticks()[1]
        ([(500000.0, '500000'), (1000000.0, '1e6')], (2000.02, '2000.02'))
        """
        ticks = self.ticks()
        apart = min((after - before for before, after in itertools.pairwise(ticks)), default=0.0)
        largest = max(map(abs, ticks), default=0.0)
        digits = 6 if self.is_logarithmic or not apart else max(6, math.ceil(math.log10(largest / apart)) + 2)
        return [(tick, re.sub(r"e\+?(-?)0*", r"e\1", f"{tick:.{digits}g}")) for tick in ticks]


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of the numbers of a figure that belong together.

    Attributes
    ----------
    name : what they are
    x, y : the columns along both axes
    kind : joined by lines, by steps (a value holds up to the next one on the left), as points, or as bars from `low` to `high` along x
    band : the columns between which the true value of y probably lies
    start : where the line begins before the first of the numbers, where that is known without them
    """

    name: str
    x: int
    y: int
    kind: Literal["line", "steps", "points", "bars"] = "line"
    band: tuple[int, int] | None = None
    start: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes
    ----------
    key : a short name without any character that a file name or an identifier minds
    title : what it shows
    summary : the same for those who cannot see it, with the numbers that matter
    columns, rows : the numbers and what they are; `left_out` points stand between them
    series : what is drawn of them
    reference : the ends of a line to compare with, and what it stands for
    """

    key: str
    title: str
    summary: str
    x: Axis
    y: Axis
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    series: tuple[Series, ...]
    reference: tuple[tuple[float, float], tuple[float, float], str] | None = None
    left_out: int = 0
    notes: tuple[str, ...] = ()


def figures(result: Result, losses: tuple[str, LossDistribution] | None = None) -> list[Figure]:
    """The figures of a result, those of its curves in their order.

    Parameters
    ----------
    result : what was found
    losses : the name of a loss and how it is distributed over the rows, where that is known
    """
    found = [figure for metric in result.metrics for figure in _of_metric(metric, result)]
    if losses is not None:
        found += _loss_histogram(*losses)
    used: dict[str, int] = {}
    numbered = []
    for figure in found:
        used[figure.key] = used.get(figure.key, 0) + 1
        count = used[figure.key]
        numbered.append(figure if count == 1 else replace(figure, key=f"{figure.key}-{count}"))
    return numbered


def is_curve(metric: MetricResult) -> bool:
    """Whether the value is shown as a figure."""
    return metric.name in _FIGURES


def _of_metric(metric: MetricResult, result: Result) -> Iterator[Figure]:
    maker = _FIGURES.get(metric.name)
    rows = metric.value
    if maker is None or not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        return
    if any(len(row) != len(_COLUMNS[metric.name]) for row in rows):
        return
    if not all(isinstance(number, int | float) and not math.isnan(number) for row in rows for number in row):
        return
    yield from maker(metric, rows, result)


def _thinned(rows: Sequence[Row]) -> tuple[tuple[Row, ...], int]:
    """At most `MOST_POINTS` of the rows, with the first and the last, and how many that leaves out."""
    if len(rows) <= MOST_POINTS:
        return tuple(rows), 0
    places = {round(number * (len(rows) - 1) / (MOST_POINTS - 1)) for number in range(MOST_POINTS)}
    return tuple(rows[place] for place in sorted(places)), len(rows) - len(places)


def _title(words: str, metric: MetricResult, result: Result) -> str:
    """The title, with the class that is looked at, and the name that was asked for or what tells it from others."""
    chosen, names = metric.params.get("class_id"), result.data.class_names
    if isinstance(chosen, int):
        words += f", class {names[chosen] if names is not None and 0 <= chosen < len(names) else chosen}"
    told = MetricNames(result.metrics).apart(metric) if metric.label is None else metric.label
    return f"{words} ({told})" if told else words


def _value_of(result: Result, name: str) -> float | None:
    """The one value of a metric of one class against the rest, where it was measured."""
    values = [metric.value for metric in result.metrics if metric.name == name and isinstance(metric.value, float)]
    return values[0] if len(values) == 1 else None


def _reliability(metric: MetricResult, rows: list[Row], result: Result) -> Iterator[Figure]:
    whole = math.fsum(row[2] for row in rows)
    worst = max(rows, key=lambda row: abs(row[3] - row[4]))
    level = metric.params.get("level")
    band = f"{level_text(level)}s" if isinstance(level, float) else "intervals"
    summary = (
        f"Of {len(rows)} bins with a weight of {whole:,.10g} in all, the largest gap is at a claimed probability of {worst[3]:.3g}, "
        f"where the share that happened is {worst[4]:.3g}."
    )
    shown, left = _thinned(rows)
    yield Figure(
        key="reliability",
        title=_title("Reliability", metric, result),
        summary=summary,
        x=Axis("claimed probability"),
        y=Axis("share that happened"),
        columns=_COLUMNS[metric.name],
        rows=shown,
        series=(Series(f"share that happened, with {band}", 3, 4, "points", (5, 6)),),
        reference=((0.0, 0.0), (1.0, 1.0), "calibrated"),
        left_out=left,
    )


def _roc(metric: MetricResult, rows: list[Row], result: Result) -> Iterator[Figure]:
    area = _value_of(result, "roc_auc")
    shown, left = _thinned(rows)
    yield Figure(
        key="roc",
        title=_title("ROC curve", metric, result),
        summary="True positive rate against false positive rate" + ("." if area is None else f"; the area below is {area:.4g}."),
        x=Axis("false positive rate"),
        y=Axis("true positive rate"),
        columns=_COLUMNS[metric.name],
        rows=shown,
        series=(Series("true positive rate", 1, 2),),
        reference=((0.0, 0.0), (1.0, 1.0), "chance"),
        left_out=left,
    )


def _precision_recall(metric: MetricResult, rows: list[Row], result: Result) -> Iterator[Figure]:
    area = _value_of(result, "average_precision")
    prevalence = rows[-1][1]
    shown, left = _thinned(rows)
    yield Figure(
        key="precision-recall",
        title=_title("Precision and recall", metric, result),
        summary=f"Precision against recall; of all rows {prevalence:.3g} are positive"
        + ("." if area is None else f", and the average precision is {area:.4g}."),
        x=Axis("recall"),
        y=Axis("precision"),
        columns=_COLUMNS[metric.name],
        rows=shown,
        series=(Series("precision", 2, 1, "steps"),),
        reference=((0.0, prevalence), (1.0, prevalence), "chance"),
        left_out=left,
    )


def _lift(metric: MetricResult, rows: list[Row], result: Result) -> Iterator[Figure]:
    shown, left = _thinned(rows)
    tenth = min(rows, key=lambda row: abs(row[1] - 0.1))
    best = max(row[3] for row in rows)
    yield Figure(
        key="gain",
        title=_title("Cumulative gain", metric, result),
        summary=f"The {tenth[1]:.3g} of the rows with the highest scores hold {tenth[2]:.3g} of the positives.",
        x=Axis("share of the rows, highest scores first"),
        y=Axis("share of the positives"),
        columns=_COLUMNS[metric.name],
        rows=shown,
        # No rows hold none of the positives.
        series=(Series("gain", 1, 2, start=(0.0, 0.0)),),
        reference=((0.0, 0.0), (1.0, 1.0), "chance"),
        left_out=left,
    )
    yield Figure(
        key="lift",
        title=_title("Lift", metric, result),
        summary=f"The {tenth[1]:.3g} of the rows with the highest scores hold {tenth[3]:.3g} times as many positives as chance would give.",
        x=Axis("share of the rows, highest scores first"),
        y=Axis("lift", 0.0, max(2.0, math.ceil(best * 1.05 * 2.0) / 2.0)),
        columns=_COLUMNS[metric.name],
        rows=shown,
        series=(Series("lift", 1, 3),),
        reference=((0.0, 1.0), (1.0, 1.0), "chance"),
        left_out=left,
    )


def _thresholds(metric: MetricResult, rows: list[Row], result: Result) -> Iterator[Figure]:
    best = max(rows, key=lambda row: row[4])
    shown, left = _thinned(sorted(rows, key=lambda row: row[0]))
    low, high = min(0.0, shown[0][0]), max(1.0, shown[-1][0])
    yield Figure(
        key="thresholds",
        title=_title("Thresholds", metric, result),
        summary=f"Of these thresholds F1 is best at {best[0]:.4g}, with precision {best[1]:.3g} and recall {best[2]:.3g}.",
        x=Axis("threshold", low, high),
        y=Axis("value"),
        columns=_COLUMNS[metric.name],
        rows=shown,
        series=(Series("precision", 0, 1), Series("recall", 0, 2), Series("F1", 0, 4)),
        left_out=left,
    )


def _residuals(metric: MetricResult, rows: list[Row], result: Result) -> Iterator[Figure]:
    across, up = _around(row[3] for row in rows), _around((0.0, *(end for row in rows for end in row[5:7])))
    if across is None or up is None:
        return
    worst = max(rows, key=lambda row: abs(row[4]))
    error = (worst[6] - worst[5]) / 2.0 / math.sqrt(worst[2])
    # Where predictions are of several magnitudes, most of them would lie in one corner.
    is_wide = rows[0][3] > 0.0 and rows[-1][3] > _WIDE * rows[0][3]
    shown, left = _thinned(rows)
    yield Figure(
        key="residuals",
        title=_title("Residuals by prediction", metric, result),
        summary=f"In {len(rows)} bins of equal weight the mean residual is farthest from 0 at a prediction of {worst[3]:.4g}: labels lie "
        f"{abs(worst[4]):.3g} {'above' if worst[4] > 0.0 else 'below'} it there, with a standard error of {error:.2g}.",
        x=Axis("prediction", rows[0][3], rows[-1][3], is_logarithmic=True) if is_wide else Axis("prediction", *across),
        y=Axis("label less prediction", *up),
        columns=_COLUMNS[metric.name],
        rows=shown,
        series=(Series("mean residual, and one standard deviation around it", 3, 4, "points", (5, 6)),),
        reference=((across[0], 0.0), (across[1], 0.0), "as predicted"),
        left_out=left,
    )


def _around(numbers: Iterable[float]) -> tuple[float, float] | None:
    """Ends that hold all of these and a little more; None where floats have no room for that."""
    found = list(numbers)
    low, high = min(found), max(found)
    more = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - more, high + more
    return (low, high) if math.isfinite(high - low) else None


def _loss_histogram(name: str, losses: LossDistribution) -> list[Figure]:
    bars = [bar for bar in losses.histogram() if 0.0 < bar[0] < bar[1] < math.inf]
    others = [bar for bar in losses.histogram() if not 0.0 < bar[0] < bar[1] < math.inf]
    if not bars:
        return []
    whole = math.fsum(bar[2] for bar in (*bars, *others))
    rows = tuple((low, high, weight, weight / whole) for low, high, weight in bars)
    median, high, highest = (losses.quantile(q) for q in (0.5, 0.9, 0.99))
    share = losses.share_of_worst()
    carried = "" if math.isnan(share) else f" The 1 % of the rows with the largest losses carry {100 * share:.3g} % of the whole."
    left = math.fsum(bar[2] for bar in others)
    told = f"{left / whole:.3g} of the weight has a loss of 0, below 0 or without bound, which a logarithmic axis cannot show"
    return [
        Figure(
            key="losses",
            title=f"Losses of rows: {name}",
            summary=f"Half of the rows have a loss up to {median:.3g}, 90 % up to {high:.3g}, 99 % up to {highest:.3g}.{carried}",
            x=Axis("loss of a row", rows[0][0], rows[-1][1], is_logarithmic=True),
            y=Axis("share of the rows", 0.0, max(row[3] for row in rows) * 1.05),
            columns=("low end", "high end", "weight", "share of the rows"),
            rows=rows,
            series=(Series("share of the rows", 0, 3, "bars", (0, 1)),),
            notes=(told,) if left else (),
        )
    ]


_FIGURES: Mapping[str, Callable[[MetricResult, list[Row], Result], Iterator[Figure]]] = {
    "reliability_curve": _reliability,
    "roc_curve": _roc,
    "precision_recall_curve": _precision_recall,
    "lift_curve": _lift,
    "threshold_table": _thresholds,
    "residual_curve": _residuals,
}
"""How the value of a metric is drawn."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "reliability_curve": ("low end", "high end", "weight", "claimed", "happened", "interval from", "interval to"),
    "roc_curve": ("threshold", "false positive rate", "true positive rate"),
    "precision_recall_curve": ("threshold", "precision", "recall"),
    "lift_curve": ("threshold", "share of rows", "gain", "lift"),
    "threshold_table": ("threshold", "precision", "recall", "specificity", "F1", "accuracy", "cost"),
    "residual_curve": ("low end", "high end", "weight", "prediction", "mean residual", "deviation below", "deviation above"),
}
"""What the numbers of a row of these metrics are."""
