"""From what was named on the command line to the files that are meant."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xent.core.errors import DataError, NothingEvaluated, UsageError
from xent.io.places import COMPRESSIONS, STDIN, SUFFIXES
from xent.io.urls import is_url, parsed, path_of, shown

if TYPE_CHECKING:
    from xent.io.places import Place


def expand(sources: Sequence[str], retries: int = 0) -> list[str]:
    """The files that names, globs, directories and URLs stand for, each pattern and directory in natural order.

    Parameters
    ----------
    sources : what was named
    retries : how often to try again where a store that is asked for its objects fails for a reason that may pass

    Raises
    ------
    UsageError
        A URL cannot be read, or standard input is named twice.
    DataError
        A file does not exist.
    NothingEvaluated
        A glob or directory holds no file that can be read.
    """
    if not sources:
        raise UsageError("name a file, a glob, a directory, a URL, or - for standard input")
    if sources.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once")
    return [path for source in sources for path in _expand_one(source, retries)]


def _expand_one(source: str, retries: int) -> list[str]:
    if source == STDIN:
        return [source]
    if is_url(source):
        if parsed(source).scheme == "file":
            raise UsageError(f"{shown(source)}: name a file here by its path alone")
        from xent.io.stores import store_of

        return store_of(source, retries).find(source)
    if os.path.isdir(source):
        found = natural_order(_data_files(source))
        if not found:
            raise NothingEvaluated(f"{source}: the directory holds no file that can be read")
        return found
    if os.path.exists(source) or not glob.has_magic(source):
        if not os.path.exists(source):
            raise DataError(f"{source}: no such file{_hint(source)}")
        return [source]
    found = natural_order([path for path in glob.glob(source, recursive=True) if os.path.isfile(path)])
    if not found:
        raise NothingEvaluated(f"{source}: no file matches")
    return found


def _hint(source: str) -> str:
    """What may have been meant by a name that no file has: that of another file, or a metric."""
    import difflib

    folder, name = os.path.split(source)
    there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.8)
    if near:
        return f"; did you mean {os.path.join(folder, near[0])}?"
    if not source.isidentifier():
        return ""
    from xent.core.table import row_of

    try:
        row_of(source)
    except UsageError:
        return ""
    return f"; a metric is named by -m {source}"


def _data_files(folder: str) -> list[str]:
    files = []
    for parent, folders, names in os.walk(folder):
        # Writers of data sets keep their own notes under names that begin so.
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        files += [os.path.join(parent, name) for name in names if is_data(name)]
    return files


def repeated(places: Sequence[Place]) -> list[str]:
    """What to say of files that are there more than once, whatever they are called: a sentence, or none."""
    names: dict[object, list[str]] = {}
    for place in places:
        names.setdefault(_identity(place), []).append(place.name)
    twice = [found for found in names.values() if len(found) > 1]
    if not twice:
        return []
    name, count = twice[0][0], len(twice[0])
    if len(twice) == 1:
        times = "twice" if count == 2 else f"{count} times"
        return [f"{name} is read {times}, and each of its rows counts {times}"]
    return [f"{name} and {len(twice) - 1} more of the files are read more than once, and their rows count as often"]


def _identity(place: Place) -> object:
    """What is equal for two names of one file; pipes are what they are called."""
    if place.is_remote or place.is_pipe:
        return place.path
    found = os.stat(place.path)
    return found.st_dev, found.st_ino


def is_data(path: str) -> bool:
    """Whether a file somewhere below a directory is one of its data.

    >>> is_data("day=3/part-0.csv.gz"), is_data("_delta_log/0.parquet"), is_data("_SUCCESS")
    (True, False, False)
    """
    if any(name.startswith((".", "_")) for name in path.split("/")):
        return False
    stem, suffix = os.path.splitext(path.lower())
    return suffix in SUFFIXES or (suffix in COMPRESSIONS and os.path.splitext(stem)[1] in SUFFIXES)


def natural_order(names: Sequence[str]) -> list[str]:
    """Names in the order that people give them: numbers in them count as numbers.

    >>> natural_order(["p_10", "p_9", "p_1"])
    ['p_1', 'p_9', 'p_10']
    """
    return sorted(names, key=natural_key)


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """What names are sorted by in that order."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _pieces(name)], name


def _pieces(name: str) -> list[str]:
    return [part for part in re.split(r"([0-9]+)", name) if part]


def partition_of(path: str) -> dict[str, str]:
    """The columns that hive-style folder names give to all rows of a file.

    >>> partition_of("data/country=de/day=3/part-0.parquet")
    {'country': 'de', 'day': '3'}
    """
    pairs = (part.partition("=") for part in Path(path_of(path)).parts[:-1])
    return {key: value for key, equals, value in pairs if equals and key}
