"""What was measured, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from contenders.tasks import METRICS
from lines import Line
from measure import Run


@dataclass
class Contest:
    """The runs of all contenders on one line, each in the order of the rounds.

    Attributes
    ----------
    line : what was compared
    rows : rows of the data set
    runs : by contender; one that was stopped, failed or had used up its time has fewer than the others
    pairs : in every round, two runs of xent with one thread at the same time
    """

    line: Line
    rows: int
    runs: dict[str, list[Run]] = field(default_factory=dict)
    pairs: list[tuple[Run, Run]] = field(default_factory=list)

    def done(self, name: str) -> list[Run]:
        return [run for run in self.runs.get(name, ()) if run.ended == "done"]

    def middle(self, name: str, figure: str) -> float:
        """The median of a figure, NaN where there is none."""
        return middle(getattr(run, figure) for run in self.done(name))

    def ratio(self, name: str, figure: str, others: Iterable[str]) -> float:
        """The median over the rounds of the ratio to what the best of the others took in the same round."""
        rounds = zip(self.done(name), *(self.done(other) for other in others if self.done(other)), strict=False)
        return middle(getattr(run, figure) / min(getattr(rival, figure) for rival in rivals) for run, *rivals in rounds if rivals)

    def values(self, name: str) -> list[tuple[str, ...]]:
        """What it printed, round by round."""
        return [tuple(run.out.split()) for run in self.done(name)]

    def difference(self, name: str) -> float:
        """The largest relative difference of any of its numbers from xent's; NaN where one of the two has none."""
        own, reference = self.values(name), self.values(next((other for other in self.runs if other.startswith("xent")), ""))
        if not own or not own[0] or not reference:
            return math.nan
        return max(abs(float(a) / float(b) - 1) for answers in own for a, b in zip(answers, reference[0], strict=True))


def middle(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return median(found) if found else math.nan


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
    return "\n".join(lines) + "\n"


def number(value: float, digits: int = 2) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def against(value: float, goal: float | None, digits: int = 2) -> str:
    """A figure beside what it is to reach at most; bold where it does not."""
    text = number(value, digits)
    if goal is None or math.isnan(value):
        return text
    return f"{text} (≤ {goal:g})" if value <= goal else f"**{text}** (≤ {goal:g})"


def summary(contests: Mapping[str, Contest]) -> str:
    """xent on every line, beside its goals."""
    head = (
        "data set",
        "rows",
        "CPU / floor, 1 thread",
        "CPU / floor, 2",
        "wall / fastest rival, 2",
        "peak MiB, 1",
        "peak MiB, 2",
        "wall, 2 / 1",
    )
    rows = []
    for name, contest in contests.items():
        line = contest.line
        others = [contest.ratio(tool, "wall", ["xent-2"]) for tool in ("sklearn", "keras", "torchmetrics")]
        known = [ratio for ratio in others if not math.isnan(ratio)]
        rows.append(
            (
                f"`{name}`: {line.title}",
                f"{contest.rows:,}",
                against(contest.ratio("xent-1", "cpu", ["floor"]), line.cpu),
                number(contest.ratio("xent-2", "cpu", ["floor"])),
                against(contest.ratio("xent-2", "wall", line.rivals), line.wall),
                number(contest.middle("xent-1", "peak"), 0),
                against(contest.middle("xent-2", "peak"), line.peak, 0),
                number(contest.ratio("xent-2", "wall", ["xent-1"])),
                f"{min(known):.1f} to {max(known):.1f} x" if known else "-",
            )
        )
    return table((*head, "sklearn, keras, torchmetrics: wall / xent, 2"), rows)


def further_metrics(contests: Mapping[str, Contest]) -> str:
    """What each of nine further metrics adds to a pass, where both lines were measured."""
    if not {"binary", "binary-10"} <= contests.keys():
        return ""
    one, ten = contests["binary"], contests["binary-10"]
    added = (ten.middle("xent-1", "cpu") - one.middle("xent-1", "cpu")) / (len(METRICS["binary-10"]) - 1)
    return f"Each of the nine further metrics of `binary-10` adds {number(added / ten.middle('floor', 'cpu'))} of the floor's CPU time.\n"


def details(name: str, contest: Contest) -> str:
    """Every contender on one line."""
    head = ("contender", "wall s", "CPU s", "peak MiB", "CPU / floor", "wall / fastest rival", "rounds", "differs from xent by")
    rows = []
    for contender, runs in contest.runs.items():
        done = contest.done(contender)
        if not done:
            rows.append((contender, runs[-1].ended + (f" after {runs[-1].wall:.0f}" if runs[-1].ended == "stopped" else ""), *[""] * 6))
            continue
        difference = contest.difference(contender)
        says = "-" if math.isnan(difference) else f"{difference:.0e}" if difference else "0"
        unstable = ", changes between rounds" if len(set(contest.values(contender))) > 1 else ""
        rows.append(
            (
                contender,
                number(contest.middle(contender, "wall")),
                number(contest.middle(contender, "cpu")),
                number(contest.middle(contender, "peak"), 0),
                number(contest.ratio(contender, "cpu", ["floor"])),
                number(contest.ratio(contender, "wall", contest.line.rivals)),
                str(len(done)),
                says + unstable,
            )
        )
    answers = contest.values(next((tool for tool in contest.runs if tool.startswith("xent")), ""))
    said = ", ".join(f"{metric} {value}" for metric, value in zip(METRICS[contest.line.task], answers[0], strict=True)) if answers else ""
    return f"### `{name}`: {contest.line.title}\n\n{contest.rows:,} rows. {said}\n\n{table(head, rows)}"


def growth(measured: Sequence[tuple[str, Contest]]) -> str:
    """xent at several sizes."""
    head = ("data set", "rows", "threads", "wall s", "CPU s", "peak MiB", "CPU ns a row beyond the first size", "wall / 1 thread")
    rows = []
    first: dict[tuple[str, str], Contest] = {}
    for name, contest in measured:
        for contender in contest.runs:
            before = first.setdefault((name, contender), contest)
            slope = math.nan
            if contest.rows > before.rows:
                slope = (contest.middle(contender, "cpu") - before.middle(contender, "cpu")) / (contest.rows - before.rows) * 1e9
            rows.append(
                (
                    f"`{name}`",
                    f"{contest.rows:,}",
                    contender.removeprefix("xent-"),
                    number(contest.middle(contender, "wall")),
                    number(contest.middle(contender, "cpu")),
                    number(contest.middle(contender, "peak"), 0),
                    number(slope, 1),
                    number(contest.ratio(contender, "wall", ["xent-1"])),
                )
            )
    return table(head, rows)


def startup(runs: Mapping[str, list[Run]], yardsticks: Mapping[str, tuple[str, float]]) -> str:
    """Start-up, each command beside its yardstick: `(what, at most how many times as much CPU)`."""
    rows = []
    for name, found in runs.items():
        ratio, goal, what = math.nan, None, ""
        if name in yardsticks:
            what, goal = yardsticks[name]
            ratio = middle(run.cpu / other.cpu for run, other in zip(found, runs[what], strict=True))
        figures = [
            number(middle(getattr(run, figure) for run in found), digits) for figure, digits in (("wall", 3), ("cpu", 3), ("peak", 0))
        ]
        rows.append((f"`{name}`", *figures, f"{against(ratio, goal)} of `{what}`" if what else "-"))
    return table(("command", "wall s", "CPU s", "peak MiB", "CPU ratio"), rows)


def second_worker(contests: Mapping[str, Contest], start: float) -> str:
    """What the second worker gains and costs, beside the least that it could, given the wall time of the start.

    Two runs of the whole program beside each other share nothing but the machine: what their CPU time grows by, no program can avoid.
    """
    head = (
        "data set",
        "wall, 2 / 1",
        "start and half of the rest",
        "CPU, 2 / 1",
        "CPU, separate runs at once / in turn",
    )
    rows = []
    for name, contest in contests.items():
        alone = contest.middle("xent-1", "wall")
        turns = zip(contest.pairs, contest.done("xent-1"), strict=False)
        at_once = middle((one.cpu + other.cpu) / (2 * run.cpu) for (one, other), run in turns)
        rows.append(
            (
                f"`{name}`",
                against(contest.ratio("xent-2", "wall", ["xent-1"]), 0.65),
                number((start + alone) / (2 * alone)),
                against(contest.ratio("xent-2", "cpu", ["xent-1"]), 1.1),
                number(at_once),
            )
        )
    return table(head, rows)


def bounds(contests: Mapping[str, Contest], runs: Mapping[str, list[Run]], small: str, imports: str) -> str:
    """What two threads can reach at best: the start, which is one thread's, and half of what follows it.

    Parameters
    ----------
    runs : of the start-up, by command
    small : the command that is nothing but xent's start
    imports : the one that is nothing but the floor's
    """
    head = ("data set", "goal, s", "start", "and half of decoding", "and half of the arithmetic", "measured, 2 threads")
    start, floor_start = middle(run.wall for run in runs[small]), middle(run.cpu for run in runs[imports])
    rows = []
    for name, contest in contests.items():
        goal = (
            math.nan
            if contest.line.wall is None
            else contest.line.wall * min(contest.middle(rival, "wall") for rival in contest.line.rivals)
        )
        decoding = start + (contest.middle("floor", "cpu") - floor_start) / 2
        all_of_it = start + (contest.middle("xent-1", "cpu") - start) / 2
        figures = (goal, start, decoding, max(decoding, all_of_it), contest.middle("xent-2", "wall"))
        rows.append((f"`{name}`", *(number(figure) for figure in figures)))
    return table(head, rows)


def as_json(contests: Mapping[str, Contest]) -> dict[str, Any]:
    """Every single run."""
    return {
        name: {
            "title": contest.line.title,
            "rows": contest.rows,
            "runs": {tool: plain(runs) for tool, runs in contest.runs.items()},
            "pairs": [plain(pair) for pair in contest.pairs],
        }
        for name, contest in contests.items()
    }


def plain(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Runs without what they said on standard error, which names files of the machine."""
    return [{key: value for key, value in asdict(run).items() if key != "err"} for run in runs]
