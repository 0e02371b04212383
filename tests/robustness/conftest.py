"""How every hostile file is judged: by exit status, by what is said, and by what must not happen."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from xent.cli.app import app

ROOT = Path(__file__).parents[2]

MEMORY = 600 << 20
"""Bytes of memory that a run may take, however its file lies."""

ADDRESSES = 4 << 30
"""Bytes of address space that it may ask for; each thread sets some aside that it never touches."""

SECONDS = 10
"""Seconds that a run may take of a processor; ten times as many by the clock, for machines that are busy."""

LONGEST_LINE = 1200


def judge(args: tuple[str, ...], status: int, said: str, ended: tuple[int, str, str]) -> None:
    """Compares how a run ended with what the contract says."""
    found, out, err = ended
    assert found == status, (found, err)
    assert "Traceback" not in err
    assert "Warning" not in err
    assert all(line.isprintable() for line in err.split("\n")), err
    if status == 0:
        assert out
        assert said in out + err
        return
    assert out == ""
    lines = err.splitlines()
    assert 1 <= len(lines) <= 2, err
    assert lines[0].startswith("xent: error: ")
    assert said in err
    assert "internal error" not in err
    assert max(map(len, lines)) <= LONGEST_LINE


_STARTER = f"""
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESSES}, {ADDRESSES}))
try:
    status = subprocess.run([sys.executable, "-m", "xent", *sys.argv[2:]], stdin=subprocess.DEVNULL, timeout={10 * SECONDS}).returncode
finally:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(sys.argv[1], "w") as file:
        print(used.ru_maxrss, used.ru_utime + used.ru_stime, file=file)
sys.exit(status % 256)
"""
"""A small process between: the system counts to a process what the one had that started it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bounded(folder: Path) -> Callable[..., None]:
    """Runs the command line in a process of its own, in bounded memory and time, and judges how it ended."""

    def run(args: tuple[str, ...], status: int, said: str) -> None:
        before = sorted(os.listdir(folder))
        with tempfile.NamedTemporaryFile("r") as used:
            ended = subprocess.run(
                [sys.executable, "-c", _STARTER, used.name, *args],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                check=False,
            )
            kilobytes, seconds = map(float, used.read().split())
        judge(args, status, said, (ended.returncode, ended.stdout.decode(), ended.stderr.decode()))
        assert seconds < SECONDS
        assert kilobytes * 1024 < MEMORY
        assert sorted(os.listdir(folder)) == before

    return run


@pytest.fixture(params=["here", pytest.param("bounded", marks=pytest.mark.heavy)])
def hostile(request: pytest.FixtureRequest, folder: Path, bounded: Callable[..., None]) -> Callable[..., None]:
    """Runs the command line and judges how it ended: in this process, which is quick, and among the heavy tests in a bounded one."""

    def run(args: tuple[str, ...], status: int, said: str) -> None:
        before = sorted(os.listdir(folder))
        ended = CliRunner().invoke(app, args)
        judge(args, status, said, (ended.exit_code, ended.stdout, ended.stderr))
        assert sorted(os.listdir(folder)) == before

    return bounded if request.param == "bounded" else run
