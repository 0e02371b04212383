"""From a `Result` to text: one pure function a format, found by the name of the format or by the suffix of a file."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from xent.core.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from xent.core.result import Result

EXPORTERS = {
    "json": "json_exporter:to_json",
    "jsonl": "json_exporter:to_jsonl",
    "csv": "csv_exporter:to_csv",
    "tsv": "csv_exporter:to_tsv",
    "markdown": "markdown_exporter:to_markdown",
    "junit": "junit_exporter:to_junit",
    "github": "github_exporter:to_github",
}
"""Module and function by format; an exporter is imported when its format is asked for."""

SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".xml": "junit",
}


def export(result: Result, form: str) -> str:
    """The result as text in a format.

    Raises
    ------
    UnknownNameError
        There is no such format.
    """
    if form not in EXPORTERS:
        raise UnknownNameError("format", form, EXPORTERS)
    module, _, function = EXPORTERS[form].partition(":")
    exporter: Callable[[Result], str] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return exporter(result)


def format_of(path: PurePath) -> str:
    """The format that the suffix of a file asks for.

    Raises
    ------
    UsageError
        The suffix asks for none.

    >>> format_of(PurePath("out/result.MD"))
    'markdown'
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"the name {str(path)!r} tells no format; known endings: {' '.join(SUFFIXES)}")
    return SUFFIXES[suffix]
