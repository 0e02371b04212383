"""Metrics of other people: those that installed packages bring, and those in a file that somebody names.

A package brings metrics by entry points of the group `xent.metrics`, each of which names a class or a module of classes:

    [project.entry-points."xent.metrics"]
    squared_log_ratio = "their_package.metrics:SquaredLogRatio"

A file is named where it is used, `./my_metric.py:Name`, and never looked for. Either way a class is a `Metric` with a row, which the
decorator `xent.core.table.metric` gives it.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from dataclasses import dataclass
from functools import cache
from importlib import util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from xent.core.errors import UsageError
from xent.core.metric import Metric

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from xent.core.table import Row

GROUP = "xent.metrics"


@dataclass(frozen=True, slots=True)
class Installed:
    """What the installed packages bring: rows in alphabetical order, and what is wrong with the packages whose metrics are missing."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...]


@cache
def installed() -> Installed:
    """The metrics of all installed packages. One that cannot be loaded hides no other."""
    from importlib.metadata import entry_points

    rows: dict[str, Row] = {}
    holders: dict[str, str] = {}
    faults = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            for cls in _classes_of(point):
                _hold(cls.row, point, holders)
                rows[cls.row.name] = cls.row
        except (Exception, SystemExit) as error:  # noqa: BLE001  # Code of others may raise anything.
            faults.append(f"the entry point {point.name!r} of {_package(point)} cannot be used: {_said(error)}")
    return Installed(tuple(row for _, row in sorted(rows.items())), tuple(faults))


def _classes_of(point: EntryPoint) -> list[type[Metric]]:
    found = point.load()
    if isinstance(found, ModuleType):
        classes = metrics_in(found)
        if not classes:
            raise UsageError(f"the module {found.__name__} has no metric with a row; decorate the class with xent.core.table.metric")
        return list(classes.values())
    _require_row(found, point.value)
    return [found]


def _hold(row: Row, point: EntryPoint, holders: dict[str, str]) -> None:
    """Two packages may not bring two metrics of one name, nor of names that differ in case alone."""
    where = f"{row.cls.__module__}.{row.cls.__name__}"
    for name in map(str.lower, row.names):
        if holders.get(name, where) != where:
            raise UsageError(f"the metric name {name!r} is taken by {holders[name]}")
    holders.update(dict.fromkeys(map(str.lower, row.names), where))


def _package(point: EntryPoint) -> str:
    return "an installed package" if point.dist is None else f"the package {point.dist.name}"


def row_in_file(path: str, name: str) -> Row:
    """The row of the class `name` in a Python file, which is run.

    Raises
    ------
    UsageError
        The file cannot be read or run, or has no metric of that name.
    """
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    try:
        module = _module_of(str(Path(path).resolve()), source)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} cannot be loaded: {_said(error)}") from error
    found = getattr(module, name, None)
    if found is None:
        known = ", ".join(f"{path}:{cls}" for cls in metrics_in(module)) or "none, since no class is decorated with xent.core.table.metric"
        raise UsageError(f"{path} has no metric {name!r}; it has {known}" if name else f"{path}: name the class; there is {known}")
    _require_row(found, f"{path}:{name}")
    if found.__module__ != module.__name__:
        raise UsageError(f"{path}:{name} only imports {found.__module__}.{found.__qualname__}; ask for it where it is defined")
    row: Row = found.row
    return row


def metrics_in(module: ModuleType) -> dict[str, type[Metric]]:
    """The metric classes with a row that a module defines, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Metric) and value.__module__ == module.__name__ and _has_row(value)
    }


class _Loader(SourceFileLoader):
    """Runs a file as it is now: leaves no compiled copy beside it, and trusts none."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


@cache
def _module_of(path: str, source: bytes) -> ModuleType:
    """The file as a module. The same text gives the same classes, so that metrics of two mentions can share states and merge."""
    name = f"{Path(path).stem}_{hashlib.sha256(path.encode() + source).hexdigest()[:12]}"
    spec = util.spec_from_file_location(name, path, loader=_Loader(name, path))
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _require_row(found: Any, where: str) -> None:
    if not inspect.isclass(found) or not issubclass(found, Metric):
        raise UsageError(f"{where} is no subclass of xent.core.metric.Metric")
    if not _has_row(found):
        raise UsageError(f"{where} has no row of its own; decorate the class with xent.core.table.metric")


def _has_row(cls: type[Metric]) -> bool:
    """Whether the class itself was decorated, and does not go by the row of a class that it derives from."""
    return "row" in vars(cls)


def _said(error: BaseException) -> str:
    """An error of somebody else's code in one line, with the line of it that is at fault."""
    if isinstance(error, UsageError):
        return str(error)
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
