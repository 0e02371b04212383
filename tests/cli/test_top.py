"""`xent top`: the rows that hurt most, in every format, and where they stand."""

import csv
import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def pets(folder):
    """Two files with ids, some of which look like numbers, and a class that is wrong."""
    (folder / "a.csv").write_text("id,label,p_cat,p_dog,age\n007,cat,0.75,0.25,3\n008,dog,0.9,0.1,x\n=9,dog,0.5,0.5,\n")
    (folder / "b.csv").write_text("id,label,p_cat,p_dog,age\n1,cat,0.1,0.9,4\n2,cat,1,0,5\n")
    return ["a.csv", "b.csv"]


def found(ended):
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_json(xent, pets):
    plain = found(xent("top", *pets, "-n", "3", "-m", "cce", "--key", "id"))
    assert [(row["rank"], row["file"], row["row"]) for row in plain["rows"]] == [(1, "a.csv", 2), (2, "b.csv", 1), (3, "a.csv", 3)]
    first = plain["rows"][0]
    assert (first["keys"], first["label"], first["predicted"]) == ({"id": "008"}, "dog", "cat")
    assert (first["prediction"], first["weight"]) == ([0.9, 0.1], 1.0)
    assert first["loss"] == pytest.approx(-math.log(0.1), rel=1e-12)
    assert plain["metric"]["value"] == pytest.approx(-np.log([0.75, 0.1, 0.5, 0.1, 1 - 1e-7]).mean(), rel=1e-12)
    assert (plain["order"], plain["data"]["rows"]) == ("largest", 5)
    assert plain["losses"]["share_of_worst"]["loss"] == pytest.approx(0.05 * -math.log(0.1) / (5 * plain["metric"]["value"]), rel=0.01)
    assert sum(bar["weight"] for bar in plain["losses"]["histogram"]) == 5


@pytest.mark.parametrize("how", [["--chunk-rows", "1"], ["--chunk-rows", "2", "--threads", "2"], ["--threads", "1"]])
def test_chunks_and_threads_make_no_difference(xent, pets, how):
    args = ["top", *pets, "-n", "4", "-m", "categorical_accuracy", "--key", "id", "--smallest"]
    assert xent(*args, *how).out == xent(*args).out


def test_where_and_weights(xent, folder):
    (folder / "n.csv").write_text("y_true,y_pred,w,k\n1,2,1,a\n1,9,0,b\n1,5,2,c\n1,8,1,d\n")
    rows = found(xent("top", "n.csv", "-m", "mae", "--weight", "w", "--where", "k != 'd'", "--key", "k", "--chunk-rows", "2"))["rows"]
    assert [(row["row"], row["keys"]["k"], row["loss"], row["weight"]) for row in rows] == [(3, "c", 4.0, 2.0), (1, "a", 1.0, 1.0)]
    assert [row["predicted"] for row in rows] == [None, None]


def test_the_loss_is_that_of_the_task(xent, pets, folder):
    assert found(xent("top", *pets))["metric"]["name"] == "binary_crossentropy"
    (folder / "n.csv").write_text("y_true,y_pred\n1.5,2\n")
    assert found(xent("top", "n.csv"))["metric"]["direction"] == "lower"


def test_jsonl_csv_and_markdown(xent, pets):
    args = ["top", *pets, "-n", "3", "-m", "cce", "--key", "id", "-f"]
    lines = [json.loads(line) for line in xent(*args, "jsonl").out.splitlines()]
    assert lines == found(xent(*args, "json"))["rows"]
    header, *rows = csv.reader(io.StringIO(xent(*args, "csv").out))
    assert header == ["rank", "file", "row", "id", "label", "predicted", "prediction", "weight", "loss"]
    assert rows[0][:7] == ["1", "a.csv", "2", "008", "dog", "cat", "[0.9, 0.1]"]
    assert rows[2][3] == "'=9", "no spreadsheet takes it for a formula"
    assert [float(row[-1]) for row in rows] == [line["loss"] for line in lines]
    table = xent(*args, "markdown").out.splitlines()
    assert table[0] == "| rank | file | row | id | label | predicted | weight | loss |"
    assert table[2].startswith("| 1 | a\\.csv | 2 | 008 | dog | cat | 1.0 | 2.3025")


def test_table(xent, pets):
    out = xent("top", *pets, "-n", "1", "-m", "cce", "--key", "id", "-f", "table").out
    assert out.splitlines()[0].split() == ["file", "row", "id", "label", "predicted", "prediction", "loss"]
    assert out.splitlines()[2].split() == ["a.csv", "2", "008", "dog", "cat", "dog", "0.1,", "cat", "0.9", "2.302585"]
    assert "of the whole" in out


def test_a_key_may_be_called_like_a_column_of_the_list(xent, folder):
    (folder / "n.csv").write_text("y_true,y_pred,row,[bold]\n1.5,2,first,x\n")
    ended = xent("top", "n.csv", "--key", "row", "--key", "[bold]", "-f", "csv")
    assert ended.out.splitlines()[0] == "rank,file,row,key_row,[bold],label,predicted,prediction,weight,loss"
    assert "[bold]" in xent("top", "n.csv", "--key", "row", "--key", "[bold]", "-f", "table").out


def test_rows_are_saved_with_all_their_columns(xent, pets, folder):
    ended = xent("top", *pets, "-n", "2", "-m", "cce", "--save", "worst.parquet", "-f", "csv")
    assert (ended.status, ended.out.splitlines()[0]) == (0, "rank,file,row,label,predicted,prediction,weight,loss")
    table = pq.read_table(folder / "worst.parquet")
    own = ["xent_file", "xent_row", "xent_label", "xent_predicted", "xent_weight", "xent_loss"]
    assert table.column_names == ["id", "label", "p_cat", "p_dog", "age", *own]
    assert table.column("id").to_pylist() == ["008", "1"]
    assert table.column("p_dog").to_pylist() == [0.1, 0.9]
    assert table.column("xent_row").to_pylist() == [2, 1]


def test_types_of_saved_columns_are_those_of_the_source(xent, folder):
    random = np.random.default_rng(2)
    source = pa.table(
        {
            "label": random.integers(0, 2, 5000),
            "score": pa.array(random.random(5000), pa.float32()),
            "day": pa.array(random.integers(0, 9999, 5000).astype(np.int32), pa.date32()),
            "name": pa.array([f"n{at % 7}" for at in range(5000)]).dictionary_encode(),
        }
    )
    pq.write_table(source, folder / "p.parquet", row_group_size=700)
    assert xent("top", "p.parquet", "-n", "30", "--chunk-rows", "100", "--key", "day", "--save", "worst.parquet").status == 0
    saved = pq.read_table(folder / "worst.parquet")
    assert saved.schema.types[:3] == source.schema.types[:3]
    rows = [row - 1 for row in saved.column("xent_row").to_pylist()]
    kept = source.take(rows)
    assert saved.column("day").to_pylist() == kept.column("day").to_pylist()
    assert saved.column("name").to_pylist() == kept.column("name").to_pylist()
    p, y = source.column("score").to_numpy().astype(float), source.column("label").to_numpy()
    loss = -np.log(np.where(y == 1, p, 1 - p).clip(1e-7, 1 - 1e-7))
    assert rows == sorted(range(5000), key=lambda row: (-loss[row], row))[:30]


def test_arrays_have_no_columns_but_their_own(xent, folder):
    np.savez(folder / "n.npz", label=np.array([0, 1]), score=np.array([0.25, 0.125]), kind=np.array([4, 5]))
    rows = found(xent("top", "n.npz", "-n", "1", "--key", "kind"))["rows"]
    assert (rows[0]["keys"], rows[0]["row"]) == ({"kind": 5}, 2)


def test_parquet_on_standard_output(xent, process, pets, folder):
    for name in pets:
        assert (folder / name).exists()
    out, err = process("top", *pets, "-n", "2", "-m", "cce", "--key", "id", "-f", "parquet").communicate(timeout=60)
    table = pq.read_table(pa.BufferReader(out))
    assert table.column("id").to_pylist() == ["008", "1"]
    assert b"error" not in err


def test_standard_input(xent, pets, folder):
    rows = found(xent("top", "-", "--input-format", "csv", "-n", "1", "--key", "id", stdin=(folder / "a.csv").read_bytes()))["rows"]
    assert (rows[0]["row"], rows[0]["keys"]) == (2, {"id": "008"})


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["-m", "roc_auc"], 2, "roc_auc is no mean of the rows' values"),
        (["--key", "nowhere"], 3, "a.csv: there is no column 'nowhere'"),
        (["--save", "worst.csv"], 2, "rows are saved as Parquet"),
        (["--save", "nowhere/worst.parquet"], 2, "there is no such folder"),
        (["-n", "0"], 2, "-n"),
        (["-m", "accuraci"], 2, "did you mean"),
    ],
)
def test_errors(xent, pets, args, status, message):
    ended = xent("top", "a.csv", *args)
    assert (ended.status, ended.out) == (status, "")
    assert message in ended.err


def test_of_accuracy_the_smallest_are_the_worst(xent, pets):
    assert "higher is better: the worst rows are those of --smallest" in xent("top", *pets, "-m", "categorical_accuracy").err


def test_missing_values(xent, folder):
    (folder / "n.csv").write_text("y_true,y_pred\n1.5,2\n,9\n1,nan\n1,4\n")
    refused = xent("top", "n.csv", "-m", "mae")
    assert (refused.status, refused.out) == (3, "")
    assert "n.csv: column 'y_true', row 2: a value is missing" in refused.err
    skipped = found(xent("top", "n.csv", "-m", "mae", "--nan", "skip"))
    assert [row["row"] for row in skipped["rows"]] == [4, 1]
    assert skipped["data"]["rows_dropped"] == 2
    listed = found(xent("top", "n.csv", "-m", "mae", "--nan", "propagate"))
    assert [(row["row"], row["loss"]) for row in listed["rows"]] == [(2, "nan"), (3, "nan"), (4, 3.0), (1, 0.5)]
    assert listed["metric"]["value"] == "nan"


def test_names_from_outside_are_escaped(xent, folder):
    (folder / "h.csv").write_text('label,p_[red]a,p_\x1b[31mb,"k|<b>"\n0,0.25,0.75,"=1+1|<script>"\n1,0.5,0.5,"\u202ex"\n1,0.9,0.1,\n')
    args = ["top", "h.csv", "--key", "k|<b>", "-m", "cce", "-f"]
    for form in ("table", "markdown", "csv", "json", "jsonl"):
        ended = xent(*args, form)
        assert ended.status == 0, ended.err
        assert "\x1b" not in ended.out
        assert "\u202e" not in ended.out
    assert "| =1\\+1\\|&lt;script&gt; |" in xent(*args, "markdown").out
    assert ",'=1+1|<script>," in xent(*args, "csv").out
    assert "[red]a" in xent(*args, "table").out


def test_labels_from_a_second_file(xent, folder):
    (folder / "p.csv").write_text("id,p\n1,0.2\n2,0.9\n3,0.4\n")
    (folder / "y.csv").write_text("id,y\n3,1\n2,0\n1,1\n")
    rows = found(xent("top", "p.csv", "--labels", "y.csv", "--on", "id", "--pred", "p", "--label", "y", "--key", "id"))["rows"]
    assert [(row["row"], row["keys"]["id"], row["label"], row["predicted"]) for row in rows] == [
        (2, "2", 0, 1),
        (1, "1", 1, 0),
        (3, "3", 1, 0),
    ]
