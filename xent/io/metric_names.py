"""What metrics are called where people read it: by their parameters too, where they would look alike by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol


class Known(Protocol):
    """What has the name, the label and the signature of a metric."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str | None: ...

    @property
    def signature(self) -> str: ...


class MetricNames:
    """What each of some metrics is called when they stand beside each other.

    >>> from xent.core.result import MetricResult
    >>> auc = [MetricResult("auc", 0.5, {}, 9, "higher", f"auc|curve:{curve}|from_logits:false") for curve in ("PR", "ROC")]
    >>> [MetricNames(auc)(metric) for metric in auc]
    ['auc:curve=PR', 'auc:curve=ROC']
    >>> MetricNames(auc[:1])(auc[0])
    'auc'
    """

    def __init__(self, metrics: Iterable[Known]) -> None:
        self._alike: dict[tuple[str | None, str], dict[str, None]] = {}
        for metric in metrics:
            self._alike.setdefault((metric.label, metric.name), {})[metric.signature] = None

    def __call__(self, metric: Known, escaped: Callable[[str], str] = str) -> str:
        """The name, behind the label if it has one; `escaped` is what becomes of text that may come from outside."""
        name = ":".join(filter(None, (metric.name, escaped(self.apart(metric)))))
        return name if metric.label is None else f"{escaped(metric.label)} ({name})"

    def short(self, metric: Known, escaped: Callable[[str], str] = str) -> str:
        """The label alone, where there is one."""
        return self(metric, escaped) if metric.label is None else escaped(metric.label)

    def apart(self, metric: Known) -> str:
        """The parameters in which it differs from others of its label and name, as `-m` takes them; empty where there are none."""
        alike = [_parameters(signature) for signature in self._alike.get((metric.label, metric.name), ())]
        mine = _parameters(metric.signature)
        return ",".join(f"{key}={value}" for key, value in mine.items() if any(other.get(key) != value for other in alike))


def _parameters(signature: str) -> dict[str, str]:
    parts: Sequence[str] = signature.split("|")[1:]
    return dict(part.partition(":")[::2] for part in parts)
