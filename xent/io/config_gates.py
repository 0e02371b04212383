"""Gates as a configuration file writes them: an expression, or a table with bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xent.core.errors import UsageError
from xent.core.gates import Gate, parse_gate, parse_number, parse_selector

_BOUNDS = {"max": ("<=", 1), "min": (">=", 1), "max_increase": ("<=", 1), "max_decrease": (">=", -1)}
"""How the bounds of a table compare, and the sign that they get."""


def gates_in(entries: Sequence[str | Mapping[str, Any]], path: str) -> list[Gate]:
    """The gates of a file.

    Raises
    ------
    UsageError
        One of them cannot be understood; the error names the file and the place.
    """
    return [gate for place, entry in enumerate(entries) for gate in _located(entry, path, place)]


def _located(entry: str | Mapping[str, Any], path: str, place: int) -> list[Gate]:
    try:
        return [parse_gate(entry)] if isinstance(entry, str) else gates_of(entry)
    except UsageError as error:
        raise UsageError(f"{path}: gate[{place}]: {error}") from error


def gates_of(table: Mapping[str, Any]) -> list[Gate]:
    """The gates that one table asks for: one for each bound and each entry of `slices`.

    Raises
    ------
    UsageError
        It has no bound, or one that is no number.

    >>> [str(gate) for gate in gates_of({"metric": "mse", "max": 0.5, "max_increase": "2%", "slices": ["country"]})]
    ['mse[country=*] <= 0.5', 'rel(mse[country=*]) <= 2%']
    """
    bounds = [key for key in _BOUNDS if key in table]
    if not bounds:
        raise UsageError(f"the gate on {table['metric']!r} needs one of {', '.join(_BOUNDS)}")
    slices = table.get("slices")
    texts = [slices] if isinstance(slices, str) else slices
    if texts is not None and not texts:
        raise UsageError(f"the gate on {table['metric']!r} has an empty list of slices, of which nothing could ever fail")
    selectors = [None] if texts is None else [parse_selector(text) for text in texts]
    options = {key: table[key] for key in ("decide", "confidence", "min_rows", "severity") if key in table}
    return [_gate(table, key, slices=selector, **options) for key in bounds for selector in selectors]


def _gate(table: Mapping[str, Any], key: str, **options: Any) -> Gate:
    given = table[key]
    op, sign = _BOUNDS[key]
    threshold = parse_number(given) if isinstance(given, str) else float(given)
    of = "value"
    if key.startswith("max_"):
        if threshold < 0:
            raise UsageError(f"the gate on {table['metric']!r}: {key} must not be negative")
        of = "rel" if isinstance(given, str) and given.rstrip().endswith("%") else "delta"
    return Gate(metric=table["metric"], op=op, threshold=sign * threshold, of=of, **options)  # type: ignore[arg-type]
