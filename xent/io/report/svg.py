"""Figures as SVG inside the page. Colours and fonts are those of the page, so they follow light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xent.io.escaping import named
from xent.io.report.markup import element

if TYPE_CHECKING:
    from xent.io.figures import Figure, Series

WIDTH, HEIGHT = 380, 280
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 10, 42
FEW_POINTS = 60
"""A curve of at most so many points shows them."""


def drawing(figure: Figure) -> ET.Element:
    """The picture of a figure, with its summary for those who cannot see it."""
    frame = element("rect", class_="frame", x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=HEIGHT - TOP - BOTTOM)
    parts = [part for number, series in enumerate(figure.series, 1) for part in _series(figure, series, number)]
    return element(
        "svg",
        *_axes(figure),
        frame,
        *_reference(figure),
        *parts,
        element("circle", class_="cursor", r=5, cx=-20, cy=-20),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=named(f"{figure.title}. ") + figure.summary,
    )


def place(figure: Figure, x: float, y: float) -> tuple[float, float]:
    """Where a point lies in the picture."""
    across = LEFT + figure.x.place(x) * (WIDTH - LEFT - RIGHT)
    down = HEIGHT - BOTTOM - figure.y.place(y) * (HEIGHT - TOP - BOTTOM)
    return round(across, 1), round(down, 1)


def place_of_row(figure: Figure, row: int, series: Series) -> tuple[float, float]:
    """Where the point of a row lies; that of a bar is the middle of its upper end."""
    numbers = figure.rows[row]
    if series.kind != "bars" or series.band is None:
        return place(figure, numbers[series.x], numbers[series.y])
    low, high = (place(figure, numbers[column], numbers[series.y]) for column in series.band)
    return round((low[0] + high[0]) / 2.0, 1), low[1]


def _axes(figure: Figure) -> Iterator[ET.Element]:
    bottom = HEIGHT - BOTTOM
    for tick, text in figure.x.labelled_ticks():
        across, _ = place(figure, tick, figure.y.low)
        yield element("path", class_="grid", d=f"M{across} {TOP}V{bottom}")
        yield element("text", text, class_="tick", x=across, y=bottom + 15, text_anchor="middle")
    for tick, text in figure.y.labelled_ticks():
        _, down = place(figure, figure.x.low, tick)
        yield element("path", class_="grid", d=f"M{LEFT} {down}H{WIDTH - RIGHT}")
        yield element("text", text, class_="tick", x=LEFT - 6, y=down + 4, text_anchor="end")
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield element("text", figure.x.label, class_="axis", x=middle, y=HEIGHT - 8, text_anchor="middle")
    centre = (TOP + bottom) / 2
    yield element("text", figure.y.label, class_="axis", x=11, y=centre, text_anchor="middle", transform=f"rotate(-90 11 {centre})")


def _reference(figure: Figure) -> Iterator[ET.Element]:
    if figure.reference is not None:
        (from_x, from_y), (to_x, to_y) = (place(figure, *end) for end in figure.reference[:2])
        yield element("path", class_="reference", d=f"M{from_x} {from_y}L{to_x} {to_y}")


def _series(figure: Figure, series: Series, number: int) -> Iterator[ET.Element]:
    colour = f"s{number}"
    points = [place_of_row(figure, row, series) for row in range(len(figure.rows))]
    if series.kind == "bars":
        yield from _bars(figure, series)
        return
    if series.kind == "points":
        yield from _bands(figure, series)
    line = points if series.start is None else [place(figure, *series.start), *points]
    yield element("path", class_=f"line {colour}", d=_path(line, steps=series.kind == "steps"))
    if len(points) <= FEW_POINTS and series.kind != "steps":
        yield from (element("circle", class_=f"dot {colour}", cx=x, cy=y, r=3.2 if series.kind == "points" else 2.2) for x, y in points)


def _path(points: list[tuple[float, float]], *, steps: bool) -> str:
    text = "M{} {}".format(*points[0])
    last = points[0]
    for x, y in points[1:]:
        if (x, y) != last:
            text += f"V{y}H{x}" if steps else f"L{x} {y}"
            last = (x, y)
    return text


def _bands(figure: Figure, series: Series) -> Iterator[ET.Element]:
    if series.band is None:
        return
    low, high = ([place(figure, row[series.x], row[column]) for row in figure.rows] for column in series.band)
    outline = "M" + "L".join(f"{x} {y}" for x, y in (*high, *reversed(low))) + "Z"
    yield element("path", class_="band", d=outline)
    whiskers = "".join(f"M{x} {down}V{up}" for (x, down), (_, up) in zip(low, high, strict=True))
    yield element("path", class_="whisker", d=whiskers)


def _bars(figure: Figure, series: Series) -> Iterator[ET.Element]:
    if series.band is None:
        return
    for row in figure.rows:
        (left, up), (right, _) = (place(figure, row[column], row[series.y]) for column in series.band)
        height = round(HEIGHT - BOTTOM - up, 1)
        yield element("rect", class_="bar", x=left, y=up, width=round(max(0.5, right - left - 0.8), 1), height=height)
