"""The accumulator of a run: every metric, every slice, and what was seen on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from xent.core import digest
from xent.core.derived import extremes, label_extremes, lie_in_unit_interval, weight_extremes
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.exact import ExactSum
from xent.core.folds import dealt
from xent.core.groups import regrouped
from xent.core.lazy import np
from xent.core.reduction import row_counts, total_weight
from xent.core.result import HealthReport, Interval, MetricResult
from xent.core.states import Health, State, WeightedSum
from xent.core.views import SOFTENED, VIEWS, check_weights, with_classes_last

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Lift, Metric
    from xent.core.uncertainty import Spread

NanPolicy = Literal["error", "skip", "propagate"]

_WEIGHTS = (1e-70, 1e70)
"""Sums of weights whose fourth powers, which correlations take, are in the range of float64; of others no interval is made."""


class Place(NamedTuple):
    """Where a value stands: the number of its source, its row there, the role of its column and the place among the columns of it."""

    source: int
    row: int
    role: str
    column: int


class Content(NamedTuple):
    """What tells one source from another, whatever it is called: its rows, and a fingerprint of labels, predictions and weights."""

    rows: int = 0
    digest: tuple[int, int] = (0, 0)

    def and_more(self, other: Content) -> Content:
        """The content of the rows of both."""
        return Content(self.rows + other.rows, digest.add(self.digest, other.digest))


class Confidence(NamedTuple):
    """What intervals are wanted: their level, the seed of folds and random numbers, and whether rows come in clusters."""

    level: float
    seed: int = 0
    clustered: bool = False


class Need(NamedTuple):
    """One state that a metric needs: a view of the rows and what is lifted from it. Metrics with equal needs share the state."""

    inputs: str
    from_logits: bool
    softened: bool
    axis: int
    lift: Lift

    def view(self, block: Batch) -> Batch:
        """The rows as the metric sees them."""
        if self.axis != -1:
            block = block.derive(with_classes_last, self.axis)
        seen = block.derive(VIEWS[self.inputs], self.from_logits or self.softened)
        if self.softened and self.inputs in SOFTENED:
            return seen.derive(SOFTENED[self.inputs], True)
        return seen


@dataclass(slots=True)
class Tally:
    """Accumulates metrics over batches; tallies of parts of the data merge to the tally of all of it, to the bit.

    Parameters
    ----------
    metrics : the metrics, in the order in which results are wanted
    groups : the number of slices
    nan : rows with a missing label, prediction or weight are dropped ("skip"), dropped and remembered as a fault that `missing` tells
        ("error"), or make every value of their slice NaN ("propagate")
    classes : the names that index labels stand for, if they have names
    from_logits : whether the predictions are logits; metrics without a parameter of that name then see the probabilities they stand for
    identify : whether to keep in `contents` what tells each source from others, by the number of the source
    confidence : what confidence intervals are wanted; None wants none

    >>> from xent.core.batch import Batch
    >>> from xent.core.table import row_of
    >>> tally = Tally([row_of("binary_crossentropy").cls()])
    >>> tally.update(Batch(np.array([1, 0]), np.array([0.5, 0.5])))
    >>> round(tally.results()[0].value, 4)
    0.6931
    """

    metrics: Sequence[Metric]
    groups: int = 1
    nan: NanPolicy = "error"
    classes: tuple[str, ...] | None = None
    from_logits: bool = False
    rows: int = 0
    rows_dropped: int = 0
    missing: Place | None = None
    counts: Array = field(init=False)
    weights: ExactSum = field(init=False)
    digest: tuple[int, int] = (0, 0)
    identify: bool = False
    contents: dict[int, Content] = field(default_factory=dict)
    confidence: Confidence | None = None
    states: dict[Any, State] = field(default_factory=dict)
    needs: Sequence[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.groups, dtype=np.int64)
        self.weights = ExactSum.zero(self.groups)
        self.needs = self._states_needed()

    def update(self, batch: Batch) -> None:
        """Adds the rows of a batch.

        Raises
        ------
        DataError
            A metric cannot use them. A `DomainError` then carries the place of the first value that is outside its domain.
        """
        for block in batch.blocks():
            self.rows += len(block)
            kept = self._without_missing(block)
            try:
                self._lift(kept)
                if self.identify:
                    self._add_contents({kept.origin[0]: Content(len(kept), digest.content_of(kept, self.classes))})
            except DomainError as error:
                error.place(*kept.place(error.row))
                raise
            finally:
                kept.forget()
                block.forget()

    def _lift(self, block: Batch) -> None:
        if not len(block):
            return
        block.derive(check_weights)
        if self.confidence is not None:
            block.folds = dealt(block, self.confidence.seed, self.classes)
        marked = _marked(block) if self.nan == "propagate" and _has_missing(block) else block
        try:
            self._add_lifted(marked, block)
        finally:
            if marked is not block:
                marked.forget()
        self.digest = digest.add(self.digest, digest.digest_of(block, self.classes))

    def _add_lifted(self, marked: Batch, block: Batch) -> None:
        """Adds the rows of a block, which are seen with the weight NaN where a value is missing."""
        self.add(self._lifted(marked), *amounts_of(block))

    def _lifted(self, rows: Batch) -> dict[Any, State]:
        """What each need lifts from some rows."""
        states, need = {}, None
        with objections_of(lambda: self._asking_for(need)):
            for need in self.needs:
                states[need] = need.lift(need.view(rows))
        return states

    def _asking_for(self, need: Any) -> str | None:
        """The first metric that needs it, by its name in the result."""
        return next((metric.name for metric in self.metrics if need in replace(self, metrics=[metric]).needs), None)

    def add(self, states: Mapping[Any, State], counts: Array, weights: ExactSum) -> None:
        """Adds what was lifted from some rows, with their number and weight in every slice."""
        for need, state in states.items():
            seen = self.states.get(need)
            self.states[need] = state if seen is None else seen.merge(state)
        self.counts = self.counts + counts
        self.weights = self.weights + weights

    def _add_contents(self, contents: Mapping[int, Content]) -> None:
        for source, content in contents.items():
            self.contents[source] = self.contents.get(source, Content()).and_more(content)

    def _states_needed(self) -> Sequence[Any]:
        """The states to keep, each once."""
        needs: dict[Need, None] = {}
        for metric in self.metrics:
            spread = self._spread(metric)
            for lift in (metric.lift, metric.health_lift(), metric.exact_lift(), None if spread is None else spread.lift):
                if lift is not None:
                    needs[self._need(metric, lift)] = None
        return list(needs)

    def _spread(self, metric: Metric) -> Spread | None:
        return None if self.confidence is None else metric.spread(self.confidence.clustered)

    def _need(self, metric: Metric, lift: Lift) -> Need:
        knows_logits = "from_logits" in metric.row.parameters
        # Metrics over classes expect them last; others make of an axis what they will.
        axis = metric.parameters().get("axis", -1) if metric.row.inputs == "categorical" else -1
        return Need(metric.row.inputs, knows_logits and metric.from_logits, self.from_logits and not knows_logits, axis, lift)

    def _without_missing(self, block: Batch) -> Batch:
        if self.nan == "propagate" or not _has_missing(block):
            return block
        gone = _missing_rows(block)
        self.rows_dropped += int(np.count_nonzero(gone))
        if self.nan == "error":
            place = _first_missing(block, int(np.argmax(gone)))
            self.missing = place if self.missing is None else min(self.missing, place)
        return block.at(~gone)

    def merge(self, other: Tally) -> None:
        """Adds the rows that another tally of the same metrics has seen."""
        if [metric.get_config() for metric in self.metrics] != [metric.get_config() for metric in other.metrics] or (
            self.groups,
            self.nan,
            self.classes,
            self.from_logits,
            self.confidence,
        ) != (other.groups, other.nan, other.classes, other.from_logits, other.confidence):
            raise UsageError("cannot merge tallies of other metrics or options")
        self.rows += other.rows
        self.rows_dropped += other.rows_dropped
        places = [place for place in (self.missing, other.missing) if place is not None]
        self.missing = min(places, default=None)
        self.add(other.states, other.counts, other.weights)
        self._add_contents(other.contents)
        self.digest = digest.add(self.digest, other.digest)

    def regrouped(self, places: Array, count: int) -> Tally:
        """The same rows in other slices: slice g is a part of slice `places[g]` of `count`. One place for all makes the total."""
        moved = self.empty(count)
        states = {need: state.regrouped(places, count) for need, state in self.states.items()}
        moved.add(states, regrouped(self.counts, places, count), self.weights.regrouped(places, count))
        moved.rows, moved.rows_dropped, moved.missing = self.rows, self.rows_dropped, self.missing
        moved.digest, moved.contents = self.digest, dict(self.contents)
        return moved

    def empty(self, groups: int) -> Tally:
        """A tally of the same metrics and options for other slices, which has seen nothing."""
        return Tally(self.metrics, groups, self.nan, self.classes, self.from_logits, confidence=self.confidence)

    def renumbered(self, numbers: Sequence[int]) -> Tally:
        """A tally of the same rows, whose source i is source `numbers[i]`."""
        moved = self.regrouped(np.arange(self.groups), self.groups)
        moved.states = {need: state.renumbered(numbers) for need, state in moved.states.items()}
        moved.contents = {numbers[number]: content for number, content in self.contents.items()}
        if moved.missing is not None:
            moved.missing = moved.missing._replace(source=numbers[moved.missing.source])
        return moved

    def results(self, group: int = 0) -> list[MetricResult]:
        """The value of every metric for one slice, in the order of `metrics`."""
        return [self._result(metric, group) for metric in self.metrics]

    def _result(self, metric: Metric, group: int) -> MetricResult:
        state = self._state(metric, metric.lift)
        value = math.nan if state is None else _plain(metric.finish(state.take(group))[0])
        error, interval = self._interval(metric, value, group)
        return MetricResult(
            name=metric.row.name,
            label=metric.name if metric.name != metric.row.name else None,
            value=value,
            params=metric.parameters(),
            count=int(state.count[group]) if isinstance(state, WeightedSum) else int(self.counts[group]),
            direction=metric.row.direction,
            signature=signature(metric),
            ci=interval,
            standard_error=error,
            health=self._health(metric, group),
        )

    def _interval(self, metric: Metric, value: Any, group: int) -> tuple[Any, Interval | None]:
        """The standard error and the interval of a value, where they are wanted and known."""
        spread, state = self._spread(metric), self._state(metric, metric.lift)
        if self.confidence is None or spread is None or state is None or (isinstance(value, float) and not math.isfinite(value)):
            return None, None
        if not _WEIGHTS[0] < abs(float(self.weights.take(group).to_float()[0])) < _WEIGHTS[1]:
            return None, None
        from xent.core.uncertainty import within

        extra = self._state(metric, spread.lift)
        # Squares may be too large for a float where values are not; then there is no interval, and no reason for a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            beside = None if extra is None else extra.take(group)
            found = spread.estimate(metric, state.take(group), beside, self.confidence.level, self.confidence.seed)
        if np.ndim(found.standard_error) == 0 and not math.isfinite(found.standard_error):
            return None, None
        error, low, high = (_plain(np.asarray(number)) for number in within(found, metric.row.range)[:3])
        return error, Interval(self.confidence.level, low, high, found.method)

    def _health(self, metric: Metric, group: int) -> HealthReport | None:
        health = self._state(metric, metric.health_lift())
        exact = self._state(metric, metric.exact_lift())
        if not isinstance(health, Health):
            return None
        return HealthReport(
            clipped=int(health.clipped[group]),
            renormalised=int(health.renormalised[group]),
            max_sum_error=float(health.max_sum_error[group]),
            exact_value=None if exact is None else _plain(metric.finish(exact.take(group))[0]),
        )

    def _state(self, metric: Metric, lift: Lift | None) -> State | None:
        return None if lift is None else self.states.get(self._need(metric, lift))


@contextmanager
def objections_of(name: Callable[[], str | None]) -> Iterator[None]:
    """Tells what is wrong with all of the rows, as their shape, with the name of the metric that cannot use them."""
    try:
        yield
    except DataError as error:
        # A single value is told with its place, and is wrong for whoever takes such values.
        whose = None if isinstance(error, DomainError) else name()
        if whose is None:
            raise
        raise DataError(f"{whose}: {error}") from error


def amounts_of(block: Batch) -> tuple[Array, ExactSum]:
    """The number of rows and the weight of every group."""
    counts = block.derive(row_counts)
    return counts, ExactSum.of_integers(counts) if block.sample_weight is None else block.derive(total_weight)


def signature(metric: Metric) -> str:
    """What a value means, as text: the metric and every parameter. Values of other signatures are not comparable.

    >>> from xent.core.table import row_of
    >>> signature(row_of("binary_crossentropy").cls(from_logits=True))
    'binary_crossentropy|base:none|convention:keras|from_logits:true|label_smoothing:0|reduction:mean_with_sample_weight'
    """
    parameters = sorted(metric.parameters().items())
    return "|".join([metric.row.name, *(f"{key}:{_text(value)}" for key, value in parameters)])


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("|", "/")


def _plain(value: Any) -> Any:
    return value.tolist()


def _has_missing(block: Batch) -> bool:
    """Whether a label, prediction or weight is NaN. The extremes are wanted anyway, and NaN shows in them."""
    if not block.derive(lie_in_unit_interval) and math.isnan(block.derive(extremes)[0]):
        return True
    if math.isnan(block.derive(weight_extremes)[0]):
        return True
    if block.y_true.dtype.kind == "f" and math.isnan(block.derive(label_extremes)[0]):
        return True
    return block.partner is not None and _has_missing(block.partner)


def _marked(block: Batch) -> Batch:
    """The block with the weight NaN in rows that lack a value: a count or a threshold would take a missing score for a low one."""
    weight = np.ones(len(block)) if block.sample_weight is None else block.sample_weight.astype(np.float64)
    weight[_missing_rows(block)] = np.nan
    return block.weighted(weight)


def _missing_rows(block: Batch) -> Array:
    gone = np.zeros(len(block), dtype=bool)
    for values in (block.y_true, block.y_pred, block.sample_weight):
        if values is not None and values.dtype.kind == "f":
            gone |= np.isnan(values).reshape(len(block), -1).any(axis=1)
    return gone if block.partner is None else gone | _missing_rows(block.partner)


def _first_missing(block: Batch, row: int) -> Place:
    for role in ("y_true", "y_pred", "sample_weight"):
        values = getattr(block, role)
        if values is not None and values.dtype.kind == "f":
            found = np.isnan(values[row]).reshape(-1)
            if found.any():
                return Place(*block.place(row), role, int(np.argmax(found)))
    assert block.partner is not None, "the row has a missing value"
    return _first_missing(block.partner, row)
