"""What an evaluation found: plain, frozen values, made before any format is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

SCHEMA_VERSION = 1

Verdict = Literal["pass", "fail", "inconclusive", "none"]


class HealthReport(NamedTuple):
    """What a convention did to the predictions behind one value; see `xent.core.states.Health`.

    `exact_value` is the value under the convention "exact", where there is one.
    """

    clipped: int
    renormalised: int
    max_sum_error: float
    exact_value: float | None


class Interval(NamedTuple):
    """A confidence interval and how it was made; its ends are lists where the value is an array."""

    level: float
    low: Any
    high: Any
    method: str


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One value: of one metric, for all rows or for one slice."""

    name: str
    value: Any
    params: Mapping[str, Any]
    count: int
    direction: str
    signature: str
    label: str | None = None
    ci: Interval | None = None
    standard_error: Any = None
    health: HealthReport | None = None
    slice: Mapping[str, str | None] | None = None


class DataReport(NamedTuple):
    """What was read: the sources, the rows, which column was what, and a fingerprint of labels and weights."""

    sources: tuple[str, ...]
    rows: int
    rows_dropped: int
    weight_sum: float
    classes: int | None
    columns: Mapping[str, Any]
    digest: str
    class_names: tuple[str, ...] | None = None


class Result(NamedTuple):
    """The whole of an evaluation."""

    xent: str
    data: DataReport
    metrics: tuple[MetricResult, ...]
    slices: tuple[MetricResult, ...] = ()
    gates: tuple[Mapping[str, Any], ...] = ()
    verdict: Verdict = "none"
    schema_version: int = SCHEMA_VERSION
