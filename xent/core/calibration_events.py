"""What is claimed and what happened: the events whose probabilities the measures of calibration judge.

`of` says which: "confidence", the probability of class 1 where there are two classes, else that of the class with the largest; "classes",
every class against the rest, of two the second alone; or the number of one class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core import derived
from xent.core.arrays import as_matrix, require_same_shape, take_class
from xent.core.batch import Batch
from xent.core.cells import cells_of
from xent.core.decisions import known_class, predicted_class
from xent.core.errors import DataError, DomainError
from xent.core.labelled_scores import bins_of, tables_of
from xent.core.lazy import np
from xent.core.precision import as_float
from xent.core.reduction import squared_weight
from xent.core.states import CellCounts

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.scores import ScoreTables


def two_classes(batch: Batch) -> Batch:
    """One column of probabilities of class 1 as the two of both classes, with labels to match."""
    require_same_shape(batch.y_true, batch.y_pred)
    if batch.y_pred.shape[-1] != 1:
        return batch
    y_true, y_pred = (np.concatenate([1.0 - values, values], axis=-1) for values in (as_float(batch.y_true), batch.y_pred))
    return batch.replaced(y_true, y_pred)


def claims(batch: Batch, of: str | int) -> tuple[Array, Array]:
    """The probabilities that are claimed and how right each was, shapes (n,), or (n, k) of "classes".

    Raises
    ------
    DataError
        There is no such class.
    """
    scores = batch.derive(derived.predictions)
    two = scores.shape[-1] == 2
    index = batch.derive(derived.has_index_labels)
    if of == "confidence" and not two:
        chosen = batch.derive(predicted_class)
        right = as_float(batch.derive(known_class) == chosen) if index else take_class(batch.derive(derived.labels), chosen)
        return take_class(scores, chosen), right
    if of == "classes" and not two:
        return scores, batch.derive(derived.one_hot_or_dense)
    class_id = of if isinstance(of, int) else 1
    if not 0 <= class_id < scores.shape[-1]:
        raise DataError(f"class_id {class_id} is out of range for predictions of {scores.shape[-1]} classes")
    if not index:
        return scores[..., class_id], batch.derive(derived.labels)[..., class_id]
    true = batch.derive(derived.true_class)
    return scores[..., class_id], as_float(true if two and class_id == 1 else true == class_id)


def calibration_cells(batch: Batch, *, bins: int, of: str | int) -> CellCounts:
    """For every bin four cells: the weight of what is not right, and of what is; what is claimed; what is right in part.

    Of several classes the bins of each stand after those of the one before.
    """
    claimed, right = batch.derive(claims, of)
    columns = 1 if claimed.ndim == 1 else claimed.shape[-1]
    cell = 4 * bins_of(claimed, bins)
    if claimed.ndim > 1:
        cell += 4 * bins * np.arange(columns)
    size = 4 * bins * columns
    confident = cells_of(batch, cell + 2, size, claimed)
    hit = right == 1.0
    sums = confident + cells_of(batch, cell + hit, size)
    in_part = (right != 0.0) & ~hit
    return CellCounts(sums + cells_of(batch, cell + 3, size, right, in_part) if in_part.any() else sums)


def gap_squares(batch: Batch, *, bins: int) -> CellCounts:
    """For every bin of confidence three cells: the sums of w² g², w² g and w², where g is how right a row is less its confidence."""
    confidence, right = batch.derive(claims, "confidence")
    gap = right - confidence
    cell = 3 * bins_of(confidence, bins)
    squared = batch if batch.sample_weight is None else batch.weighted(batch.original.derive(squared_weight))
    sums = cells_of(squared, cell, 3 * bins, gap**2) + cells_of(squared, cell + 1, 3 * bins, gap)
    return CellCounts(sums + cells_of(squared, cell + 2, 3 * bins))


def event_tables(batch: Batch, *, of: str | int) -> ScoreTables:
    """The exact distributions of what is claimed, where it did not happen and where it did: cells (column, happened).

    Raises
    ------
    DomainError
        A label is neither 0 nor 1.
    """
    claimed, right = batch.derive(claims, of)
    happened = right == 1.0
    bad = (right != 0.0) & ~happened & ~np.isnan(right)
    if bad.any():
        row, column = divmod(int(np.argmax(bad)), as_matrix(bad).shape[1])
        raise DomainError(f"label {as_matrix(right)[row, column].item()!r} is neither 0 nor 1", role="y_true", row=row, column=column)
    return tables_of(batch, np.where(np.isnan(right), np.nan, claimed), happened, by_column=True)
