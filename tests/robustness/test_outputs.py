"""Outputs when the disk is full, calls are interrupted, the process is killed, or another one writes the same."""

import errno
import io
import itertools
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xent.cli.app import app
from xent.core.errors import DataError
from xent.io.places import Place
from xent.io.readers import open_place
from xent.io.writing import write_files

ROOT = Path(__file__).parents[2]
OUTPUTS = ("-o", "r.json", "-o", "r.csv", "--state", "r.state")
OLD = b"old"


class Faults:
    """Makes the n-th of some system calls fail, and counts them."""

    def __init__(self, at: int, code: int) -> None:
        self.at, self.code, self.calls = at, code, 0

    def __call__(self, real):
        def call(*args, **options):
            self.calls += 1
            if self.calls == self.at:
                raise OSError(self.code, os.strerror(self.code))
            return real(*args, **options)

        return call


def raw_file(write):
    """A file whose writes go through `write`."""

    class Raw(io.FileIO):
        def write(self, data):
            return write(super().write, data)

    return Raw


def install(monkeypatch, faults: Faults, write) -> None:
    """Puts faults into every call that writing files makes."""
    monkeypatch.setattr(pathlib.Path, "open", lambda path, mode="r", **_: io.BufferedWriter(raw_file(write)(path, mode)))
    for name in ("fsync", "replace", "chmod"):
        monkeypatch.setattr(os, name, faults(getattr(os, name)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("before", [{}, {"a": OLD, "b": OLD}])
def test_a_fault_at_every_call(folder, code, before):
    """Whichever call fails, each file is the old one or the new one, and nothing else is left."""
    new = {"a": b"1" * 20_000, "b": b"2" * 20_000}
    for at in itertools.count(1):
        for name in contents(folder):
            os.remove(name)
        for name, content in before.items():
            (folder / name).write_bytes(content)
        with pytest.MonkeyPatch.context() as patched:
            faults = Faults(at, code)
            install(patched, faults, lambda real, data, faults=faults: faults(real)(data))
            said = None
            try:
                write_files({folder / name: content for name, content in new.items()})
            except DataError as error:
                said = str(error)
        assert said is None or ("cannot write" in said and os.strerror(code) in said)
        found = contents(folder)
        assert set(found) <= {"a", "b"}
        assert all(content in (before.get(name), new[name]) for name, content in found.items())
        if said is None:
            assert found == new
        if faults.calls < at:
            break
    assert at > 6


def test_short_and_interrupted_writes(folder, monkeypatch):
    """The system may take less than it is given, or be interrupted; the file is whole all the same."""
    calls = itertools.count()

    def write(real, data):
        if next(calls) % 3 == 1:
            raise InterruptedError(errno.EINTR, "interrupted")
        return real(bytes(data[:100]))

    monkeypatch.setattr(pathlib.Path, "open", lambda path, mode="r", **_: io.BufferedWriter(raw_file(write)(path, mode)))
    write_files({folder / "a": bytes(range(256)) * 50})
    monkeypatch.undo()
    assert contents(folder) == {"a": bytes(range(256)) * 50}
    assert next(calls) > 128


def good() -> None:
    Path("a.csv").write_bytes(b"label,score\n0,0.25\n1,0.75\n")


def start(*args: str, **options) -> subprocess.Popen:
    # Where coverage is measured, the measuring writes a file too, which no fault of a disk may be laid upon.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")} | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("before", [None, OLD])
def test_a_real_limit_on_the_size_of_files(folder, before):
    good()
    if before is not None:
        (folder / "r.json").write_bytes(before)
    running = start("-m", "xent", "eval", "a.csv", *OUTPUTS, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)))
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (3, b"")
    assert b"cannot write" in err
    assert b"File too large" in err
    assert err.splitlines()[-1].startswith(b"xent: error: ")
    left = contents(folder)
    del left["a.csv"]
    assert left == ({} if before is None else {"r.json": before})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_device(folder):
    good()
    ended = CliRunner().invoke(app, ["eval", "a.csv", "-o", "/dev/full", "-f", "json"])
    assert (ended.exit_code, ended.stderr.splitlines()[-1]) == (3, "xent: error: cannot write '/dev/full': No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_killed_process_leaves_what_was_there(folder, call):
    good()
    (folder / "r.json").write_bytes(OLD)
    code = f"import os, sys\nos.{call} = lambda *_: os.kill(os.getpid(), 9)\nfrom xent.cli.app import app\nsys.exit(app.run(sys.argv[1:]))"
    running = start("-c", code, "eval", "a.csv", "-o", "r.json")
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL
    assert (folder / "r.json").read_bytes() == OLD


def test_runs_beside_each_other(folder):
    """Several that write the same files leave whole ones, the same as one alone leaves."""
    good()
    assert start("-m", "xent", "eval", "a.csv", *OUTPUTS).communicate(timeout=60)[0]
    alone = contents(folder)
    running = [start("-m", "xent", "eval", "a.csv", *OUTPUTS) for _ in range(3)]
    assert [(one.communicate(timeout=60)[0] != b"", one.returncode) for one in running] == [(True, 0)] * 3
    assert contents(folder) == alone
    assert json.loads(alone["r.json"])["metrics"]


def test_reads_that_fail(folder, monkeypatch):
    """The n-th read of an NPY file fails, for every n: an error that names the file, or, if reads are only short, the same values."""
    np.save("p.npy", np.arange(5000.0))

    def read(readinto) -> np.ndarray:
        class Raw(io.FileIO):
            def readinto(self, buffer):
                return readinto(super().readinto, buffer)

        parts = open_place(place := Place("p.npy")).parts(["array"], 1000)
        with monkeypatch.context() as patched:
            patched.setattr(place, "open_file", lambda _: Raw("p.npy"))
            return np.concatenate([chunk.columns["array"] for part in parts for chunk in part()])

    assert (read(lambda real, buffer: real(memoryview(buffer)[:7])) == np.arange(5000.0)).all()
    for at in range(1, 6):
        faults = Faults(at, errno.EIO)
        with pytest.raises(DataError, match=r"^p\.npy: Input/output error$"):
            read(lambda real, buffer, faults=faults: faults(real)(buffer))
