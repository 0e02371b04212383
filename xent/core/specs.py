"""Metrics written as text: `[label=]name[:key=value,key=value]`, where a name may be a class in a Python file, `./my_metric.py:Name`.

    auc:curve=PR,num_thresholds=500
    smooth=categorical_crossentropy:label_smoothing=0.1
    categorical_focal_crossentropy:alpha=[0.25;0.5;0.25]
    mine=./my_metric.py:Name:delta=2

A value is `true`, `false`, `none`, a number, a list in brackets whose items are parted by `;` or `,`, or else text.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xent.core.errors import UnknownNameError, UsageError
from xent.core.table import parameters_of, row_of

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.core.table import Row

_WORDS = {"true": True, "false": False, "none": None}
_INTEGER = re.compile(r"[+-]?\d+")

_MOST_DIGITS = 1000
"""Python itself refuses integers of more than a few thousand digits; longer ones are floats, and so infinite."""
_FILE = re.compile(r"(?:(?P<label>[^=:/\\]*)=)?(?P<path>.+?\.py):(?P<name>[^:=,]*)(?::(?P<tail>.*))?", re.DOTALL)
_PARTS = re.compile(r"((?:[^,\[\]]|\[[^\]]*\])*)(?:,|$)")

_KINDS: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,), "None": (type(None),)}
_KIND_NAMES = {"bool": "true or false", "int": "an integer", "float": "a number", "str": "text", "None": "none"}
_LIST_KIND = re.compile(r"(?:list|Sequence)\[(int|float)\]")
_LIST_NAMES = {"int": "a list of integers such as [0;1]", "float": "a list of numbers such as [0.25;0.75]"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One metric that somebody asked for: its row of the table, the parameters given, and the name it shall have in the result."""

    row: Row
    parameters: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None

    def takes(self, parameter: str) -> bool:
        """Whether the metric has a parameter of this name."""
        return parameter in self.row.parameters

    def with_defaults(self, parameters: Mapping[str, Any]) -> Spec:
        """The same, with those of `parameters` that the metric takes and that were not given."""
        taken = {key: value for key, value in parameters.items() if self.takes(key)}
        return Spec(self.row, {**taken, **self.parameters}, self.label)

    def build(self) -> Metric:
        """The metric.

        Raises
        ------
        UsageError
            A parameter is unknown, missing, or has a value that it cannot take.
        """
        name, known = self.row.name, self.row.parameters
        for key, value in self.parameters.items():
            if key not in known:
                raise UsageError(f"{name} has no parameter {key!r}; {_takes(known)}")
            _check_kind(self.row, key, value)
        for key, default in known.items():
            if default is inspect.Parameter.empty and key not in self.parameters:
                raise UsageError(f"{name} needs the parameter {key!r}, as in '{name}:{key}=...'")
        try:
            return self.row.cls(**({} if self.label is None else {"name": self.label}), **self.parameters)
        except UsageError:
            raise
        except (TypeError, ValueError, ArithmeticError) as error:
            raise UsageError(f"{name}: {error}") from error


def parse_spec(text: str) -> Spec:
    """What `text` asks for.

    Raises
    ------
    UnknownNameError
        No metric has that name.
    UsageError
        The text is not of the form `[label=]name[:key=value,...]`.

    >>> spec = parse_spec("mine=cce:label_smoothing=0.1,from_logits=true")
    >>> spec.label, spec.row.name, spec.parameters
    ('mine', 'categorical_crossentropy', {'label_smoothing': 0.1, 'from_logits': True})
    """
    label, name, tail = _pieces(text)
    try:
        row = row_named(name)
    except UnknownNameError as error:
        if label is None or len(label.split()) < 2:
            raise
        way_out = "what stands before = is a label, and parameters stand behind a colon, as in name:key=value"
        raise UsageError(f"the metric {text!r}: {error}\n{way_out}") from error
    parameters: dict[str, Any] = {}
    for part in [] if tail is None else _split(tail):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not key or not equals or not value:
            raise UsageError(
                f"cannot read {part.strip()!r} in the metric {text!r}; parameters are written key=value; {_takes(row.parameters)}"
            )
        if key in parameters:
            raise UsageError(f"the metric {text!r} sets {key!r} twice")
        parameters[key] = parse_value(value)
    return Spec(row, parameters, label)


def _pieces(text: str) -> tuple[str | None, str, str | None]:
    """The label, the name and the parameters of a metric; None for what is not there."""
    if file := _FILE.fullmatch(text.strip()):
        label, name, tail = file["label"], f"{file['path']}:{file['name']}", file["tail"]
    else:
        head, colon, rest = text.partition(":")
        first, equals, name = head.rpartition("=")
        label, tail = first if equals else None, rest if colon else None
        if "," in name:
            each = " ".join(f"-m {piece.strip()}" for piece in name.split(",") if piece.strip())
            raise UsageError(f"the metric {text!r} is more than one; name each by itself, as in {each}")
    label, name = None if label is None else label.strip(), name.strip()
    if not name or label == "" or (tail is not None and not tail.strip()):
        raise UsageError(f"cannot read the metric {text!r}; write name, name:key=value,key=value or label=name:key=value")
    return label, name, tail


def row_named(name: str) -> Row:
    """The row that a name means, or a class in a Python file: `./my_metric.py:Name`. The file is run.

    Raises
    ------
    UnknownNameError
        No metric has that name.
    UsageError
        The file cannot be used.
    """
    file = _FILE.fullmatch(name)
    if file is None and not name.endswith(".py"):
        return row_of(name)
    from xent.core.own_metrics import row_in_file

    return row_in_file(file["path"], file["name"]) if file else row_in_file(name, "")


def _split(text: str) -> list[str]:
    """The parts between the commas that stand outside brackets."""
    parts = []
    position = 0
    while position <= len(text):
        match = _PARTS.match(text, position)
        if match is None:
            raise UsageError(f"brackets do not match in {text!r}")
        parts.append(match[1])
        if match.end() == len(text) and not match[0].endswith(","):
            break
        position = match.end()
    return parts


def parse_value(text: str) -> Any:
    """One value.

    >>> [parse_value(text) for text in ("true", "None", "3", "1e-3", "[0.25;0.75]", "PR")]
    [True, None, 3, 0.001, [0.25, 0.75], 'PR']
    """
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        inside = text[1:-1].strip()
        return [parse_value(item) for item in re.split("[;,]", inside)] if inside else []
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def default_specs(rows: Mapping[str, Row], task: str) -> list[Spec]:
    """The metrics that run for a task when none is named."""
    return [Spec(row) for row in rows.values() if task in row.tasks]


def _takes(known: Mapping[str, Any]) -> str:
    return f"it takes {', '.join(known)}" if known else "it takes none"


def _check_kind(row: Row, key: str, value: Any) -> None:
    """Refuses a value that the annotation of the parameter rules out; annotations of any other form rule out nothing."""
    kinds = annotation_of(row, key).split(" | ")
    if not all(kind in _KINDS or _LIST_KIND.fullmatch(kind) for kind in kinds):
        return
    if not any(_is_of(kind, value) for kind in kinds):
        wanted = " or ".join(_LIST_NAMES[listed[1]] if (listed := _LIST_KIND.fullmatch(kind)) else _KIND_NAMES[kind] for kind in kinds)
        raise UsageError(f"{row.name}: {key} must be {wanted}, not {value!r}")


def annotation_of(row: Row, key: str) -> str:
    """The annotation of a parameter as it is written, whether its module keeps annotations as text or not."""
    annotation = parameters_of(row.cls)[key].annotation
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _is_of(kind: str, value: Any) -> bool:
    if listed := _LIST_KIND.fullmatch(kind):
        return isinstance(value, list) and all(_is_of(listed[1], item) for item in value)
    # Python counts True as an integer; nobody who writes axis=true does.
    return isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))
