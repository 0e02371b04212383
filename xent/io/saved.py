"""What earlier runs left: a result or a state, told apart by what is in the file."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from xent.io.results import parse_result, read_bytes

if TYPE_CHECKING:
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
    content, shown = read_bytes(name)
    if _is_state(content):
        from xent.io.state_file import parse_state

        measured = parse_state(content, shown)
        return Saved(measured.result(), measured)
    return Saved(parse_result(content, shown))


def as_saved(saved: Result | str | os.PathLike[str]) -> Saved:
    """A result as it is, and what is in a file.

    Raises
    ------
    DataError
        The file cannot be read, or holds none.
    """
    return read_saved(os.fspath(saved)) if isinstance(saved, str | os.PathLike) else Saved(saved)


def _is_state(content: bytes) -> bool:
    # Most files are results, which need not be read twice to see that.
    if _MAY_BE_STATE.search(content) is None:
        return False
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("kind") == "state"
