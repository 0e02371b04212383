"""Man pages, in the macros of man(7), one for the program and one for each command.

click-man knows neither commands that are imported when they are called nor examples, and puts the day of the build into every page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from manual.commands import CommandText, commands, program
from xent import __version__

_SPECIAL = str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"})

# As xent/cli/exits.py has them; a test compares.
EXIT_STATUSES = {
    0: "all is well, and every gate passed",
    1: "a gate failed",
    2: "wrong usage",
    3: "data that cannot be used",
    4: "a gate is inconclusive, and --inconclusive fail was given",
    5: "nothing was evaluated, or a gate could not be measured",
    130: "interrupted",
    143: "terminated",
}


def man_pages() -> Mapping[str, str]:
    """The pages by the names of their files."""
    whole, parts = program(), list(commands())
    names = [_name(part) for part in parts]
    configured = ", ".join(part.path for part in parts if part.reads_settings)
    pages = {
        _name(part): [
            *_head(part),
            *_description(part.paragraphs),
            *_list("OPTIONS", part.options),
            *_examples(part.examples),
            *_see_also(["xent", *names], _name(part)),
        ]
        for part in parts
    }
    pages["xent"] = [
        *_head(whole),
        *_description(whole.paragraphs),
        *_list("COMMANDS", [(part.path, part.summary) for part in parts]),
        *_list("OPTIONS", whole.options),
        *_list("EXIT STATUS", [(str(status), meaning) for status, meaning in EXIT_STATUSES.items()]),
        *_list(
            "ENVIRONMENT",
            [
                ("XENT_LABEL and the like", f"Options of {configured}: XENT_ and the name of the option, in capitals."),
                ("XENT_DEBUG", "Set to 1, errors are shown with the place in the program where they happened."),
            ],
        ),
        *_list(
            "FILES", [("xent.toml", "Gates and defaults for the same commands, in the current folder; else [tool.xent] of pyproject.toml.")]
        ),
        *_examples(["xent inspect preds.csv", parts[0].examples[0], "xent metrics"]),
        *_see_also(names, "xent"),
    ]
    return {f"{name}.1": "\n".join(lines) + "\n" for name, lines in pages.items()}


def _name(text: CommandText) -> str:
    return text.path.replace(" ", "-")


def _escaped(text: str) -> str:
    """`text` as it is: no sign of it means anything to troff."""
    escaped = text.translate(_SPECIAL)
    # A dot that opens a line would make it a request.
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def _prose(text: str) -> str:
    """`text` with what is typed, options and commands, in bold."""
    pieces = re.split(r"(?<![\w-])(--[a-z][a-z-]*|xent [a-z]+\b)", text)
    return "".join(rf"\fB{_escaped(piece)}\fR" if at % 2 else _escaped(piece) for at, piece in enumerate(pieces))


def _head(text: CommandText) -> list[str]:
    name = _name(text)
    return [
        f'.TH "{_escaped(name.upper())}" "1" "" "xent {__version__}" "xent"',
        ".SH NAME",
        rf"{_escaped(name)} \- {_escaped(text.summary.rstrip('.'))}",
        ".SH SYNOPSIS",
        rf"\fB{_escaped(text.path)}\fR {_escaped(text.usage)}",
    ]


def _description(paragraphs: Iterable[str]) -> list[str]:
    return [".SH DESCRIPTION", *(line for paragraph in paragraphs for line in (".PP", _prose(paragraph)))]


def _list(heading: str, items: Iterable[tuple[str, str]]) -> list[str]:
    return [f".SH {heading}", *(line for term, meaning in items for line in (".TP", rf"\fB{_escaped(term)}\fR", _prose(meaning)))]


def _examples(lines: Iterable[str]) -> list[str]:
    return [".SH EXAMPLES", *(line for example in lines for line in (".PP", ".nf", _escaped(example), ".fi"))]


def _see_also(names: Iterable[str], own: str) -> list[str]:
    return [".SH SEE ALSO", ", ".join(rf"\fB{_escaped(name)}\fR(1)" for name in names if name != own)]
