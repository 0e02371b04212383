"""`xent metrics`: what the metric table says."""

from __future__ import annotations

import inspect
import shlex
from typing import TYPE_CHECKING, Any

import click

from xent.cli.examples import Command

if TYPE_CHECKING:
    from xent.core.table import Row

ARROWS = {"lower": "↓", "higher": "↑", "none": " "}
BETTER = {"lower": "lower is better", "higher": "higher is better", "none": "neither direction is better"}
_ONE = "xent eval preds.csv --label label --pred score -m {spec}"
_MANY = "xent eval preds.parquet --label label --pred 'p_*' -m {spec}"
_NUMBERS = "xent eval preds.csv --label y_true --pred y_pred -m {spec}"
_INTERVALS = "xent eval preds.csv --label y_true --pred low,high -m {spec}"
_QUERIES = "xent eval ranked.csv --label relevance --pred score --group query -m {spec}"

INPUTS = {
    "binary": ("labels 0 and 1 (or two classes) and the probability of 1, in one column or two", _ONE),
    "events": ("labels 0 and 1 and a probability for each; of several classes, each is an event of its own", _ONE),
    "rankings": ("labels 0 and 1 and a score for each, of which only the order matters", _ONE),
    "categorical": ("class indices, class names or distributions, and a probability for each class", _MANY),
    "classwise": ("class indices, class names or distributions, and a probability for each class, taken one by one", _MANY),
    "decisions": ("class indices, class names or distributions, and a score for each class, the largest of which decides", _MANY),
    "classes": ("labels and predictions that are classes themselves", _NUMBERS),
    "values": ("plain numbers, as many labels as predictions", _NUMBERS),
    "queries": ("relevances and scores of documents: one a row, grouped by a column, or all of a query side by side", _QUERIES),
    "intervals": ("plain numbers, and two predictions for each: the low and the high end of an interval", _INTERVALS),
}
"""What stands in the columns, in words, and a command, by the way in which a metric looks at a file."""


def complete_metric(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The metric names that begin like `incomplete`."""
    from xent.core.table import table

    return [name for name in table() if name.startswith(incomplete.lower())]


@click.command(
    cls=Command,
    short_help="List the metrics, or describe one.",
    examples=(
        "xent metrics",
        "xent metrics categorical_crossentropy",
        "xent metrics bce --format json",
        "xent metrics --check ./my_metric.py:Name",
    ),
)
@click.argument("name", required=False, shell_complete=complete_metric)
@click.option("-f", "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="How to print it.")
@click.option("--check", "checks", is_flag=True, help="Run the laws of metrics on NAME, which may have parameters; status 1 if one fails.")
def command(name: str | None, form: str, checks: bool) -> int:
    """List the metrics, or describe the one called NAME: formula, inputs, range, parameters, source.

    NAME may be a class in a Python file, ./my_metric.py:Name. With --check, rows are made for the metric, and it is tried whether its value
    depends on how they are cut, merged and ordered, on bit-for-bit terms.
    """
    from xent.cli.exits import DONE
    from xent.cli.streams import emit
    from xent.core.errors import UsageError
    from xent.core.specs import row_named

    if checks:
        if name is None:
            raise UsageError("--check needs the NAME of a metric")
        from xent.cli.law_report import check_metric

        return check_metric(name, form)
    rows = all_rows() if name is None else [row_named(name)]
    if form == "json":
        from xent.io.exporters.plain import json_text

        described = [as_dict(row, name) for row in rows]
        emit(json_text(described if name is None else described[0], indent=2))
    elif name is None:
        emit(listing(rows))
    else:
        emit(description(rows[0], name))
    return DONE


def all_rows() -> list[Row]:
    """xent's metrics and those of installed packages, in alphabetical order; what is wrong with a package is said."""
    from xent.cli.exits import say
    from xent.core.own_metrics import installed
    from xent.core.table import table

    own = installed()
    for fault in own.faults:
        say(fault)
    return sorted([*table().values(), *own.rows], key=lambda row: row.name)


def listing(rows: list[Row]) -> str:
    """One line a metric."""
    from xent.cli.layout import aligned

    lines = [(row.name, ARROWS[row.direction], row.range, row.summary) for row in rows]
    return aligned(lines) + "\n↓ lower is better, ↑ higher is better. xent metrics NAME tells more about one.\n"


def description(row: Row, asked: str | None = None) -> str:
    """All that the table says about one metric, asked for under some name."""
    from xent.cli.layout import described

    facts = [
        ("formula", row.formula),
        ("inputs", INPUTS[row.inputs][0]),
        ("direction", BETTER[row.direction]),
        ("range", row.range),
        ("memory", row.memory),
        *([("aliases", ", ".join(row.aliases))] if row.aliases else []),
        ("source", row.source),
    ]
    parameters = [(f"  {parameter['name']}", _parameter_text(parameter)) for parameter in parameters_of(row)]
    listed = f"\nparameters\n{described(parameters)}" if parameters else ""
    # The example stands on a line of its own, unbroken, to be copied.
    return f"{row.name}\n{row.summary}\n\n{described(facts)}{listed}\nexample\n  {example(row, asked)}\n"


def _parameter_text(parameter: dict[str, Any]) -> str:
    default = "required" if parameter["required"] else f"default {as_typed(parameter['default'])}"
    return f"{parameter['meaning']} ({default})" if parameter["meaning"] else default


def as_typed(value: Any) -> str:
    """A default as one would write it in a metric of the command line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ";".join(map(as_typed, value)) + "]"
    return str(value)


def parameters_of(row: Row) -> list[dict[str, Any]]:
    """Name, meaning and default of every parameter; the meanings stand in the docstring of the class."""
    meanings = _meanings(inspect.getdoc(row.cls) or "")
    described = []
    for name, default in row.parameters.items():
        required = default is inspect.Parameter.empty
        described.append({"name": name, "meaning": meanings.get(name, ""), "default": None if required else default, "required": required})
    return described


def _meanings(doc: str) -> dict[str, str]:
    """The lines `name : meaning` of the section Parameters, with those that go on below, further in."""
    _, _, section = doc.partition("\nParameters\n")
    meanings: dict[str, str] = {}
    name = ""
    for line in section.splitlines()[1:]:
        if not line.strip():
            break
        if line[0].isspace():
            meanings[name] = f"{meanings[name]} {line.strip()}"
        else:
            name, _, meaning = (part.strip() for part in line.partition(" : "))
            meanings[name] = meaning
    return meanings


def example(row: Row, asked: str | None = None) -> str:
    """A command that computes the metric, with values for the parameters that must be given."""
    # A class in a file is found by nothing but its place.
    name = asked if asked is not None and ".py:" in asked else row.name
    from xent.core.specs import annotation_of

    given = [f"{key}={_sample(annotation_of(row, key))}" for key, default in row.parameters.items() if default is inspect.Parameter.empty]
    return INPUTS[row.inputs][1].format(spec=shlex.quote(":".join([name, ",".join(given)] if given else [name])))


def _sample(annotation: str) -> str:
    return {"int": "3", "Sequence[int]": "[0;2]", "list[int]": "[0;2]"}.get(annotation, "0.5")


def as_dict(row: Row, asked: str | None = None) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "name": row.name,
        "aliases": list(row.aliases),
        "summary": row.summary,
        "formula": row.formula,
        "inputs": row.inputs,
        "direction": row.direction,
        "range": row.range,
        "memory": row.memory,
        "parameters": parameters_of(row),
        "source": row.source,
        "tasks": sorted(row.tasks),
        "example": example(row, asked),
    }
