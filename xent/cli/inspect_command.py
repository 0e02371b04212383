"""`xent inspect`: a first look into files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from xent.cli.examples import Command
from xent.cli.options import input_options, progress_option

if TYPE_CHECKING:
    from xent.io.inspection import Inspection, Range
    from xent.io.request import Request

MOST_LINES = 20
"""So many columns, classes or labels are listed; of more, the first ones."""


@click.command(
    cls=Command,
    short_help="Look into files: columns, labels, ranges, and the command to evaluate them.",
    examples=(
        "xent inspect preds.parquet",
        "xent inspect y_pred.npy --labels y_true.npy",
        "xent inspect preds.csv --pred 'p_*' --format json",
    ),
)
@input_options
@click.option("-f", "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="How to print it.")
@progress_option
def command(request: Request, form: str, progress: bool | None) -> None:
    """Look into SOURCE...: columns, which of them seem to be labels and predictions, classes, ranges, sums, missing values.

    Reads all rows once. The last line is the command to evaluate them. Where it cannot be told which column is what, that is said, with
    the options to choose from.
    """
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.cli.streams import emit
    from xent.io.inspection import inspect

    with watched(), Progress(None, wanted=progress) as bar:
        found = inspect(request, bar.add)
    if form == "json":
        from xent.io.exporters.plain import json_text

        emit(json_text(found.as_dict(), indent=2))
    else:
        emit(as_text(found))
    if found.fault is not None:
        raise found.fault


def as_text(found: Inspection) -> str:
    """What was found, for people."""
    from xent.io.escaping import printable

    count = "rows not counted" if found.rows is None else "1 row" if found.rows == 1 else f"{found.rows:,} rows"
    sources = [printable(source) for source in found.sources]
    blocks = [_sources_line(sources, count), _columns(found)]
    if found.roles is None:
        blocks.append(_ranges("values", found.values))
    else:
        blocks += [_labels(found), _predictions(found)]
    notes = [*found.hints, *([_problem(found.problem)] if found.problem else [])]
    blocks += ["".join(f"- {note}\n" for note in notes), f"{printable(found.command)}\n" if found.command else ""]
    return "\n".join(block for block in blocks if block)


def _problem(text: str) -> str:
    from xent.io.escaping import printable

    return "\n  ".join(map(printable, text.split("\n", 1)))


def _sources_line(sources: list[str], count: str) -> str:
    if len(sources) == 1:
        return f"{sources[0]}: {count}\n"
    return f"{len(sources)} files, {sources[0]} .. {sources[-1]}: {count}\n"


def _columns(found: Inspection) -> str:
    from xent.cli.layout import aligned
    from xent.io.escaping import printable

    shown = _few([(printable(field.name), field.type, _role(found, field.name)) for field in found.fields])
    return "columns\n" + aligned([(f"  {name}", *rest) for name, *rest in shown])


def _role(found: Inspection, name: str) -> str:
    if found.roles is None:
        return ""
    # Labels from a second file have a column there, of perhaps the same name.
    roles = {
        "label": found.roles.label if name in found.roles.label and name not in found.roles.pred else (),
        "prediction": found.roles.pred,
    }
    role = next((role for role, names in roles.items() if name in names), "weight" if name == found.roles.weight else "")
    return f"{role} (by its name)" if role in found.roles.by_convention else role


def _labels(found: Inspection) -> str:
    from xent.cli.layout import aligned
    from xent.io.escaping import printable

    labels = found.labels
    if labels is None or labels.range.empty:
        return ""
    title = f"labels in {printable(labels.range.name)} ({found.task})" if found.task else f"labels in {printable(labels.range.name)}"
    missing = f", {labels.range.missing:,} missing" if labels.range.missing else ""
    if labels.many or (found.task == "regression" and len(labels.counts) > MOST_LINES):
        return f"{title}: {_range_cells(labels.range)[1]}{missing}\n"
    rows = _few(
        [(f"{value:g}", printable(found.class_of(value) or ""), f"{count:,.10g}") for value, count in sorted(labels.counts.items())]
    )
    named = found.classes is not None
    cells = [(f"  {value}", *([name] if named else []), count) for value, name, count in rows]
    return f"{title}, and how often{missing}\n" + aligned(cells)


def _predictions(found: Inspection) -> str:
    more = [one for one in (found.row_sums, found.weights) if one is not None]
    return _ranges("predictions", found.predictions, more)


def _ranges(title: str, ranges: list[Range], more: Sequence[Range] = ()) -> str:
    from xent.cli.layout import aligned

    rows = [*_few([_range_cells(one) for one in ranges]), *(_range_cells(one) for one in more)]
    return f"{title}\n" + aligned([(f"  {name}", *rest) for name, *rest in rows]) if rows else ""


def _range_cells(one: Range) -> tuple[str, str, str]:
    from xent.io.escaping import printable

    span = "no values" if one.empty else f"{one.low:.9g} to {one.high:.9g}"
    return printable(one.name), span, f"{one.missing:,} missing" if one.missing else ""


def _few(rows: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    if len(rows) <= MOST_LINES:
        return rows
    return [*rows[: MOST_LINES - 1], (f"… {len(rows) - MOST_LINES + 1} more", "", "")]
