"""The pages of the site that nobody writes: every command, from click, and every metric, from the metric table."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from manual.commands import CommandText, commands
from xent.cli.metrics_command import BETTER, INPUTS, as_dict, as_typed
from xent.core.table import Row, table

FAMILIES = {
    "Cross-entropy and its kin": ("crossentropy", "focal", "generalized", "perplexity", "divergence"),
    "Accuracy": ("accuracy",),
    "Decisions: confusion matrices, precision and recall, F-scores": (
        "confusion_matrix",
        "confusion",
        "fscore",
        "operating_points",
        "threshold_table",
    ),
    "Order: areas under curves, and the curves": ("auc", "ranking", "curves"),
    "Calibration": ("calibration", "smooth_calibration", "score_decomposition", "temperature", "reliability"),
    "Regression: errors, explained variance, correlation": ("regression", "extremes", "determination", "correlation", "deviance"),
    "Quantiles and intervals": ("intervals",),
    "Ranked documents": ("ranking_by_group",),
    "Margins: hinge": ("hinge",),
    "Overlap of classes: intersection over union": ("iou",),
    "Plain means and sums": ("means",),
}
"""The families by their titles, each with its modules in `xent.core.metrics`. A module that stands in none is a family of its own."""

EXPLAINED = {
    "`xent.core.conventions`": "[numerics](../numerics.md#what-happens-to-a-probability)",
    "`xent.core.reduced`": "[weights](../weights.md)",
}
"""Pages for what docstrings refer to by the module."""


def families() -> Mapping[str, list[Row]]:
    """The metrics by the titles of their families."""
    titles = {module: title for title, modules in FAMILIES.items() for module in modules}
    found: dict[str, list[Row]] = {title: [] for title in FAMILIES}
    for row in table().values():
        home = sys.modules[row.cls.__module__]
        title = titles.get(home.__name__.rpartition(".")[2]) or (home.__doc__ or "").partition("\n")[0].rstrip(".")
        found.setdefault(title, []).append(row)
    return found


def metrics_page() -> str:
    """Every metric, by family, behind a table of all of them."""
    lines = [
        "# Metrics",
        "",
        f"All {len(table())} metrics. `xent metrics` lists them in a terminal, `xent metrics NAME` shows what stands here about one, and",
        "`-m NAME:parameter=value,parameter=value` measures it. A metric answers to all of its names, in any case.",
        "",
        "The memory of most is constant: it grows neither with the rows nor with their values. Where it grows, it is said with what.",
        "",
    ]
    for title, rows in families().items():
        lines += [
            f"## {title}",
            "",
            *_table(("metric", "what it is"), [(f"[`{row.name}`](#{row.name})", _text(row.summary)) for row in rows]),
            "",
        ]
        for row in rows:
            lines += _metric(row)
    return "\n".join(lines)


def _metric(row: Row) -> list[str]:
    told = as_dict(row)
    facts = [
        ("formula", _text(row.formula)),
        ("columns", _text(INPUTS[row.inputs][0])),
        ("better", _text(BETTER[row.direction].removesuffix(" is better"))),
        ("range", _text(row.range)),
        ("memory", _text(row.memory)),
        *([("other names", ", ".join(f"`{alias}`" for alias in row.aliases))] if row.aliases else []),
        ("source", _linked(row.source)),
    ]
    parameters = [(f"`{one['name']}`", _default(one), _text(one["meaning"])) for one in told["parameters"]]
    return [
        f"### {row.name}",
        "",
        _text(row.summary),
        "",
        *_table(("property", "value"), facts),
        "",
        *([*_table(("parameter", "default", "meaning"), parameters), ""] if parameters else []),
        "```sh",
        told["example"],
        "```",
        "",
    ]


def _default(parameter: Mapping[str, Any]) -> str:
    return "must be given" if parameter["required"] else f"`{as_typed(parameter['default'])}`"


def commands_page() -> str:
    """Every command, with its options and examples."""
    found = list(commands())
    lines = [
        "# Commands",
        "",
        "`xent COMMAND --help` shows the same in a terminal, and `man xent-COMMAND` where the manual pages are on the path of `man`; see",
        "[the shell](../shell.md#manual-pages-and-completion).",
        "",
        *_table(("command", "what it does"), [(f"[`{one.path}`](#{_anchor(one)})", _text(one.summary)) for one in found]),
        "",
    ]
    for one in found:
        lines += [
            f"## {one.path}",
            "",
            f"    {one.path} {one.usage}",
            "",
            *(line for paragraph in one.paragraphs for line in (_text(paragraph), "")),
            *_table(("option", "meaning"), [(f"`{words}`", _text(meaning)) for words, meaning in one.options]),
            "",
            "```sh",
            *one.examples,
            "```",
            "",
        ]
    return "\n".join(lines)


def _anchor(text: CommandText) -> str:
    return text.path.replace(" ", "-")


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [_line(header), _line(tuple("---" for _ in header)), *map(_line, rows)]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """`text` as it is: no sign of it means anything to Markdown, but for names in backquotes. In those, nothing needs an escape."""
    pieces = re.split(r"(`[^`]+`)", text)
    return "".join(EXPLAINED.get(piece, piece) if at % 2 else _plain(piece) for at, piece in enumerate(pieces))


def _plain(text: str) -> str:
    return re.sub(r"([\\*_\[\]|#])", r"\\\1", html.escape(text, quote=False))


def _linked(text: str) -> str:
    """The same, with links that can be followed."""
    pieces = re.split(r"(https?://[^\s,;]+)", text)
    return "".join(f"<{piece}>" if at % 2 else _text(piece) for at, piece in enumerate(pieces))
