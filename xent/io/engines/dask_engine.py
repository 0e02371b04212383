"""Dask: a scheduler at tcp://HOST:8786 or tls://HOST:8786, or workers of its own on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xent.core.errors import DataError, UsageError
from xent.io.cores import available_cores
from xent.io.engines import Run

_CONNECT = 30
"""Seconds to wait for the scheduler."""


@contextmanager
def engine(address: str | None) -> Iterator[Run]:
    """Dask as an engine."""
    from distributed import Client, LocalCluster

    # Workers that come and go are its business; what matters to the user comes as an error.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if address is None:
        with (
            LocalCluster(
                n_workers=available_cores(), threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=logging.CRITICAL
            ) as cluster,
            Client(cluster) as client,
        ):
            yield _run_of(client)
        return
    try:
        client = Client(address, timeout=_CONNECT)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"--engine-address {address}: there is no Dask scheduler: {error}") from error
    with client:
        yield _run_of(client)


def _run_of(client: Any) -> Run:
    def run(function: Callable[[Any], Any], shards: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        from distributed import KilledWorker, as_completed

        # A shard that failed by itself would fail again; those of lost workers are run again whatever `retries` says.
        numbers = {future: number for number, future in enumerate(client.map(function, shards, pure=False, retries=0))}
        for future in as_completed(list(numbers)):
            number = numbers.pop(future)
            try:
                found = future.result()
            except KilledWorker as error:
                raise DataError(f"shard {number + 1}/{len(shards)}: every worker that began it died; is there enough memory?") from error
            yield number, found
            # What has arrived need not be made again if its worker is lost.
            future.release()

    return run
