"""Bad input is refused with an error that names file, column and row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xent.core.errors import DataError, NothingEvaluated, UsageError, XentError
from xent.core.table import row_of
from xent.io.dataset import open_dataset
from xent.io.evaluation import evaluate
from xent.io.request import Request

GOOD = "label,p_0,p_1,p_2\n0,0.5,0.25,0.25\n2,0.25,0.25,0.5\n"


def run(path, metric="categorical_crossentropy", **options):
    sources = path if isinstance(path, tuple) else (str(path),)
    with open_dataset(Request(sources=sources, **options)) as dataset:
        return evaluate(dataset, [row_of(metric).cls()])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (GOOD.replace("2,0.25", "3,0.25"), ("'label', row 2", "label 3", "0 to 2")),
        (GOOD.replace("2,0.25", "-1,0.25"), ("'label', row 2", "label -1")),
        (GOOD.replace("2,0.25", "1.5,0.25"), ("'label', row 2", "1.5")),
        (GOOD.replace("2,0.25", "cat,0.25"), ("'label'", "row 2", "cat")),
        (GOOD.replace("2,0.25", ",0.25"), ("'label', row 2", "missing", "--nan skip")),
        (GOOD.replace("0.5,0.25,0.25", "0.5,nan,0.25"), ("'p_1', row 1", "missing", "1 row lacks")),
        (GOOD.replace("0.5,0.25,0.25", "5.5,0.25,0.25"), ("'p_0', row 1", "5.5", "outside [0, 1]")),
        (GOOD.replace("0.5,0.25,0.25", "0.5,-0.25,0.25"), ("'p_1', row 1", "-0.25")),
        (GOOD.replace("0.5,0.25,0.25", "0.5,x,0.25"), ("'p_1'", "x")),
        (GOOD.replace("2,0.25,0.25,0.5", "2,0.25"), ("4 columns",)),
    ],
)
def test_values_are_refused_with_their_place(tmp_path, text, parts):
    path = tmp_path / "a.csv"
    path.write_text(text)
    for threads in (1, 2):
        with pytest.raises(DataError) as caught:
            run(path, threads=threads)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert len(message.splitlines()) <= 2
        for part in parts:
            assert part in message.replace("expected 4 columns", "4 columns"), message


def test_the_first_bad_row_is_named_whatever_the_threads(tmp_path):
    """Row numbers count from the start of the file, in any chunk, row group or thread."""
    y = np.zeros(5000, dtype=np.int64)
    y[[3210, 4100]] = 7
    half = np.full(5000, 0.5)
    pq.write_table(pa.table({"label": y, "p_0": half, "p_1": half}), tmp_path / "a.parquet", row_group_size=100)
    for threads in (1, 2, 5):
        for chunk_rows in (None, 7):
            with pytest.raises(DataError, match="'label', row 3211: label 7"):
                run(tmp_path / "a.parquet", threads=threads, chunk_rows=chunk_rows)


def test_rows_that_where_left_out_are_counted(tmp_path):
    (tmp_path / "a.csv").write_text("label,p_0,p_1,kind\n0,0.5,0.5,a\n0,0.5,0.5,b\n9,0.5,0.5,a\n")
    with pytest.raises(DataError, match="row 3: label 9"):
        run(tmp_path / "a.csv", where="kind == 'a'")


@pytest.mark.parametrize("column", [["5", None], [["0.1"], ["0.2"]], [{"a": 1}, {"a": 2}]])
def test_columns_of_the_wrong_type(tmp_path, column):
    pq.write_table(pa.table({"label": [0, 1], "score": pa.array(column)}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'score'"):
        run(tmp_path / "a.parquet", "binary_crossentropy", pred="score")


def test_ragged_lists_name_their_row(tmp_path):
    pq.write_table(pa.table({"label": [0, 1, 1], "probs": [[0.5, 0.5], [0.5, 0.5], [1.0]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'probs', row 3: a list of 1 value where others have 2"):
        run(tmp_path / "a.parquet")


def test_nulls_are_missing(tmp_path):
    pq.write_table(pa.table({"label": [0, 1], "probs": [[0.5, 0.5], None]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"'probs'.*row 2: a value is missing"):
        run(tmp_path / "a.parquet")
    pq.write_table(pa.table({"label": [0, None], "probs": [[0.5, 0.5], [0.5, 0.5]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'label', row 2: a value is missing"):
        run(tmp_path / "a.parquet")


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_weights(tmp_path, bad):
    pq.write_table(pa.table({"label": [0, 1], "score": [0.5, 0.5], "w": [1.0, bad]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'w', row 2: weight"):
        run(tmp_path / "a.parquet", "binary_crossentropy", weight="w")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".npy", ".npz", ".csv.gz"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02garbage\xff" * 5])
def test_garbage_and_nothing(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(XentError) as caught:
        run(path, labels=None)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.npz", "a.csv.gz", "a.csv.bz2"])
def test_truncated_files(files, tmp_path, name):
    whole = files[name].read_bytes()
    for part in (0.3, 0.7, 0.99):
        (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(DataError):
            run(tmp_path / name)


def test_truncated_and_padded_npy(tmp_path):
    np.save(tmp_path / "p.npy", np.full((10, 2), 0.5))
    np.save(tmp_path / "y.npy", np.zeros(10))
    whole = (tmp_path / "p.npy").read_bytes()
    for content, what in ((whole[:-8], "truncated"), (whole + b"x", "longer than its header says")):
        (tmp_path / "p.npy").write_bytes(content)
        with pytest.raises(DataError, match=what):
            run(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"))


def test_a_corrupt_page_is_noticed(files, tmp_path):
    """The checksum of a page is verified; without it the bad value would be read as a good one."""
    table = pa.table({"label": np.zeros(2000, dtype=np.int64), "score": np.random.default_rng(0).random(2000)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    needle = np.float64(table["score"][1000].as_py()).tobytes()
    at = content.index(needle)
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet"):
        run(path, "binary_crossentropy")


class Bomb:
    """Unpickling it would leave a file behind."""

    def __reduce__(self):
        return (os.system, ("touch exploded",))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_never_loaded(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content = np.array([Bomb(), Bomb()], dtype=object)
    np.save(name, content, allow_pickle=True) if name == "a.npy" else np.savez(name, y_pred=content, y_true=np.zeros(2))
    with pytest.raises(DataError, match="pickled Python objects"):
        run(name, labels=None if name == "a.npz" else name)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("shape", ["(10**12, 10)", "(-1, 2)", "(2,", "()", "(999999999999999999999,)"])
def test_npy_headers_that_lie(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(80))
    with pytest.raises(DataError, match=r"a\.npy"):
        run(tmp_path / "a.npy", labels=str(tmp_path / "a.npy"))


def test_lengths_differ(tmp_path):
    np.save(tmp_path / "p.npy", np.full((10, 2), 0.5))
    for rows in (9, 11):
        np.save(tmp_path / "y.npy", np.zeros(rows))
        with pytest.raises(DataError, match=f"has {rows} rows, and .* 10"):
            run(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"))
        (tmp_path / "y.csv").write_text("label\n" + "0\n" * rows)
        with pytest.raises(DataError, match="has"):
            run(tmp_path / "p.npy", labels=str(tmp_path / "y.csv"))
    np.savez(tmp_path / "a.npz", y_true=np.zeros(3), y_pred=np.zeros((4, 2)))
    with pytest.raises(DataError, match="different lengths"):
        run(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("predicted", "labelled", "said"),
    [
        (["a", "b"], ["a", "c"], "row 2: the key 'b' has no label"),
        (["a", "b"], ["a", "b", "a"], "row 3: the key 'a' stands there more than once"),
        ([1, 2], [1, 3], "row 2: the key 2 has no label"),
        ([1, 2], [1, 1], "row 2: the key 1 stands there more than once"),
    ],
)
def test_keys_that_do_not_match(tmp_path, predicted, labelled, said):
    (tmp_path / "p.csv").write_text("id,score\n" + "".join(f"{key},0.5\n" for key in predicted))
    (tmp_path / "y.csv").write_text("id,label\n" + "".join(f"{key},{number % 2}\n" for number, key in enumerate(labelled, start=1)))
    with pytest.raises(DataError, match=f"'id', {said}"):
        run(tmp_path / "p.csv", "binary_crossentropy", labels=str(tmp_path / "y.csv"), on="id")


def test_ambiguity_lists_what_was_found_and_the_flags(tmp_path):
    (tmp_path / "a.csv").write_text("label,target,score\n1,1,0.5\n")
    with pytest.raises(DataError, match="label, target\npass --label label or --label target"):
        run(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("label,score,prob_0,prob_1\n1,0.5,0.5,0.5\n")
    with pytest.raises(DataError, match=r"pass --pred score or --pred 'prob\*'"):
        run(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("a,b\n1,0.5\n")
    with pytest.raises(DataError, match="--label COLUMN"):
        run(tmp_path / "a.csv")


def test_columns_that_are_not_there(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD)
    for options in ({"label": "nope"}, {"pred": "q_*"}, {"weight": "w"}, {"where": "nope > 1"}):
        with pytest.raises(DataError, match="there is no column"):
            run(tmp_path / "a.csv", **options)


@pytest.mark.parametrize(
    "where", ["__import__('os')", "a ==", "label == b'x'", "label + 1 > 2", "f(label)", "label.x == 1", "label == [", ""]
)
def test_where_is_parsed_and_never_run(tmp_path, where):
    (tmp_path / "a.csv").write_text(GOOD)
    with pytest.raises((UsageError, DataError)):
        run(tmp_path / "a.csv", where=where)


def test_nothing_to_evaluate(tmp_path):
    (tmp_path / "a.csv").write_text("label,score\n")
    with pytest.raises(NothingEvaluated):
        run(tmp_path / "a.csv", "binary_crossentropy")
    pq.write_table(pa.table({"label": pa.array([], pa.int64()), "score": pa.array([], pa.float32())}), tmp_path / "a.parquet")
    with pytest.raises(NothingEvaluated):
        run(tmp_path / "a.parquet", "binary_crossentropy")
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "*.nothing"):
        with pytest.raises(NothingEvaluated):
            run(source)
    (tmp_path / "b.csv").write_text("label,score\n1,0.5\n")
    with pytest.raises(NothingEvaluated):
        run(tmp_path / "b.csv", "binary_crossentropy", where="score > 0.9")


def test_odd_text_is_read(tmp_path):
    """A byte-order mark, Windows line ends, quotes around fields, commas and line breaks inside of them, a last line without an end."""
    rows = b'\xef\xbb\xbflabel,note,p_0,p_1\r\n1,"a, b",0.5,0.5\r\n"0","two\nlines",0.25,"0.75"'
    (tmp_path / "a.csv").write_bytes(rows)
    assert run(tmp_path / "a.csv").metrics[0].value == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2)


def test_a_header_named_twice(tmp_path):
    (tmp_path / "a.csv").write_text("label,score,score\n1,0.5,0.5\n")
    with pytest.raises(DataError, match="more than once"):
        run(tmp_path / "a.csv", "binary_crossentropy", pred="score")


def test_an_archive_without_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="holds no arrays"):
        run(tmp_path / "a.npz")


def test_json_lines_that_are_not_objects(tmp_path):
    for text in ("[1, 2]\n", '{"label": 1\n', "1\n"):
        (tmp_path / "a.jsonl").write_text(text)
        with pytest.raises(DataError, match="line 1"):
            run(tmp_path / "a.jsonl")


def test_pandas_is_not_imported(tmp_path):
    """pyarrow imports pandas behind one's back in several calls; an evaluation makes none of them."""
    (tmp_path / "a.csv").write_text(GOOD)
    pq.write_table(pa.table({"label": [0, 1], "probs": [[0.5, 0.5], [0.5, 0.5]], "name": ["a", "b"]}), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text(json.dumps({"label": 1, "score": 0.5}) + "\n")
    code = (
        "import sys\nfrom xent.io.request import Request\nfrom xent.io.dataset import open_dataset\n"
        "from xent.io.evaluation import evaluate\nfrom xent.core.table import row_of\n"
        "for path in sys.argv[1:]:\n"
        "    with open_dataset(Request(sources=(path,))) as dataset:\n"
        "        dataset.task(), evaluate(dataset, [row_of('categorical_crossentropy').cls()])\n"
        "assert 'pandas' not in sys.modules and 'pyarrow.dataset' not in sys.modules"
    )
    paths = [str(tmp_path / name) for name in ("a.csv", "a.parquet", "a.jsonl")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
