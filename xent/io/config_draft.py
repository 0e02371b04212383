"""A first `xent.toml`: the settings that fit what was found in sources, and gates to choose from as comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from xent.core.errors import DataError, NothingEvaluated, UsageError
from xent.core.gates import number_text
from xent.core.specs import default_specs, parse_spec
from xent.core.table import table
from xent.io.dataset import open_dataset
from xent.io.escaping import printable
from xent.io.evaluation import evaluate
from xent.io.exporters.plain import json_text
from xent.io.inspection import inspect, reads_once, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent.core.result import MetricResult, Result
    from xent.io.inspection import Inspection
    from xent.io.request import Request

_HEAD = """\
# Settings of xent eval in this folder; a flag of the command line wins over a line here.
# `xent eval --help` explains the options, `xent schema config` prints the schema of this file.
"""

_METRICS = "\n# What is measured; `xent metrics` lists what there is.\n"
_COLUMNS = "\n# Which columns are what, and how they are read.\n"

_BLANK = f"""\
{_HEAD}{_METRICS}# metric = ["categorical_crossentropy", "categorical_accuracy"]
{_COLUMNS}# label = "label"
# pred = "p_*"
# weight = "weight"

# The values of slices, and an earlier result or state to compare with.
# by = ["country"]
# baseline = "main.json"

# Conditions, which make the exit status of xent eval and xent gate a verdict.
# [[gate]]
# metric = "categorical_accuracy"
# min = 0.8

# [[gate]]
# metric = "categorical_crossentropy"
# max_increase = 0.005
"""


def blank() -> str:
    """A configuration that sets nothing and shows what can be set."""
    return _BLANK


def draft(request: Request, progress: Callable[[int], None] | None = None) -> str:
    """The configuration for sources, which are read twice: to see what they hold, and to measure it.

    Raises
    ------
    UsageError
        A source can be read only once, or no metric fits the task found.
    DataError, NothingEvaluated
        As `open_dataset` and `evaluate` do; also where it cannot be told which column is what.
    """
    if reads_once(request):
        raise UsageError("a pipe gives its bytes once, and xent init reads its source twice; name a file")
    found = inspect(request, progress)
    if found.fault is not None:
        raise found.fault
    if found.roles is None:
        raise DataError(found.problem or "it cannot be told which column is what")
    if not found.rows:
        raise NothingEvaluated(f"{', '.join(found.sources)}: there are no rows")
    settings = settings_of(request, found)
    names = [spec.row.name for spec in default_specs(table(), found.task or "")] or [settings["metric"]]
    from_logits = settings.get("from_logits", False)
    with open_dataset(request) as dataset:
        metrics = [parse_spec(name).with_defaults({"from_logits": from_logits}).build() for name in names]
        result = evaluate(dataset, metrics, nan=settings.get("nan", "error"), from_logits=from_logits, progress=progress)
    return "".join(_lines(found, {**settings, "metric": names}, result))


def _lines(found: Inspection, settings: Mapping[str, Any], result: Result) -> Iterator[str]:
    sources = found.sources if len(found.sources) == 1 else (f"{len(found.sources)} files", found.sources[0])
    task = f", {found.task}" if found.task else ""
    yield f"{_HEAD}# Drawn up from {', '.join(map(printable, sources))}: {result.data.rows} rows{task}.\n"
    yield f"{_METRICS}metric = [\n"
    yield from (f"  {_toml(metric.name)},  # {_measured(metric)}\n" for metric in result.metrics)
    yield f"]\n{_COLUMNS}"
    yield from (f"{key} = {_toml(value)}\n" for key, value in settings.items() if key != "metric")
    yield from (f"# {printable(hint)}\n" for hint in found.hints)
    yield "\n# Conditions, which make the exit status of xent eval and xent gate a verdict. Those here are met by what was measured.\n"
    yield f'# [[gate]]\n# metric = "rows"\n# min = {result.data.rows}\n'
    example = next((metric for metric in result.metrics if _can_be_gated(metric)), None)
    if example is not None:
        yield from _gates(example)


def _can_be_gated(metric: MetricResult) -> bool:
    return metric.direction != "none" and isinstance(metric.value, int | float) and isfinite(metric.value)


def _gates(metric: MetricResult) -> Iterator[str]:
    bound, change = ("max", "max_increase") if metric.direction == "lower" else ("min", "max_decrease")
    yield f"\n# [[gate]]\n# metric = {_toml(metric.name)}\n# {bound} = {_loosened(metric.value, metric.direction)}\n"
    yield "\n# And how far it may fall behind an earlier result or state, which --baseline names.\n"
    yield f'# [[gate]]\n# metric = {_toml(metric.name)}\n# {change} = "1%"\n'


def _measured(metric: MetricResult) -> str:
    value = metric.value
    better = {"lower": ", lower is better", "higher": ", higher is better"}.get(metric.direction, "")
    return f"{f'{value:.7g}' if isinstance(value, int | float) else 'several values'}{better}"


def _loosened(value: float, direction: str) -> str:
    """A bound of two digits that the value meets.

    >>> _loosened(0.07383704, "lower"), _loosened(0.97891, "higher"), _loosened(-123.4, "higher"), _loosened(0, "lower")
    ('0.074', '0.97', '-130', '0')
    """
    exact = Decimal(repr(value))
    rounding = ROUND_CEILING if direction == "lower" else ROUND_FLOOR
    return number_text(float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=rounding)))


def _toml(value: Any) -> str:
    # A value of JSON in one line is one of TOML, where nothing is null and text has no control characters.
    return json_text(value).rstrip("\n")
