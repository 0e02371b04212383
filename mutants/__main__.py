"""The commands; `mutants/__init__.py` says what they do."""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest

import mutants
from mutants.mistakes import Module, Mutant, sample

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "xent" / "core"

COMMANDS = "every_metric check specs gates compare by top explain merge baselines paired_gates power eval outputs ci group"
TESTS = [
    *("tests/core", "tests/contract/test_result.py", "tests/test_bit_identity.py", "tests/test_migration.py"),
    *(f"tests/cli/test_{name}.py" for name in COMMANDS.split()),
    *("xent/core", "xent/losses.py", "xent/metrics.py"),
]
"""The tests of the core, and those of the command line that run the core in pytest's own process."""
OUTCOMES = ("killed", "timed out", "survived", "unreached")
ALIVE = ("survived", "unreached")
MEMORY = 6 << 30
"""Bytes of data that a mutant may take before it is told that there are no more."""


class Durations:
    """A plugin of pytest that keeps how long every test took, and how it ended."""

    def __init__(self) -> None:
        self.found: dict[str, list[Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        one = self.found.setdefault(report.nodeid, [0.0, "passed"])
        one[0] += report.duration
        if report.outcome != "passed":
            one[1] = report.outcome


class Reach:
    """Which tests reach a statement, the quickest first."""

    def __init__(self, folder: Path) -> None:
        self._durations: dict[str, list[Any]] = json.loads((folder / "durations.json").read_text())
        self._data = coverage.CoverageData(str(folder / "coverage"))
        self._data.read()
        self._lines: dict[Path, dict[int, set[str]]] = {}
        self.unsound = {test for test, (_, outcome) in self._durations.items() if outcome != "passed"}

    def tests(self, path: Path, extent: range, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """The tests that reach any of the lines, and those that were written since."""
        if path not in self._lines:
            contexts = self._data.contexts_by_lineno(str(path))
            self._lines[path] = {line: {name.rpartition("|")[0] for name in names} for line, names in contexts.items()}
        reaching = set().union(*(self._lines[path].get(line, ()) for line in extent))
        return sorted(
            (item for item in items if item.nodeid not in self.unsound and (item.nodeid in reaching or item.nodeid not in self._durations)),
            # In doubling steps, and those of a step in no order, so that the first are of many kinds.
            key=lambda item: (round(math.log2(self.seconds(item) + 1e-3)), zlib.crc32(item.nodeid.encode())),
        )

    def seconds(self, item: pytest.Item) -> float:
        return self._durations.get(item.nodeid, [0.0])[0]


class Judge:
    """A plugin of pytest that, in place of running the tests, tries mutants on them."""

    def __init__(self, reach: Reach, chosen: Sequence[tuple[Module, Mutant]], results: Path, seconds: float) -> None:
        self.reach, self.chosen, self.results, self.seconds = reach, chosen, results, seconds
        self.functions: dict[str, list[FunctionType]] = defaultdict(list)
        self.sound: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        _import_keras()
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and found.__code__.co_filename.startswith(str(CORE)):
                self.functions[found.__code__.co_filename].append(found)
        gc.freeze()
        for module, mutant in self.chosen:
            changed = self._changed(module, mutant)
            if changed:
                found = self._judged(session, module, mutant, changed)
                with self.results.open("a") as file:
                    file.write(json.dumps(asdict(mutant) | found) + "\n")
        return True

    def _changed(self, module: Module, mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
        """The functions that get other code by a mistake; none if it changes nothing, or a variable that a function shares is gone."""
        before, after = (_codes(module.code(number)) for number in (None, mutant.number))
        pairs = [(function, _place(function.__code__)) for function in self.functions[str(module.path)]]
        return [
            (function, after[place])
            for function, place in pairs
            if place in after and place in before and before[place] != after[place]
            if len(after[place].co_freevars) == len(function.__code__.co_freevars)
        ]

    def _judged(self, session: pytest.Session, module: Module, mutant: Mutant, changed: Sequence[tuple[FunctionType, CodeType]]) -> Any:
        while True:
            reaching = self.reach.tests(module.path, module.extents[mutant.number], session.items)
            chosen, expected = [], 0.0
            for item in reaching:
                expected += self.reach.seconds(item)
                if expected > self.seconds and chosen:
                    break
                chosen.append(item)
            start = time.monotonic()
            outcome, test = _tried(session, chosen, changed, seconds=30 + 4 * min(expected, self.seconds))
            if test and not self._is_sound(session, test):
                continue
            outcome = outcome if reaching else "unreached"
            seconds = round(time.monotonic() - start, 2)
            return {"outcome": outcome, "test": test, "tried": len(chosen), "reaching": len(reaching), "seconds": seconds}

    def _is_sound(self, session: pytest.Session, test: str) -> bool:
        """Whether a test passes where there is no mistake."""
        if test not in self.sound:
            (item,) = (item for item in session.items if item.nodeid == test)
            passed = _tried(session, [item], [], seconds=60)[0] == "survived"
            (self.sound if passed else self.reach.unsound).add(test)
        return test in self.sound


def _import_keras() -> None:
    """Takes seconds, and would be done again in every fork."""
    os.environ["KERAS_BACKEND"] = "numpy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras  # noqa: F401


def _place(code: CodeType) -> tuple[str, int, int]:
    """Where code stands, which a mistake does not move."""
    columns = [column for _, _, column, _ in code.co_positions() if column is not None]
    return code.co_qualname, code.co_firstlineno, min(columns) if code.co_name == "<lambda>" and columns else 0


def _codes(code: CodeType) -> dict[tuple[str, int, int], CodeType]:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return {_place(one): one for one in inner} | {place: found for one in inner for place, found in _codes(one).items()}


def _tried(
    session: pytest.Session, items: Sequence[pytest.Item], changed: Sequence[tuple[FunctionType, CodeType]], *, seconds: float
) -> tuple[str, str]:
    """What becomes of a fork in which functions have other code, and the test that killed it."""
    folder = tempfile.mkdtemp(prefix="xent-mutant-")
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That threads were started before: they hold no locks while this one is here.
        child = os.fork()
    if child == 0:
        try:
            _prepare(folder, seconds)
            for function, code in changed:
                function.__code__ = code
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    os.write(writing, item.nodeid.encode())
                    break
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # What the tests started.
    with os.fdopen(reading) as file:
        test = file.read()
    shutil.rmtree(folder, ignore_errors=True)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return "timed out", ""
    return ("killed" if test or status else "survived"), test


def _prepare(folder: str, seconds: float) -> None:
    """What a fork may take, and where it writes."""
    os.setpgid(0, 0)
    signal.alarm(math.ceil(seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = folder
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def report(results: Sequence[dict[str, Any]]) -> str:
    """The figures of every module, then what was not killed, in Markdown."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        for name in (one["module"], "all"):
            modules[name][one["outcome"]] += 1
    rows = ["| module | mutants | " + " | ".join(OUTCOMES) + " |", "|:--|" + "--:|" * (1 + len(OUTCOMES))]
    for name in sorted(modules, key=lambda name: (name == "all", name)):
        counts = modules[name]
        rows.append(f"| {name} | {counts.total()} | " + " | ".join(str(counts[outcome]) for outcome in OUTCOMES) + " |")
    left = sorted((one for one in results if one["outcome"] in ALIVE), key=lambda one: (one["module"], one["line"]))
    rows += ["", *(f"- {one['module']}: `{one['source']}`: `{one['old']}` becomes `{one['new']}`" for one in left)]
    return "\n".join(rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=mutants.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["map", "run", "report"])
    parser.add_argument("--folder", type=Path, default=ROOT / "mutants" / "data", help="of the map and the results")
    parser.add_argument("--processes", type=int, default=2, help="of map")
    parser.add_argument("--modules", nargs="+", metavar="NAME", help="mutants of these only, as metrics/auc.py")
    parser.add_argument("--count", type=int, default=1000, help="mutants of the sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--survivors", action="store_true", help="only those that survived before")
    parser.add_argument("--seconds", type=float, help="of tests a mutant, the quickest first; 4, and without end for survivors")
    parser.add_argument("--share", default="1/1", metavar="K/N", help="the K-th of N equal parts, for as many processes")
    return parser.parse_args()


def map_tests(folder: Path, settings: Sequence[str]) -> int:
    """Runs the tests, and keeps which lines each reaches and how long it takes."""
    os.environ["COVERAGE_FILE"] = str(folder / "coverage")
    durations = Durations()
    status = pytest.main(["--cov=xent/core", "--cov-context=test", "--cov-report=", *settings], plugins=[durations])
    (folder / "durations.json").write_text(json.dumps(durations.found))
    return status


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    settings = ["-q", "-p", "no:cacheprovider", *TESTS]
    if options.command == "map":
        sys.exit(map_tests(options.folder, ["-n", str(options.processes), *settings]))
    paths = {path.relative_to(CORE).as_posix(): path for path in sorted(CORE.rglob("*.py"))}
    chosen = sample([Module(paths[name], name) for name in options.modules or paths], options.count, options.seed)
    results = options.folder / "results.jsonl"
    found = {}
    for line in results.read_text().splitlines() if results.exists() else ():
        one = json.loads(line)
        found[one["module"], one["number"]] = one
    before = [found.get((module.name, mutant.number)) for module, mutant in chosen]
    if options.command == "report":
        print(report([one | asdict(mutant) for one, (_, mutant) in zip(before, chosen, strict=True) if one]))
        return
    wanted = [one is not None and one["outcome"] in ALIVE if options.survivors else one is None for one in before]
    part, parts = map(int, options.share.split("/"))
    waiting = list(itertools.compress(chosen, wanted))[part - 1 :: parts]
    seconds = options.seconds or (math.inf if options.survivors else 4.0)
    sys.exit(pytest.main(["-n", "0", "-s", *settings], plugins=[Judge(Reach(options.folder), waiting, results, seconds)]))


if __name__ == "__main__":
    main()
