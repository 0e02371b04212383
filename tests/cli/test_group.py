"""`--group COL`: rows that are documents, in files."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import ndcg_score

from xent.io.group_keys import group_keys

ROWS = "query,relevance,score,w\nq1,0,0.5,1\nq2,1,0.25,3\nq1,2,0.75,1\nq2,0,0.5,3\nq1,1,0.125,1\nq2,0,0.125,3\n"
COLUMNS = ("--label", "relevance", "--pred", "score", "--group", "query")
NDCG = (ndcg_score([[0, 2, 1]], [[0.5, 0.75, 0.125]]), ndcg_score([[1, 0, 0]], [[0.25, 0.5, 0.125]]))


@pytest.fixture
def ranked(folder):
    (folder / "ranked.csv").write_text(ROWS)
    return "ranked.csv"


def values(ended):
    assert ended.status == 0, ended.err
    return [metric["value"] for metric in json.loads(ended.out)["metrics"]]


def test_queries_in_long_form(xent, ranked):
    ended = xent("eval", ranked, *COLUMNS, "-m", "ndcg", "-m", "mrr", "-m", "mse")
    assert values(ended) == pytest.approx([sum(NDCG) / 2, (1 + 1 / 2) / 2, 3.40625 / 6], rel=1e-15)
    assert json.loads(ended.out)["data"]["columns"] == {"label": "relevance", "pred": "score", "weight": None, "group": "query"}
    assert "xent: the rows of one query are one query\n" in ended.err


def test_the_weight_of_a_query(xent, ranked, folder):
    assert values(xent("eval", ranked, *COLUMNS, "--weight", "w", "-m", "ndcg")) == pytest.approx([(NDCG[0] + 3 * NDCG[1]) / 4], rel=1e-15)
    (folder / "unlike.csv").write_text(ROWS.replace("q2,1,0.25,3", "q2,1,0.25,2"))
    ended = xent("eval", "unlike.csv", *COLUMNS, "--weight", "w", "-m", "ndcg")
    assert (ended.status, ended.out) == (3, "")
    assert "one has the weights 2.0 and 3.0" in ended.err


def test_queries_side_by_side(xent, folder):
    (folder / "wide.csv").write_text("rel_a,rel_b,rel_c,score_a,score_b,score_c\n0,2,1,0.5,0.75,0.125\n1,0,0,0.25,0.5,0.125\n")
    ended = xent("eval", "wide.csv", "--label", "rel_*", "--pred", "score_*", "-m", "ndcg")
    assert values(ended) == pytest.approx([sum(NDCG) / 2], rel=1e-15)


def test_no_way_of_reading_changes_the_result(xent, ranked, folder):
    lines = ROWS.splitlines(keepends=True)
    for name, part in (("a.csv", lines[1:3]), ("b.csv", lines[3:])):
        (folder / name).write_text(lines[0] + "".join(part))
    columns = {
        "query": ["q1", "q2", "q1", "q2", "q1", "q2"],
        "relevance": [0, 1, 2, 0, 1, 0],
        "score": [0.5, 0.25, 0.75, 0.5, 0.125, 0.125],
    }
    pq.write_table(pa.table(columns), folder / "ranked.parquet", row_group_size=2)
    (folder / "ranked.jsonl").write_text(
        "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in zip(*columns.values(), strict=True))
    )
    ways = (["ranked.csv"], ["ranked.csv", "--chunk-rows", "1"], ["b.csv", "a.csv", "--threads", "2"], ["ranked.parquet"], ["ranked.jsonl"])
    found = {tuple(values(xent("eval", *way, *COLUMNS, "-m", "ndcg", "-m", "mrr:k=1"))) for way in ways}
    assert len(found) == 1


def test_rows_left_out(xent, ranked):
    (value,) = values(xent("eval", ranked, *COLUMNS, "-m", "ndcg", "--where", "query == 'q2'"))
    assert value == pytest.approx(NDCG[1], rel=1e-15)


@pytest.mark.parametrize("metric", [["-m", "mse"], []])
def test_a_group_that_no_metric_asks_for_is_wrong_usage(xent, ranked, metric):
    ended = xent("eval", ranked, *COLUMNS, *metric)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: --group: none of the metrics takes it")
    assert "-m mean_reciprocal_rank or -m ndcg" in ended.err


def test_a_metric_that_needs_groups_names_the_flag(xent, ranked):
    ended = xent("eval", ranked, "--label", "relevance", "--pred", "score", "-m", "ndcg")
    assert (ended.status, ended.out) == (3, "")
    assert "--group COL" in ended.err


def test_columns_that_cannot_group(xent, ranked, folder):
    ended = xent("eval", ranked, *COLUMNS[:-1], "nope", "-m", "ndcg")
    assert ended.status == 3
    assert "--group nope: there is no column 'nope'" in ended.err
    ended = xent("eval", ranked, *COLUMNS[:-1], "score", "-m", "ndcg")
    assert ended.status == 2
    assert "column 'score' cannot have two roles" in ended.err
    (folder / "gap.csv").write_text(ROWS.replace("q2,0,0.5", ",0,0.5"))
    ended = xent("eval", "gap.csv", *COLUMNS, "-m", "ndcg")
    assert ended.status == 3
    assert "gap.csv: column 'query', row 4: the value that groups the rows is missing" in ended.err


def test_a_key_is_the_same_in_every_format():
    kinds = [np.array([1, -5, 3], dtype=kind) for kind in (np.int8, np.int64, np.float32, np.float64)]
    kinds += [pa.array([1, -5, 3]), pa.array(["1", "-5", "3"]), pa.array(["1", "-5", "3"]).dictionary_encode(), pa.array([1.0, -5.0, 3.0])]
    assert {tuple(group_keys(column).tolist()) for column in kinds} == {(1, -5, 3)}
    large = [2**63 - 1, -(2**63)]
    assert group_keys(pa.array(large)).tolist() == group_keys(pa.array(list(map(str, large)))).tolist() == large
    unlike = group_keys(pa.array(["1", "01", "1.0", "+1", "q", "Q", " q", str(2**63)]))
    assert len(set(unlike.tolist())) == 8
    # From `printf q | b2sum -l 64`: what one run groups, another one does.
    assert group_keys(pa.array(["q"])).astype("<i8").tobytes().hex() == "2b3570fb29bd1435"
    assert group_keys(np.array([True, False])).tolist() == group_keys(pa.array(["true", "false"])).tolist()
    assert group_keys(pa.array([], pa.string())).tolist() == []
