"""What only a process of its own can show: signals, pipes, terminals, closed streams."""

import fcntl
import json
import os
import pty
import signal
import struct
import termios
import time
from pathlib import Path

import pytest

from xent.cli.app import app


def test_a_reader_that_goes_away_is_no_error(process, multi):
    reader, writer = os.pipe()
    os.close(reader)
    running = process("eval", multi, "-q", stdout=writer)
    os.close(writer)
    assert running.stderr.read() == b""
    assert running.wait(60) == 0


@pytest.mark.parametrize("args", [["--help"], ["metrics"], ["eval", "--help"], ["schema"]])
def test_neither_is_it_for_the_other_commands(process, args):
    reader, writer = os.pipe()
    os.close(reader)
    running = process(*args, stdout=writer)
    os.close(writer)
    assert running.stderr.read() == b""
    assert running.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_an_error(process, multi):
    with Path("/dev/full").open("wb") as full:
        running = process("eval", multi, "-q", stdout=full)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (3, b"xent: error: cannot write to standard output: No space left on device\n")


def test_no_standard_streams_at_all(process, multi):
    def close_both():
        os.close(1)
        os.close(2)

    assert process("eval", multi, "-o", "r.json", stdout=None, stderr=None, preexec_fn=close_both).wait(60) == 0
    assert json.loads(Path("r.json").read_text())["metrics"]


def feed(running, data):
    running.stdin.write(data)
    running.stdin.flush()


@pytest.mark.parametrize(("signum", "status", "said"), [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"terminated")])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_interrupted_while_a_pipe_stalls(process, folder, signum, status, said, threads):
    running = process("eval", "-", "--input-format", "csv", "-m", "bce", "--threads", threads, "-o", "r.json", stdin=-1)
    # A pipe holds 64 KB, so when all of this has gone in, the program is in the middle of the rows.
    feed(running, b"y,score\n" + b"1,0.75\n" * 500_000)
    time.sleep(0.5)
    running.send_signal(signum)
    assert running.wait(10) == status
    assert running.stderr.read().endswith(b"xent: error: " + said + b"\n")
    assert running.stdout.read() == b""
    assert list(folder.iterdir()) == []


def test_interrupted_at_once(process, folder):
    running = process("inspect", "-", "--input-format", "csv", stdin=-1)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 130
    assert b"Traceback" not in running.stderr.read()


def on_terminal(process, *args):
    """What a run prints to a terminal of 100 columns that is all its streams."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    running = process(*args, stdin=slave, stdout=slave, stderr=slave, env={"TERM": "xterm-256color", "COLUMNS": "100"})
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(master)
    return running.wait(60), seen.decode()


def test_a_terminal_gets_a_table(process, multi):
    status, text = on_terminal(process, "eval", multi, "-m", "cce")
    assert status == 0
    assert "1.176939" in text
    assert '"metrics"' not in text


def test_a_terminal_gets_json_where_it_asks(process, multi):
    _, text = on_terminal(process, "eval", multi, "-f", "json")
    assert '"metrics": [' in text


def test_a_terminal_gets_no_bytes_and_is_told_before_anything_is_read(process, multi):
    status, text = on_terminal(process, "eval", "missing.csv", "-f", "parquet")
    assert status == 2
    assert text == "xent: error: --format parquet is no text for a terminal; write it to a file with -o result.parquet, or into a pipe\r\n"
    status, text = on_terminal(process, "eval", multi, "-m", "cce", "-f", "parquet", "-q", "-o", "r.bin")
    assert (status, "1.17693" in text, Path("r.bin").read_bytes()[:4]) == (0, True, b"PAR1")


def test_a_pipe_gets_the_bytes_as_they_are(process, multi):
    out, err = process("eval", multi, "-m", "cce", "-f", "parquet", "-q", "-o", "r.parquet").communicate(timeout=60)
    assert (float(out) > 1, err) == (True, b"")
    out, _ = process("eval", multi, "-m", "cce", "-f", "parquet").communicate(timeout=60)
    assert out == Path("r.parquet").read_bytes()


def test_no_terminal_gets_json(process, multi):
    out, _ = process("eval", multi).communicate(timeout=60)
    assert json.loads(out)["verdict"] == "none"


def test_progress_as_lines_where_there_is_no_terminal(process, multi):
    out, err = process("eval", multi, "-m", "cce", "--progress", "-q").communicate(timeout=60)
    assert err.startswith(b"xent: 2 rows, ")
    assert err.endswith(b" rows/s\n")
    assert float(out) > 1


def test_progress_as_a_bar_on_a_terminal(process, multi):
    _, text = on_terminal(process, "eval", multi, "-m", "cce", "--progress")
    assert "rows/s" in text
    _, text = on_terminal(process, "eval", multi, "-m", "cce", "--no-progress")
    assert "rows/s" not in text


def test_a_traceback_is_shown_only_where_it_is_wanted(process, folder):
    _, err = process("eval", "missing.csv").communicate(timeout=60)
    assert err == b"xent: error: missing.csv: no such file\n"
    _, err = process("eval", "missing.csv", env={"XENT_DEBUG": "1"}).communicate(timeout=60)
    assert err.startswith(b"Traceback")
    assert err.endswith(b"\nxent: error: missing.csv: no such file\n")


@pytest.mark.parametrize(
    ("error", "status", "first"),
    [
        (MemoryError(), 3, "out of memory; a smaller --chunk-rows or fewer --threads need less"),
        (OSError(28, "No space left on device", "x\ny.csv"), 3, "'x\\ny.csv': No space left on device"),
        (ZeroDivisionError("division by zero"), 3, "internal error: ZeroDivisionError: division by zero"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_whatever_happens_ends_in_a_status_and_a_line(monkeypatch, capsys, error, status, first):
    def fail(*_):
        raise error

    monkeypatch.setattr(type(app), "get_command", fail)
    assert app.run(["eval"]) == status
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"xent: error: {first}"
    assert len(lines) <= 2


def test_arrows_errors_are_those_of_the_data(monkeypatch, capsys):
    import pyarrow as pa

    def fail(*_):
        raise pa.ArrowInvalid("Column 3 is broken\nin a second line")

    monkeypatch.setattr(type(app), "get_command", fail)
    assert app.run(["eval"]) == 3
    assert capsys.readouterr().err == "xent: error: Column 3 is broken\n"
