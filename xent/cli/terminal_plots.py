"""Figures in the terminal, drawn with the dots of Braille characters by rich alone.

A plotting library for terminals would be one more thing to install for three pictures, and the well-known one, plotext, keeps its figure in
the module and has another interface in version 6 than in 5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from xent.io.escaping import named, printable

if TYPE_CHECKING:
    from xent.io.figures import Axis, Figure, Series

WIDTH, HEIGHT = 60, 15
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_STYLES = ("cyan", "yellow", "green")
_MARGIN = 7


class _Canvas:
    """Cells of two by four dots; a cell has the style of what was drawn in it last."""

    def __init__(self) -> None:
        self.cells = [[0] * WIDTH for _ in range(HEIGHT)]
        self.styles = [[""] * WIDTH for _ in range(HEIGHT)]

    def dot(self, across: float, up: float, style: str) -> None:
        """A dot at shares of the width and the height."""
        column, row = round(across * (2 * WIDTH - 1)), round((1.0 - up) * (4 * HEIGHT - 1))
        self.cells[row // 4][column // 2] |= _BITS[row % 4][column % 2]
        self.styles[row // 4][column // 2] = style

    def line(self, start: tuple[float, float], end: tuple[float, float], style: str, every: int = 1) -> None:
        """A straight line; of its dots each that `every` divides."""
        steps = max(1, math.ceil(max(abs(end[0] - start[0]) * 2 * WIDTH, abs(end[1] - start[1]) * 4 * HEIGHT)))
        for step in range(0, steps + 1, every):
            share = step / steps
            self.dot(start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]), style)

    def lines(self) -> Iterator[Text]:
        """The rows of characters."""
        for cells, styles in zip(self.cells, self.styles, strict=True):
            line = Text()
            for cell, style in zip(cells, styles, strict=True):
                line.append(chr(_BLANK + cell) if cell else " ", style)
            yield line


def drawn(figure: Figure) -> list[Text]:
    """The lines of a picture: its title, the axes with their numbers, the curves, and what it says."""
    canvas = _Canvas()
    if figure.reference is not None:
        start, end = ((figure.x.place(x), figure.y.place(y)) for x, y in figure.reference[:2])
        canvas.line(start, end, "dim", every=4)
    for series, style in zip(figure.series, _STYLES, strict=False):
        _DRAW[series.kind](canvas, figure, series, style)
    ticks = {round((1.0 - figure.y.place(tick)) * (HEIGHT - 1)): text for tick, text in figure.y.labelled_ticks()}
    rows = [
        Text.assemble((ticks.get(number, "").rjust(_MARGIN), "dim"), (" ┤" if number in ticks else " │", "dim"), line)
        for number, line in enumerate(canvas.lines())
    ]
    legend = [(f"{'' if not place else '   '}━ {series.name}", _STYLES[place]) for place, series in enumerate(figure.series)]
    return [
        Text(named(figure.title), style="bold"),
        Text(f"{' ' * (_MARGIN + 2)}{figure.y.label}", style="dim"),
        *rows,
        Text(f"{' ' * _MARGIN} └{'─' * WIDTH}", style="dim"),
        Text(" " * (_MARGIN + 2) + _numbers_below(figure.x), style="dim"),
        Text(figure.x.label.rjust(_MARGIN + 2 + WIDTH), style="dim"),
        *([Text.assemble(" " * (_MARGIN + 2), *legend)] if len(legend) > 1 else []),
        Text(printable(figure.summary)),
    ]


def _numbers_below(axis: Axis) -> str:
    line = [" "] * (WIDTH + _MARGIN)
    free = 0
    for tick, text in axis.labelled_ticks():
        start = max(0, round(axis.place(tick) * (WIDTH - 1)) - (len(text) - 1) // 2)
        if start >= free:
            line[start : start + len(text)] = text
            free = start + len(text) + 1
    return "".join(line).rstrip()


def _curve(canvas: _Canvas, figure: Figure, series: Series, style: str) -> None:
    points = [(figure.x.place(row[series.x]), figure.y.place(row[series.y])) for row in figure.rows]
    if series.start is not None:
        points.insert(0, (figure.x.place(series.start[0]), figure.y.place(series.start[1])))
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        if series.kind == "steps":
            canvas.line((x, y), (x, next_y), style)
            canvas.line((x, next_y), (next_x, next_y), style)
        else:
            canvas.line((x, y), (next_x, next_y), style)


def _points(canvas: _Canvas, figure: Figure, series: Series, style: str) -> None:
    for row in figure.rows:
        if series.band is not None:
            low, high = (figure.y.place(row[column]) for column in series.band)
            across = figure.x.place(row[series.x])
            canvas.line((across, low), (across, high), "blue")
    _curve(canvas, figure, series, style)


def _bars(canvas: _Canvas, figure: Figure, series: Series, style: str) -> None:
    if series.band is None:
        return
    for row in figure.rows:
        low, high = (round(figure.x.place(row[column]) * (2 * WIDTH - 1)) for column in series.band)
        up = figure.y.place(row[series.y])
        for column in range(low, max(high, low + 1)) if up > 0.0 else ():
            across = column / (2 * WIDTH - 1)
            canvas.line((across, 0.0), (across, up), style)


_DRAW: dict[str, Callable[[_Canvas, Figure, Series, str], None]] = {"line": _curve, "steps": _curve, "points": _points, "bars": _bars}
