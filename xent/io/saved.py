"""What earlier runs left: a result or a state, told apart by what is in the file."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from xent.io.results import parse_result, read_bytes

if TYPE_CHECKING:
    from xent.core.result import Result

_MAY_BE_STATE = re.compile(rb'"kind"\s*:\s*"state"')


def read_saved(name: str) -> Result:
    """The result in a file that `xent eval` wrote: JSON, or a state, which gives the result it stands for; `-` is standard input.

    Raises
    ------
    DataError
        The file cannot be read, or holds neither.
    """
    content, shown = read_bytes(name)
    if _is_state(content):
        from xent.io.state_file import parse_state

        return parse_state(content, shown).result()
    return parse_result(content, shown)


def as_result(saved: Result | str | os.PathLike[str]) -> Result:
    """A result as it is, and that of a file.

    Raises
    ------
    DataError
        The file cannot be read, or holds none.
    """
    return read_saved(os.fspath(saved)) if isinstance(saved, str | os.PathLike) else saved


def _is_state(content: bytes) -> bool:
    # Most files are results, which need not be read twice to see that.
    if _MAY_BE_STATE.search(content) is None:
        return False
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("kind") == "state"
