"""What click knows of every command, as all forms of the reference need it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

from xent.cli.app import COMMANDS, app
from xent.cli.configuration import ConfiguredCommand


class CommandText(NamedTuple):
    """The texts of one command.

    Attributes
    ----------
    path : the words that call it, as in "xent eval"
    summary : what it does, in a line
    usage : what stands behind the words that call it
    paragraphs : its help, each paragraph a line
    options : every option with its argument, and its help with its default
    examples : command lines
    reads_settings : whether its options also come from the environment and from a configuration
    """

    path: str
    summary: str
    usage: str
    paragraphs: Sequence[str]
    options: Sequence[tuple[str, str]]
    examples: Sequence[str]
    reads_settings: bool


def program() -> CommandText:
    """The program itself, whose options are few."""
    return _text(_root(), "say how good predictions are, from files of labels and predictions")


def commands() -> Iterator[CommandText]:
    """Every command, in the order of `xent --help`."""
    root = _root()
    for name, (_, summary) in COMMANDS.items():
        command = app.get_command(root, name)
        assert command is not None
        yield _text(click.Context(command, info_name=name, parent=root), summary)


def _root() -> click.Context:
    return click.Context(app, info_name="xent", **app.context_settings)


def _text(context: click.Context, summary: str) -> CommandText:
    command = context.command
    options = [parameter for parameter in command.get_params(context) if isinstance(parameter, click.Option)]
    records = filter(None, (option.get_help_record(context) for option in options))
    return CommandText(
        context.command_path,
        summary,
        " ".join(command.collect_usage_pieces(context)),
        [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", command.help or "")],
        [(words, " ".join(meaning.split())) for words, meaning in records],
        getattr(command, "examples", ()),
        isinstance(command, ConfiguredCommand),
    )
