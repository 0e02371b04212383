"""A result as notebooks like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.result import Result

if TYPE_CHECKING:
    import pandas as pd


class Evaluation(Result):
    """A `Result` that a notebook shows as a table, and that becomes a frame of pandas or a dictionary of numbers."""

    __slots__ = ()

    def to_pandas(self) -> pd.DataFrame:
        """A row for each value, those of slices below those of all rows.

        The columns are `metric`, `value`, `low`, `high`, `standard_error`, `count`, `direction` and `signature`, behind one for each
        column that rows were sliced by, where the values of all rows have none.
        """
        import pandas as pd

        metrics = (*self.metrics, *self.slices)
        own: dict[str, list[Any]] = {
            "metric": [metric.label or metric.name for metric in metrics],
            "value": [metric.value for metric in metrics],
            "low": [None if metric.ci is None else metric.ci.low for metric in metrics],
            "high": [None if metric.ci is None else metric.ci.high for metric in metrics],
            "standard_error": [metric.standard_error for metric in metrics],
            "count": [metric.count for metric in metrics],
            "direction": [metric.direction for metric in metrics],
            "signature": [metric.signature for metric in metrics],
        }
        names = dict.fromkeys(name for metric in self.slices for name in metric.slice or ())
        # A column of the data may be called like one of these.
        sliced = {f"slice_{name}" if name in own else name: [(metric.slice or {}).get(name) for metric in metrics] for name in names}
        return pd.DataFrame({**sliced, **own})

    def scalars(self) -> dict[str, float]:
        """The values of all rows that are single numbers, by name: what `mlflow.log_metrics` takes."""
        from xent.io.exporters.dvc_exporter import scalars

        return scalars(self.metrics)

    def to_html(self) -> str:
        """The page of `xent report`, to be saved as a file."""
        from xent.io.report import to_html

        return to_html(self)

    def _repr_html_(self) -> str:
        from xent.io.report import fragment

        return fragment(self)
