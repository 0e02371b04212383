"""One self-contained page of a result: no network, no file beside it, and a size that does not grow with the rows.

Everything that comes from files is text in a tree of elements, which the standard library writes; none of it ever enters the style or the
script, whose hashes are all that the page's own policy lets run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.io.figures import figures
from xent.io.report.compared import comparison_sections, comparison_title
from xent.io.report.confusion import confusion_section
from xent.io.report.evaluated import cards, data_section, figure_section, metric_section, slice_section, window_title, worst_section
from xent.io.report.markup import element, written
from xent.io.report.page import page
from xent.io.report.shared import gate_section, verdict_line

if TYPE_CHECKING:
    from xent.core.differences import Comparison
    from xent.core.result import Result
    from xent.io.slice_losses import SliceLosses
    from xent.io.top_rows import Found


def to_html(result: Result, found: Found | None = None, shapes: SliceLosses | None = None) -> str:
    """The page of an evaluation.

    Parameters
    ----------
    result : what was found
    found : the worst rows and how the losses are distributed, where rows were read
    shapes : how the losses of each slice are distributed, where that was measured
    """
    losses = None if found is None else (found.metric.name, found.losses)
    sections = [
        *gate_section(result),
        *metric_section(result),
        *slice_section(result, shapes),
        *figure_section(figures(result, losses)),
        *confusion_section(result),
        *([] if found is None else worst_section(found)),
        *data_section(result),
    ]
    return page(window_title(result), [verdict_line(result), cards(result)], sections, f"Made by xent {result.xent}")


def fragment(result: Result) -> str:
    """The verdict and the tables alone, without style and script: what a notebook puts below a cell in its own style."""
    sections = [*gate_section(result), *metric_section(result), *slice_section(result, pictures=False)]
    return written(element("div", verdict_line(result), *(part for section in sections for part in section.content)))


def comparison_to_html(comparison: Comparison) -> str:
    """The page of a comparison: both models side by side."""
    sections = [*gate_section(comparison), *comparison_sections(comparison)]
    return page(comparison_title(comparison), [verdict_line(comparison)], sections, f"Made by xent {comparison.xent}")
