"""What a comparison of models found: plain, frozen values, made before any format is chosen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from xent.core.result import SCHEMA_VERSION, DataReport, Interval, MetricResult, Verdict

Finding = Literal["better", "worse", "equivalent", "undecided", "none"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one candidate beside that of the base: for all rows or for one slice.

    Attributes
    ----------
    candidate : the number of the candidate, from 0
    base, value : the values of the base and of the candidate
    difference : candidate less base
    p_value : the probability of a difference at least as large where there is none
    p_adjusted : the same where all that were tested together have none (Holm)
    better, worse : rows whose own value the candidate improves, and spoils
    finding : what the interval says: "better" or "worse" where it does not hold 0, "equivalent" where it lies within the margin,
        "undecided", or "none" where there is no interval or no better direction
    contribution : what a slice adds to the difference of all rows, the difference times its share of the weight; None for all rows.
        Of a metric that is a mean, the contributions of all slices add up to the whole difference
    errors : the standard errors of both values
    """

    name: str
    label: str | None
    params: Mapping[str, Any]
    direction: str
    signature: str
    count: int
    slice: Mapping[str, str | None] | None
    candidate: int
    base: Any
    value: Any
    difference: Any
    ci: Interval | None
    standard_error: float | None
    p_value: float | None
    p_adjusted: float | None
    better: int | None
    worse: int | None
    finding: Finding
    contribution: float | None = None
    errors: tuple[float, float] | None = None


class Decisions(NamedTuple):
    """Rows decided for another class than the base decides for; of them, those that are right now, and those that were right before."""

    changed: int
    fixed: int
    broken: int


class CarriedRow(NamedTuple):
    """A row that carries a change: where it stands in both, what both predict, and what it adds to the difference.

    Rows are counted from 1. `base_value` and `value` are its own values of the metric.
    """

    source: str
    row: int
    candidate_source: str
    candidate_row: int
    label: Any
    base_prediction: Any
    prediction: Any
    weight: float
    base_value: float
    value: float
    contribution: float


class CarriedRows(NamedTuple):
    """The rows whose own value of a metric grows most, and those whose value falls most, each with the largest change first."""

    metric: str
    rising: tuple[CarriedRow, ...]
    falling: tuple[CarriedRow, ...]


class CandidateReport(NamedTuple):
    """What was read of a candidate, and how its rows met those of the base."""

    data: DataReport
    unmatched_base: int
    unmatched_candidate: int
    decisions: Decisions | None
    rows: CarriedRows | None = None


class Comparison(NamedTuple):
    """The whole of a comparison."""

    xent: str
    base: DataReport
    candidates: tuple[CandidateReport, ...]
    level: float
    margin: float | None
    differences: tuple[Difference, ...]
    slices: tuple[Difference, ...] = ()
    gates: tuple[Mapping[str, Any], ...] = ()
    verdict: Verdict = "none"
    schema_version: int = SCHEMA_VERSION


def finding(ci: Interval | None, direction: str, margin: float | None) -> Finding:
    """What an interval of a difference says of the candidate.

    >>> finding(Interval(0.95, -0.2, -0.1, "t"), "lower", None), finding(Interval(0.95, -0.01, 0.02, "t"), "lower", 0.05)
    ('better', 'equivalent')
    """
    if ci is None or direction == "none":
        return "none"
    if margin is not None and -margin < ci.low and ci.high < margin:
        return "equivalent"
    if ci.low <= 0.0 <= ci.high:
        return "undecided"
    return "better" if (ci.low > 0.0) == (direction == "higher") else "worse"


def heaviest_first(differences: Sequence[Difference]) -> list[Difference]:
    """The slices of each metric, candidate and way of slicing by how much they add to the whole difference, in either direction."""
    together: dict[Any, list[Difference]] = {}
    for one in differences:
        together.setdefault((one.candidate, tuple(one.slice or ()), one.label, one.signature), []).append(one)
    return [one for found in together.values() for one in sorted(found, key=lambda one: -_size(one.contribution))]


def _size(contribution: float | None) -> float:
    return -1.0 if contribution is None or math.isnan(contribution) else abs(contribution)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of several tests such that those below a level are false with that probability, whichever of the tests are.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def adjusted(differences: Sequence[Difference], level: float) -> tuple[Difference, ...]:
    """The differences with Holm's p-values, over the candidates and slices that one metric was tested for.

    What is better or worse by itself alone, but not among so many, is undecided: its p-value among them is above 1 - `level`.
    """
    together: dict[tuple[str | None, str], list[int]] = {}
    for place, one in enumerate(differences):
        if one.p_value is not None and not math.isnan(one.p_value):
            together.setdefault((one.label, one.signature), []).append(place)
    found = list(differences)
    for places in together.values():
        for place, p_value in zip(places, holm([found[place].p_value or 0.0 for place in places]), strict=True):
            one = found[place]
            by_chance = one.finding in ("better", "worse") and p_value > 1.0 - level
            found[place] = dataclasses.replace(one, p_adjusted=p_value, finding="undecided" if by_chance else one.finding)
    return tuple(found)


def as_metric(difference: Difference, *, base: bool) -> MetricResult:
    """The value of one of both models, as an evaluation of it alone would give it."""
    return MetricResult(
        name=difference.name,
        value=difference.base if base else difference.value,
        params=difference.params,
        count=difference.count,
        direction=difference.direction,
        signature=difference.signature,
        label=difference.label,
        slice=difference.slice,
    )
