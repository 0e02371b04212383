"""Settings from `xent.toml` or `[tool.xent]` in `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xent.core.errors import UsageError

FILE = "xent.toml"
PROJECT = "pyproject.toml"


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
    for key in ("metric", "where", "output", "by"):
        if isinstance(settings.get(key), str):
            settings[key] = [settings[key]]
    if "gate" in settings:
        from xent.io.config_gates import gates_in

        settings["gate"] = gates_in(settings["gate"], path)
    return settings
