"""`python -m fuzz TARGET`: runs one target until it crashes, takes too long or too much memory, or the time or the number of runs is over.

Guided by coverage where atheris is installed, else by seeded chance. A crash leaves its input in the folder `--crashes`; put that file
into `fuzz/regressions/TARGET`, where the tests run it for ever after.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import os
import random
import resource
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.mutation import mutations
from xent.__main__ import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz.mutation import Change
    from fuzz.targets import Target

SLOW = 10.0
"""Seconds of a processor that one small input may take; ten times as many by the clock, for machines that are busy."""

MEMORY = 100 << 20
"""Bytes of memory that one small input may take, beyond what is held before."""

_ADDRESSES = 4 << 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", help="one of the names in fuzz/targets.py, or `all`, one after another")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("atheris", "chance"), default="atheris" if importlib.util.find_spec("atheris") else "chance")
    parser.add_argument("--corpus", help="a folder in which atheris keeps the inputs that found something new")
    parser.add_argument("--crashes", default="fuzz/crashes")
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    Path(arguments.crashes).mkdir(parents=True, exist_ok=True)
    if arguments.engine == "atheris":
        return _guided(arguments)
    return _by_chance(arguments)


def _by_chance(arguments: argparse.Namespace) -> int:
    from fuzz.targets import TARGETS

    for name in TARGETS if arguments.target == "all" else [arguments.target]:
        target = TARGETS[name]
        start = time.monotonic()
        runs = 0
        for data in mutations(target.seeds(), target.words, arguments.seed, target.change):
            if time.monotonic() - start > arguments.seconds or runs >= arguments.runs:
                break
            try:
                run(target, data)
            except BaseException:
                print(f"{name}: crashed in run {runs}; input in {_keep(data, name, arguments.crashes)}", file=sys.stderr)
                raise
            runs += 1
        print(f"{name}: {runs:,} runs in {time.monotonic() - start:.0f} s, no crash", flush=True)
    return 0


def run(target: Target, data: bytes) -> None:
    """Runs a target once; what takes too long or too much memory is raised as what it raises itself."""
    began, held = time.process_time(), _peak_from_here()
    target.run(data)
    if (taken := time.process_time() - began) > SLOW:
        raise TimeoutError(f"a small input took {taken:.0f} s of a processor")
    if (taken := _peak() - held) > MEMORY:
        raise MemoryError(f"a small input took {taken / 1e6:.0f} MB of memory")


def _peak_from_here() -> int:
    """What `_peak` is now; Linux forgets what it was before, elsewhere only a higher one is noticed."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The most bytes of memory that the process has held, or the one had that started it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _keep(data: bytes, name: str, folder: str) -> Path:
    path = Path(folder) / f"{name}-{hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def _guided(arguments: argparse.Namespace) -> int:
    import atheris

    with atheris.instrument_imports(include=["xent"]):
        from fuzz.targets import TARGETS
    if arguments.target == "all":
        # libFuzzer ends the process with its target.
        statuses = [os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", "fuzz", name, *_others(sys.argv[1:])]) for name in TARGETS]
        return max(map(abs, statuses))
    target = TARGETS[arguments.target]
    corpus = Path(arguments.corpus or f"{arguments.crashes}/../corpus").resolve() / arguments.target
    corpus.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    words = corpus.parent / f"{arguments.target}.dict"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words or (b"xent",)))
    options = [f"-max_total_time={arguments.seconds}", f"-seed={arguments.seed}", f"-timeout={10 * SLOW:.0f}", "-rss_limit_mb=2048"]
    options += [
        f"-report_slow_units={10 * SLOW:.0f}",
        f"-artifact_prefix={arguments.crashes}/{arguments.target}-",
        "-max_len=65536",
        f"-dict={words}",
        "-print_final_stats=1",
    ]
    options += [] if arguments.runs == sys.maxsize else [f"-runs={arguments.runs}"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], partial(run, target), **_mutator(target.change))
    atheris.Fuzz()
    return 0


def _mutator(change: Change | None) -> dict[str, Callable[[bytes, int, int], bytes]]:
    """What `atheris.Setup` takes for a target whose inputs have a structure: every second change is one of that."""
    if change is None:
        return {}
    import atheris

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        if seed % 2:
            return atheris.Mutate(data, most)
        changed = change(data, random.Random(seed))
        return changed if len(changed) <= most else data

    return {"custom_mutator": mutate}


def _others(words: list[str]) -> list[str]:
    return [word for at, word in enumerate(words) if at != words.index("all")]


if __name__ == "__main__":
    sys.exit(main())
