"""Pictures small enough for the cell of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from xent.io.report.markup import element

WIDTH, HEIGHT = 72, 12
_EDGE = 4


class Span(NamedTuple):
    """The ends of what pictures of one column show, and the value that they mark."""

    low: float
    high: float
    mark: float | None

    @classmethod
    def of(cls, values: Iterable[object], mark: object = None) -> Span | None:
        """The span of some numbers and the mark; None where they are all the same or none of them is finite."""
        finite = [float(value) for value in (*values, mark) if isinstance(value, int | float) and math.isfinite(value)]
        if not finite or not min(finite) < max(finite):
            return None
        return cls(min(finite), max(finite), float(mark) if isinstance(mark, int | float) and math.isfinite(mark) else None)

    def place(self, value: float) -> float:
        """Where a value lies across the picture; what is infinite lies at its edge."""
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return round(_EDGE + share * (WIDTH - 2 * _EDGE), 1)


def interval_glyph(span: Span | None, value: object, low: object = None, high: object = None, class_: str = "") -> ET.Element | None:
    """A value as a dot, its interval as a line, and the marked value as a stroke; nothing where there is no value.

    The numbers stand beside it, so it is hidden from those who have the page read to them.
    """
    if span is None or not isinstance(value, int | float) or math.isnan(value):
        return None
    middle = HEIGHT // 2
    ends = None
    if isinstance(low, int | float) and isinstance(high, int | float) and not math.isnan(low) and not math.isnan(high):
        ends = element("path", d=f"M{span.place(low)} {middle}H{span.place(high)}")
    mark = None if span.mark is None else element("path", class_="mark", d=f"M{span.place(span.mark)} 0V{HEIGHT}")
    dot = element("circle", cx=span.place(value), cy=middle, r=3)
    return element("svg", mark, ends, dot, class_=f"glyph {class_}".rstrip(), viewBox=f"0 0 {WIDTH} {HEIGHT}", aria_hidden="true")


def shape_glyph(shape: Sequence[float], told: str) -> ET.Element:
    """A bar for each cell, as high as much lies in it, and a sentence for those who cannot see it."""
    most, wide = max(shape), WIDTH / len(shape)
    bars = (
        f"M{place * wide:.4g} {HEIGHT}V{HEIGHT * (1.0 - weight / most):.3g}H{(place + 1) * wide - 0.5:.4g}V{HEIGHT}"
        for place, weight in enumerate(shape)
        if weight > 0.0
    )
    return element(
        "svg", element("path", d="".join(bars)), class_="glyph shape", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=told
    )
