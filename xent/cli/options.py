"""Options that several commands share, as decorators, and what becomes of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xent.cli.metrics_command import complete_metric
from xent.io.request import RETRIES

if TYPE_CHECKING:
    from xent.io.request import Request

_F = TypeVar("_F", bound=Callable[..., Any])

INPUT_FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow", "npy", "npz")


class ConditionType(click.ParamType):  # type: ignore[type-arg]  # It takes an argument only in the newest click.
    """A condition, which holds blanks: in a variable stands one, and it may have an `and`."""

    name = "expr"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """The whole of a variable; click would part it at its blanks."""
        return [rv]


_SOURCES = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
_PERHAPS_SOURCES = click.argument("sources", nargs=-1, metavar="[SOURCE]...")

_COLUMNS = (
    click.option("--label", metavar="COL", help="Label column; a glob or a comma list for one-hot columns; a list column."),
    click.option("--pred", metavar="COL", help="Prediction column; a glob 'p_*', a comma list, or one list column."),
    click.option("--weight", metavar="COL", help="Column of sample weights."),
)

_SECOND_FILE = (
    click.option("--labels", metavar="FILE", help="Labels from a second file or URL, row by row, or by key with --on."),
    click.option("--on", metavar="COL", help="Key column that joins --labels to the predictions."),
)

_READING = (
    click.option("--classes", metavar="A,B,C|@FILE", help="Class names in prediction order; a file has one a line."),
    click.option(
        "--where",
        multiple=True,
        metavar="EXPR",
        type=ConditionType(),
        help="Keep the rows for which this holds, e.g. \"country == 'de' and age >= 18\"; repeatable: all must hold.",
    ),
    click.option("--input-format", type=click.Choice(INPUT_FORMATS), help="Format of SOURCE where its name does not tell, as for -."),
    click.option(
        "--retries",
        metavar="N",
        type=click.IntRange(min=0),
        default=RETRIES,
        show_default=True,
        help="Tries again where a URL is read and a server fails for a while.",
    ),
    click.option("--chunk-rows", metavar="N", type=click.IntRange(min=1), help="Rows read at a time; never changes a result."),
    click.option("--threads", metavar="N", type=click.IntRange(1, 1024), help="Cores to compute on; never changes a result."),
)

_PAIR = (click.argument("base", metavar="BASE"), click.argument("candidates", nargs=-1, required=True, metavar="CANDIDATE..."))

_PERHAPS_PAIR = (click.argument("base", metavar="SOURCE"), click.argument("candidates", nargs=-1, metavar="[CANDIDATE]"))

_PAIRING = (
    click.option("--candidate-pred", metavar="COL", help="Prediction column of the candidates, where it is not that of the base."),
    click.option("--on", metavar="COL", help="Key column by which rows are paired; without it, first row with first row."),
)

_FROM_LOGITS = click.option("--from-logits", is_flag=True, help="The predictions are logits.")

_PROGRESS = click.option("--progress/--no-progress", default=None, help="Progress on standard error; by default on a terminal.")


def input_options(command: _F) -> _F:
    """SOURCE... and all that says what in it is what; the command gets them as one `request`."""
    return _SOURCES(_with_request(command))


def optional_input_options(command: _F) -> _F:
    """The same for a command that can do without sources."""
    return _PERHAPS_SOURCES(_with_request(command))


def _with_request(command: _F) -> _F:
    @functools.wraps(command)
    def with_request(**options: Any) -> Any:
        from xent.io.request import Request

        names = ("sources", "label", "pred", "weight", "labels", "on", "where", "input_format", "retries", "chunk_rows", "threads")
        given = {name: options.pop(name) for name in names}
        request = Request(**given, classes=class_names(options.pop("classes")))
        _check(request)
        return command(request=request, **options)

    for option in reversed((*_COLUMNS, *_SECOND_FILE, *_READING)):
        with_request = option(with_request)
    return with_request  # type: ignore[return-value]  # The decorated function takes the options in place of the request.


def pair_options(command: _F) -> _F:
    """BASE CANDIDATE... and what says what in them is what; the command gets one `requests` for each, that of the base first."""
    return _with_requests(command, _PAIR)


def perhaps_pair_options(command: _F) -> _F:
    """The same for a command that can do without candidates."""
    return _with_requests(command, _PERHAPS_PAIR)


def _with_requests(command: _F, arguments: tuple[Callable[[Any], Any], ...]) -> _F:
    @functools.wraps(command)
    def with_requests(**options: Any) -> Any:
        from xent.io.request import Request

        shared = {name: options.pop(name) for name in ("label", "weight", "where", "input_format", "retries", "chunk_rows", "threads")}
        pred, other = options.pop("pred"), options.pop("candidate_pred")
        classes, key = class_names(options.pop("classes")), options.pop("on")
        sources = (options.pop("base"), *options.pop("candidates"))
        requests = [
            Request(sources=(source,), pred=(other or pred) if number else pred, classes=classes, key=key, **shared)
            for number, source in enumerate(sources)
        ]
        for request in requests:
            _check(request)
        return command(requests=requests, **options)

    for option in reversed((*arguments, *_PAIRING, *_COLUMNS, *_READING)):
        with_requests = option(with_requests)
    return with_requests  # type: ignore[return-value]  # The same.


def metrics_option(more: str = "") -> Callable[[_F], _F]:
    """`-m`, as `metrics`; `more` ends its help."""
    return click.option(
        "-m",
        "--metric",
        "metrics",
        multiple=True,
        metavar="SPEC",
        shell_complete=complete_metric,
        help=f"name or name:key=value,key=value, or label=name:...; repeatable. Without it: a set for the task found.{more}",
    )


def nan_option(more: str = "") -> Callable[[_F], _F]:
    """`--nan`; `more` ends its help."""
    return click.option(
        "--nan",
        type=click.Choice(("error", "skip", "propagate")),
        default="error",
        show_default=True,
        help=f"What to do with rows in which a value is missing{more}.",
    )


def format_option(formats: Sequence[str], what: str = "the result") -> Callable[[_F], _F]:
    """`--format`, as `form`; None where it was not given."""
    return click.option(
        "-f", "--format", "form", type=click.Choice(formats), help=f"How to print {what}: table by default on a terminal, else json."
    )


def output_option(endings: str = ", in the format of its ending") -> Callable[[_F], _F]:
    """`--output`, as `outputs`; `endings` says which formats there are."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=f"Also write the result there{endings}; repeatable; whole or not at all.",
    )


def from_logits_option(command: _F) -> _F:
    """`--from-logits`."""
    return _FROM_LOGITS(command)


def progress_option(command: _F) -> _F:
    """`--progress / --no-progress`; None where neither was given."""
    return _PROGRESS(command)


def class_names(text: str | None) -> tuple[str, ...] | None:
    """The names that `--classes` gives: between commas, or one a line in the file after `@`.

    Raises
    ------
    UsageError
        The file cannot be read, a name is empty, or one stands there twice.

    >>> class_names("cat, dog")
    ('cat', 'dog')
    """
    from xent.core.errors import UsageError

    if text is None:
        return None
    if text.startswith("@"):
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the class names in {text[1:]!r}: {getattr(error, 'strerror', None) or error}") from error
        names = [line.strip() for line in lines if line.strip()]
    else:
        names = [name.strip() for name in text.split(",")]
    if not names or not all(names):
        raise UsageError(f"--classes {text!r} holds an empty name")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise UsageError(f"--classes names {twice[0]!r} twice")
    return tuple(names)


def _check(request: Request) -> None:
    from xent.core.errors import UsageError

    if request.on is not None and request.labels is None:
        raise UsageError("--on joins the file of --labels, and there is no --labels")
