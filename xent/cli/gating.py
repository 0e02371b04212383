"""The options about gates, and what becomes of them: the exit status is read off the very result that is printed."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xent.cli import exits

if TYPE_CHECKING:
    from xent.core.differences import Comparison
    from xent.core.gates import Gate
    from xent.core.result import Result
    from xent.core.specs import Spec
    from xent.io.measured import Measured
    from xent.io.saved import Saved

_F = TypeVar("_F", bound=Callable[..., Any])

MOST_TOLD = 10
"""So many gates that did not pass are told on standard error; the result holds all."""


class GateType(click.ParamType):  # type: ignore[type-arg]  # It takes an argument only in the newest click.
    """An expression; several in one variable stand on lines of their own, or between semicolons."""

    name = "expr"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Gate:
        """The gate. One that comes from a file is a gate already."""
        from xent.core.gates import Gate, parse_gate

        return value if isinstance(value, Gate) else parse_gate(value)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """The expressions in a variable."""
        return [text for text in re.split(r"[;\n]", rv) if text.strip()]


@dataclass(frozen=True, slots=True)
class Gating:
    """Gates, what they compare with, and what follows from them."""

    gates: tuple[Gate, ...]
    baseline: str | None
    allow_different_data: bool
    inconclusive: str
    _read: list[Saved] = dataclasses.field(default_factory=list)

    def prepare(self, *, named: bool = True) -> None:
        """Reads the baseline, so that what is wrong with the question is said before any data are read.

        Parameters
        ----------
        named : whether the metrics were named; else those of the gates are looked up here

        Raises
        ------
        UsageError
            A gate compares and there is no baseline, or names a metric that does not exist.
        DataError
            The baseline cannot be used.
        """
        if not named:
            self.with_gated([])
        if self.baseline is not None:
            from xent.io.saved import read_saved

            self._read.append(read_saved(self.baseline))
        elif self.gates:
            from xent.core.judging import require_baseline

            require_baseline(self.gates)

    def with_gated(self, specs: Sequence[Spec]) -> list[Spec]:
        """The metrics and those that gates name beside them.

        Raises
        ------
        UsageError
            A gate names a metric that does not exist, or may mean several.
        """
        if not self.gates:
            return list(specs)
        from xent.core.judging import with_gated

        return with_gated(specs, self.gates)

    def judged(self, result: Result, measured: Measured | None = None) -> Result:
        """The result with what became of the gates; what it was made from may tell more of its change."""
        if not self.gates:
            return result
        from xent.core.judging import judge

        if not self._read:
            return judge(result, self.gates)
        (baseline,) = self._read
        return judge(
            result,
            self.gates,
            baseline.result,
            allow_different_data=self.allow_different_data,
            changes=baseline.changes_to(measured),
        )

    def conclude(self, result: Result, *, to_github: bool = False) -> int:
        """The exit status that the gates in a result mean; those that did not pass are told on standard error.

        With `to_github`, a summary is left where GitHub Actions asks for one.
        """
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if to_github and summary:
            from xent.io.exporters.github_exporter import append_summary

            append_summary(result, Path(summary))
        return self.told(result)

    def told(self, result: Result | Comparison) -> int:
        """The same, without a summary."""
        from xent.io.slice_words import slice_name

        told = [gate for gate in result.gates if gate["outcome"] != "pass"]
        for gate in told[:MOST_TOLD]:
            where = "" if gate["slice"] is None else f" [{slice_name(gate['slice'])}]"
            word = {"fail": "failed", "error": "could not be measured"}.get(gate["outcome"], gate["outcome"])
            warning = "warning: " if gate["severity"] == "warn" else ""
            exits.say(f"{warning}gate {gate['gate']}{where} {word}: {gate['reason']}".replace("\n", " "))
        if len(told) > MOST_TOLD:
            exits.say(f"and {len(told) - MOST_TOLD} gates more that did not pass")
        return self._status(result)

    def _status(self, result: Result | Comparison) -> int:
        if result.verdict == "fail":
            failed = any(gate["outcome"] == "fail" and gate["severity"] == "error" for gate in result.gates)
            return exits.FAILED if failed else exits.NOTHING
        return exits.INCONCLUSIVE if result.verdict == "inconclusive" and self.inconclusive == "fail" else exits.DONE


_OPTIONS = (
    click.option(
        "--gate",
        "gates",
        multiple=True,
        metavar="EXPR",
        type=GateType(),
        help="A condition such as 'accuracy[country=*] >= 0.8', 'rel(mse) <= 2%' or 'rows >= 1000'; repeatable. "
        "In place of those of the configuration.",
    ),
    click.option(
        "--baseline", metavar="FILE", help="An earlier result in JSON, or a state, which delta(...) and rel(...) in gates compare with."
    ),
    click.option(
        "--allow-different-data",
        is_flag=True,
        help="Compare with a baseline of other labels or weights, or of metrics with other parameters.",
    ),
    click.option(
        "--inconclusive",
        type=click.Choice(("pass", "fail")),
        default="pass",
        show_default=True,
        help="Whether a gate that the data do not decide stops with exit status 4.",
    ),
)


def gate_options(command: _F) -> _F:
    """`--gate` and what belongs to it; the command gets them as one `gating`."""

    @functools.wraps(command)
    def with_gating(**options: Any) -> Any:
        names = ("gates", "baseline", "allow_different_data", "inconclusive")
        return command(gating=Gating(**{name: options.pop(name) for name in names}), **options)

    for option in reversed(_OPTIONS):
        with_gating = option(with_gating)
    return with_gating  # type: ignore[return-value]  # The decorated function takes the options in place of what they make.
