"""HTML: the page of `xent report`, without what only the rows tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.io import report

if TYPE_CHECKING:
    from xent.core.result import Result


def to_html(result: Result) -> str:
    """One self-contained page."""
    return report.to_html(result)
