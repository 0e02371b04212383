"""Columns of plain text, for lists that need no more."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], gap: int = 2) -> str:
    """Rows of cells as lines in which the cells stand below each other.

    >>> print(aligned([("a", "1"), ("long", "2")]), end="")
    a     1
    long  2
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ((" " * gap).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def described(pairs: Sequence[tuple[str, str]], width: int = 100) -> str:
    """Terms with their descriptions, wrapped beside them.

    >>> print(described([("range", "[0, inf)")]), end="")
    range  [0, inf)
    """
    margin = max(len(term) for term, _ in pairs) + 2
    lines = []
    for term, text in pairs:
        wrapped = textwrap.wrap(text, max(20, width - margin), break_long_words=False, break_on_hyphens=False) or [""]
        lines.append(f"{term:<{margin}}{wrapped[0]}".rstrip())
        lines.extend(" " * margin + line for line in wrapped[1:])
    return "".join(f"{line}\n" for line in lines)
