"""An evaluation on many machines: its shards are measured by the workers of an engine, and what they found is merged here.

A task is a question about a shard, no data; what comes back is a state as plain values. States are merged in the order of the shards,
exactly, so the bits are those of one machine, whatever the order of arrival. An error in the data comes back as a value, too: an engine
would take an exception for a reason to try again, or lose half of it on the way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import xent
from xent.core.errors import DataError, NothingEvaluated, NotProbabilityError, UsageError, XentError
from xent.core.tally import Confidence, NanPolicy
from xent.io.dataset import open_dataset
from xent.io.evaluation import check_rows, kind_of_tally, measured_of
from xent.io.merging import merge_states
from xent.io.places import TEXT_FORMATS, Place
from xent.io.request import Request
from xent.io.shards import Shard
from xent.io.state_file import metric_as_dict, metric_from_dict, unfinished_as_dict, unfinished_from_dict
from xent.io.tallying import tally_of
from xent.io.urls import is_url

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.io.dataset import Dataset
    from xent.io.engines import Run
    from xent.io.measured import Measured

SHARD_BYTES = 256 << 20
"""About how much of the files makes a shard: about a second of work, beside which what an engine costs a task is nothing."""

MOST_SHARDS_OF_TEXT = 16
"""Looking through text is a dozen times as fast as parsing it; with so many shards of a file it costs more than half as much."""

_ERRORS = {kind.__name__: kind for kind in (UsageError, NothingEvaluated, DataError, NotProbabilityError)}


class Task(NamedTuple):
    """What a worker is asked, as plain values."""

    request: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    nan: NanPolicy
    from_logits: bool
    identify: bool
    confidence: Mapping[str, Any] | None
    versions: Mapping[str, str]


def versions() -> dict[str, str]:
    """The versions on which the bits of a result may depend."""
    import pyarrow as pa

    return {"xent": xent.__version__, "numpy": np.__version__, "pyarrow": pa.__version__}


def measure_task(task: Task) -> dict[str, Any]:
    """Measures a shard, on a worker; an error is what it returns."""
    here = versions()
    other = [f"{name} {here[name]}, not {wanted}" for name, wanted in task.versions.items() if here[name] != wanted]
    if other:
        return {"error": "UsageError", "text": f"--engine: a worker has {'; '.join(other)}\ninstall the same on all machines"}
    try:
        metrics = [metric_from_dict(one) for one in task.metrics]
        with open_dataset(Request(**task.request)) as dataset:
            confidence = None if task.confidence is None else Confidence(**task.confidence)
            kind = kind_of_tally(dataset, identify=task.identify, confidence=confidence)
            tally = tally_of(dataset, metrics, kind, nan=task.nan, from_logits=task.from_logits, progress=None)
            return unfinished_as_dict(measured_of(dataset, tally))
    except XentError as error:
        cause = error.__cause__ if isinstance(error.__cause__, NotProbabilityError) else error
        kinds = [name for name, kind in _ERRORS.items() if isinstance(cause, kind)]
        return {"error": kinds[-1] if kinds else "DataError", "text": str(error)}


def measure_on(
    run: Run,
    dataset: Dataset,
    metrics: Sequence[Metric],
    *,
    nan: NanPolicy,
    from_logits: bool,
    identify: bool,
    confidence: Confidence | None = None,
    shards: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """What `xent.io.evaluation.measure` gives, measured by the workers of an engine.

    Parameters
    ----------
    run : the engine
    shards : how many; None makes one for each `SHARD_BYTES` of the files, and fewer of large files of text

    Raises
    ------
    UsageError
        A source can be read only once, or here alone; or the workers have other versions.
    DataError, NothingEvaluated
        As `measure` does; of several errors the one in the first shard.
    """
    if dataset.is_piped:
        raise UsageError("--engine: standard input and pipes are here alone; evaluate files")
    places = dataset.places[: len(dataset.sources)]
    total = sum(place.size() or 1 for place in places)
    count = shards or -(-total // max(map(_shard_bytes, places)))
    intervals = None if confidence is None else confidence._asdict()
    asked = Task({}, [metric_as_dict(metric) for metric in metrics], nan, from_logits, identify, intervals, versions())
    request = _for_workers(dataset.request)
    tasks = [asked._replace(request={**request, "shard": str(Shard(number, count))}) for number in range(1, count + 1)]
    found = _collected(run, tasks, progress)
    states = {f"shard {number + 1}/{count}": unfinished_from_dict(found[number]) for number in range(count)}
    if any(share.split is None or share.split.total != total for state in states.values() for _, share in state.sources()):
        raise DataError(f"the workers see other files than those here, which have {total:,} bytes in all")
    merged = merge_states(states)
    merged = dataclasses.replace(merged, data=merged.data._replace(sources=dataset.sources))
    check_rows(dataset, merged.tally)
    return merged


def _shard_bytes(place: Place) -> int:
    """How large shards have to be for a file: one of text looks through all before it, and one of compressed text reads all of it."""
    size = place.size() or 1
    if place.format not in TEXT_FORMATS:
        return SHARD_BYTES
    return max(SHARD_BYTES, size // MOST_SHARDS_OF_TEXT if place.is_plain else size)


def _for_workers(request: Request) -> dict[str, Any]:
    """The request as plain values, with paths that mean the same to a process that runs elsewhere."""
    plain = dataclasses.asdict(request)
    plain["sources"] = tuple(map(_anywhere, request.sources))
    plain["labels"] = None if request.labels is None else _anywhere(request.labels)
    return {**plain, "threads": 1}


def _anywhere(source: str) -> str:
    return source if is_url(source) else str(Path(source).absolute())


def _collected(run: Run, tasks: Sequence[Task], progress: Callable[[int], None] | None) -> dict[int, dict[str, Any]]:
    """What came back for every task, by its number.

    Raises
    ------
    XentError
        The error of the first shard that has one, once all shards before it are there.
    """
    found: dict[int, dict[str, Any]] = {}
    first_error = len(tasks)
    for number, answer in run(measure_task, tasks):
        found[number] = answer
        if "error" in answer:
            first_error = min(first_error, number)
        elif progress is not None:
            progress(int(answer["data"]["rows"]))
        if first_error < len(tasks) and all(before in found for before in range(first_error)):
            raise _error(found[first_error])
    return found


def _error(answer: Mapping[str, Any]) -> XentError:
    error = _ERRORS[answer["error"]](answer["text"])
    if isinstance(error, NotProbabilityError):
        # As where it is found here: an error that has a place, of one that has a reason.
        located = DataError(answer["text"])
        located.__cause__ = error
        return located
    return error
