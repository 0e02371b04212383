"""The confusion matrices of a result, with the names of the classes, for whatever draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xent.io.metric_names import MetricNames

if TYPE_CHECKING:
    from xent.core.result import MetricResult, Result

MOST_CLASSES = 25
"""So many classes are shown in full."""

Matrix = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A confusion matrix: true classes down, predicted classes across.

    Attributes
    ----------
    key : a short name for files, without any character that minds
    title : what it shows
    names : the names of the classes
    matrix : a row for every true class
    """

    key: str
    title: str
    names: tuple[str, ...]
    matrix: Matrix

    def most_confused(self, classes: int = MOST_CLASSES) -> Confusion:
        """The same with at most so many classes: those with the most wrong, and all others as one, in the last row and column.

        >>> few = Confusion("m", "M", ("a", "b", "c", "d"), [[5, 0, 0, 0], [0, 4, 3, 0], [0, 2, 6, 0], [1, 0, 0, 7]]).most_confused(3)
        >>> few.names, few.matrix
        (('b', 'c', '2 others'), [[4.0, 3.0, 0.0], [2.0, 6.0, 0.0], [0.0, 0.0, 13.0]])
        """
        if len(self.names) <= classes:
            return self
        columns = list(zip(*self.matrix, strict=True))
        wrong = [math.fsum((*row, *columns[at])) - 2.0 * row[at] for at, row in enumerate(self.matrix)]
        # Of equal ones the first classes.
        kept = sorted(sorted(range(len(wrong)), key=lambda at: -wrong[at])[: classes - 1])
        parts = [[at] for at in kept] + [sorted(set(range(len(wrong))) - set(kept))]
        matrix = [[math.fsum(self.matrix[true][at] for true in down for at in across) for across in parts] for down in parts]
        return Confusion(self.key, self.title, (*(self.names[at] for at in kept), f"{len(parts[-1]):,} others"), matrix)


def confusions(result: Result) -> list[Confusion]:
    """The confusion matrices that were measured."""
    found = [metric for metric in result.metrics if metric.name == "confusion_matrix" and _is_matrix(metric)]
    names = MetricNames(found)
    return [_confusion(metric, names.apart(metric), result.data.class_names, number) for number, metric in enumerate(found, 1)]


def _is_matrix(metric: MetricResult) -> bool:
    rows = metric.value
    return (
        isinstance(rows, list)
        and len(rows) > 1
        and all(isinstance(row, list) and len(row) == len(rows) for row in rows)
        and all(isinstance(value, int | float) and math.isfinite(value) for row in rows for value in row)
    )


def _confusion(metric: MetricResult, apart: str, class_names: Sequence[str] | None, number: int) -> Confusion:
    matrix: Matrix = metric.value
    names = class_names if class_names is not None and len(class_names) == len(matrix) else map(str, range(len(matrix)))
    told = apart if metric.label is None else metric.label
    title = f"Confusion matrix ({told})" if told else "Confusion matrix"
    return Confusion("confusion-matrix" if number == 1 else f"confusion-matrix-{number}", title, tuple(names), matrix)
