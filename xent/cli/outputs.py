"""What becomes of a result: printed, written to files, and how it looks."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.core.result import MetricResult, Result
    from xent.io.measured import Measured
    from xent.io.slice_losses import SliceLosses

FORMATS = ("table", "json", "jsonl", "csv", "tsv", "markdown", "parquet", "junit", "github", "gitlab", "openmetrics", "html", "dvc")


def print_result(result: Result, form: str | None, *, quiet: bool, bars: bool = False, losses: SliceLosses | None = None) -> None:
    """Prints a result as it was asked for; without a format as a table on a terminal and as JSON elsewhere.

    `bars` and `losses` are for tables.
    """
    from xent.cli.streams import emit

    if quiet:
        emit(bare_numbers(result))
    else:
        emit(render(result, form or ("table" if is_terminal() else "json"), to_terminal=is_terminal(), bars=bars, losses=losses))


def output_formats(outputs: Sequence[Path], form: str | None, read: Sequence[str | None], *, quiet: bool) -> dict[Path, str]:
    """The format of every file to write.

    Raises
    ------
    UsageError
        A file cannot be written there, is a source, is named twice, or has an ending that tells no format and --format does not either;
        or a terminal would get bytes.
    """
    from xent.core.errors import UsageError

    if not outputs and form is None:
        return {}
    from xent.io.exporters import BINARY, format_of

    if form in BINARY and not quiet and is_terminal():
        raise UsageError(f"--format {form} is no text for a terminal; write it to a file with -o result.{form}, or into a pipe")

    formats: dict[Path, str] = {}
    for path in outputs:
        if path in formats:
            raise UsageError(f"--output {str(path)!r} is named twice")
        check_place("--output", path, read)
        formats[path] = format_of(path, form)
    return formats


def write_outputs(result: Result, formats: Mapping[Path, str], states: Mapping[Path, Measured] | None = None) -> None:
    """Writes the result to every file in its format, and states to theirs: all of them or none."""
    rendered = ((path, render(result, form)) for path, form in formats.items())
    contents = {path: found if isinstance(found, bytes) else found.encode("utf-8", "replace") for path, found in rendered}
    if states:
        from xent.io.state_file import state_text

        contents |= {path: state_text(measured).encode() for path, measured in states.items()}
    if contents:
        from xent.io.writing import write_files

        write_files(contents)


def check_state(state: Path, formats: Mapping[Path, str], read: Sequence[str | None], metrics: Sequence[Metric] | None) -> None:
    """Raises `UsageError` where a state cannot be written there, or cannot hold one of the metrics."""
    from xent.core.errors import UsageError
    from xent.io.state_file import check_storable

    check_place("--state", state, read)
    if state in formats:
        raise UsageError(f"--state {str(state)!r} is an --output too")
    check_storable(metrics or ())


def check_place(flag: str, path: Path, read: Sequence[str | None]) -> None:
    """Raises `UsageError` where a file cannot be written there, or would replace what is read."""
    from xent.core.errors import UsageError
    from xent.io.urls import is_url

    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{flag} {str(path)!r} is a folder" if path.is_dir() else f"{flag} {str(path)!r}: there is no such folder")
    for source in read:
        if source and not is_url(source) and path.is_file() and Path(source).is_file() and path.samefile(source):
            raise UsageError(f"{flag} {str(path)!r} would replace what is read")


def render(result: Result, form: str, *, to_terminal: bool = False, bars: bool = False, losses: SliceLosses | None = None) -> str | bytes:
    """The result in a format, as text, or as bytes where the format is binary; a table may have pictures beside the values of slices."""
    if form == "table":
        from xent.cli.result_table import result_table

        return result_table(result, to_terminal=to_terminal, bars=bars, losses=losses)
    from xent.io.exporters import export

    return export(result, form)


def bare_numbers(result: Result) -> str:
    """The values alone, one a line; several values of one metric are a list."""
    return "".join(map(_bare, result.metrics))


def _bare(metric: MetricResult) -> str:
    if isinstance(metric.value, int | float):
        return f"{metric.value!r}\n"
    from xent.io.exporters.plain import json_text

    return json_text(metric.value)


def is_terminal() -> bool:
    """Whether standard output is one."""
    return sys.stdout is not None and sys.stdout.isatty()
