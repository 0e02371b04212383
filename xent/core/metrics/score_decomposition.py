"""The Brier score and the logarithmic loss taken apart: miscalibration, discrimination and uncertainty.

A forecast is compared with two others made from the same events: the recalibrated one, which claims of every bin of probabilities the
share that happened in it, and the constant one, which always claims the share of all. Then

    score = miscalibration - discrimination + uncertainty

with miscalibration = score(forecast) - score(recalibrated), discrimination = score(constant) - score(recalibrated) and uncertainty =
score(constant), to the last digit and for any bins. Bins of isotonic regression (CORP) need no choice, and neither term can be negative.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from xent.core.batch import Batch
from xent.core.calibration_events import event_tables, two_classes
from xent.core.errors import UsageError
from xent.core.labelled_scores import LabelledScores, checked_binning, events_of, parts_of
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.precision import EPSILON
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.scores import ScoreTables

__all__ = [
    "BrierDiscrimination",
    "BrierMiscalibration",
    "BrierUncertainty",
    "LogLossDiscrimination",
    "LogLossMiscalibration",
    "LogLossUncertainty",
]

Term = Literal["miscalibration", "discrimination", "uncertainty"]

_CORP = "Dimitriadis, Gneiting and Jordan (2021), https://doi.org/10.1073/pnas.2016191118"


def _brier_gain(weights: Array, rights: Array, of: Array, better: Array) -> float:
    """How much the Brier score of `better` is below that of `of`, times the weight of all."""
    return float(((of - better) * (weights * (of + better) - 2.0 * rights)).sum())


def _log_gain(weights: Array, rights: Array, of: Array, better: Array) -> float:
    """How much the logarithmic loss of `better` is below that of `of`, times the weight of all."""
    return float(_times_log(rights, better, of).sum() + _times_log(weights - rights, 1.0 - better, 1.0 - of).sum())


def _times_log(amounts: Array, above: Array, below: Array) -> Array:
    """amount ln(above / below), and 0 where nothing is there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(amounts > 0.0, amounts * np.log(above / below), 0.0)


def _plogp(share: float) -> float:
    return -share * math.log(share) if share > 0.0 else 0.0


class _Term(Metric):
    """What the six terms have in common."""

    lift: LiftBy
    term: Term

    def __init__(self, binning: str, bins: int, over: str, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        checked_binning(bins, binning)
        if over not in ("classes", "confidence"):
            raise UsageError(f"over must be classes or confidence, not {over!r}")
        self.binning = binning
        self.bins = bins
        self.over = over
        self.lift = LiftBy.make(event_tables, of=over)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        return two_classes(super().batch(y_true, y_pred, sample_weight))

    def finish(self, state: ScoreTables) -> Array:
        """The term of every group: the sum of those of its columns."""
        state = state.compact()
        columns = range(state.size // 2)
        return np.array([sum(self._of(events_of(state, group, column)) for column in columns) for group in range(state.groups)])

    def _of(self, events: LabelledScores | None) -> float:
        if events is None:
            return math.nan
        whole = events.weights.sum()
        share = float(events.rights.sum() / whole)
        if self.term == "uncertainty":
            return self.entropy(share)
        number = parts_of(events, self.binning, self.bins)
        weights, rights = (np.bincount(number, amounts) for amounts in (events.weights, events.rights))
        recalibrated = np.divide(rights, weights, out=np.zeros(len(weights)), where=weights > 0.0)
        if self.term == "discrimination":
            gain = self.gain(weights, rights, np.full(len(weights), share), recalibrated)
        else:
            gain = self.gain(events.weights, events.rights, self.taken(events.scores), recalibrated[number])
        return gain / float(whole)

    def entropy(self, share: float) -> float:
        """The score of the constant forecast."""
        raise NotImplementedError

    def gain(self, weights: Array, rights: Array, of: Array, better: Array) -> float:
        """How much the score of a forecast is below that of another, times the weight of all."""
        raise NotImplementedError

    def taken(self, scores: Array) -> Array:
        """The probabilities as the score takes them."""
        return scores


class _BrierTerm(_Term):
    """The terms of the Brier score."""

    def __init__(
        self, binning: str = "isotonic", bins: int = 15, over: str = "classes", name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(binning, bins, over, name, dtype)

    def entropy(self, share: float) -> float:
        return share * (1.0 - share)

    def gain(self, weights: Array, rights: Array, of: Array, better: Array) -> float:
        return _brier_gain(weights, rights, of, better)


class _LogTerm(_Term):
    """The terms of the logarithmic loss."""

    def __init__(
        self,
        binning: str = "isotonic",
        bins: int = 15,
        over: str = "classes",
        name: str | None = None,
        dtype: str | None = None,
        *,
        convention: str = "keras",
    ) -> None:
        super().__init__(binning, bins, over, name, dtype)
        if convention not in ("keras", "exact"):
            raise UsageError(f"convention must be keras or exact, not {convention!r}")
        self.convention = convention

    def entropy(self, share: float) -> float:
        return _plogp(share) + _plogp(1.0 - share)

    def gain(self, weights: Array, rights: Array, of: Array, better: Array) -> float:
        return _log_gain(weights, rights, of, better)

    def taken(self, scores: Array) -> Array:
        return np.clip(scores, EPSILON, 1.0 - EPSILON) if self.convention == "keras" else scores


@metric(
    "brier_miscalibration",
    aliases=("brier_reliability",),
    direction="lower",
    range="[0, 2]",
    inputs="categorical",
    formula="mean of (y - p)² - (y - r)², r the share that happened among what is taken together with p",
    source=_CORP,
    memory="the distinct probabilities",
)
class BrierMiscalibration(_BrierTerm):
    """How much of the Brier score recalibration would take away.

    Parameters
    ----------
    binning : what is taken together to recalibrate: "isotonic" regression finds the bins itself, "width" makes them of equal width,
        "mass" of equal weight
    bins : the number of bins of equal width or mass
    over : "classes" adds up the terms of every class against the rest, of two classes of the second alone; "confidence" looks at the
        predicted class alone, which of two classes too is the second

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or another parameter has a value that it cannot take.
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    score = miscalibration - discrimination + uncertainty: with `brier_discrimination` and `brier_uncertainty` it adds up to `brier_score`.
    In bins of equal width or mass it is the reliability of Murphy (1973) with the terms within the bins, without which his do not add up.
    Source: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021).

    >>> round(BrierMiscalibration()([0, 1, 0, 1], [0.25, 0.5, 0.75, 0.75]), 7)
    0.0677083
    """

    term = "miscalibration"


@metric(
    "brier_discrimination",
    aliases=("brier_resolution",),
    direction="higher",
    range="[0, 2]",
    inputs="categorical",
    formula="mean of (r - s)², r the share that happened among what is taken together, s that of all",
    source=_CORP,
    memory="the distinct probabilities",
)
class BrierDiscrimination(_BrierTerm):
    """How much better than a constant the recalibrated probabilities are, in the Brier score.

    Parameters
    ----------
    binning : what is taken together to recalibrate: "isotonic" regression finds the bins itself, "width" makes them of equal width,
        "mass" of equal weight
    bins : the number of bins of equal width or mass
    over : "classes" adds up the terms of every class against the rest, of two classes of the second alone; "confidence" looks at the
        predicted class alone, which of two classes too is the second

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or another parameter has a value that it cannot take.
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    score = miscalibration - discrimination + uncertainty. It is what Murphy (1973) calls resolution.
    Source: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021).

    >>> round(BrierDiscrimination()([0, 1, 0, 1], [0.25, 0.5, 0.75, 0.75]), 7)
    0.0833333
    """

    term = "discrimination"


@metric(
    "brier_uncertainty",
    direction="none",
    range="[0, 2]",
    inputs="categorical",
    formula="s (1 - s), s the share of all that happened",
    source=_CORP,
    memory="the distinct probabilities",
)
class BrierUncertainty(_BrierTerm):
    """The Brier score of always claiming the share of all.

    Parameters
    ----------
    binning : what is taken together to recalibrate: "isotonic" regression finds the bins itself, "width" makes them of equal width,
        "mass" of equal weight
    bins : the number of bins of equal width or mass
    over : "classes" adds up the terms of every class against the rest, of two classes of the second alone; "confidence" looks at the
        predicted class alone, which of two classes too is the second

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or another parameter has a value that it cannot take.
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    score = miscalibration - discrimination + uncertainty. It depends on the labels alone.
    Source: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021).

    >>> round(BrierUncertainty()([0, 1, 0, 1], [0.25, 0.5, 0.75, 0.75]), 7)
    0.25
    """

    term = "uncertainty"


@metric(
    "log_loss_miscalibration",
    aliases=("log_loss_reliability",),
    direction="lower",
    range="[0, inf)",
    inputs="categorical",
    formula="mean of ln q_y - ln p_y, q the share that happened among what is taken together with p",
    source=_CORP,
    memory="the distinct probabilities",
)
class LogLossMiscalibration(_LogTerm):
    """How many nats of the logarithmic loss recalibration would take away.

    Parameters
    ----------
    binning : what is taken together to recalibrate: "isotonic" regression finds the bins itself, "width" makes them of equal width,
        "mass" of equal weight
    bins : the number of bins of equal width or mass
    over : "classes" adds up the terms of every class against the rest, of two classes of the second alone; "confidence" looks at the
        predicted class alone, which of two classes too is the second
    convention : "keras" clips probabilities to [1e-7, 1 - 1e-7], "exact" does not: then a miscalibration may be infinite

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or another parameter has a value that it cannot take.
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    score = miscalibration - discrimination + uncertainty: for two classes it adds up to `binary_crossentropy`, with
    `log_loss_discrimination` and `log_loss_uncertainty`.
    Source: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021).

    >>> round(LogLossMiscalibration()([0, 1, 0, 1], [0.25, 0.5, 0.75, 0.75]), 7)
    0.1863158
    """

    term = "miscalibration"


@metric(
    "log_loss_discrimination",
    aliases=("log_loss_resolution",),
    direction="higher",
    range="[0, inf)",
    inputs="categorical",
    formula="mean of r ln(r / s) + (1 - r) ln((1 - r) / (1 - s)), r the share that happened among what is taken together, s that of all",
    source=_CORP,
    memory="the distinct probabilities",
)
class LogLossDiscrimination(_LogTerm):
    """How many nats better than a constant the recalibrated probabilities are.

    Parameters
    ----------
    binning : what is taken together to recalibrate: "isotonic" regression finds the bins itself, "width" makes them of equal width,
        "mass" of equal weight
    bins : the number of bins of equal width or mass
    over : "classes" adds up the terms of every class against the rest, of two classes of the second alone; "confidence" looks at the
        predicted class alone, which of two classes too is the second
    convention : "keras" clips probabilities to [1e-7, 1 - 1e-7], "exact" does not: then a miscalibration may be infinite

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or another parameter has a value that it cannot take.
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    score = miscalibration - discrimination + uncertainty. It is the mutual information of what happened and the bin.
    Source: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021).

    >>> round(LogLossDiscrimination()([0, 1, 0, 1], [0.25, 0.5, 0.75, 0.75]), 7)
    0.2157616
    """

    term = "discrimination"


@metric(
    "log_loss_uncertainty",
    direction="none",
    range="[0, inf)",
    inputs="categorical",
    formula="-s ln s - (1 - s) ln(1 - s), s the share of all that happened",
    source=_CORP,
    memory="the distinct probabilities",
)
class LogLossUncertainty(_LogTerm):
    """The logarithmic loss of always claiming the share of all, in nats.

    Parameters
    ----------
    binning : what is taken together to recalibrate: "isotonic" regression finds the bins itself, "width" makes them of equal width,
        "mass" of equal weight
    bins : the number of bins of equal width or mass
    over : "classes" adds up the terms of every class against the rest, of two classes of the second alone; "confidence" looks at the
        predicted class alone, which of two classes too is the second
    convention : "keras" clips probabilities to [1e-7, 1 - 1e-7], "exact" does not: then a miscalibration may be infinite

    Raises
    ------
    UsageError
        `bins` is smaller than 1, or another parameter has a value that it cannot take.
    DomainError
        A label is neither 0 nor 1.

    Notes
    -----
    score = miscalibration - discrimination + uncertainty. It depends on the labels alone.
    Source: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers", PNAS 118 (2021).

    >>> round(LogLossUncertainty()([0, 1, 0, 1], [0.25, 0.5, 0.75, 0.75]), 7)
    0.6931472
    """

    term = "uncertainty"
