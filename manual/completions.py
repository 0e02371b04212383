"""The completion scripts of the shells, and where each shell looks for them below a prefix."""

from __future__ import annotations

from collections.abc import Mapping

from xent.cli.completion_command import SHELLS, script

PLACES = {
    "bash": "share/bash-completion/completions/xent",
    "zsh": "share/zsh/site-functions/_xent",
    "fish": "share/fish/vendor_completions.d/xent.fish",
}


def completions() -> Mapping[str, str]:
    """The scripts by their places."""
    return {PLACES[shell]: script(shell) for shell in SHELLS}
