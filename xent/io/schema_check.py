"""Whether plain values fit a JSON Schema, for the keywords that xent's own schemas use."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from xent.core.errors import UnknownNameError

_TYPES: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "object": ("an object", dict),
    "array": ("a list", list),
    "string": ("text", str),
    "integer": ("an integer", int),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", bool),
    "null": ("nothing", type(None)),
}


class Mismatch(Exception):
    """Where values do not fit a schema, and how."""


def check(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None, where: str = "") -> None:
    """Raises `Mismatch` at the first value that does not fit.

    Parameters
    ----------
    value : what JSON or TOML can hold
    schema : a schema of xent's; keywords other than those used there are not known here
    definitions : what `$ref` refers to; those of the schema where it is None
    where : the path to the value, for the message

    >>> check({"rows": [1, "x"]}, {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "integer"}}}})
    Traceback (most recent call last):
        ...
    xent.io.schema_check.Mismatch: rows[1] must be an integer, not "x"
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        check(value, definitions[schema["$ref"].rpartition("/")[2]], definitions, where)
    if "oneOf" in schema:
        _check_one_of(value, schema["oneOf"], definitions, where)
    _check_kind(value, schema, where)
    if isinstance(value, int | float):
        _check_bounds(value, schema, where)
    elif isinstance(value, dict):
        _check_object(value, schema, definitions, where)
    elif isinstance(value, list) and "items" in schema:
        for place, item in enumerate(value):
            check(item, schema["items"], definitions, f"{where}[{place}]")


def _check_kind(value: Any, schema: Mapping[str, Any], where: str) -> None:
    if "const" in schema and (value != schema["const"] or isinstance(value, bool)):
        raise _mismatch(where, f"must be {schema['const']!r}", value)
    if "enum" in schema and (not isinstance(value, str) or value not in schema["enum"]):
        raise _mismatch(where, f"must be one of {', '.join(schema['enum'])}", value)
    if "type" in schema:
        names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(_is_of(value, _TYPES[name][1]) for name in names):
            raise _mismatch(where, f"must be {' or '.join(_TYPES[name][0] for name in names)}", value)


def _is_of(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and (not isinstance(value, bool) or kinds is bool)


def _check_one_of(value: Any, choices: Sequence[Mapping[str, Any]], definitions: Mapping[str, Any], where: str) -> None:
    problems: list[Mismatch] = []
    for choice in choices:
        try:
            check(value, choice, definitions, where)
        except Mismatch as problem:
            problems.append(problem)
        else:
            return
    # The problem that lies deepest is that of the choice which was meant.
    inside = [problem for problem in problems if not str(problem).startswith(f"{where or 'it'} must")]
    raise inside[0] if inside else _mismatch(where, "must be " + " or ".join(_words(str(problem)) for problem in problems), value)


def _words(problem: str) -> str:
    return problem.rpartition(" must be ")[2].partition(", not ")[0]


def _check_bounds(value: float, schema: Mapping[str, Any], where: str) -> None:
    for keyword, kept, words in (
        ("minimum", operator.ge, "at least"),
        ("exclusiveMinimum", operator.gt, "above"),
        ("exclusiveMaximum", operator.lt, "below"),
    ):
        if keyword in schema and not kept(value, schema[keyword]):
            raise _mismatch(where, f"must be {words} {schema[keyword]}", value)


def _check_object(value: Mapping[str, Any], schema: Mapping[str, Any], definitions: Mapping[str, Any], where: str) -> None:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for key in schema.get("required", ()):
        if key not in value:
            raise Mismatch(f"{where or 'it'} lacks {key!r}")
    for key, item in value.items():
        path = f"{where}.{key}" if where else key
        if key in properties:
            check(item, properties[key], definitions, path)
        elif others is False:
            place = f"{where}: " if where else ""
            raise Mismatch(f"{place}{UnknownNameError('key', key, properties)}")
        elif isinstance(others, Mapping):
            check(item, others, definitions, path)


def _mismatch(where: str, words: str, value: Any) -> Mismatch:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return Mismatch(f"{where or 'it'} {words}, not {text if len(text) <= 60 else text[:57] + '...'}")
