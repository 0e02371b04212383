"""Whether a result meets its gates.

Every gate ends in one of four outcomes: it is met ("pass"), it is not ("fail"), the data do not decide it ("inconclusive"), or it could not
be measured ("error"): no such metric or slice, too few rows, NaN. What was not measured is never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.distributions import normal_quantile
from xent.core.errors import DataError, UsageError
from xent.core.gate_intervals import Changes, Measure, PairedChange, holm_intervals, slice_key
from xent.core.gates import DATA_FACTS, OPERATORS, Gate, number_text
from xent.core.result import Interval, MetricResult, Result, Verdict

if TYPE_CHECKING:
    from xent.core.specs import Spec

DEFAULT_LEVEL = 0.95
"""The level of the intervals that gates are decided by, where nobody says another."""


def judge(
    result: Result,
    gates: Sequence[Gate],
    baseline: Result | None = None,
    *,
    allow_different_data: bool = False,
    changes: Changes | None = None,
) -> Result:
    """The result with a record for every gate and slice in `gates`, in place of those it had, and the verdict.

    Parameters
    ----------
    result : what was measured
    gates : the conditions
    baseline : an earlier result that `delta` and `rel` compare with
    allow_different_data : whether the baseline may be of other data, or of metrics with other parameters
    changes : the changes whose intervals are known from pairs of rows or folds; those of others are made of both standard errors

    Raises
    ------
    UsageError
        A gate compares and there is no baseline, or names a metric that is unknown or not the only one of its name.
    DataError
        The baseline is of other data, or its metric has another signature.
    """
    if baseline is None:
        require_baseline(gates)
    elif not allow_different_data:
        _refuse_other_data(result, baseline)
    judged = tuple(record for gate in gates for record in _records(gate, result, baseline, allow_different_data, changes or {}))
    return result._replace(gates=judged, verdict=verdict_of(judged))


def require_baseline(gates: Iterable[Gate]) -> None:
    """Raises `UsageError` where a gate compares with a baseline."""
    for gate in gates:
        if gate.compares:
            raise UsageError(f"the gate {gate} compares with an earlier result; name it with --baseline FILE")


def level_needed(gates: Iterable[Gate]) -> float | None:
    """The level of the confidence intervals that gates are decided by; None where values alone decide.

    Raises
    ------
    UsageError
        They ask for several levels.
    """
    by_interval = [gate for gate in gates if gate.decide != "point"]
    levels = {gate.confidence for gate in by_interval if gate.confidence is not None}
    if len(levels) > 1:
        raise UsageError(f"gates ask for confidence intervals of several levels: {', '.join(map(str, sorted(levels)))}")
    return next(iter(levels), DEFAULT_LEVEL if by_interval else None)


def verdict_of(gates: Sequence[Mapping[str, Any]]) -> Verdict:
    """What the records of gates mean together; those that only warn have no part in it, but that one of them was measured.

    >>> verdict_of([{"severity": "error", "outcome": "pass"}, {"severity": "warn", "outcome": "fail"}])
    'pass'
    """
    if not gates:
        return "none"
    outcomes = {gate["outcome"] for gate in gates if gate["severity"] == "error"}
    if outcomes & {"fail", "error"}:
        return "fail"
    if "inconclusive" in outcomes:
        return "inconclusive"
    # Those that only warn stop nothing; but where not one was measured, nothing has passed.
    return "none" if all(gate["outcome"] == "error" for gate in gates) else "pass"


def with_gated(specs: Sequence[Spec], gates: Iterable[Gate]) -> list[Spec]:
    """The metrics that were asked for, and behind them those that only gates name.

    Raises
    ------
    UsageError
        A gate names a metric that does not exist, or may mean several.
    """
    wanted = list(specs)
    for gate in gates:
        known = [(spec.label, spec.row.name) for spec in wanted]
        if gate.metric not in DATA_FACTS and find_metric(gate.metric, known) is None:
            from xent.core.specs import Spec
            from xent.core.table import row_of

            wanted.append(Spec(row_of(gate.metric)))
    return wanted


def find_metric(name: str, known: Sequence[tuple[str | None, str]]) -> int | None:
    """Which of several metrics, each given by label and canonical name, a gate means: by its label, else by its name or an alias of it.

    Raises
    ------
    UsageError
        Several have the name, or it is no name of a metric at all.

    >>> find_metric("mse", [(None, "mean_squared_error"), ("other", "mean_squared_error")])
    0
    """
    for place, (label, _) in enumerate(known):
        if label == name:
            return place
    canonical = name
    if name not in [own for _, own in known]:
        from xent.core.table import row_of

        canonical = row_of(name).name
    places = [place for place, (_, own) in enumerate(known) if own == canonical]
    if len(places) > 1:
        # A metric that has a label goes by it, so the name is that of the one which has none.
        places = [place for place in places if known[place][0] is None] or places
    if len(places) > 1:
        raise UsageError(f"a gate on {name!r} may mean any of {len(places)} metrics; give them labels, as in -m label={canonical}:...")
    return places[0] if places else None


class _Measured(NamedTuple):
    """What a gate asks about: for all rows or one slice. A fault says why there is no value."""

    slice: Mapping[str, str | None] | None
    value: Any = None
    rows: int | None = None
    ci: Interval | None = None
    standard_error: Any = None
    change: PairedChange | None = None
    fault: str | None = None


class _Compared(NamedTuple):
    """What is compared with the threshold, with its interval where there is one."""

    value: float
    interval: Interval | None
    rows: int

    def measure(self) -> Measure:
        assert self.interval is not None
        return Measure(self.value, self.interval, self.rows)


class _Judgement(NamedTuple):
    outcome: str
    reason: str
    compared: float | None = None
    ci: Interval | None = None


def _records(gate: Gate, result: Result, baseline: Result | None, allow_other: bool, changes: Changes) -> list[dict[str, Any]]:
    if gate.metric in DATA_FACTS:
        name, found = gate.metric, _facts(gate, result)
        earlier = _facts(gate, baseline) if baseline is not None and gate.compares else []
    else:
        place = find_metric(gate.metric, [(metric.label, metric.name) for metric in result.metrics])
        if place is None:
            return [_record(gate, gate.metric, _Measured(None), _Judgement("error", f"the result has no {gate.metric}"))]
        metric = result.metrics[place]
        name = metric.label or metric.name
        found = [_of_metric(one, changes) for one in _parts(gate, result, metric)]
        twin = _twin(metric, baseline, allow_other) if baseline is not None and gate.compares else None
        earlier = [] if twin is None or baseline is None else [_of_metric(one, {}) for one in _parts(gate, baseline, twin)]
    if gate.slices is not None and not found:
        return [_record(gate, name, _Measured(None), _Judgement("error", gate.slices.not_found([one.slice for one in result.slices])))]
    before = [next((other for other in earlier if other.slice == one.slice), None) for one in found]
    judgements = _judged(gate, [_compared(gate, *pair) for pair in zip(found, before, strict=True)])
    return [_record(gate, name, *one) for one in zip(found, judgements, before, strict=True)]


def _parts(gate: Gate, result: Result, metric: MetricResult) -> list[MetricResult]:
    """The value of a metric for all rows, or those for the slices that are meant."""
    if gate.slices is None:
        return [metric]
    identity = (metric.name, metric.label, metric.signature)
    return [
        one
        for one in result.slices
        if (one.name, one.label, one.signature) == identity and one.slice is not None and gate.slices.fits(one.slice)
    ]


def _of_metric(metric: MetricResult, changes: Changes) -> _Measured:
    change = changes.get((metric.label, metric.signature, slice_key(metric.slice)))
    return _Measured(metric.slice, metric.value, metric.count, metric.ci, metric.standard_error, change)


def _facts(gate: Gate, result: Result) -> list[_Measured]:
    """A fact about all rows, or about each slice that is meant."""
    if gate.slices is None:
        return [_fact(gate.metric, None, result.metrics, result)]
    slices: dict[tuple[tuple[str, str | None], ...], list[MetricResult]] = {}
    for metric in result.slices:
        if metric.slice is not None and gate.slices.fits(metric.slice):
            slices.setdefault(tuple(metric.slice.items()), []).append(metric)
    return [_fact(gate.metric, dict(key), metrics, result) for key, metrics in slices.items()]


def _fact(fact: str, slice: Mapping[str, str | None] | None, metrics: Sequence[MetricResult], result: Result) -> _Measured:
    # What was left out as one metric of several asked is still there for the others.
    rows = result.data.rows if slice is None else max(metric.count for metric in metrics)
    if fact == "rows":
        return _Measured(slice, rows, rows)
    if fact in ("rows_dropped", "weight_sum"):
        return _Measured(slice, getattr(result.data, fact), rows)
    values = [getattr(metric.health, fact) for metric in metrics if metric.health is not None]
    if not values:
        return _Measured(slice, None, rows, fault=f"none of the metrics counts what is {fact}, since none is of probabilities")
    return _Measured(slice, math.nan if any(map(_is_nan, values)) else max(values), rows)


def _twin(metric: MetricResult, baseline: Result, allow_other: bool) -> MetricResult | None:
    """The same metric in the baseline; None where there is none.

    Raises
    ------
    DataError
        There is only one with other parameters.
    """
    like = [other for other in baseline.metrics if other.name == metric.name]
    for other in like:
        if other.signature == metric.signature:
            return other
    like = [other for other in like if other.label == metric.label] or like
    if like and not allow_other:
        raise DataError(
            f"the baseline has another {metric.label or metric.name}: its signature is {like[0].signature}, here it is {metric.signature}\n"
            "measure both alike, or pass --allow-different-data"
        )
    return like[0] if like else None


def _refuse_other_data(result: Result, baseline: Result) -> None:
    if result.data.digest != baseline.data.digest:
        raise DataError(
            f"the baseline is of other labels or weights: {baseline.data.rows} rows with the digest {baseline.data.digest}, "
            f"here {result.data.rows} rows with {result.data.digest}\nevaluate both on the same rows, or pass --allow-different-data"
        )


def _judged(gate: Gate, compared: Sequence[_Judgement | _Compared]) -> list[_Judgement]:
    """The outcomes of a gate at its slices. Where a wildcard names several and intervals decide, these hold together."""
    corrected: dict[int, Interval] = {}
    if gate.decide != "point" and gate.slices is not None and gate.slices.is_wildcard:
        places = [place for place, one in enumerate(compared) if isinstance(one, _Compared) and _interval_fault(gate, one.interval) is None]
        measures = [compared[place].measure() for place in places]  # type: ignore[union-attr]  # Those that are left are no judgements.
        if len(places) > 1:
            corrected = dict(zip(places, holm_intervals(gate.threshold, measures), strict=True))
    judgements = []
    for place, one in enumerate(compared):
        if isinstance(one, _Judgement):
            judgements.append(one)
            continue
        interval, note = one.interval, ""
        if place in corrected and interval is not None:
            note = f" ({number_text(interval.level * 100)}% over {len(corrected)} slices, by Holm)"
            interval = corrected[place]
        judgements.append(_Judgement(*_decided(gate, one.value, interval, note), one.value, interval))
    return judgements


def _compared(gate: Gate, measured: _Measured, earlier: _Measured | None) -> _Judgement | _Compared:
    """What is compared with the threshold, or why there is nothing."""
    fault = _fault(gate, measured)
    if fault is not None:
        return _Judgement("error", fault)
    value, interval = measured.value, measured.ci
    if gate.compares:
        fault = "the baseline does not have it" if earlier is None else _fault(gate, earlier)
        if earlier is None or fault is not None:
            where = "" if earlier is None else "in the baseline "
            return _Judgement("error", f"{where}{fault}")
        value = _change(gate, value, earlier.value)
        interval = _interval_of_change(gate, value, measured, earlier)
    if _is_nan(value):
        zero = gate.of == "rel" and earlier is not None and earlier.value == 0
        return _Judgement("error", "the baseline is 0, of which no change is a share" if zero else "the change is NaN")
    return _Compared(value, interval, measured.rows or 0)


def _fault(gate: Gate, measured: _Measured) -> str | None:
    """Why there is nothing to judge."""
    if measured.fault is not None:
        return measured.fault
    if gate.min_rows is not None and (measured.rows or 0) < gate.min_rows:
        return f"{_rows(measured.rows or 0)} where {gate.min_rows} are needed"
    if not isinstance(measured.value, int | float):
        return f"{gate.metric} has several values, and a gate judges one"
    if math.isnan(measured.value) or measured.rows == 0:
        return "the value is NaN" if measured.rows else "there are no rows"
    return None


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _change(gate: Gate, value: float, earlier: float) -> float:
    # Two equal infinities have no difference that a number could tell.
    difference = value - earlier
    if gate.of == "delta":
        return difference
    return difference / abs(earlier) if earlier and math.isfinite(earlier) else math.nan


def _interval_of_change(gate: Gate, change: float, measured: _Measured, earlier: _Measured) -> Interval | None:
    """The interval of a change: from pairs, where they are known, and else as if the rows of both results were drawn anew.

    On the same rows the two go up and down together, and the change is then surer than an unpaired interval says.
    """
    if measured.change is not None:
        return measured.change.interval if gate.of == "delta" else measured.change.relative(earlier.value, measured.value)
    errors = (measured.standard_error, earlier.standard_error)
    if measured.ci is None or not all(isinstance(error, int | float) for error in errors):
        return None
    error = math.hypot(*errors)
    if gate.of == "rel":
        error = math.hypot(errors[0], errors[1] * measured.value / earlier.value) / abs(earlier.value)
    reach = normal_quantile(0.5 + measured.ci.level / 2.0) * error
    return Interval(measured.ci.level, change - reach, change + reach, "unpaired")


def _decided(gate: Gate, value: float, interval: Interval | None, note: str = "") -> tuple[str, str]:
    meets = OPERATORS[gate.op]
    if gate.decide == "point":
        met = meets(value, gate.threshold)
        return ("pass" if met else "fail"), _comparison(gate, value, met)
    fault = None if note else _interval_fault(gate, interval)
    if interval is None or fault is not None:
        return "error", fault or ""
    if gate.compares:
        note += " (unpaired)" if interval.method == "unpaired" else " (paired)"
    low, high = interval.low, interval.high
    ends = [meets(low, gate.threshold), meets(high, gate.threshold)]
    # Between two ends that both differ from a number, that number may still lie.
    between = gate.op == "==" and low <= gate.threshold <= high
    text = f"[{low:.7g}, {high:.7g}] at {interval.level * 100:.6g}%{note}"
    if all(ends):
        return "pass", f"all of {text} is {gate.op} {number_text(gate.threshold)}"
    if not any(ends) and not between:
        return "fail", f"nothing of {text} is {gate.op} {number_text(gate.threshold)}"
    return "inconclusive", f"only a part of {text} is {gate.op} {number_text(gate.threshold)}"


def _interval_fault(gate: Gate, interval: Interval | None) -> str | None:
    if interval is None:
        whose = "both results need one" if gate.compares else "the result has none"
        return f"decide={gate.decide} needs a confidence interval, and {whose}; --ci gives it where the rows are enough"
    if gate.confidence is not None and not math.isclose(gate.confidence, interval.level, rel_tol=1e-12):
        return f"the gate asks for an interval of level {gate.confidence:g}, and the result has one of {interval.level:g}"
    if not all(isinstance(end, int | float) and not math.isnan(end) for end in (interval.low, interval.high)):
        return "the confidence interval is NaN"
    return None


def _comparison(gate: Gate, value: float, met: bool) -> str:
    text = f"{value:.7g}" if isinstance(value, float) else str(value)
    # Rounded for people, but never so that it looks like what it is not.
    if OPERATORS[gate.op](float(text), gate.threshold) != met:
        text = repr(value)
    return f"{text} is {'' if met else 'not '}{gate.op} {number_text(gate.threshold)}"


def _single(value: Any) -> Any:
    return value if isinstance(value, int | float) else None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _record(gate: Gate, metric: str, measured: _Measured, judgement: _Judgement, before: _Measured | None = None) -> dict[str, Any]:
    """One gate at one slice as plain values; the schema of a result describes them."""
    return {
        "gate": str(gate),
        "metric": metric,
        "of": gate.of,
        "slice": None if measured.slice is None else dict(measured.slice),
        "op": gate.op,
        "threshold": gate.threshold,
        "value": judgement.compared,
        "candidate": _single(measured.value),
        "baseline": None if before is None else _single(before.value),
        "ci": None if gate.decide == "point" or judgement.ci is None else judgement.ci._asdict(),
        "count": measured.rows,
        "decide": gate.decide,
        "confidence": gate.confidence,
        "min_rows": gate.min_rows,
        "severity": gate.severity,
        "outcome": judgement.outcome,
        "reason": judgement.reason,
    }
