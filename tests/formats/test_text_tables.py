"""Text that several threads parse is cut between rows, and says what it says to one."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pyarrow.csv as pa_csv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xent.core.errors import DataError, NothingEvaluated
from xent.core.table import row_of
from xent.io import lines
from xent.io.dataset import open_dataset
from xent.io.evaluation import evaluate
from xent.io.lines import whole_rows
from xent.io.places import Place
from xent.io.readers import open_place
from xent.io.request import Request

FIELDS = st.text(alphabet='a1 .,\t\n\r"é', max_size=5)
LONG = 1 << 20
NEWLINES = pa_csv.ParseOptions(newlines_in_values=True)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of some rows, so that small files have many."""
    monkeypatch.setattr(lines, "_BLOCK", 100)


def written(rows, delimiter, line_end, quoting):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return text.getvalue().encode()


@given(
    rows=st.lists(st.lists(FIELDS, min_size=2, max_size=3), max_size=8),
    delimiter=st.sampled_from([",", "\t"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    block=st.sampled_from([1, 2, 7, 64]),
    blank_lines=st.booleans(),
)
@example(rows=[['"', ""], ["", "\r\n"]], delimiter=",", line_end="\r\n", quoting=csv.QUOTE_ALL, block=1, blank_lines=True)
def test_pieces_are_the_rows_that_a_writer_wrote(rows, delimiter, line_end, quoting, block, blank_lines):
    # The writer quotes no ends of lines but its own.
    ambiguous = any(end in field for row in rows for field in row for end in "\r\n")
    text = written(rows, delimiter, line_end, csv.QUOTE_ALL if ambiguous else quoting)
    if blank_lines:
        text = line_end.encode() + text + 2 * line_end.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)
        pieces = list(whole_rows(io.BytesIO(text), delimiter, LONG, first=10))
        behind_header = list(whole_rows(io.BytesIO(b"\xef\xbb\xbf" + text), delimiter, LONG, header=True))
    parsed = [list(filter(None, csv.reader(io.StringIO(bytes(piece.text).decode(), newline=""), delimiter=delimiter))) for piece in pieces]
    assert [piece.number for piece in pieces] == [len(found) for found in parsed]
    assert [row for found in parsed for row in found] == rows
    assert [piece.first for piece in pieces] == [10 + sum(piece.number for piece in pieces[:at]) for at in range(len(pieces))]
    assert sum(piece.number for piece in behind_header) == max(0, len(rows) - 1)


@pytest.mark.parametrize(
    ("field", "number"), [('a"b', 2), ('"a"b', 2), ('"a" "b', 2), ("'a", 2), ('"a"b""c"d', 2), ('"a', 1), ('"a""', 1), ('"a"""b', 2)]
)
def test_marks_that_quote_nothing(field, number):
    """Only one at the beginning of a field opens it, and one that is not doubled closes it."""
    text = f"1,{field}\n2,x\n".encode()
    assert sum(piece.number for piece in whole_rows(io.BytesIO(text), ",", LONG)) == number
    assert sum(batch.num_rows for batch in pa_csv.open_csv(io.BytesIO(b"a,b\n" + text), parse_options=NEWLINES)) == number


def test_blank_lines_are_no_objects():
    text = b'{"a": 1}\n \t\n\n{"a": 2}\n  {"a": 3}'
    assert [piece.number for piece in whole_rows(io.BytesIO(text), None, LONG)] == [2, 1]


def test_a_row_longer_than_allowed_is_told_by_its_number(small_blocks):
    text = b"1,2\n" * 100 + b"3" * 5000 + b",4\n"
    with pytest.raises(ValueError, match=r"row 101: is longer than 1,000 bytes"):
        list(whole_rows(io.BytesIO(text), ",", 1000))


def rows_of_text(count=500, delimiter=","):
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 2, count), rng.random(count).round(4)
    names = ["ab", "c d", "é"]
    body = [delimiter.join((str(label), str(score), names[at % 3])) for at, (label, score) in enumerate(zip(labels, scores, strict=True))]
    return [delimiter.join(("label", "score", "name")), *body]


def measured(path, **options):
    with open_dataset(Request(sources=(str(path),), **options)) as dataset:
        result = evaluate(dataset, [row_of("binary_crossentropy").cls(), row_of("auc").cls()])
    return [repr(metric.value) for metric in [*result.metrics, *result.slices]], result.data.rows, result.data.digest


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "country=de/a.csv"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_any_number_of_threads_gives_the_same_bits(tmp_path, small_blocks, name, line_end):
    delimiter = "\t" if name.endswith("tsv") else ","
    text = line_end.join(rows_of_text(delimiter=delimiter)).encode()
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    by = ("country",) if "/" in name else ("name",)
    alone = measured(path, threads=1, by=by)
    assert alone[1] == 500
    for options in ({"threads": 2}, {"threads": 8}, {"threads": 3, "chunk_rows": 1}):
        assert measured(path, by=by, **options) == alone
    assert measured(path, threads=2, where="score > 0.5") == measured(path, threads=1, where="score > 0.5")


def test_pieces_can_be_taken_behind_any_row(tmp_path, small_blocks):
    (tmp_path / "a.csv").write_text("\n".join(rows_of_text(40)))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    for name in ("a.csv", "a.csv.gz"):
        (part,) = open_place(Place(str(tmp_path / name))).parts(["score"], None)
        scores = [value for chunk in part() for value in chunk.columns["score"].to_pylist()]
        for skip in (0, 1, 7, 39, 40):
            pieces = list(part.pieces(skip, shared=True))
            chunks = [chunk for piece in pieces for chunk in piece.read()]
            assert [value for chunk in chunks for value in chunk.columns["score"].to_pylist()] == scores[skip:]
            assert sum(piece.rows for piece in pieces) == 40 - skip
            assert not chunks or chunks[0].first == skip


@pytest.mark.parametrize(
    ("row", "message"),
    [("2,0.5,x", "'label', row 401: "), ("1,half,x", "column 'score', row 401: "), ("1,0.5", "row 401: Expected 3 columns, got 2")],
)
def test_the_first_bad_row_is_named_whatever_the_threads(tmp_path, small_blocks, row, message):
    text = rows_of_text()
    text[401] = row
    text[450] = "1,0.5,x,y,z"
    (tmp_path / "a.csv").write_text("\n".join(text))
    said = set()
    for threads in (1, 2, 2, 5):
        with pytest.raises(DataError) as caught:
            measured(tmp_path / "a.csv", threads=threads, chunk_rows=5 if threads > 1 else None)
        said.add(str(caught.value))
        if threads > 1:
            assert message in str(caught.value)


def test_the_task_is_seen_in_the_first_rows_by_threads_too(tmp_path, small_blocks):
    (tmp_path / "a.csv").write_text("\n".join(rows_of_text()))
    for threads in (1, 2):
        dataset = open_dataset(Request(sources=(str(tmp_path / "a.csv"),), threads=threads))
        assert dataset.task() == "binary"
        assert sum(len(batch) for batch in dataset.batches()) == 500


@pytest.mark.parametrize("text", ["label,score\n", "label,score", "\n\nlabel,score\n\n\n"])
def test_a_header_alone(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    for threads in (1, 2):
        with pytest.raises(NothingEvaluated):
            measured(tmp_path / "a.csv", threads=threads)
