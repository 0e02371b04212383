"""Small files whose numbers are known by hand, and ways to run the command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from xent.cli.app import app

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def xent(folder: Path) -> Callable[..., Ended]:
    """Runs the command line in this process."""

    def run(*args: str, stdin: bytes | None = None) -> Ended:
        ended = CliRunner().invoke(app, args, input=stdin)
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def process(folder: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts the command line in a process of its own."""
    started = []

    def start(*args: str, **options: Any) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        started.append(subprocess.Popen([sys.executable, "-m", "xent", *args], env=env, **pipes))
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
        one.wait()
        for pipe in (one.stdin, one.stdout, one.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def multi(folder: Path) -> str:
    """Keras's worked example of three classes, with class names: -(ln 0.95 + ln 0.1) / 2; with the weights 0.3 and 0.7 otherwise."""
    (folder / "multi.csv").write_text("label,p_cat,p_dog,p_eel,w\ndog,0.05,0.95,0,0.3\neel,0.1,0.8,0.1,0.7\n")
    return "multi.csv"


@pytest.fixture
def binary(folder: Path) -> str:
    (folder / "binary.csv").write_text("y,score\n1,0.75\n0,0.25\n1,0.5\n")
    return "binary.csv"


@pytest.fixture
def logits(folder: Path) -> str:
    np.save(folder / "logits.npy", np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]]))
    np.save(folder / "y.npy", np.array([0, 1]))
    return "logits.npy"
