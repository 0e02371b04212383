"""What `xent metrics --check` says of a metric."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent.core.laws import Outcome


def check_metric(text: str, form: str) -> int:
    """Tries the laws on the metric that `text` asks for, prints what came of it, and returns the exit status.

    Raises
    ------
    UsageError
        There is no such metric, or it cannot be checked.
    """
    from xent.cli.exits import DONE, FAILED
    from xent.cli.streams import emit
    from xent.core.laws import check
    from xent.core.specs import parse_spec

    outcomes = check(parse_spec(text).build())
    if form == "json":
        from xent.io.exporters.plain import json_text

        emit(json_text(as_dict(text, outcomes), indent=2))
    else:
        emit(report(text, outcomes))
    return DONE if all(outcome.holds for outcome in outcomes) else FAILED


def report(name: str, outcomes: list[Outcome]) -> str:
    """A line for every law, with the counterexample below one that fails."""
    from xent.io.escaping import printable

    width = max(len(outcome.law) for outcome in outcomes)
    lines = []
    for outcome in outcomes:
        lines.append(f"{outcome.law:<{width}}  {'holds' if outcome.holds else 'FAILS'}  {outcome.statement}")
        if outcome.counterexample is not None:
            lines += textwrap.wrap(printable(outcome.counterexample), 100, initial_indent="    ", subsequent_indent="    ")
    failed = [outcome.law for outcome in outcomes if not outcome.holds]
    if failed:
        verdict = f"{len(failed)} of {len(outcomes)} laws {'fails' if len(failed) == 1 else 'fail'}: {', '.join(failed)}"
    else:
        verdict = f"all {len(outcomes)} laws hold"
    return "\n".join([*lines, "", f"{printable(name)}: {verdict}", ""])


def as_dict(name: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """The same as plain values."""
    laws = [
        {
            "law": outcome.law,
            "statement": outcome.statement,
            "holds": outcome.holds,
            "trials": outcome.trials,
            "counterexample": outcome.counterexample,
        }
        for outcome in outcomes
    ]
    return {"name": name, "holds": all(outcome.holds for outcome in outcomes), "laws": laws}
