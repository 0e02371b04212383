"""The reliability curve: what is claimed beside what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.batch import Batch
from xent.core.calibration_events import calibration_cells, event_tables, two_classes
from xent.core.cells import ratio, to_float
from xent.core.errors import UsageError
from xent.core.labelled_scores import checked_binning, events_of, parts_of, pooled, shares
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.states import CellCounts
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.scores import ScoreTables
    from xent.core.uncertainty import Spread

__all__ = ["ReliabilityCurve"]


@metric(
    "reliability_curve",
    aliases=("calibration_curve",),
    direction="none",
    range="[0, inf)",
    inputs="categorical",
    formula="for every bin of probabilities: low end, high end, weight, mean probability, share that happened, and a band for that share",
    source="sklearn.calibration.calibration_curve; the band: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953",
    memory="constant; the distinct probabilities unless binning=width",
)
class ReliabilityCurve(Metric):
    """For every bin of probabilities, what they claim and what happened: rows of seven numbers.

    The numbers are the low and the high end of the bin, the weight of its rows, their mean probability, the share of them that
    happened, and the low and the high end of a confidence interval for that share. Bins without rows are left out.

    Parameters
    ----------
    bins : the number of bins of equal width or mass
    binning : "width" makes bins of equal width, "mass" of equal weight, "isotonic" the bins of isotonic regression, of which each has a
        larger share than the one before; the ends of the latter two are their smallest and largest probability
    class_id : the class whose probability is looked at, against the rest; None looks at that of class 1 of two, else at the largest of
        a row and whether it is right
    level : the confidence level of the interval

    Raises
    ------
    UsageError
        A parameter has a value that it cannot take.
    DomainError
        `binning` is not "width" and a label is neither 0 nor 1.

    Notes
    -----
    The interval is Wilson's, for weights that are numbers of rows. That of an isotonic bin takes the bin as given. A bin of equal width
    holds its upper end, as in `expected_calibration_error`. Source: `sklearn.calibration.calibration_curve`; "isotonic": Dimitriadis,
    Gneiting and Jordan (2021).

    >>> ReliabilityCurve(bins=2)([0, 1, 1, 0], [0.125, 0.875, 0.75, 0.25]).round(3).tolist()[0]
    [0.0, 0.5, 2.0, 0.188, 0.0, 0.0, 0.658]
    """

    lift: LiftBy

    def __init__(
        self,
        bins: int = 15,
        binning: str = "width",
        class_id: int | None = None,
        level: float = 0.95,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        checked_binning(bins, binning)
        if not 0.0 < level < 1.0:
            raise UsageError(f"level must lie between 0 and 1, not {level!r}")
        self.bins = bins
        self.binning = binning
        self.class_id = class_id
        self.level = level
        of = "confidence" if class_id is None else int(class_id)
        self.lift = LiftBy.make(calibration_cells, bins=int(bins), of=of) if binning == "width" else LiftBy.make(event_tables, of=of)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return two_classes(super().batch(y_true, y_pred, sample_weight))

    def spread(self, clustered: bool) -> Spread | None:
        # Every bin has an interval of its own.
        return None

    def finish(self, state: CellCounts | ScoreTables) -> Array:
        """The rows of every group: an array of arrays, since groups differ in their bins."""
        if isinstance(state, CellCounts):
            cells, unmeasured = state.cells.dense(), state.cells.unmeasured()
            values = np.empty(len(cells), dtype=object)
            for group in range(len(cells)):
                values[group] = np.float64("nan") if unmeasured[group] else self._of_cells(cells[group])
            return values
        state = state.compact()
        values = np.empty(state.groups, dtype=object)
        for group in range(state.groups):
            values[group] = self._of_table(state, group)
        return values

    def _of_cells(self, cells: Array) -> Array:
        wrong, right, claims, in_part = cells.reshape(self.bins, 4).T
        number = np.flatnonzero(wrong + right)
        right, weight, claims = (right + in_part)[number], (wrong + right)[number], claims[number]
        return self._rows(number / self.bins, (number + 1) / self.bins, to_float(weight), ratio(claims, weight), ratio(right, weight))

    def _of_table(self, state: ScoreTables, group: int) -> Any:
        events = events_of(state, group)
        if events is None:
            return np.float64("nan")
        pool = pooled(events, parts_of(events, self.binning, self.bins))
        _, claimed, happened = shares(pool)
        return self._rows(pool.low, pool.high, pool.weights, claimed, happened)

    def _rows(self, low: Array, high: Array, weight: Array, claimed: Array, happened: Array) -> Array:
        from xent.core.uncertainty import wilson

        band = wilson(happened, None, weight, self.level)
        return np.stack([low, high, weight, claimed, happened, band.low, band.high], axis=1)
