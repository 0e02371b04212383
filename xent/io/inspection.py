"""A first look into sources: what is there, what it seems to be, and the command that evaluates it. One pass, constant memory."""

from __future__ import annotations

import contextlib
import fnmatch
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from xent.core.errors import DataError, DomainError, NothingEvaluated
from xent.core.specs import default_specs
from xent.core.table import table
from xent.core.views import ROUNDING
from xent.io.arrow_values import values_of
from xent.io.dataset import open_dataset
from xent.io.partitions import with_partition
from xent.io.places import STDIN, Place, open_source
from xent.io.readers import open_place
from xent.io.sources import expand, natural_order
from xent.io.urls import is_url, shown

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.io.dataset import Dataset
    from xent.io.request import Request
    from xent.io.roles import Roles
    from xent.io.tables import Field, Table

MOST_LABELS = 1000
"""So many different labels are counted; a column of more holds numbers rather than classes."""

_WEIGHTS = ("weight", "weights", "sample_weight", "w")


@dataclass(slots=True)
class Range:
    """The smallest and largest value of a column, and how many are missing."""

    name: str
    low: float = math.inf
    high: float = -math.inf
    missing: int = 0

    def add(self, values: Array) -> None:
        """Looks at more values, of any shape."""
        gone = np.isnan(values)
        self.missing += int(np.count_nonzero(gone))
        if not gone.all():
            self.low = min(self.low, float(np.fmin.reduce(values, axis=None)))
            self.high = max(self.high, float(np.fmax.reduce(values, axis=None)))

    @property
    def empty(self) -> bool:
        """Whether no value was there."""
        return self.low > self.high


@dataclass(slots=True)
class Labels:
    """The labels: their range, and how often each occurs. Of distributions over classes, the sum for each class."""

    range: Range
    counts: dict[float, float] = field(default_factory=dict)
    many: bool = False

    def add(self, y_true: Array) -> None:
        """Looks at more labels."""
        self.range.add(y_true)
        if y_true.ndim > 1:
            found = {at: float(np.nansum(column)) for at, column in enumerate(y_true.reshape(-1, y_true.shape[-1]).T)}
        else:
            values, counts = np.unique(y_true[~np.isnan(y_true)], return_counts=True)
            self.many = self.many or len(values) > MOST_LABELS
            found = {} if self.many else dict(zip(values.tolist(), counts.tolist(), strict=True))
        for value, count in found.items():
            self.counts[float(value)] = self.counts.get(float(value), 0) + count
        if len(self.counts) > MOST_LABELS:
            self.many = True
        if self.many:
            self.counts.clear()


@dataclass(slots=True)
class Inspection:
    """What a look into sources found.

    Attributes
    ----------
    sources, fields : the files, and the columns of the first
    roles : which column is what; None where that could not be told, and `problem` says why
    classes : class names in the order of the predictions
    task : binary, multiclass or regression
    rows : the rows that were read
    labels, predictions, row_sums, weights : what stands in the columns
    values : the ranges of all columns of numbers, where there are no roles
    command : the command that evaluates the sources
    hints : what to consider
    fault : why the reading stopped before the end, if it did
    """

    sources: tuple[str, ...]
    fields: tuple[Field, ...]
    roles: Roles | None = None
    classes: tuple[str, ...] | None = None
    task: str | None = None
    rows: int | None = None
    labels: Labels | None = None
    predictions: list[Range] = field(default_factory=list)
    row_sums: Range | None = None
    weights: Range | None = None
    values: list[Range] = field(default_factory=list)
    command: str | None = None
    hints: list[str] = field(default_factory=list)
    problem: str | None = None
    fault: DataError | None = None

    @property
    def looks_like_percentages(self) -> bool:
        """Whether predictions of classes lie from 0 to 100, those of a row sum to 100, and some are above 1."""
        known = [one for one in self.predictions if not one.empty]
        sums = self.row_sums
        whole = sums is None or (not sums.empty and 99 <= sums.low and sums.high <= 101)
        return self.has_no_probabilities and whole and all(0 <= one.low and one.high <= 100 + ROUNDING for one in known)

    @property
    def looks_like_logits(self) -> bool:
        """Whether there are other predictions of classes that cannot be probabilities."""
        return self.has_no_probabilities and not self.looks_like_percentages

    @property
    def has_no_probabilities(self) -> bool:
        """Whether there are predictions of classes outside [0, 1]."""
        outside = (not one.empty and (one.low < -ROUNDING or one.high > 1 + ROUNDING) for one in self.predictions)
        return self.task in ("binary", "multiclass") and any(outside)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "sources": list(self.sources),
            "rows": self.rows,
            "fields": [{"name": one.name, "type": one.type, "kind": one.kind, "width": one.width} for one in self.fields],
            "roles": None if self.roles is None else self.roles.describe(),
            "classes": None if self.classes is None else list(self.classes),
            "task": self.task,
            "labels": None if self.labels is None else self._labels_as_dict(self.labels),
            "predictions": [_range_as_dict(one) for one in self.predictions],
            "row_sums": None if self.row_sums is None else _range_as_dict(self.row_sums),
            "weights": None if self.weights is None else _range_as_dict(self.weights),
            "values": [_range_as_dict(one) for one in self.values],
            "looks_like_logits": self.looks_like_logits,
            "hints": list(self.hints),
            "problem": self.problem,
            "command": self.command,
        }

    def _labels_as_dict(self, labels: Labels) -> dict[str, Any]:
        counts = [{"value": value, "class": self.class_of(value), "count": count} for value, count in sorted(labels.counts.items())]
        return {**_range_as_dict(labels.range), "counts": None if labels.many else counts}

    def class_of(self, value: float) -> str | None:
        """The name of the class that a label stands for, where it has one."""
        known = self.classes or ()
        return known[int(value)] if value.is_integer() and 0 <= value < len(known) else None


def _range_as_dict(one: Range) -> dict[str, Any]:
    return {"name": one.name, "low": None if one.empty else one.low, "high": None if one.empty else one.high, "missing": one.missing}


def inspect(request: Request, progress: Callable[[int], None] | None = None) -> Inspection:
    """Looks into sources. Where it cannot be told which column is what, the columns are found all the same.

    Raises
    ------
    UsageError, DataError, NothingEvaluated
        The request contradicts itself, or not even the columns can be read.
    """
    try:
        dataset = open_dataset(request)
    except DataError as error:
        return _columns_only(request, error)
    found = Inspection(dataset.sources, tuple(dataset.fields), dataset.roles, dataset.classes)
    try:
        found.task = dataset.task()
        _look(dataset, found, progress)
    except NothingEvaluated:
        found.rows = 0
    except DomainError as error:
        found.fault = dataset.located(error)
    except DataError as error:
        found.fault = error
    found.problem = None if found.fault is None else str(found.fault)
    found.hints = [*_hints(found), *dataset.repeated]
    found.command = _command(request, found)
    return found


def reads_once(request: Request) -> bool:
    """Whether a source is a pipe, which gives its bytes once."""
    here = [source for source in request.sources if not is_url(source)]
    return STDIN in here or any(Place(path, request.input_format).is_pipe for path in (expand(here) if here else ()))


def _columns_only(request: Request, error: DataError) -> Inspection:
    """The columns with their ranges, and why that was not enough to know which is what."""
    if reads_once(request):
        # The bytes are gone.
        raise error
    opened = partial(open_source, input_format=request.input_format, retries=request.retries)
    tables = [with_partition(path, open_place(opened(path))) for path in expand(request.sources, request.retries)]
    found = Inspection(tuple(one.name for one in tables), tuple(tables[0].fields), rows=0, problem=str(error))
    numeric = [one for one in found.fields if one.kind in ("integer", "float", "boolean", "list")]
    found.values = [Range(one.name) for one in numeric]
    for source in tables:
        shared = [one for one in found.values if one.name in {column.name for column in source.fields}]
        _look_at_columns(source, shared, found, request.chunk_rows)
    return found


def _look_at_columns(source: Table, ranges: Sequence[Range], found: Inspection, chunk_rows: int | None) -> None:
    names = [one.name for one in ranges] or [source.fields[0].name]
    for part in source.parts(names, chunk_rows):
        for chunk in part():
            found.rows = (found.rows or 0) + chunk.rows
            for one in ranges:
                with contextlib.suppress(DataError, TypeError):
                    one.add(values_of(chunk.columns[one.name]).astype(np.float64, copy=False))


def _look(dataset: Dataset, found: Inspection, progress: Callable[[int], None] | None) -> None:
    roles = dataset.roles
    found.rows = 0
    found.labels = Labels(Range(", ".join(roles.label)))
    found.weights = None if roles.weight is None else Range(roles.weight)
    for batch in dataset.batches():
        for block in batch.blocks():
            _look_at_block(block, found)
        found.rows += len(batch)
        if progress is not None:
            progress(len(batch))


def _look_at_block(block: Batch, found: Inspection) -> None:
    assert found.labels is not None
    assert found.roles is not None
    found.labels.add(block.y_true.astype(np.float64, copy=False))
    y_pred = block.y_pred.astype(np.float64, copy=False)
    scores = y_pred.reshape(len(y_pred), -1) if y_pred.ndim != 2 else y_pred
    if not found.predictions:
        found.predictions = [Range(name) for name in _prediction_names(found.roles.pred, scores.shape[1])]
    for one, column in zip(found.predictions, scores.T, strict=True):
        one.add(column)
    if y_pred.ndim > 1 and y_pred.shape[-1] > 1:
        found.row_sums = found.row_sums or Range("sum of a row")
        found.row_sums.add(y_pred.sum(axis=-1))
    if found.weights is not None and block.sample_weight is not None:
        found.weights.add(block.sample_weight.astype(np.float64, copy=False))


def _prediction_names(names: Sequence[str], width: int) -> list[str]:
    return list(names) if len(names) == width else [f"{names[0]}[{at}]" for at in range(width)]


def _hints(found: Inspection) -> list[str]:
    hints = []
    if found.looks_like_percentages:
        hints.append("predictions lie from 0 to 100, so they look like percentages: divide them by 100; if they are logits, --from-logits")
    if found.looks_like_logits:
        hints.append("predictions lie outside [0, 1], so they look like logits: --from-logits")
    sums = found.row_sums
    if sums is not None and not sums.empty and not found.has_no_probabilities and (sums.low < 0.99 or sums.high > 1.01):
        hints.append("rows do not sum to 1: the classes may not exclude each other, or the predictions are no probabilities")
    gone = sum(one.missing for one in (*found.predictions, *([found.labels.range] if found.labels else [])))
    if gone:
        hints.append(f"{gone:,} values are missing: --nan skip leaves their rows out")
    taken = () if found.roles is None else (*found.roles.label, *found.roles.pred)
    weight = next((one.name for one in found.fields if one.name in _WEIGHTS and one.name not in taken), None)
    if found.weights is None and weight is not None:
        hints.append(f"column {weight!r} may hold weights: --weight {shlex.quote(weight)}")
    return hints


def _command(request: Request, found: Inspection) -> str:
    """The command that evaluates what was looked into, every choice spelt out, ready for a shell."""
    words = ["xent", "eval"]
    words += [f"./{source}" if source.startswith("-") and source != STDIN else shown(source) for source in request.sources]
    for key, value in settings_of(request, found).items():
        flag = f"--{key.replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            words += [flag, *([] if one is True else [one])]
    return shlex.join(words)


def settings_of(request: Request, found: Inspection) -> dict[str, Any]:
    """The options of `xent eval` for what was found, named as in `xent.toml`; a metric only where none runs by default."""
    assert found.roles is not None
    roles, names = found.roles, [one.name for one in found.fields]
    options = {
        "label": request.label if request.labels is not None else request.label or columns_flag(roles.label, names),
        "pred": request.pred or (columns_flag(roles.pred, names) if len(names) > 1 else None),
        "weight": roles.weight,
        "labels": None if request.labels is None else shown(request.labels),
        "on": request.on,
        "classes": None if request.classes is None else ",".join(request.classes),
        "where": list(request.where) if len(request.where) > 1 else next(iter(request.where), None),
        "input_format": request.input_format,
        "nan": "skip" if any(one.missing for one in found.predictions) or (found.labels and found.labels.range.missing) else None,
        "metric": _metric_for(found.task),
        "from_logits": found.looks_like_logits or None,
    }
    return {key: value for key, value in options.items() if value is not None}


def _metric_for(task: str | None) -> str | None:
    """A metric to name where none would run by default."""
    rows = table()
    if task is None or default_specs(rows, task):
        return None
    return next((row.name for row in rows.values() if row.inputs == "values"), None)


def columns_flag(columns: Sequence[str], names: Sequence[str]) -> str:
    """What `--label` or `--pred` takes for these columns: a name, the one glob that means them all, or a list.

    >>> columns_flag(["p_1", "p_2"], ["id", "p_1", "p_2"])
    'p_*'
    >>> columns_flag(["p_2", "p_1"], ["id", "p_1", "p_2"])
    'p_2,p_1'
    """
    if len(columns) == 1:
        return columns[0]
    first, last = min(columns), max(columns)
    shared = next((first[:at] for at in range(len(first)) if at >= len(last) or first[at] != last[at]), first)
    glob = f"{shared}*"
    alike = [name for name in names if fnmatch.fnmatchcase(name, glob)]
    return glob if shared and natural_order(alike) == list(columns) else ",".join(columns)
