"""The rows of the largest losses of a dataset, with the columns that tell which they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import xent
from xent.core.errors import DataError
from xent.core.top_rows import TopRow, TopRows
from xent.io.dataset import KeptBatch
from xent.io.evaluation import data_report
from xent.io.exporters.plain import data_as_dict, metric_as_dict
from xent.io.tallying import tally_of

if TYPE_CHECKING:
    import pyarrow as pa

    from xent.core.batch import Batch
    from xent.core.loss_distribution import LossDistribution
    from xent.core.metric import Metric
    from xent.core.result import DataReport, MetricResult
    from xent.core.tally import NanPolicy, Tally
    from xent.io.dataset import Dataset
    from xent.io.tables import Column

QUANTILES = (0.5, 0.9, 0.99, 0.999)
"""The quantiles of the losses that are told."""

WORST = 0.01
"""The share of the rows of which it is told how much of the whole loss they carry."""


@dataclass
class KeptRows(TopRows):
    """The best rows with the columns that their batches carry: `columns` holds those of `rows_kept`, in the same order."""

    columns: pa.Table | None = field(default=None)

    def update(self, batch: Batch) -> None:
        before = [row.place for row in self.rows_kept]
        super().update(batch)
        if isinstance(batch, KeptBatch):
            known = set(before)
            added = [row.place for row in self.rows_kept if row.place not in known]
            if added:
                self._arrange([*before, *added], [self.columns, _table(batch.columns, [_row_in(batch, place) for place in added])])

    def merge(self, other: Tally) -> None:
        assert isinstance(other, KeptRows)
        places = [row.place for row in (*self.rows_kept, *other.rows_kept)]
        super().merge(other)
        self._arrange(places, [self.columns, other.columns])

    def _arrange(self, places: list[tuple[int, int]], parts: list[pa.Table | None]) -> None:
        """Keeps of rows that are at `places` those that are kept, in their order."""
        import pyarrow as pa

        tables = [part for part in parts if part is not None]
        if not tables:
            return
        try:
            together = pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(f"columns that are kept have other types in other sources: {str(error).splitlines()[0]}") from error
        number = {place: at for at, place in enumerate(places)}
        self.columns = together.take([number[row.place] for row in self.rows_kept])


def _row_in(batch: Batch, place: tuple[int, int]) -> int:
    """The number of a row in its batch."""
    row = place[1] - batch.origin[1]
    return row if batch.row_numbers is None else int(np.searchsorted(batch.row_numbers, row))


def _table(columns: Mapping[str, Column], rows: list[int]) -> pa.Table:
    """Some rows of columns, which let go of the chunk they are from."""
    import pyarrow as pa

    arrays: list[Any] = []
    for column in columns.values():
        if isinstance(column, np.ndarray):
            arrays.append(pa.array(column[rows].tolist()))
            continue
        taken = cast("Any", column.take(pa.array(rows)))
        arrays.append(taken.dictionary_decode() if pa.types.is_dictionary(taken.type) else taken)
    return pa.Table.from_arrays(arrays, names=list(columns))


@dataclass(frozen=True, slots=True)
class Found:
    """What `xent top` has found: the rows in their order, the metric over all rows, and how its values are distributed.

    Attributes
    ----------
    metric : the metric and its value over all rows
    order : "largest" or "smallest"
    rows : the rows, the first the best
    keys : the key columns that tell which rows they are
    columns : the columns that were kept of the rows, in the order of the rows
    losses : the distribution of the values of all rows
    data : what was read
    """

    metric: MetricResult
    order: str
    rows: tuple[TopRow, ...]
    keys: tuple[str, ...]
    columns: pa.Table | None
    losses: LossDistribution
    data: DataReport

    def class_name(self, number: Any) -> Any:
        """The name of a class where it has one; whatever else it is, as it is."""
        names = self.data.class_names
        return names[number] if names is not None and isinstance(number, int) and 0 <= number < len(names) else number

    def decisive(self, record: Mapping[str, Any]) -> Any:
        """The prediction of a record; of one a class, by name that of the true class and that of the predicted one: what went wrong."""
        row = self.rows[record["rank"] - 1]
        scores = row.prediction
        if not isinstance(scores, list) or row.predicted is None or not isinstance(row.label, int):
            return scores
        return {self.class_name(number): scores[number] for number in (row.label, row.predicted)}

    def records(self) -> Iterator[dict[str, Any]]:
        """Every row as plain values."""
        keys = [[None] * len(self.keys)] * len(self.rows)
        if self.keys and self.columns is not None:
            keys = list(map(list, zip(*(self.columns.column(key).to_pylist() for key in self.keys), strict=True)))
        for number, (row, values) in enumerate(zip(self.rows, keys, strict=True), start=1):
            source, place = row.place
            yield {
                "rank": number,
                "file": self.data.sources[source],
                "row": place + 1,
                "keys": dict(zip(self.keys, values, strict=True)),
                "label": self.class_name(row.label),
                "predicted": self.class_name(row.predicted),
                "prediction": row.prediction,
                "weight": row.weight,
                "loss": row.loss,
            }

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "schema_version": 1,
            "xent": xent.__version__,
            "metric": metric_as_dict(self.metric),
            "order": self.order,
            "rows": list(self.records()),
            "losses": {
                "quantiles": [{"q": q, "loss": self.losses.quantile(q)} for q in QUANTILES],
                "share_of_worst": {"rows": WORST, "loss": self.losses.share_of_worst(WORST)},
                "histogram": [{"low": low, "high": high, "weight": weight} for low, high, weight in self.losses.histogram()],
            },
            "data": data_as_dict(self.data),
        }


def find_top(
    dataset: Dataset,
    metric: Metric,
    limit: int = 50,
    *,
    smallest: bool = False,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Found:
    """Streams the rows of a dataset and keeps those of the largest values of a metric.

    Parameters
    ----------
    dataset : the opened sources; the columns that it is asked to keep are kept of these rows
    metric : a metric that is a mean of the rows' values
    limit, smallest : as in `xent.core.top_rows.TopRows`
    nan, from_logits, progress : as in `xent.io.evaluation.evaluate`

    Raises
    ------
    UsageError
        The metric is no mean of the rows' values.
    DataError
        The data cannot be used; the error names file, column and row.
    NothingEvaluated
        There are no rows, or none are left.
    """
    kind = partial(KeptRows, limit=limit, smallest=smallest)
    tally = tally_of(dataset, [metric], kind, nan=nan, from_logits=from_logits, progress=progress)
    return found_by(tally, dataset.request.keep, data_report(dataset, tally))


def found_by(tally: KeptRows, keys: tuple[str, ...], data: DataReport) -> Found:
    """What a tally of all rows has found; `keys` are the columns among those kept that tell which rows they are."""
    return Found(
        metric=tally.results()[0],
        order="smallest" if tally.smallest else "largest",
        rows=tuple(tally.rows_kept),
        keys=keys,
        columns=tally.columns,
        losses=tally.distribution(),
        data=data,
    )
