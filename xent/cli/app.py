"""The command `xent`. A subcommand is imported when it is used, so that `xent --help` costs no more than click itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click

from xent import __version__
from xent.cli import exits

COMMANDS = {
    "eval": ("xent.cli.evaluate", "Evaluate predictions from files: the metrics, and how sound they are."),
    "compare": ("xent.cli.compare", "Compare models on the same rows: differences, intervals, p-values, a verdict."),
    "power": ("xent.cli.power", "Say how small a change the rows can show, and how many rows a change takes."),
    "gate": ("xent.cli.gate_command", "Judge a saved result by gates, without reading data."),
    "merge": ("xent.cli.merge", "Make one result of several states, bit for bit that of one run over all their rows."),
    "init": ("xent.cli.init_command", "Write a commented xent.toml for the files there are."),
    "inspect": ("xent.cli.inspect_command", "Look into files: columns, labels, ranges, and the command to evaluate them."),
    "top": ("xent.cli.top", "List the rows with the largest loss, or the smallest."),
    "report": ("xent.cli.report", "Write one page of HTML to look at: values, slices, curves, the worst rows."),
    "explain": (
        "xent.cli.explain",
        "Show one metric as keras, exact, sklearn and torch compute it, and the rows that make the difference.",
    ),
    "metrics": ("xent.cli.metrics_command", "List the metrics, or describe one."),
    "schema": ("xent.cli.schema_command", "Print the JSON Schema of what xent writes and reads, or check files."),
    "completion": ("xent.cli.completion_command", "Print the completion script of a shell."),
}
"""Module and summary of every command; the object in the module is called `command`."""

COMPLETE_VARIABLE = "_XENT_COMPLETE"


class App(click.Group):
    """A group that knows its commands by name and turns every way to end into an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from xent.core.errors import UnknownNameError

            raise UnknownNameError("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def run(self, args: Sequence[str], leave: Callable[[int], object] | None = None) -> int:
        """Runs the command line `args` and returns the exit status.

        Parameters
        ----------
        args : the words after the name of the program
        leave : ends the process with a status; called when it was interrupted, before the work in hand is let go of, since letting go
            of a stalled pipe takes as long as waiting for it
        """
        try:
            if self._complete(args):
                return exits.DONE
            with self.make_context("xent", list(args)) as context:
                status = self.invoke(context)
            return status if isinstance(status, int) else exits.DONE
        except click.exceptions.Exit as stop:
            return stop.exit_code
        except BrokenPipeError:
            # Help texts are written by click itself.
            from xent.cli.streams import abandon_stdout

            abandon_stdout()
            return exits.DONE
        except BaseException as error:  # noqa: BLE001  # Whatever it is, it ends in a status and a line, not in a traceback.
            status = exits.report(error)
            if leave is not None and status in (exits.INTERRUPTED, exits.TERMINATED):
                leave(status)
            return status

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """As click calls it, in tests for one."""
        sys.exit(self.run(sys.argv[1:] if args is None else args))

    def _complete(self, args: Sequence[str]) -> bool:
        """Whether a shell asked for completions, and got them."""
        import os

        instruction = os.environ.get(COMPLETE_VARIABLE)
        if not instruction:
            return False
        from click.shell_completion import shell_complete

        shell_complete(self, {}, "xent", COMPLETE_VARIABLE, instruction)
        return True


@click.command(
    cls=App,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with xent inspect FILE, which prints the command to go on with. Every command explains itself: xent eval --help.",
)
@click.version_option(__version__, message="xent %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Say how good predictions are, from files of labels and predictions: exactly, in one streaming pass."""
    if context.invoked_subcommand is None:
        raise click.UsageError("which command? xent eval FILE evaluates predictions", context)
