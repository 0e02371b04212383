"""`xent completion`: the script that completes commands, options and metric names in a shell."""

from __future__ import annotations

import click

from xent.cli.examples import Command

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    short_help="Print the completion script of a shell.",
    examples=(
        "xent completion bash >> ~/.bashrc",
        "xent completion zsh >> ~/.zshrc",
        "xent completion fish > ~/.config/fish/completions/xent.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes xent's commands, options and metrics in SHELL.

    The wheel brings the same scripts, below share of the environment that xent is installed into.
    """
    from xent.cli.streams import emit

    emit(script(shell))


def script(shell: str) -> str:
    """The completion script of a shell.

    Raises
    ------
    click.UsageError
        click knows no completion for that shell.
    """
    from click.shell_completion import get_completion_class

    from xent.cli.app import COMPLETE_VARIABLE, app

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    # The base class's `source` is the script alone; that of bash runs bash first, to ask for its version.
    completion = kind(app, {}, "xent", COMPLETE_VARIABLE)
    return completion.source_template % completion.source_vars() + "\n"
