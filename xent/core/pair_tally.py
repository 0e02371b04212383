"""The accumulator of a comparison: a tally whose batches carry the predictions of two models, of all rows and of every slice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from xent.core.carriers import Carriers
from xent.core.decisions import known_class, predicted_class
from xent.core.errors import DomainError
from xent.core.folds import Folded, InFolds
from xent.core.lazy import np
from xent.core.metric import MeanOf, Metric
from xent.core.paired import Change, Pairing, change_over_folds, counted, pairing_of
from xent.core.row_values import row_values
from xent.core.slices import SlicedTally
from xent.core.states import State, WeightedSum
from xent.core.tally import Need, Tally, objections_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xent.core.arrays import Array
    from xent.core.batch import Batch


def candidate_of(block: Batch) -> Batch:
    """The rows of a block as the candidate predicts them, in the same slices and folds."""
    assert block.partner is not None
    seen = block.partner.weighted(block.sample_weight)
    seen.groups, seen.folds, seen.keys = block.groups, block.folds, block.keys
    return seen


@contextmanager
def _placed(rows: Batch) -> Iterator[None]:
    """Gives a `DomainError` the place among the rows of the candidate, before the tally gives it one among those of the base."""
    try:
        yield
    except DomainError as error:
        error.place(*rows.place(error.row))
        raise


def view_of_candidate(need: Need, block: Batch) -> Batch:
    """The rows as a metric sees them with the predictions of the candidate."""
    rows = block.derive(candidate_of)
    with _placed(rows):
        return need.view(rows)


class OfCandidate(NamedTuple):
    """What a metric needs to know of the candidate, as `need` says."""

    need: Need

    def view(self, block: Batch) -> Batch:
        """The rows as the metric sees them."""
        return view_of_candidate(self.need, block)

    def lift(self, view: Batch) -> State:
        """The metric's own state."""
        with _placed(view):
            return self.need.lift(view)


class OfBoth(NamedTuple):
    """What the spread of a difference needs to know of both models."""

    need: Need
    pairing: Pairing

    def view(self, block: Batch) -> tuple[Batch, Batch]:
        """The rows as the metric sees them, for both models."""
        return self.need.view(block), view_of_candidate(self.need, block)

    def lift(self, views: tuple[Batch, Batch]) -> State:
        """What the pairing keeps."""
        return self.pairing.lift(*views)


@dataclass(frozen=True, slots=True, eq=False)
class Flips(State):
    """Rows that are decided in another way; of them, those that are right now (`fixed`), and those that were right before (`broken`)."""

    changed: Array
    fixed: Array
    broken: Array


def flips(base: Batch, candidate: Batch) -> Flips:
    """The changed decisions of a block; its views are those of "decisions"."""
    true = base.derive(known_class)
    before, after = (batch.y_pred if batch.y_pred.ndim == 1 else batch.derive(predicted_class) for batch in (base, candidate))
    changed = before != after
    return Flips(*(counted(found, base) for found in (changed, changed & (after == true), changed & (before == true))))


@dataclass(frozen=True, slots=True)
class FlipsOf:
    """Counts changed decisions; a `Pairing` only in that it lifts from both models."""

    def lift(self, base: Batch, candidate: Batch) -> Flips:
        return flips(base, candidate)

    def change(self, metric: Metric, base: Any, candidate: Any, extra: Any, level: float) -> Change:
        raise NotImplementedError


_DECIDED = frozenset({"binary", "categorical", "classwise", "decisions", "classes"})
"""Inputs of metrics whose predictions decide for a class."""


@dataclass
class Paired(Tally):
    """What tallies of pairs have in common.

    Parameters
    ----------
    carried : how many rows to keep in `carriers` of those that carry the change of `row_metric`, in each direction
    """

    carried: int = 0
    carriers: Carriers = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.carriers = Carriers(self.carried)

    @property
    def row_metric(self) -> Metric | None:
        """The first metric that is a mean of values of the rows."""
        return next((metric for metric in self.metrics if isinstance(metric.lift, MeanOf)), None)

    def _add_lifted(self, marked: Batch, block: Batch) -> None:
        metric = self.row_metric
        if self.carried and metric is not None:
            need, lift = self._need(metric, metric.lift), cast("MeanOf", metric.lift)
            with objections_of(lambda: metric.name):
                base, candidate = need.view(marked), view_of_candidate(need, marked)
                before, weights = row_values(base, lift)
                with _placed(candidate):
                    after, _ = row_values(candidate, lift)
            self.carriers.add(block, before, after, weights)
        super()._add_lifted(marked, block)

    def merge(self, other: Tally) -> None:
        super().merge(other)
        assert isinstance(other, Paired)
        self.carriers.merge(other.carriers)

    def _states_needed(self) -> Sequence[Any]:
        needs: dict[Any, None] = {}
        for metric in self.metrics:
            need = self._need(metric, metric.lift)
            both = self.need_of_both(metric)
            needs |= dict.fromkeys((need, OfCandidate(need), *([] if both is None else [both])))
        flips = self.need_of_flips()
        return [*needs, *([] if flips is None else [flips])]

    def need_of_both(self, metric: Metric) -> OfBoth | None:
        """What is kept of both models for a metric's difference."""
        assert self.confidence is not None
        pairing = pairing_of(metric, self.confidence.clustered)
        return None if pairing is None else OfBoth(self._need(metric, metric.lift), pairing)

    def need_of_flips(self) -> OfBoth | None:
        """What is kept of the decisions of both; None where the metrics know of none."""
        decided = [metric for metric in self.metrics if metric.row.inputs in _DECIDED]
        if not decided:
            return None
        need = self._need(decided[0], decided[0].lift)
        return OfBoth(need._replace(inputs="decisions", from_logits=need.from_logits or need.softened, softened=False), FlipsOf())


@dataclass
class PairTally(Paired):
    """A tally of the rows that two models have seen."""


@dataclass
class SlicedPairTally(Paired, SlicedTally):
    """The same, and of every slice."""


def change_of(pairs: Paired, tally: Tally, metric: Metric, group: int = 0) -> tuple[Any, Any, Change]:
    """The values of both models, and their difference, in one group of a tally that `pairs` made."""
    assert pairs.confidence is not None
    need, both = pairs._need(metric, metric.lift), pairs.need_of_both(metric)
    base, candidate = (tally.states[key].take(group) for key in (need, OfCandidate(need)))
    values = [metric.finish(state)[0].tolist() for state in (base, candidate)]
    if both is None:
        difference = values[1] - values[0] if isinstance(values[0], float) else None
        return values[0], values[1], Change(difference)
    return values[0], values[1], both.pairing.change(metric, base, candidate, tally.states[both].take(group), pairs.confidence.level)


def weight_of(pairs: Paired, tally: Tally, metric: Metric, group: int = 0) -> float:
    """The weight that the rows of one group have in a metric."""
    state = tally.states[pairs._need(metric, metric.lift)]
    weight = state.weight if isinstance(state, WeightedSum) else tally.weights
    return float(weight.take(group).to_float()[0])


def change_between(base: tuple[Tally, int, Metric], candidate: tuple[Tally, int, Metric], level: float) -> Change | None:
    """The change of a metric from a group of one tally to a group of another, over folds that hold the same rows in both.

    None where the metric has several values, or where either has not kept its folds or has other rows in them.
    """
    folds: list[Folded] = []
    values: list[float] = []
    for tally, group, metric in (base, candidate):
        state, folded = (tally.states.get(tally._need(metric, lift)) for lift in (metric.lift, InFolds(metric.lift)))
        if state is None or not isinstance(folded, Folded):
            return None
        value = metric.finish(state.take(group))[0]
        if np.ndim(value):
            return None
        values.append(float(value))
        folds.append(folded.take(group))
    if not np.array_equal(folds[0].rows, folds[1].rows):
        return None
    return change_over_folds(candidate[2], (values[0], values[1]), folds[0], folds[1], level)
