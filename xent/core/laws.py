"""The laws that every metric obeys, and a check that a metric does, on rows made for it.

A run may read in chunks, in threads, in shards and in slices because, bit for bit, none of it changes a value. That is so for the metrics
of xent, and `check` says whether it is so for another one.

Rows are made from seeds, few rows first, so that the counterexample that is shown is a small one and the same every time.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.groups import Groups
from xent.core.lazy import np
from xent.core.metric import Metric
from xent.core.states import WeightedSum, state_from_json
from xent.core.tally import Tally

if TYPE_CHECKING:
    from xent.core.arrays import Array

CLASSES = 3
"""The number of classes where a metric does not say one."""

KINDS = {
    "binary": ("events",),
    "categorical": ("classes",),
    "classes": ("classes", "events"),
    "classwise": ("classes",),
    "decisions": ("classes",),
    "events": ("events", "classes"),
    "rankings": ("events", "classes"),
    "values": ("counts", "numbers", "intervals"),
    "queries": ("queries",),
    "intervals": ("intervals",),
}
"""The kinds of rows that `rows_of_kind` makes, by the `inputs` of a metric. It need not take all of them."""

EVERY_KIND = ("events", "classes", "counts", "numbers", "intervals", "queries")

COUNTS = (1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 8, 8, 11, 14, 14, 50, 200, 1000)
"""How many rows a metric is tried with, in this order."""

MOST_SHOWN = 14
"""A counterexample of so many rows is shown with all of them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels, predictions, weights and slices of some rows, and where they come from."""

    y_true: Array
    y_pred: Array
    weight: Array | None
    codes: Array
    origin: str = ""

    def __len__(self) -> int:
        return len(self.y_pred)

    def at(self, index: Any) -> Rows:
        """Some of the rows, as NumPy picks them."""
        return replace(
            self,
            y_true=self.y_true[index],
            y_pred=self.y_pred[index],
            weight=None if self.weight is None else self.weight[index],
            codes=self.codes[index],
        )

    def batch(self, groups: int = 1) -> Batch:
        """The rows as a batch of so many slices."""
        return Batch(self.y_true, self.y_pred, self.weight, Groups(self.codes, groups) if groups > 1 else None)

    def __str__(self) -> str:
        if len(self) > MOST_SHOWN:
            return f"{len(self)} {self.origin}"
        weight = "" if self.weight is None else f", sample_weight {self.weight.tolist()}"
        return f"y_true {self.y_true.tolist()}, y_pred {self.y_pred.tolist()}{weight}"


def rows_of_kind(
    kind: str, random: np.random.Generator, count: int, *, classes: int = CLASSES, weighted: bool = True, logits: bool = False
) -> Rows:
    """Rows with ties, certain predictions, values on many scales and weights of 0.

    Parameters
    ----------
    kind : "events" (labels 0 and 1, a probability), "classes" (an index, a probability for each class), "counts" (positive numbers, a
        few of the true ones 0), "numbers" (of any sign), "intervals" (a positive number, two ends) or "queries" (a relevance and a score
        for each of four documents)
    random : the source of chance
    count : the number of rows
    classes : the number of classes
    weighted : whether rows have weights
    logits : whether predictions are logits
    """
    if kind == "events":
        y_true = random.integers(0, 2, count)
        y_pred = np.where(random.random(count) < 0.5, random.random(count), random.integers(0, 11, count) / 10)
    elif kind == "classes":
        y_true = random.integers(0, classes, count)
        y_pred = random.dirichlet(np.full(classes, 0.5), count)
        y_pred = np.where(random.random((count, 1)) < 0.3, np.eye(classes)[random.integers(0, classes, count)], y_pred)
    elif kind == "queries":
        y_true = random.integers(0, 4, (count, 4)) * random.integers(0, 2, (count, 4))
        y_pred = random.integers(0, 8, (count, 4)) / 8
    elif kind == "numbers":
        y_true = random.normal(0.0, 1.0, count) * 10.0 ** random.integers(-3, 6, count)
        y_pred = y_true + random.normal(0.0, 1.0, count)
    else:
        y_pred = np.exp(random.normal(0.0, 3.0, count))
        y_true = y_pred * np.exp(random.normal(0.0, 1.0, count))
        if kind == "intervals":
            y_pred = np.sort(np.stack([y_pred, y_pred[::-1]], axis=1), axis=1)
    if logits:
        y_pred = (y_pred - 0.5) * 40.0
    weight = random.choice([0.0, 0.5, 1.0, 0.1, 3.7], count) if weighted else None
    return Rows(_short(y_true), _short(y_pred), weight, random.integers(0, 2, count), f"rows of {kind}")


def _short(values: Array) -> Array:
    """The values with as many digits as people read; no float holds most of them, so that sums of them still round."""
    if values.dtype.kind != "f":
        return values
    return np.array([float(f"{value:.4g}") for value in values.reshape(-1).tolist()]).reshape(values.shape)


@dataclass(frozen=True, slots=True)
class Subject:
    """A metric on trial."""

    metric: Metric

    def tally(self, rows: Rows | None = None, chunks: Sequence[int] | None = None, groups: int = 1) -> Tally:
        """What it makes of rows that are read in chunks of these sizes; at once where they are None."""
        tally = Tally([self.metric], groups=groups)
        start = 0
        for size in [] if rows is None else [len(rows)] if chunks is None else chunks:
            assert rows is not None
            tally.update(rows.at(slice(start, start + size)).batch(groups))
            start += size
        return tally

    def rows(self, kind: str, seed: int, count: int, *, weighted: bool = True) -> Rows:
        """Rows of a kind, always the same."""
        random = np.random.default_rng([seed, count])
        classes = getattr(self.metric, "num_classes", None) or CLASSES
        return rows_of_kind(kind, random, count, classes=classes, weighted=weighted, logits=self.metric.from_logits)


Law = Callable[[Subject, Rows, "np.random.Generator"], str | None]
"""What breaks the law on some rows, in words; None where nothing does."""


def chunks(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """Rows read in any chunks give the value of all rows read at once."""
    whole = subject.tally(rows)
    singly = [[1] * len(rows)] if len(rows) <= MOST_SHOWN else []
    for sizes in (*singly, _cut(random, len(rows))):
        if found := _difference(subject.tally(rows, sizes), whole):
            return f"read in chunks of {_few(sizes)}: {found}"
    return None


def merges(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """Parts of the rows, merged in any order, give the value of all rows."""
    sizes = _cut(random, len(rows))
    edges = np.cumsum([0, *sizes]).tolist()
    parts = [subject.tally(rows.at(slice(*pair))) for pair in itertools.pairwise(edges)]
    while len(parts) > 1:
        one, other = (parts.pop(int(random.integers(len(parts)))) for _ in range(2))
        one.merge(other)
        parts.append(one)
    found = _difference(parts[0], subject.tally(rows))
    return f"parts of {_few(sizes)} rows, merged in another order: {found}" if found else None


def order(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """Rows in any order have the same value."""
    shuffled = random.permutation(len(rows))
    found = _difference(subject.tally(rows.at(shuffled)), subject.tally(rows))
    return f"rows in the order {_few(shuffled.tolist())}: {found}" if found else None


def weights(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """A weight of 2 is the row twice, and a weight of 1 is none."""
    # Powers of two, since times 3 is rounded where three additions need not be.
    times = random.choice([1, 2, 4], len(rows))
    weighted = replace(rows, weight=times.astype(np.float64))
    repeated = replace(rows.at(np.repeat(np.arange(len(rows)), times)), weight=None)
    if found := _difference(subject.tally(weighted), subject.tally(repeated), value_only=True):
        return f"weights {_few(times.tolist())} instead of as many equal rows: {found}"
    found = _difference(subject.tally(replace(rows, weight=np.ones(len(rows)))), subject.tally(replace(rows, weight=None)), value_only=True)
    return f"weights of 1 instead of none: {found}" if found else None


def storage(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """A state and the parameters, written as JSON and read again, are the same."""
    config = subject.metric.get_config()
    again = type(subject.metric).from_config(json.loads(json.dumps(config))).get_config()
    if again != config:
        return f"get_config: {again}, not {config}"
    cut = len(rows) // 2
    kept, read = ([subject.tally(rows.at(part)) for part in (slice(cut), slice(cut, None))] for _ in range(2))
    for tally in read:
        for need, state in list(tally.states.items()):
            tally.states[need] = state_from_json(json.loads(json.dumps({"kind": type(state).__name__, **state.to_json()})))
    if found := _difference(read[1], kept[1]):
        return f"the last {len(rows) - cut} rows: {found}"
    # That merging is right is another law's business; here it must only be the same.
    for first, last in (kept, read):
        first.merge(last)
    found = _difference(read[0], kept[0])
    return f"the first {cut} rows and the others, merged: {found}" if found else None


def nothing(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """The state of no rows is neutral: merged before or after another, it changes nothing."""
    whole, before, after = (subject.tally(rows) for _ in range(3))
    for need, state in whole.states.items():
        empty = need.lift(need.view(rows.at(slice(0)).batch()))
        before.states[need], after.states[need] = empty.merge(state), state.merge(empty)
    for tally, place in ((before, "before"), (after, "after")):
        if found := _difference(tally, whole):
            return f"no rows merged {place} these: {found}"
    return None


def slices(subject: Subject, rows: Rows, random: np.random.Generator) -> str | None:
    """A slice has the value of its rows alone."""
    sliced = subject.tally(rows, groups=2)
    for group in sorted(set(rows.codes.tolist())):
        mine = rows.codes == group
        if found := _difference(sliced, subject.tally(rows.at(mine)), group):
            return f"the slice of the rows {_few(np.flatnonzero(mine).tolist())}: {found}"
    return None


LAWS: dict[str, Law] = {
    "chunks": chunks,
    "merge": merges,
    "order": order,
    "weights": weights,
    "json": storage,
    "nothing": nothing,
    "slices": slices,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a law holds for a metric: on how many sets of rows it was tried, and the first that breaks it."""

    law: str
    statement: str
    trials: int
    counterexample: str | None

    @property
    def holds(self) -> bool:
        return self.counterexample is None


def check(metric: Metric, seed: int = 0) -> list[Outcome]:
    """Tries every law on a metric.

    Parameters
    ----------
    metric : the metric, with the parameters to try
    seed : makes the rows; equal seeds make equal rows

    Returns
    -------
    The outcome of every law, in the order of `LAWS`.

    Raises
    ------
    UsageError
        The metric takes none of the rows that can be made for its inputs.

    >>> from xent.core.table import row_of
    >>> all(outcome.holds for outcome in check(row_of("mean_squared_error").cls()))
    True
    """
    subject = Subject(metric)
    # What a formula does at its edges is not on trial, and NumPy's warnings of it help nobody.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kinds = _kinds_taken(subject, seed)
        trials = [rows for kind in kinds for rows in _trials(subject, kind, seed)]
        trials.sort(key=len)
        return [_try(law, name, subject, trials, seed) for name, law in LAWS.items()]


def _kinds_taken(subject: Subject, seed: int) -> list[str]:
    """The kinds of rows to try: those of its inputs, or whatever it takes where it refuses them all.

    Code of others may raise anything. That is a finding for the first kind; for the others it may only mean that they are not meant.
    """
    taken: list[str] = []
    refusal: Exception | None = None
    first, *others = KINDS[subject.metric.row.inputs]
    for kind in (first, *others, *EVERY_KIND):
        if taken and kind not in others:
            break
        try:
            subject.tally(subject.rows(kind, seed, 6)).results()
        except DataError as error:
            refusal = refusal or error
        except Exception:  # noqa: BLE001
            if kind == first:
                taken.append(kind)
        else:
            taken.append(kind)
    if not taken:
        raise UsageError(f"{subject.metric.row.name} cannot be checked: it takes none of the rows made for it: {refusal}") from refusal
    return taken


def _trials(subject: Subject, kind: str, seed: int) -> Iterator[Rows]:
    for number, count in enumerate(COUNTS):
        yield subject.rows(kind, seed + number, count, weighted=number % 2 == 1)


def _try(law: Law, name: str, subject: Subject, trials: Sequence[Rows], seed: int) -> Outcome:
    statement = (law.__doc__ or "").strip()
    tried = 0
    for number, trial in enumerate(trials):
        # That law gives the rows weights of its own.
        rows = replace(trial, weight=None) if law is weights else trial
        try:
            subject.tally(rows)
        except DataError:
            # Rows that a metric may refuse say nothing about it.
            continue
        except Exception as error:  # noqa: BLE001
            return Outcome(name, statement, tried + 1, f"{_raised(error)}; {rows}")
        tried += 1
        try:
            found = law(subject, rows, np.random.default_rng([seed, number]))
        except Exception as error:  # noqa: BLE001
            found = _raised(error)
        if found is not None:
            return Outcome(name, statement, tried, f"{found}; {rows}")
    return Outcome(name, statement, tried, None)


def _raised(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"raises {type(error).__name__}: {text}" if text else f"raises {type(error).__name__}"


def _difference(one: Tally, other: Tally, group: int = 0, *, value_only: bool = False) -> str | None:
    """How the value of one, for a slice, differs from that of another, which is right; None where it does not, to the bit."""
    mine, right = one.results(group)[0], other.results()[0]
    if repr(mine.value) != repr(right.value):
        return f"{mine.value!r}, not {right.value!r}"
    if value_only:
        return None
    if repr(mine) != repr(right):
        return f"the same value, but {mine.count} rows or another health, not {right.count}"
    if one.groups == other.groups and _sums(one) != _sums(other):
        return f"the value {mine.value!r} from other sums, which shows once they are merged further"
    return None


def _sums(tally: Tally) -> list[str]:
    """The bits of the exact sums, of which the value is only a rounding."""
    return sorted(repr(state.to_json()) for state in tally.states.values() if isinstance(state, WeightedSum))


def _cut(random: np.random.Generator, count: int) -> list[int]:
    """Sizes of parts, some of them perhaps empty, that add up to `count`."""
    edges = np.sort(random.integers(0, count + 1, random.integers(1, 5)))
    sizes: list[int] = np.diff([0, *edges, count]).tolist()
    return sizes


def _few(values: Sequence[int]) -> str:
    return f"{list(values)}" if len(values) <= MOST_SHOWN else f"{list(values[:MOST_SHOWN])[:-1]} and so on"
