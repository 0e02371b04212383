"""Settings from `xent.toml` or `[tool.xent]` in `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xent.core.errors import UsageError
from xent.core.gates import Gate, parse_gate, parse_number, parse_selector

FILE = "xent.toml"
PROJECT = "pyproject.toml"

_BOUNDS = {"max": ("<=", 1), "min": (">=", 1), "max_increase": ("<=", 1), "max_decrease": (">=", -1)}
"""How the bounds of a table compare, and the sign that they get."""


def read_settings(name: str | None = None) -> dict[str, Any]:
    """The settings by key, `gate` as gates; none where there is no file.

    Parameters
    ----------
    name : the file; None looks for `xent.toml` and then for `[tool.xent]` in `pyproject.toml`, in the current folder

    Raises
    ------
    UsageError
        The file named does not exist, or what it holds is no configuration.
    """
    for path in (FILE, PROJECT) if name is None else (name,):
        try:
            content = Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            if name is None:
                continue
            raise UsageError(f"--config {name!r}: there is no such file") from error
        except OSError as error:
            raise UsageError(f"cannot read the configuration {path!r}: {error.strerror or error}") from error
        is_project = Path(path).name == PROJECT
        # Most projects do not speak of xent, and reading TOML costs more than looking for a word.
        if is_project and b"xent" not in content:
            continue
        table = _parsed(content, path)
        if is_project:
            table = table.get("tool", {}).get("xent", {})
        return _checked(table, path)
    return {}


def _parsed(content: bytes, path: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: is no TOML: {error}") from error


def _checked(table: Mapping[str, Any], path: str) -> dict[str, Any]:
    from xent.io.config_schema import CONFIG
    from xent.io.schema_check import Mismatch, check

    try:
        check(table, CONFIG)
    except Mismatch as error:
        raise UsageError(f"{path}: {error}") from error
    settings = dict(table)
    for key in ("metric", "output"):
        if isinstance(settings.get(key), str):
            settings[key] = [settings[key]]
    if "gate" in settings:
        settings["gate"] = [gate for place, entry in enumerate(settings["gate"]) for gate in _located(entry, path, place)]
    return settings


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
