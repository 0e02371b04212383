"""What two runs over the same rows know of each other: changes over folds that both have made of the same clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core.gate_intervals import Changes, PairedChange, slice_key
from xent.core.pair_tally import change_between
from xent.core.result import Interval
from xent.core.tally import signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xent.core.gate_intervals import SliceKey
    from xent.core.tally import Tally
    from xent.io.measured import Measured


def changes_between(baseline: Measured, measured: Measured) -> Changes:
    """The changes of all metrics and slices since a baseline, where both were measured with `--cluster` by one column and one seed.

    Each fold then holds the same rows of both, so what one fold says of the difference is paired. Where that is not so, there are none.
    """
    ours, theirs = measured.tally.confidence, baseline.tally.confidence
    if ours is None or theirs is None or not (ours.clustered and theirs.clustered) or ours.seed != theirs.seed:
        return {}
    if measured.data.digest != baseline.data.digest or _cluster(measured) != _cluster(baseline):
        return {}
    earlier = dict(_parts(baseline))
    changes: dict[tuple[str | None, str, SliceKey], PairedChange] = {}
    for key, (tally, group) in _parts(measured):
        if key not in earlier:
            continue
        before, place = earlier[key]
        for metric in tally.metrics:
            twin = next((other for other in before.metrics if signature(other) == signature(metric)), None)
            change = None if twin is None else change_between((before, place, twin), (tally, group, metric), ours.level)
            if change is None or change.low is None or change.standard_error is None or change.errors is None:
                continue
            label = metric.name if metric.name != metric.row.name else None
            interval = Interval(ours.level, change.low, change.high, change.method or "")
            changes[label, signature(metric), key] = PairedChange(interval, change.standard_error, *change.errors)
    return changes


def _cluster(measured: Measured) -> object:
    return measured.data.columns.get("cluster")


def _parts(measured: Measured) -> Iterator[tuple[SliceKey, tuple[Tally, int]]]:
    """The tally and the group of all rows and of every slice."""
    yield slice_key(None), (measured.tally, 0)
    for slices in measured.slices:
        for group, key in enumerate(slices.keys):
            yield slice_key(slices.by.named(key)), (slices.tally, group)
