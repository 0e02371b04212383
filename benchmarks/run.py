"""The benchmark: makes the data, runs xent beside other tools, writes a table.

    python benchmarks/run.py --output docs/benchmark-results.md

Every run is a process of its own, imports included. The contenders take turns, A B C A B C, so that what else the machine does
hits all of them alike; a figure is the median of the rounds, a ratio the median of the ratios of each round.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import report
from contenders.tasks import METRICS
from lines import LINES, ROOT, TOOLS, Line
from measure import Run, measure
from report import Contest

VERSIONS = ("numpy", "pyarrow", "pandas", "polars", "duckdb", "scikit-learn", "keras", "torch", "torchmetrics")

PARQUET = "import numpy, pyarrow.parquet"
SMALL = "xent eval, 1000 rows"
YARDSTICKS = {"xent --help": ("import click", 1.3), "xent --version": ("import click", 1.3), SMALL: (PARQUET, 1.25)}
"""What start-up is held against, and how many times as much CPU time it may take."""

SECOND = """The start cannot be shared out. Two separate runs at the same time share nothing but the machine, its caches and its memory:
what their CPU time grows by is the machine's.
"""

BOUNDS = """Seconds: the goal in the first table, and the least that two threads could take: xent's start, which they cannot share, then
with half of the floor's decoding behind it, then with half of all that one thread of xent does. The first that is above the goal bounds it.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-sets", nargs="*", choices=LINES, default=list(LINES), metavar="LINE", help="some of: " + " ".join(LINES))
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS, metavar="TOOL", help="some of: " + " ".join(TOOLS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the full size; 0.1 a tenth of the rows")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of xent, each a contender")
    parser.add_argument(
        "--budget-seconds", type=float, default=120.0, help="a contender that has used so much on a line runs no more rounds there"
    )
    parser.add_argument(
        "--growth",
        type=float,
        nargs="*",
        metavar="FACTOR",
        help="also xent alone at these factors of the scale; 0.1 and 1 if none are named",
    )
    parser.add_argument("--growth-data-sets", nargs="+", choices=LINES, default=["multi10", "binary", "csv10"], metavar="LINE")
    parser.add_argument("--startup", action=argparse.BooleanOptionalAction, default=True, help="also how long commands take to start")
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "data", help="the folder of the data sets")
    parser.add_argument("--output", type=Path, help="Markdown; the same in JSON stands beside it")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    contests = {name: contest(LINES[name], options, options.scale, options.tools) for name in options.data_sets}
    factors = [] if options.growth is None else sorted(options.growth or [0.1, 1.0])
    grown = [
        (name, contest(LINES[name], options, options.scale * factor, ["xent"])) for name in options.growth_data_sets for factor in factors
    ]
    started = startup(options.rounds) if options.startup else {}
    machine = about()
    text = markdown(machine, contests, grown, started, options)
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text)
        found = {
            "machine": machine,
            "scale": options.scale,
            "lines": report.as_json(contests),
            "growth": [{"line": name} | report.as_json({name: one})[name] for name, one in grown],
            "startup": {name: report.plain(runs) for name, runs in started.items()},
        }
        options.output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    unequal = [
        name
        for name, one in [*contests.items(), *grown]
        if len({text for tool in one.runs if tool.startswith("xent") for text in one.values(tool)}) > 1
    ]
    if unequal:
        sys.exit(f"xent's answers differ between threads or rounds: {', '.join(unequal)}")


def contest(line: Line, options: argparse.Namespace, scale: float, tools: Sequence[str]) -> Contest:
    """Runs all contenders on a line, in turns."""
    folder, rows = make(options.data, line.data, scale)
    warm(folder)
    commands = {}
    for tool in (tool for tool in TOOLS if tool in tools and tool not in line.absent):
        for threads in options.threads if tool == "xent" else [0]:
            commands[f"xent-{threads}" if threads else tool] = line.command(tool, folder, threads)
    found = Contest(line, rows, {name: [] for name in commands})
    for number in range(options.rounds):
        for name, command in commands.items():
            runs = found.runs[name]
            if sum(run.wall for run in runs) >= options.budget_seconds or any(run.ended != "done" for run in runs):
                continue
            runs.append(measure(command, folder=ROOT, seconds=options.budget_seconds))
            report_on(runs[-1], f"{line.data} {line.task} {rows} rows, round {number + 1} {name}")
            if runs[-1].ended == "done" and name != "floor" and len(runs[-1].out.split()) != len(METRICS[line.task]):
                sys.exit(f"{' '.join(command)}: printed {runs[-1].out!r}")
        if {"xent-1", "xent-2"} <= commands.keys():
            found.pairs.append(at_once(commands["xent-1"], options.budget_seconds))
    for name, command in commands.items():
        if name.startswith("xent") and sys.platform == "linux":
            # Others have threads alone; xent's workers are processes.
            peak = measure(command, folder=ROOT, seconds=options.budget_seconds, family=True).peak
            found.runs[name] = [dataclasses.replace(run, peak=max(run.peak, peak)) for run in found.runs[name]]
    return found


def report_on(run: Run, what: str) -> None:
    """Says how a run went, while others are still to come."""
    log(f"{what}: {run.ended}, wall {run.wall:.2f} s, CPU {run.cpu:.2f} s, {run.peak:.0f} MiB")
    if run.ended == "failed":
        log(run.err)


def at_once(command: Sequence[str], seconds: float) -> tuple[Run, Run]:
    """Two runs of a command at the same time."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: measure(command, folder=ROOT, seconds=seconds), range(2))
    return one, other


def make(root: Path, name: str, scale: float) -> tuple[Path, int]:
    """The folder of a data set and its rows; made, where it is missing, by a process of its own that may be large."""
    code = (
        f"import data, pathlib; print(data.make(pathlib.Path({str(root.resolve())!r}), {name!r}, {scale!r})); "
        f"print(data.DATA_SETS[{name!r}][1])"
    )
    made = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True, check=True)
    folder, rows = made.stdout.splitlines()
    return Path(folder), max(1, round(int(rows) * scale))


def warm(folder: Path) -> None:
    """Reads the files once, so that all contenders find them in the page cache."""
    for path in folder.iterdir():
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 22):
                pass


def startup(rounds: int) -> dict[str, list[Run]]:
    """How long commands take that compute next to nothing."""
    with tempfile.TemporaryDirectory() as folder:
        small, _ = make(Path(folder), "multi10", 1000 / 5_000_000)
        xent = [sys.executable, "-m", "xent"]
        commands = {
            "import click": [sys.executable, "-c", "import click"],
            "xent --help": [*xent, "--help"],
            "xent --version": [*xent, "--version"],
            PARQUET: [sys.executable, "-c", PARQUET],
            SMALL: [*xent, "eval", str(small), "--metric", "categorical_crossentropy", "--quiet"],
        }
        found: dict[str, list[Run]] = {name: [] for name in commands}
        # These are short: many more rounds, and a first one that does not count, in which modules are compiled.
        for number in range(4 * rounds + 1):
            for name, command in commands.items():
                run = measure(command, folder=ROOT, seconds=60)
                if run.ended != "done":
                    sys.exit(f"{name}: {run.err}")
                if number:
                    found[name].append(run)
    return found


def about() -> dict[str, Any]:
    """The machine and the versions."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        processor = next(
            (line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")), processor
        )
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor,
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": versions,
    }


def markdown(
    machine: Mapping[str, Any],
    contests: Mapping[str, Contest],
    grown: Sequence[tuple[str, Contest]],
    started: Mapping[str, list[Run]],
    options: argparse.Namespace,
) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [
        "# Benchmark results\n",
        f"Written by `python benchmarks/run.py`, scale {options.scale:g}, at most {options.budget_seconds:g} s for a contender on a line. "
        "[How to read it](performance.md).\n",
        f"{machine['system']}, {machine['processor']}, {machine['cores']} cores; load averages at the end {machine['load']}. "
        f"Python {machine['python']}, {versions}. Rounds: {options.rounds}; figures are medians. Files lie in the page cache.\n",
    ]
    if contests:
        parts += ["## xent beside its goals\n", "A goal stands in brackets; a figure that misses it is bold.\n", report.summary(contests)]
        parts += [report.further_metrics(contests)]
    if grown:
        parts += ["## Growth\n", report.growth(grown)]
    if started:
        parts += ["## Start-up\n", report.startup(started, YARDSTICKS)]
    if started and contests and {"floor", *("xent-1", "xent-2")} <= {tool for one in contests.values() for tool in one.runs}:
        start = report.middle(run.wall for run in started[SMALL])
        parts += ["## The second worker\n", SECOND, report.second_worker(contests, start)]
        parts += ["## What bounds the wall time\n", BOUNDS, report.bounds(contests, started, SMALL, PARQUET)]
    if contests:
        parts += ["## Every contender\n", *(report.details(name, one) for name, one in contests.items())]
    return "\n".join(part for part in parts if part)


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
