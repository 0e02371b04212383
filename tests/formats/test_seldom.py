"""What is seldom asked for or seldom found in files: each with the exit status and the words of the contract, or its numbers."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import xent
from xent.cli.app import app
from xent.core.errors import UnknownNameError, UsageError
from xent.io.exporters import export
from xent.io.places import Place
from xent.io.readers import open_place
from xent.io.results import parse_result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """One table in forms that few files have; -ln 0.5 and -ln 0.25 are the losses of its rows."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("label,other,p_0,p_1,w,v\n0,x,0.5,0.5,1,1\n1,y,0.75,0.25,1,2\n")
    Path("missing.csv").write_text("label,p_0,p_1\n,0.5,0.5\n,0.75,0.25\n")
    Path("hot.csv").write_text("y_b,y_a,p_a,p_b\n0,1,0.5,0.5\n1,0,0.75,0.25\n")
    probs = [[0.5, 0.5], [0.75, 0.25]]
    pq.write_table(pa.table({"label": [0, 1], "probs": probs, "p": [0.5, 0.25]}), "lists.parquet")
    pq.write_table(pa.table({"label": [0, 1], "probs": pa.array([None, None], pa.list_(pa.float64()))}), "no-lists.parquet")
    fixed = pa.array([[0.5, 0.5], None, [0.75, 0.25]], pa.list_(pa.float64(), 2))
    pq.write_table(pa.table({"label": [0, 1, 1], "probs": fixed}), "fixed.parquet")
    pq.write_table(pa.table({"label": [["a"], ["b"]], "probs": probs}), "label-lists.parquet")
    unused = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["a", "b", "never"]))
    pq.write_table(pa.table({"label": unused, "p_a": [0.5, 0.75], "p_b": [0.5, 0.25]}), "unused.parquet")
    np.savez("a.npz", label=np.array([0, 1, 1]), probs=np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]]), day=np.array([1, 1, 2]))


BOTH = (math.log(2) + math.log(4)) / 2


@pytest.mark.parametrize(
    ("args", "value"),
    [
        (("unused.parquet",), BOTH),
        (("hot.csv", "--label", "y_b,y_a"), BOTH),
        (("a.npz", "--where", "day == 1"), BOTH),
        (("a.npz", "--where", "day in 1"), BOTH),
        (("fixed.parquet", "--nan", "skip"), BOTH),
        (("lists.parquet", "--pred", "probs"), BOTH),
        (("a.csv", "--classes", "0,1"), BOTH),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_values(args, value):
    ended = CliRunner().invoke(app, ["eval", *args, "-m", "cce", "-q", "--convention", "exact"])
    assert ended.exit_code == 0, ended.stderr
    assert float(ended.stdout) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("a.csv", "--classes", "a,a"), 2, "--classes names 'a' twice"),
        (("a.csv", "--classes", "a,b,c"), 2, "--classes names 3 classes, and there are 2 predictions a row"),
        (("a.csv", "--weight", "w,v"), 2, "--weight takes one column, and 'w,v' names 2"),
        (("-", "-", "--input-format", "csv"), 2, "standard input (-) can be read only once"),
        (("a.csv", "--where", "w is 1"), 2, "only ==, !=, <, <=, >, >= and in compare"),
        (("a.csv", "--where", "w in ()"), 2, "`in` needs at least one value"),
        (("a.csv", "--where", "w == w + 1"), 2, "neither a column, a number nor a text"),
        (("a.npz", "--where", "probs == 1"), 3, "holds several values a row"),
        (("a.npz", "--by", "probs"), 3, "column 'probs' holds several values a row"),
        (("a.npz", "--by", "x=cut(probs,1)"), 3, "column 'probs' holds several values a row"),
        (("lists.parquet", "--pred", "probs,p"), 3, "predictions are one list column or several columns of numbers, not both: probs, p"),
        (("lists.parquet", "--pred", "probs", "--by", "probs"), 3, "neither numbers nor text"),
        (("label-lists.parquet",), 3, "column 'label'"),
        (("no-lists.parquet", "--nan", "skip"), 5, "there are no rows without a missing value, of 2"),
        (("missing.csv", "--nan", "skip"), 5, "there are no rows without a missing value, of 2"),
        (("missing.csv",), 3, "missing.csv: column 'label', row 1: a value is missing (NaN or null); 2 rows lack one in all"),
        (("fixed.parquet",), 3, "column 'probs'[0], row 2: a value is missing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_refusals(args, status, said):
    ended = CliRunner().invoke(app, ["eval", *args, "-m", "cce"], input="label,p_0,p_1\n0,1,0\n")
    assert (ended.exit_code, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert ended.stderr.splitlines()[0].startswith("xent: error: ")


def test_names_that_python_may_get_wrong():
    Path("r.json").write_text(CliRunner().invoke(app, ["eval", "a.csv", "-m", "cce", "-f", "json"]).stdout)
    result = parse_result(Path("r.json").read_bytes(), "r.json")
    with pytest.raises(UnknownNameError, match="unknown format 'markdwn'"):
        export(result, "markdwn")
    with pytest.raises(UnknownNameError, match="unknown input format 'cvs'"):
        open_place(Place("a.csv", "cvs"))
    with pytest.raises(UsageError, match="--on COLUMN joins a second file of labels: pass --labels FILE with it"):
        xent.evaluate("a.csv", on="label")
    with pytest.raises(UsageError, match="name a file, a glob, a directory, a URL, or - for standard input"):
        xent.evaluate([])


@pytest.mark.parametrize(("low", "high"), [("-inf", []), ([0.0], 1.0)])
def test_an_interval_with_a_list_at_one_end(low, high):
    """It would be drawn as a number and as an array at once."""
    plain = json.loads(CliRunner().invoke(app, ["eval", "a.csv", "-m", "cce", "--ci", "0.9", "-f", "json"]).stdout)
    plain["metrics"][0]["ci"] |= {"low": low, "high": high}
    Path("r.json").write_text(json.dumps(plain))
    ended = CliRunner().invoke(app, ["gate", "r.json", "--gate", "rows >= 1"])
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert "r.json: is no result of xent eval: one end of an interval is a list and the other is none" in ended.stderr
