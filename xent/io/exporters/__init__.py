"""From a `Result` to text: one pure function a format, found by the name of the format or by the suffix of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from xent.core.errors import UsageError
from xent.io.exporters.csv_exporter import to_csv, to_tsv
from xent.io.exporters.json_exporter import to_json, to_jsonl
from xent.io.exporters.markdown_exporter import to_markdown

if TYPE_CHECKING:
    from xent.core.result import Result

Exporter = Callable[["Result"], str]

EXPORTERS: dict[str, Exporter] = {
    "json": to_json,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "tsv": to_tsv,
    "markdown": to_markdown,
}

SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".md": "markdown",
    ".markdown": "markdown",
}


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
