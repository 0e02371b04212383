"""Section 3 of the design: exit statuses, and who may write to which stream."""

import io

import numpy as np
import pytest
from click.testing import CliRunner

from xent.cli.app import app


def run(*args, stdin=None):
    return CliRunner().invoke(app, args, input=stdin)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text("y,score\n1,0.75\n0,0.25\n")
    (tmp_path / "empty.csv").write_text("y,score\n")
    (tmp_path / "nan.csv").write_text("y,score\n1,0.75\n0,nan\n")
    (tmp_path / "text.csv").write_text("y,score\n1,0.75\n0,high\n")
    (tmp_path / "range.csv").write_text("label,p_0,p_1,p_2\n1,0.2,0.3,0.5\n3,0.2,0.3,0.5\n")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1\x15\x04\x15")
    (tmp_path / "pickled.npy").write_bytes(_npy(np.array([{"a": 1}], dtype=object)))
    np.save(tmp_path / "p.npy", np.array([0.5, 0.25]))
    np.save(tmp_path / "y3.npy", np.array([1, 0, 1]))
    (tmp_path / "folder").mkdir()
    return tmp_path


def _npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


CASES = [
    (0, ["eval", "good.csv"], ""),
    (0, ["eval", "good.csv", "-q"], ""),
    (0, ["eval", "good.csv", "--by", "y"], ""),
    (0, ["inspect", "good.csv"], ""),
    (0, ["metrics"], ""),
    (0, ["schema"], ""),
    (0, ["--version"], ""),
    (0, ["compare", "good.csv", "good.csv"], ""),
    (0, ["power", "good.csv", "-m", "bce"], ""),
    (2, [], "which command"),
    (2, ["evl"], "did you mean 'eval'"),
    (2, ["eval"], "Missing argument"),
    (2, ["eval", "good.csv", "--nonsense"], "--nonsense"),
    (2, ["eval", "good.csv", "-m", "acuracy_of_things"], "unknown metric"),
    (2, ["eval", "good.csv", "-m", "bce:gamma=1"], "no parameter 'gamma'"),
    (2, ["eval", "good.csv", "-m", "bce", "--ignore-class", "1"], "none of the metrics takes it"),
    (2, ["eval", "good.csv", "--on", "id"], "--labels"),
    (2, ["eval", "good.csv", "--threads", "0"], "--threads"),
    (2, ["eval", "good.csv", "--where", "import os"], "--where"),
    (2, ["eval", "good.csv", "-o", "result.xyz"], "tells no format"),
    (2, ["eval", "good.csv", "--by", "y", "--max-slices", "1"], "more than 1 slices"),
    (2, ["eval", "good.csv", "--state", "good.csv"], "would replace what is read"),
    (2, ["merge"], "Missing argument"),
    (2, ["compare", "good.csv"], "Missing argument"),
    (2, ["compare", "good.csv", "good.csv", "--baseline", "x.json"], "--baseline"),
    (2, ["power", "good.csv", "--detect", "0"], "--detect"),
    (3, ["eval", "missing.csv"], "missing.csv"),
    (3, ["compare", "good.csv", "missing.csv"], "missing.csv"),
    (3, ["compare", "good.csv", "nan.csv"], "nan.csv: column 'score', row 2"),
    (3, ["power", "good.csv", "-m", "confusion_matrix"], "several values"),
    (5, ["compare", "empty.csv", "empty.csv"], "no rows"),
    (5, ["power", "empty.csv"], "no rows"),
    (3, ["eval", "good.csv", "--by", "nope"], "'nope'"),
    (3, ["merge", "missing.state"], "missing.state"),
    (3, ["merge", "good.csv"], "is no state"),
    (3, ["eval", "good.csv", "--label", "nope"], "'nope'"),
    (3, ["eval", "nan.csv"], "row 2"),
    (3, ["eval", "text.csv", "--pred", "score"], "'high'"),
    (3, ["eval", "range.csv"], "row 2"),
    (3, ["eval", "cut.parquet"], "cut.parquet"),
    (3, ["eval", "pickled.npy", "--labels", "p.npy"], "pickled.npy"),
    (3, ["eval", "p.npy", "--labels", "y3.npy"], "3"),
    (5, ["eval", "empty.csv"], "no rows"),
    (5, ["eval", "folder"], "folder"),
    (5, ["eval", "good.csv", "--where", "y > 5"], "no rows"),
    (5, ["eval", "*.jsonl"], "jsonl"),
]


@pytest.mark.parametrize(("status", "args", "said"), CASES, ids=[" ".join(args) or "nothing" for _, args, _ in CASES])
def test_exit_status_and_streams(files, status, args, said):
    before = {path.name for path in files.iterdir()}
    output = [] if status == 0 or "-o" in args or args[:1] != ["eval"] else ["-o", "result.json"]
    ended = run(*args, *output)
    assert ended.exit_code == status, ended.stderr
    errors = [line for line in ended.stderr.splitlines() if line.startswith("xent: error: ")]
    if status == 0:
        assert ended.stdout
        assert not errors
        return
    assert ended.stdout == ""
    (error,) = errors
    at = ended.stderr.splitlines().index(error)
    after = ended.stderr.splitlines()[at + 1 :]
    assert len(after) <= 1
    assert all(line.startswith("  ") for line in after)
    assert said in error
    assert "Traceback" not in ended.stderr
    assert {path.name for path in files.iterdir()} == before, "an error leaves no file behind"


def test_names_cannot_forge_a_message_or_move_the_cursor(files):
    name = "x\nxent: error: forged\x1b]0;title\x07.csv"
    ended = run("eval", name)
    assert ended.exit_code == 3
    assert [line for line in ended.stderr.splitlines() if line.startswith("xent: error: forged")] == []
    assert "\x1b" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2
