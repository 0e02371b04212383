"""`--plot` and `--plot-dir`: what they need to be measured, and where pictures go."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from xent.cli.spreading import Spreading
    from xent.core.metric import Metric
    from xent.core.result import Result
    from xent.core.specs import Spec
    from xent.core.table import Task
    from xent.io.figures import Figure
    from xent.io.measured import Surveyed

_F = TypeVar("_F", bound=Callable[..., Any])

IN_TERMINAL = ("reliability_curve", "roc_curve", "residual_curve")
"""The curves that `--plot` draws, of those that fit the task."""


@dataclass(frozen=True, slots=True)
class Plotting:
    """Where figures are wanted.

    Attributes
    ----------
    in_terminal : whether they are drawn with characters
    folder : where to write them as files
    """

    in_terminal: bool
    folder: Path | None

    @property
    def wanted(self) -> bool:
        """Whether any are."""
        return self.in_terminal or self.folder is not None

    def check(self, spreading: Spreading) -> None:
        """Raises `UsageError` where files cannot be drawn or not be written there, or where a run that is spread has nothing to draw."""
        if not self.wanted:
            return
        from xent.core.errors import UsageError

        for flag, given in (("--engine", spreading.engine != "local"), ("--checkpoint", spreading.checkpoint is not None)):
            if given:
                raise UsageError(f"--plot and --plot-dir cannot go with {flag}; write the result to JSON, and xent report shows it")
        if self.folder is None:
            return
        from xent.io.plots import require_matplotlib

        require_matplotlib()
        if not self.folder.is_dir() and (self.folder.exists() or not self.folder.absolute().parent.is_dir()):
            raise UsageError(f"--plot-dir {str(self.folder)!r} is no folder" + ("" if self.folder.exists() else ", and cannot be made one"))

    def curves(self, metrics: Sequence[Metric], task: Task) -> list[Spec]:
        """The curves that are drawn for a task, without those that are measured anyway."""
        from xent.core.specs import parse_spec
        from xent.io.survey import CURVES

        there = {metric.row.name for metric in metrics}
        wanted = [name for name in CURVES[task] if self.folder is not None or name in IN_TERMINAL]
        return [parse_spec(name) for name in wanted if name not in there]

    def draw(self, result: Result, surveyed: Surveyed, *, below_table: bool) -> None:
        """Draws the figures of a result: in the terminal below its table, or else on standard error, and in files."""
        if not self.wanted:
            return
        from xent.cli.exits import say
        from xent.io.confusions import confusions
        from xent.io.figures import figures

        found = figures(result, surveyed.losses)
        matrices = confusions(result) if self.folder is not None else []
        if not found and not matrices:
            say("there is nothing to draw: none of the metrics is a curve or a loss of rows")
        if self.in_terminal and found:
            _print(found, below_table=below_table)
        if self.folder is not None and (found or matrices):
            from xent.io.plots import plot_files
            from xent.io.writing import write_files

            self.folder.mkdir(exist_ok=True)
            write_files(plot_files([*found, *matrices], self.folder))


def _print(found: Sequence[Figure], *, below_table: bool) -> None:
    from xent.cli.outputs import is_terminal
    from xent.cli.result_table import printed
    from xent.cli.streams import emit
    from xent.cli.terminal_plots import drawn

    on_terminal = is_terminal() if below_table else sys.stderr is not None and sys.stderr.isatty()
    lines: list[Text | str] = []
    for figure in found:
        lines += ["", *drawn(figure)]
    text = printed(lines, to_terminal=on_terminal)
    if below_table:
        emit(text)
    elif sys.stderr is not None:
        sys.stderr.write(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(sys.stderr.encoding or "utf-8"))


_OPTIONS = (
    click.option(
        "--plot",
        is_flag=True,
        help="Also draw reliability, ROC, residuals and the losses of rows in the terminal, and bars and losses beside slices.",
    ),
    click.option(
        "--plot-dir",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Also write each figure there as SVG and PNG; needs the extra xent-eval[plots].",
    ),
)


def plot_options(command: _F) -> _F:
    """`--plot` and `--plot-dir`; the command gets them as one `plotting`."""

    @functools.wraps(command)
    def with_plotting(**options: Any) -> Any:
        return command(plotting=Plotting(options.pop("plot"), options.pop("plot_dir")), **options)

    for option in reversed(_OPTIONS):
        with_plotting = option(with_plotting)
    return with_plotting  # type: ignore[return-value]  # The decorated function takes the options in place of what they make.
