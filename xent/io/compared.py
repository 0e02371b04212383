"""From two data sets of the same rows to a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import xent
from xent.core.differences import (
    CandidateReport,
    CarriedRow,
    CarriedRows,
    Comparison,
    Decisions,
    Difference,
    adjusted,
    as_metric,
    finding,
)
from xent.core.errors import NothingEvaluated
from xent.core.gate_intervals import Measure, PairedChange, slice_key
from xent.core.judging import judge
from xent.core.pair_tally import Paired, PairTally, SlicedPairTally, change_of, weight_of
from xent.core.result import Interval, Result
from xent.core.tally import Confidence, NanPolicy, Tally, signature
from xent.io.evaluation import data_report
from xent.io.row_pairs import RowPairs
from xent.io.tallying import tally_of

if TYPE_CHECKING:
    from xent.core.carriers import Carrier
    from xent.core.gates import Gate
    from xent.core.metric import Metric
    from xent.core.result import DataReport
    from xent.io.dataset import Dataset
    from xent.io.slices import Slicer


def compare(
    base: Dataset,
    candidates: Sequence[Dataset],
    metrics: Sequence[Metric],
    *,
    level: float = 0.95,
    margin: float | None = None,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    seed: int = 0,
    rows: int = 10,
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Compares candidates with a base, row by row, or by the key that the data sets were opened with.

    Parameters
    ----------
    base, candidates : the opened data sets; slices and clusters are those of the base
    metrics : what to measure
    level : the level of the intervals; where there are several candidates, that at which all their intervals hold together
    margin : differences that lie within it on either side are as good as none
    nan, from_logits : as in `xent.io.evaluation.evaluate`
    seed : changes how rows are dealt into folds
    rows : how many of the rows that carry the change to tell, in each direction
    progress : called with a number of rows after each chunk, from any thread

    Raises
    ------
    DataError
        The data cannot be used, or the data sets are not of the same rows.
    NothingEvaluated
        There are no rows that both have.
    """
    confidence = Confidence(1.0 - (1.0 - level) / len(candidates), seed, base.request.cluster is not None)
    base_report: DataReport | None = None
    reports: list[CandidateReport] = []
    totals: list[Difference] = []
    slices: list[Difference] = []
    for number, candidate in enumerate(candidates):
        kind = PairTally if base.slicer is None else partial(SlicedPairTally, ways=len(base.slicer.ways))
        with RowPairs(base, candidate) as pairs:
            tally = tally_of(
                pairs, metrics, partial(kind, confidence=confidence, carried=rows), nan=nan, from_logits=from_logits, progress=progress
            )
        total = tally.total() if isinstance(tally, SlicedPairTally) else tally
        if not total.rows and pairs.unmatched_base and pairs.unmatched_candidate:
            raise NothingEvaluated(
                f"{', '.join(candidate.sources)}: none of the {pairs.unmatched_candidate:,} keys in column {base.request.key!r} "
                f"is one of the {pairs.unmatched_base:,} of {', '.join(base.sources)}"
            )
        report = data_report(pairs, total)
        base_report = base_report or report
        own = report._replace(sources=candidate.sources, columns=candidate.roles.describe())
        reports.append(
            CandidateReport(own, pairs.unmatched_base, pairs.unmatched_candidate, _decisions(tally, total), _rows(tally, total, pairs))
        )
        totals += [_difference(tally, total, 0, metric, number, margin) for metric in metrics]
        if isinstance(tally, SlicedPairTally) and base.slicer is not None:
            slices += _slices(base.slicer, tally, total, metrics, number, margin)
    assert base_report is not None
    return Comparison(xent.__version__, base_report, tuple(reports), level, margin, adjusted(totals, level), adjusted(slices, level))


def _difference(pairs: Paired, tally: Tally, group: int, metric: Metric, candidate: int, margin: float | None) -> Difference:
    base, value, change = change_of(pairs, tally, metric, group)
    assert pairs.confidence is not None
    known = change.low is not None
    interval = Interval(pairs.confidence.level, change.low, change.high, change.method or "") if known else None
    return Difference(
        name=metric.row.name,
        label=metric.name if metric.name != metric.row.name else None,
        params=metric.parameters(),
        direction=metric.row.direction,
        signature=signature(metric),
        count=int(tally.counts[group]),
        slice=None,
        candidate=candidate,
        base=base,
        value=value,
        difference=change.difference,
        ci=interval,
        standard_error=change.standard_error,
        p_value=change.p_value,
        p_adjusted=None,
        better=change.better,
        worse=change.worse,
        finding=finding(interval, metric.row.direction, margin),
        errors=change.errors,
    )


def _slices(
    slicer: Slicer, tally: SlicedPairTally, total: Tally, metrics: Sequence[Metric], candidate: int, margin: float | None
) -> Iterator[Difference]:
    """The differences of every slice, and what it adds to those of all rows."""
    weights = [weight_of(tally, total, metric) for metric in metrics]
    for by, keys, way in zip(slicer.ways, slicer.keys, tally.slices, strict=True):
        for key in by.sorted(keys):
            group = keys[key]
            if group >= way.groups or not way.counts[group]:
                continue
            for metric, weight in zip(metrics, weights, strict=True):
                found = _difference(tally, way, group, metric, candidate, margin)
                share = weight_of(tally, way, metric, group) / weight if weight else math.nan
                adds = share * found.difference if isinstance(found.difference, float) else None
                yield replace(found, slice=by.named(key), contribution=adds)


def _rows(tally: Paired, total: Tally, pairs: RowPairs) -> CarriedRows | None:
    """The rows that carry the change of the first metric which is made of values of rows."""
    metric = tally.row_metric
    if metric is None or not tally.carried:
        return None
    weight = weight_of(tally, total, metric)
    rising, falling = (
        tuple(_row(one, one.change / weight, pairs) for one in rows) for rows in (tally.carriers.rising, tally.carriers.falling)
    )
    return CarriedRows(metric.name, rising, falling)


def _row(row: Carrier, contribution: float, pairs: RowPairs) -> CarriedRow:
    (source, number), (candidate_source, candidate_number) = row.place, row.partner
    names, sources = pairs.classes, (*pairs.sources, *pairs.candidate.sources)
    named = names is not None and isinstance(row.label, int) and 0 <= row.label < len(names)
    return CarriedRow(
        source=sources[source],
        row=number + 1,
        candidate_source=sources[candidate_source],
        candidate_row=candidate_number + 1,
        label=names[row.label] if named and names is not None else row.label,
        base_prediction=row.base,
        prediction=row.candidate,
        weight=row.weight,
        base_value=row.base_value,
        value=row.value,
        contribution=contribution,
    )


def _decisions(pairs: Paired, total: Tally) -> Decisions | None:
    need = pairs.need_of_flips()
    if need is None:
        return None
    flips: Any = total.states[need]
    return Decisions(int(flips.changed[0]), int(flips.fixed[0]), int(flips.broken[0]))


def judged(comparison: Comparison, gates: Sequence[Gate]) -> Comparison:
    """The comparison with what became of gates on the first candidate, whose changes have paired intervals.

    Raises
    ------
    UsageError
        A gate names a metric that is unknown or not the only one of its name.
    """
    first = [one for one in (*comparison.differences, *comparison.slices) if one.candidate == 0]
    results = []
    for base in (False, True):
        metrics = [as_metric(one, base=base) for one in first]
        report = comparison.base if base else comparison.candidates[0].data
        whole, parts = (tuple(one for one in metrics if (one.slice is None) is there) for there in (True, False))
        results.append(Result(comparison.xent, report, whole, parts))
    # They judge a single candidate, so the correction for several is taken back.
    changes = {
        (one.label, one.signature, slice_key(one.slice)): PairedChange(
            Measure(one.difference, one.ci, one.count).at(comparison.level), one.standard_error, *one.errors
        )
        for one in first
        if one.ci is not None and one.standard_error is not None and one.errors is not None
    }
    found = judge(results[0], gates, results[1], changes=changes)
    return comparison._replace(gates=found.gates, verdict=found.verdict)
