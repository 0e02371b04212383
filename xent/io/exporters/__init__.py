"""From a `Result` to text or bytes: one pure function a format, found by the name of the format or by the suffix of a file."""

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
    "parquet": "parquet_exporter:to_parquet",
    "junit": "junit_exporter:to_junit",
    "github": "github_exporter:to_github",
    "gitlab": "gitlab_exporter:to_gitlab",
    "openmetrics": "openmetrics_exporter:to_openmetrics",
    "html": "html_exporter:to_html",
    "dvc": "dvc_exporter:to_dvc",
}
"""Module and function by format; an exporter is imported when its format is asked for."""

BINARY = ("parquet",)
"""Formats that are bytes, which no terminal can show."""

SUFFIXES = {
    ".gitlab.json": "gitlab",
    ".dvc.json": "dvc",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xml": "junit",
    ".openmetrics": "openmetrics",
    ".html": "html",
    ".htm": "html",
}
"""Format by the ending of a file; the first that fits."""


def export(result: Result, form: str) -> str | bytes:
    """The result in a format: as text, or as bytes where the format is one of `BINARY`.

    Raises
    ------
    UnknownNameError
        There is no such format.
    """
    if form not in EXPORTERS:
        raise UnknownNameError("format", form, EXPORTERS)
    module, _, function = EXPORTERS[form].partition(":")
    exporter: Callable[[Result], str | bytes] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return exporter(result)


def format_of(path: PurePath, otherwise: str | None = None) -> str:
    """The format that the ending of a file asks for; where it asks for none, the one given for that case.

    Raises
    ------
    UsageError
        The ending asks for none, and none is given.

    >>> format_of(PurePath("out/result.MD")), format_of(PurePath("metrics.txt"), "openmetrics")
    ('markdown', 'openmetrics')
    """
    name = path.name.lower()
    form = next((form for ending, form in SUFFIXES.items() if name.endswith(ending)), otherwise)
    if form is None:
        raise UsageError(f"the name {str(path)!r} tells no format; known endings: {' '.join(SUFFIXES)}")
    return form
