"""Ray: a cluster at HOST:6379, ray://HOST:10001 or auto, or workers of its own on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xent.core.errors import DataError, UsageError
from xent.io.engines import Run

_IN_FLIGHT = 256
"""Tasks that are handed over at a time."""


@contextmanager
def engine(address: str | None) -> Iterator[Run]:
    """Ray as an engine."""
    import ray

    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=None if address else False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(f"--engine-address {address}: there is no Ray cluster: {str(error).splitlines()[0]}") from error
    try:
        yield _run
    finally:
        ray.shutdown()


def _run(function: Callable[[Any], Any], shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    import ray

    # Only tasks whose worker was lost are begun again; an exception of the function is final.
    task = ray.remote(num_cpus=1, max_retries=3, retry_exceptions=False)(function)
    numbers: dict[Any, int] = {}
    waiting = enumerate(shards)
    while True:
        for number, shard in waiting:
            numbers[task.remote(shard)] = number
            if len(numbers) >= _IN_FLIGHT:
                break
        if not numbers:
            return
        (done, *_), _ = ray.wait(list(numbers), num_returns=1)
        number = numbers.pop(done)
        try:
            found = ray.get(done)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError) as error:
            raise DataError(f"shard {number + 1}/{len(shards)}: every worker that began it died; is there enough memory?") from error
        yield number, found
