"""Commands whose options also come from the environment and from a file: flags win over `XENT_*` variables, those over the file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import click

from xent.cli.examples import Command


class ConfiguredCommand(Command):
    """A command with `--config FILE`.

    Parameters
    ----------
    configured : the options that the file has a say in; None for all of them
    """

    def __init__(
        self, *args: Any, configured: Collection[str] | None = None, params: Sequence[click.Parameter] = (), **options: Any
    ) -> None:
        config = click.Option(
            ["--config"],
            metavar="FILE",
            is_eager=True,
            expose_value=False,
            callback=_load,
            help="Gates and defaults in TOML; else xent.toml, else [tool.xent] in pyproject.toml, of the current folder.",
        )
        super().__init__(*args, params=[*params, config], **options)
        self.configured = configured
        for option in self.params:
            if isinstance(option, click.Option) and option.envvar is None:
                option.envvar = f"XENT_{key_of(option).upper()}"


def key_of(option: click.Option) -> str:
    """The name of an option in a file: that of its flag, with underscores.

    >>> key_of(click.Option(["-f", "--from-logits", "logits"]))
    'from_logits'
    """
    return max(option.opts, key=len).lstrip("-").replace("-", "_")


def _load(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Makes the settings of the file the defaults of the options."""
    if context.resilient_parsing:
        return
    from xent.io.config import read_settings

    settings = read_settings(value)
    command = context.command
    assert isinstance(command, ConfiguredCommand)
    for option in command.params:
        if isinstance(option, click.Option) and option.name is not None:
            key = key_of(option)
            if key in settings and (command.configured is None or key in command.configured):
                context.default_map = {**(context.default_map or {}), option.name: settings[key]}
