"""Figures as SVG and PNG for papers and slides, drawn by matplotlib."""

from __future__ import annotations

import importlib.util
import io
import math
import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xent.core.errors import UsageError
from xent.io.confusions import Confusion
from xent.io.escaping import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xent.io.figures import Figure, Series

FORMATS = ("svg", "png")
INCHES = (5.0, 3.8)
DOTS_PER_INCH = 200
TITLE_WIDTH = 50
CELL_INCHES = 0.4
NAME_CHARACTERS = 24
_COLOURS = ("#1f5fbf", "#b4540a", "#1a7f4b")
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "xent",
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""The same figure gives the same bytes, and its text stays text."""


def require_matplotlib() -> None:
    """Raises `UsageError` where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--plot-dir needs matplotlib; install it with: pip install 'xent-eval[plots]'")


def plot_files(figures: Sequence[Figure | Confusion], folder: Path) -> dict[Path, bytes]:
    """The content of a file in each format for every figure, by its path."""
    import matplotlib as mpl

    contents = {}
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # A box stands for a sign that the font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for figure in figures:
            drawn = plot_confusion(figure) if isinstance(figure, Confusion) else plot(figure)
            for form in FORMATS:
                buffer = io.BytesIO()
                drawn.savefig(buffer, format=form, dpi=DOTS_PER_INCH, metadata={"Date": None} if form == "svg" else None)
                contents[folder / f"{figure.key}.{form}"] = buffer.getvalue()
    return contents


def plot(figure: Figure) -> Any:
    """A matplotlib figure, without any state of `pyplot`."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=INCHES, layout="constrained")
    axes = drawing.add_subplot()
    # A dollar sign in a name is no formula. (To wrap a title matplotlib measures it as one all the same.)
    axes.set_title(textwrap.fill(named(figure.title), TITLE_WIDTH), parse_math=False)
    axes.set_xlabel(figure.x.label)
    axes.set_ylabel(figure.y.label)
    if figure.x.is_logarithmic:
        axes.set_xscale("log")
    else:
        # matplotlib would write large numbers as a small one and an offset.
        axes.set_xticks(*zip(*figure.x.labelled_ticks(), strict=True))
    axes.set_xlim(figure.x.low, figure.x.high)
    axes.set_ylim(figure.y.low, figure.y.high)
    axes.margins(0.0)
    axes.grid(visible=True, color="#dfe3e8", linewidth=0.6)
    axes.set_axisbelow(True)
    if figure.reference is not None:
        (from_x, from_y), (to_x, to_y), name = figure.reference
        axes.plot([from_x, to_x], [from_y, to_y], color="#5b6675", linestyle="--", linewidth=1.0, label=name)
    for series, colour in zip(figure.series, _COLOURS, strict=False):
        _draw(axes, figure, series, colour)
    if len(figure.series) > 1 or figure.reference is not None:
        # Below the axes nothing can lie in its way.
        drawing.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return drawing


def plot_confusion(confusion: Confusion) -> Any:
    """A confusion matrix as a matplotlib figure: what every cell holds, the darker, the larger its share of the true class."""
    from matplotlib.figure import Figure as Drawing

    shown = confusion.most_confused()
    names = [named(name, NAME_CHARACTERS) for name in shown.names]
    side = max(INCHES[1] - 1.0, CELL_INCHES * len(names))
    drawing = Drawing(figsize=(side + 1.6, side + 1.4), layout="constrained")
    axes = drawing.add_subplot()
    title = confusion.title if shown is confusion else f"{confusion.title}, the most confused of {len(confusion.names):,} classes"
    axes.set_title(textwrap.fill(named(title), TITLE_WIDTH), parse_math=False)
    shares = [[value / math.fsum(row) if any(row) else 0.0 for value in row] for row in shown.matrix]
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
    texts = [[_short(value) for value in row] for row in shown.matrix]
    longest = max(len(text) for row in texts for text in row)
    size = min(10.0, 72.0 * side / len(names) / (0.65 * longest + 0.8))
    for down, row in enumerate(shown.matrix):
        for across, value in enumerate(row):
            colour = "white" if shares[down][across] > 0.5 else "#1a2430" if value else "#8a94a0"
            axes.text(across, down, texts[down][across], ha="center", va="center", color=colour, fontsize=size)
    tilted = len("".join(names)) * 0.09 > side
    placed: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    axes.set_xticks(range(len(names)), names, parse_math=False, **placed)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.tick_params(length=0.0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    return drawing


def _short(value: float) -> str:
    """An amount in at most about five characters.

    >>> [_short(value) for value in (0.0, 0.25, 812.0, 9999.0, 12345.0, 1234567.0)]
    ['0', '0.25', '812', '9,999', '12.3k', '1.23M']
    """
    if value < 9999.5:
        return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"
    power = min(4, int(math.log10(value * 1.0005)) // 3)
    return f"{value / 1000.0**power:.3g}{'kMGT'[power - 1]}"


def _draw(axes: Any, figure: Figure, series: Series, colour: str) -> None:
    x, y = _column(figure, series.x), _column(figure, series.y)
    low, high = (_column(figure, column) for column in series.band or (series.y, series.y))
    if series.kind == "bars":
        widths = [end - start for start, end in zip(low, high, strict=True)]
        axes.bar(low, y, widths, align="edge", color=colour, edgecolor="white", linewidth=0.4, label=series.name)
        return
    if series.band is not None:
        axes.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0.0)
        axes.vlines(x, low, high, color=colour, alpha=0.7, linewidth=1.0)
    if series.start is not None:
        x, y = [series.start[0], *x], [series.start[1], *y]
    steps = "steps-pre" if series.kind == "steps" else "default"
    marker = "o" if series.kind == "points" else None
    # The ends of a curve lie on the frame, and half of their line beyond it.
    axes.plot(x, y, color=colour, drawstyle=steps, marker=marker, markersize=3.5, label=series.name, clip_on=False)


def _column(figure: Figure, column: int) -> list[float]:
    return [row[column] for row in figure.rows]
