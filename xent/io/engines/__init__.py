"""Engines that run a function on many machines, one a file, and the table that finds them.

An engine is opened with an address, and gives a function `run(function, shards)` that yields `(index, function(shards[index]))` in any
order of arrival. It runs a shard again whose worker was lost, and none that failed by itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from xent.core.errors import UnknownNameError, UsageError

ENGINES = {"ray": "ray", "dask": "distributed"}
"""The package that each engine needs; the extra of xent is called like the engine."""


class Run(Protocol):
    """Runs a function for each of some shards."""

    def __call__(self, function: Callable[[Any], Any], shards: Sequence[Any]) -> Iterator[tuple[int, Any]]: ...


def open_engine(name: str, address: str | None) -> AbstractContextManager[Run]:
    """An engine at an address; without one it starts workers on this machine.

    Raises
    ------
    UsageError
        It is not installed or cannot be reached.
    """
    if name not in ENGINES:
        raise UnknownNameError("engine", name, [*ENGINES, "local"])
    module = importlib.import_module(f"{__name__}.{name}_engine")
    try:
        importlib.import_module(ENGINES[name])
    except ModuleNotFoundError as error:
        raise UsageError(f"--engine {name} needs a package that is not installed: {error.name}\npip install 'xent-eval[{name}]'") from error
    engine: AbstractContextManager[Run] = module.engine(address)
    return engine
