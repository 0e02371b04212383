"""`--by`: the values of slices, in the same pass as those of all rows."""

import csv
import io
import itertools
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xent.cli.result_table import MOST_SLICES

METRICS = ("-m", "bce", "-m", "binary_accuracy", "-m", "auc", "-m", "roc_auc", "-m", "matthews_correlation", "-m", "mse")
COLUMNS = ("--label", "y", "--pred", "score", "--weight", "w")
COUNTRIES = ["de", "fr", "us", None]
EDGES = [18, 30.5]


def table_of(rows=400):
    rng = np.random.default_rng(5)
    columns = {
        "y": rng.integers(0, 2, rows),
        "score": rng.random(rows).round(2),
        "w": rng.choice([0.5, 1.0, 0.1, 0.0], rows),
        "country": rng.choice(COUNTRIES, rows).tolist(),
        "device": rng.integers(1, 12, rows),
        "age": [None if age == 40 else float(age) for age in rng.choice([17, 18, 29.5, 30.5, 40, 99], rows)],
    }
    return pa.table(columns)


@pytest.fixture
def rows(folder):
    table = table_of()
    pq.write_table(table, folder / "rows.parquet", row_group_size=73)
    return table


def read(ended):
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def values(metrics):
    return [(metric["name"], metric["value"], metric["count"], metric["health"]) for metric in metrics]


def interval(age):
    return None if age is None else "< 18" if age < EDGES[0] else "[18, 30.5)" if age < EDGES[1] else ">= 30.5"


def test_a_slice_is_a_run_over_its_rows(xent, rows, folder):
    ways = ["--by", "country", "--by", "device", "--by", "country,years=cut(age,18,30.5)"]
    result = read(xent("eval", "rows.parquet", *COLUMNS, *METRICS, *ways))
    assert result["metrics"] == read(xent("eval", "rows.parquet", *COLUMNS, *METRICS))["metrics"]
    of_row = [
        [{"country": country}, {"device": str(device)}, {"country": country, "years": interval(age)}]
        for country, device, age in zip(*(rows[name].to_pylist() for name in ("country", "device", "age")), strict=True)
    ]
    there = [json.loads(text) for way in range(3) for text in dict.fromkeys(json.dumps(row[way]) for row in of_row)]
    found = [list(group) for _, group in itertools.groupby(result["slices"], key=lambda metric: metric["slice"])]
    assert len(found) == len(there) == 4 + 11 + 16
    for metrics in found:
        sliced = metrics[0]["slice"]
        assert sliced in there
        pq.write_table(rows.filter(pa.array([sliced in row for row in of_row])), folder / "part.parquet")
        assert values(metrics) == values(read(xent("eval", "part.parquet", *COLUMNS, *METRICS))["metrics"])


def test_slices_stand_in_the_order_of_by_and_of_their_values(xent, rows):
    result = read(xent("eval", "rows.parquet", *COLUMNS, "-m", "bce", "--by", "device", "--by", "cut(age,18,30.5)", "--by", "country"))
    assert [metric["slice"] for metric in result["slices"]] == [
        *({"device": str(device)} for device in range(1, 12)),
        *({"age": text} for text in ("< 18", "[18, 30.5)", ">= 30.5", None)),
        *({"country": country} for country in ("de", "fr", "us", None)),
    ]


def test_no_way_of_reading_changes_a_bit(xent, rows, folder):
    for number in range(4):
        pq.write_table(rows.slice(number * 100, 100), folder / f"part-{number}.parquet")
    pq.write_table(rows.take(pa.array(np.random.default_rng(0).permutation(len(rows)))), folder / "shuffled.parquet")
    ways = (
        ["rows.parquet"],
        ["rows.parquet", "--threads", "1", "--chunk-rows", "1"],
        ["rows.parquet", "--threads", "3", "--chunk-rows", "7"],
        ["part-3.parquet", "part-0.parquet", "part-2.parquet", "part-1.parquet", "--threads", "4"],
        ["shuffled.parquet"],
    )
    by = ["--by", "country,device", "--by", "age"]
    results = [read(xent("eval", *way, *COLUMNS, *METRICS, "-m", "median_absolute_error", *by)) for way in ways]
    assert {json.dumps([result["metrics"], result["slices"], result["data"]["digest"]]) for result in results} == {
        json.dumps([results[0]["metrics"], results[0]["slices"], results[0]["data"]["digest"]])
    }


def test_ways_of_so_many_groups_that_each_is_lifted_alone(xent, folder):
    rng = np.random.default_rng(3)
    names = ("a", "b", "c")
    table = pa.table({"y": rng.integers(0, 2, 3000), "score": rng.random(3000), **{name: rng.integers(0, 40, 3000) for name in names}})
    pq.write_table(table, folder / "wide.parquet")
    together = read(xent("eval", "wide.parquet", "-m", "bce", *(word for name in names for word in ("--by", name))))
    alone = [read(xent("eval", "wide.parquet", "-m", "bce", "--by", name)) for name in names]
    assert together["slices"] == [metric for result in alone for metric in result["slices"]]
    assert all(result["metrics"] == together["metrics"] for result in alone)


def test_a_slice_has_the_classes_of_its_own_rows(xent, folder):
    pq.write_table(pa.table({"y": [0, 1, 5], "pred": [1, 1, 4], "part": ["a", "a", "b"]}), folder / "classes.parquet")
    (matrix,) = (
        metric["value"]
        for metric in read(xent("eval", "classes.parquet", "-m", "confusion_matrix", "--by", "part"))["slices"]
        if metric["slice"] == {"part": "a"}
    )
    assert matrix == [[0, 1], [0, 1]]


def test_names_are_names_whatever_they_look_like(xent, folder):
    (folder / "names.csv").write_text("y,score,zip\n1,0.5,01\n0,0.5,1\n0,0.5,\n1,0.5,NA\n")
    result = read(xent("eval", "names.csv", "-m", "mse", "--by", "zip"))
    assert [(metric["slice"]["zip"], metric["value"]) for metric in result["slices"]] == [
        ("NA", 0.25),
        ("01", 0.25),
        ("1", 0.25),
        (None, 0.25),
    ]


@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": False}, {"dictionary_pagesize_limit": 64, "data_page_size": 64, "write_batch_size": 8}]
)
def test_names_are_the_same_however_they_are_encoded(xent, folder, options):
    """Parquet names values by a dictionary, or writes them out, or begins with the one and goes on with the other."""
    rng = np.random.default_rng(3)
    names = [None if name == "n7" else name for name in np.char.add("n", rng.integers(0, 60, 500).astype(str)).tolist()]
    columns = {"y": rng.integers(0, 2, 500), "score": rng.random(500).round(3), "k": names}
    pq.write_table(pa.table(columns), folder / "names.parquet", row_group_size=200, **options)
    for chunk in ("7", "100000"):
        result = read(xent("eval", "names.parquet", "-m", "mse", "--by", "k", "--chunk-rows", chunk))["slices"]
        for metric in result:
            at = np.array([name == metric["slice"]["k"] for name in names])
            assert metric["count"] == np.count_nonzero(at)
            assert metric["value"] == pytest.approx(np.mean((columns["y"][at] - columns["score"][at]) ** 2), rel=1e-14)
        assert [metric["slice"]["k"] for metric in result] == [*sorted({n for n in names if n}, key=lambda name: int(name[1:])), None]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("int8", [-128, 127, 0]),
        ("uint64", [2**64 - 1, 2**64 - 200]),
        ("int64", [-(2**63), 2**63 - 1, 5]),
        ("int64", [2**63 - 1, 2**63 - 9]),
    ],
)
def test_whole_numbers_of_any_size_name_slices(xent, folder, kind, numbers):
    column = pa.array(numbers * 2, type=kind)
    pq.write_table(pa.table({"y": [0, 1] * len(numbers), "score": [0.5] * len(column), "k": column}), folder / "k.parquet")
    result = read(xent("eval", "k.parquet", "-m", "mse", "--by", "k"))["slices"]
    assert [(metric["slice"]["k"], metric["count"]) for metric in result] == [(str(number), 2) for number in sorted(numbers)]


def test_types_do_not_matter(xent, folder):
    columns = {"y": [1, 0, 1], "score": [0.5, 0.25, 0.75]}
    kinds = [pa.array([1, 2, None]), pa.array([1.0, 2.0, np.nan]), pa.array(["1", "2", ""]), pa.array(["1", "2", None]).dictionary_encode()]
    results = []
    for kind in kinds:
        pq.write_table(pa.table({**columns, "k": kind}), folder / "kind.parquet")
        results.append(read(xent("eval", "kind.parquet", "-m", "mse", "--by", "k"))["slices"])
    np.savez(folder / "kind.npz", **columns, k=np.array([1.0, 2.0, np.nan]))
    results.append(read(xent("eval", "kind.npz", "--label", "y", "-m", "mse", "--by", "k"))["slices"])
    assert all(result == results[0] for result in results)
    assert [metric["slice"]["k"] for metric in results[0]] == ["1", "2", None]


def test_rows_left_out(xent, rows):
    result = read(xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", "--by", "country", "--where", "country != 'us' and age >= 18"))
    assert [metric["slice"]["country"] for metric in result["slices"]] == ["de", "fr"]
    assert sum(metric["count"] for metric in result["slices"]) == result["data"]["rows"]


def test_a_slice_without_a_usable_row_is_said_to_have_none(xent, folder):
    (folder / "gap.csv").write_text("y,score,k\n1,0.5,a\n0,nan,b\n")
    result = read(xent("eval", "gap.csv", "-m", "bce", "--by", "k", "--nan", "skip"))
    assert [(metric["slice"]["k"], metric["value"] == "nan", metric["count"]) for metric in result["slices"]] == [
        ("a", False, 1),
        ("b", True, 0),
    ]


def test_too_many_slices(xent, rows):
    ended = xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", "--by", "country,device", "--max-slices", "20")
    assert (ended.status, ended.out) == (2, "")
    assert "--by country,device: more than 20 slices: column 'device' has at least 11 values, crossed at least " in ended.err
    assert "--max-slices" in ended.err.splitlines()[-1]
    assert read(xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", "--by", "country,device", "--max-slices", "44"))


@pytest.mark.parametrize(
    ("by", "status", "said"),
    [
        (["--by", "nope"], 3, "there is no column 'nope'"),
        (["--by", "country,country"], 2, "'country' stands there twice"),
        (["--by", "country", "--by", "country"], 2, "--by country stands there twice"),
        (["--by", "country,"], 2, "write columns with commas between them"),
        (["--by", "cut(age)"], 2, "write columns with commas between them"),
        (["--by", "cut(age,old)"], 2, "cut at numbers"),
        (["--by", "cut(age,30,18)"], 2, "must go up"),
        (["--by", "cut(age,nan)"], 2, "must go up"),
        (["--by", "cut(country,1)"], 3, "rows.parquet: column 'country' holds string, not numbers"),
        (["--max-slices", "0"], 2, "--max-slices"),
    ],
)
def test_what_cannot_be_sliced_by(xent, rows, by, status, said):
    ended = xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", *by)
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err


def test_a_column_whose_name_has_a_comma(xent, folder):
    (folder / "comma.csv").write_text('y,score,"a,b"\n1,0.5,x\n0,0.25,y\n')
    assert [metric["slice"] for metric in read(xent("eval", "comma.csv", "-m", "mse", "--by", "a,b"))["slices"]] == [
        {"a,b": "x"},
        {"a,b": "y"},
    ]


def test_the_table_and_markdown_show_the_worst_first(xent, folder):
    (folder / "three.csv").write_text("y,score,k\n1,0.5,a\n0,0.75,b\n1,1,c\n0,0.75,=d\n1,0.5,\n")
    table = xent("eval", "three.csv", "-m", "mse", "-m", "binary_accuracy", "--by", "k", "-f", "table").out
    lines = [line.split()[:2] for line in table.splitlines() if "k=" in line]
    assert lines == [
        *(["mean_squared_error", f"k={name}"] for name in ("=d", "b", "a", "(missing)", "c")),
        *(["binary_accuracy", f"k={name}"] for name in ("=d", "a", "b", "(missing)", "c")),
    ]
    markdown = xent("eval", "three.csv", "-m", "mse", "--by", "k", "-f", "markdown").out
    assert [line.split("|")[2].strip() for line in markdown.splitlines()[2:8]] == ["all", "k==d", "k=b", "k=a", "k=\\(missing\\)", "k=c"]


def test_csv_and_json_lines_have_a_row_for_every_slice(xent, rows):
    ended = xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", "--by", "country,device", "-f", "csv")
    lines = list(csv.DictReader(io.StringIO(ended.out)))
    assert len(lines) == 1 + 44
    assert (lines[0]["slice"], lines[1]["slice"], lines[-1]["slice"]) == ("", "country=de, device=1", "country=(missing), device=11")
    ended = xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", "--by", "country", "-f", "jsonl")
    assert [json.loads(line)["slice"] for line in ended.out.splitlines()] == [None, *({"country": name} for name in COUNTRIES)]
    assert xent("eval", "rows.parquet", *COLUMNS, "-m", "mse", "--by", "country", "-q").out.count("\n") == 1


def test_a_long_table_says_what_it_leaves_out(xent, folder):
    lines = "".join(f"1,0.5,{number}\n" for number in range(MOST_SLICES + 10))
    (folder / "many.csv").write_text("y,score,k\n" + lines)
    table = xent("eval", "many.csv", "-m", "mse", "--by", "k", "-f", "table").out
    assert table.count("k=") == MOST_SLICES
    assert f"the first {MOST_SLICES} of {MOST_SLICES + 10} slices; -f csv has all" in table


def test_from_python(rows):
    import xent

    result = xent.evaluate("rows.parquet", ["mse"], label="y", pred="score", by=("country",))
    assert [metric.slice for metric in result.slices] == [{"country": country} for country in COUNTRIES]
