"""What earlier runs left: a result or a state, told apart by what is in the file."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from xent.io.results import parse_comparison, parse_result, read_bytes

if TYPE_CHECKING:
    from xent.core.differences import Comparison
    from xent.core.gate_intervals import Changes
    from xent.core.result import Result
    from xent.io.measured import Measured

_MAY_BE_STATE = re.compile(rb'"kind"\s*:\s*"state"')


class Saved(NamedTuple):
    """A result, and what it was made from where that is known."""

    result: Result
    measured: Measured | None = None

    def changes_to(self, measured: Measured | None) -> Changes:
        """What is known of the changes from this to what was measured later, beyond what two results tell."""
        if self.measured is None or measured is None:
            return {}
        from xent.io.fold_changes import changes_between

        return changes_between(self.measured, measured)


def read_saved(name: str) -> Saved:
    """What is in a file that `xent eval` wrote: a result in JSON, or a state, which gives the result it stands for; `-` is standard input.

    Raises
    ------
    DataError
        The file cannot be read, or holds neither.
    """
    return _saved_in(*read_bytes(name))


def read_any(name: str) -> Saved | Comparison:
    """The same, or the comparison in a file that `xent compare` wrote.

    Raises
    ------
    DataError
        The file cannot be read, or holds none of them.
    """
    content, shown = read_bytes(name)
    return parse_comparison(content, shown) if _has(content, "candidates") else _saved_in(content, shown)


def as_saved(saved: Result | str | os.PathLike[str]) -> Saved:
    """A result as it is, and what is in a file.

    Raises
    ------
    DataError
        The file cannot be read, or holds none.
    """
    return read_saved(os.fspath(saved)) if isinstance(saved, str | os.PathLike) else Saved(saved)


def _saved_in(content: bytes, shown: str) -> Saved:
    # Most files are results, which need not be read twice to see that.
    if _MAY_BE_STATE.search(content) is not None and _has(content, "kind", "state"):
        from xent.io.state_file import parse_state

        measured = parse_state(content, shown)
        return Saved(measured.result(), measured)
    return Saved(parse_result(content, shown))


def _has(content: bytes, key: str, value: object = None) -> bool:
    """Whether a text is an object in JSON with a key, and with a value of it where one is asked for."""
    if f'"{key}"'.encode() not in content:
        return False
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and key in found and (value is None or found[key] == value)
