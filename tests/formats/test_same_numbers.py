"""The same rows give the same bits, whatever holds them and however they are read."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from xent.core.errors import DataError, UsageError
from xent.core.table import row_of
from xent.io.dataset import open_dataset
from xent.io.evaluation import evaluate
from xent.io.request import Request

LAYOUTS = [
    "a.csv", "a.tsv", "a.csv.gz", "a.csv.bz2", "a.csv.zst", "a.parquet", "a.arrow", "a.feather", "list.parquet", "fixed.parquet",
    "a.jsonl", "list.jsonl", "a.npz", "packed.npz", "one_hot.parquet",
]  # fmt: skip


def evaluated(path, metric="categorical_crossentropy", parameters=None, nan="error", **options):
    sources = path if isinstance(path, tuple) else (str(path),)
    with open_dataset(Request(sources=sources, **options)) as dataset:
        return evaluate(dataset, [row_of(metric).cls(**(parameters or {}))], nan=nan)


def expected(arrays, weighted):
    """The weighted mean by the formula, summed exactly."""
    y_true, y_pred, weight = arrays
    q = y_pred / y_pred.sum(axis=1, keepdims=True)
    values = -np.log(np.clip(q[np.arange(len(q)), y_true], 1e-7, 1 - 1e-7))
    weight = weight if weighted else np.ones(len(values))
    return math.fsum(values * weight) / math.fsum(weight)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_format_gives_the_formula(files, arrays, layout, weighted):
    options = {"label": "l_*"} if layout == "one_hot.parquet" else {}
    result = evaluated(files[layout], weight="weight" if weighted else None, **options)
    assert result.metrics[0].value == pytest.approx(expected(arrays, weighted), rel=1e-14)
    assert result.data.rows == len(arrays[0])


@pytest.mark.parametrize("weighted", [False, True])
def test_every_format_gives_the_same_bits_and_digest(files, weighted):
    seen = set()
    for layout in LAYOUTS:
        options = {"label": "l_*"} if layout == "one_hot.parquet" else {}
        for chunk_rows, threads in ((None, 1), (1, 2), (7, 1), (1000, 2)):
            weight = "weight" if weighted else None
            result = evaluated(files[layout], weight=weight, chunk_rows=chunk_rows, threads=threads, **options)
            seen.add((repr(result.metrics[0].value), repr(result.metrics[0].health), result.data.digest))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "save",
    [
        lambda p: p,
        np.asfortranarray,
        lambda p: p.astype(">f8"),
        lambda p: p.astype("<f8"),
    ],
    ids=["C order", "Fortran order", "big endian", "little endian"],
)
def test_npy_in_every_order(tmp_path, arrays, save):
    np.save(tmp_path / "p.npy", save(arrays[1]))
    np.save(tmp_path / "y.npy", arrays[0].astype(">i2"))
    for chunk_rows in (None, 1, 7):
        result = evaluated(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"), chunk_rows=chunk_rows)
        assert result.metrics[0].value == pytest.approx(expected(arrays, False), rel=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_floats_are_computed_in_float64(tmp_path, arrays, dtype):
    y_true, y_pred, weight = arrays
    narrow = y_pred.astype(dtype)
    np.save(tmp_path / "p.npy", narrow)
    np.save(tmp_path / "y.npy", y_true)
    result = evaluated(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"))
    assert result.metrics[0].value == pytest.approx(expected((y_true, narrow.astype("f8"), weight), False), rel=1e-14)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_npy_of_integers_and_booleans(tmp_path, dtype):
    y_pred = np.array([[0, 1], [1, 0], [0, 1]]).astype(dtype)
    np.save(tmp_path / "p.npy", y_pred)
    np.save(tmp_path / "y.npy", np.array([1, 0, 0]))
    result = evaluated(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"))
    assert result.metrics[0].value == pytest.approx((-2 * math.log(1 - 1e-7) - math.log(1e-7)) / 3, rel=1e-12)


def test_arrays_of_three_dimensions(tmp_path):
    rng = np.random.default_rng(4)
    y_pred = rng.dirichlet(np.ones(3), (8, 5))
    y_true = rng.integers(0, 3, (8, 5))
    for order in (np.ascontiguousarray, np.asfortranarray):
        np.save(tmp_path / "p.npy", order(y_pred))
        np.save(tmp_path / "y.npy", y_true)
        values = -np.log(np.take_along_axis(y_pred / y_pred.sum(-1, keepdims=True), y_true[..., None], -1))
        for chunk_rows in (None, 1, 3):
            result = evaluated(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"), chunk_rows=chunk_rows)
            assert result.metrics[0].value == pytest.approx(values.mean(), rel=1e-12)


def test_many_files_are_one_data_set(tmp_path, table, arrays):
    import pyarrow.parquet as pq

    for number, start in enumerate(range(0, len(table), 9)):
        pq.write_table(table.slice(start, 9), tmp_path / f"part-{number}.parquet")
    whole = expected(arrays, True)
    for source in (str(tmp_path), str(tmp_path / "*.parquet"), tuple(str(path) for path in sorted(tmp_path.iterdir()))):
        for threads in (1, 3):
            sources = source if isinstance(source, tuple) else (source,)
            result = evaluated(sources, weight="weight", threads=threads)
            assert result.metrics[0].value == pytest.approx(whole, rel=1e-14)
            assert result.data.rows == len(table)


def test_class_names_booleans_and_offset_numbers(tmp_path, arrays):
    y_true, y_pred, _ = arrays
    names = ["ant", "bee", "cat", "dog"]
    header = "label," + ",".join(f"p_{name}" for name in names)
    lines = [f"{names[label]}," + ",".join(map(str, row)) for label, row in zip(y_true, y_pred, strict=True)]
    (tmp_path / "names.csv").write_text("\n".join([header, *lines]) + "\n")
    assert evaluated(tmp_path / "names.csv").metrics[0].value == pytest.approx(expected(arrays, False), rel=1e-14)

    header = "label," + ",".join(f"p{k}" for k in range(1, 5))
    lines = [f"{label + 1}," + ",".join(map(str, row)) for label, row in zip(y_true, y_pred, strict=True)]
    (tmp_path / "from_one.csv").write_text("\n".join([header, *lines]) + "\n")
    assert evaluated(tmp_path / "from_one.csv").metrics[0].value == pytest.approx(expected(arrays, False), rel=1e-14)

    lines = [f"{'true' if label % 2 else 'false'},{row[0]}" for label, row in zip(y_true, y_pred, strict=True)]
    (tmp_path / "booleans.csv").write_text("\n".join(["label,score", *lines]) + "\n")
    p = np.clip(y_pred[:, 0], 1e-7, 1 - 1e-7)
    values = np.where(y_true % 2, -np.log(p), -np.log(1 - p))
    assert evaluated(tmp_path / "booleans.csv", "binary_crossentropy").metrics[0].value == pytest.approx(values.mean(), rel=1e-14)


def test_numbered_columns_are_in_natural_order(tmp_path):
    """p_10 comes after p_9 though it sorts before p_2, and though the file has the columns in another order."""
    order = [10, 3, 0, 7, 1, 9, 2, 8, 4, 6, 5]
    row = {k: (0.5 if k == 10 else 0.05) for k in order}
    (tmp_path / "a.csv").write_text("label," + ",".join(f"p_{k}" for k in order) + "\n10," + ",".join(str(row[k]) for k in order) + "\n")
    assert evaluated(tmp_path / "a.csv").metrics[0].value == pytest.approx(-math.log(0.5), rel=1e-12)
    assert evaluated(tmp_path / "a.csv", pred="p_*").metrics[0].value == pytest.approx(-math.log(0.5), rel=1e-12)


def test_labels_by_key_in_another_order(tmp_path, arrays):
    y_true, y_pred, _ = arrays
    keys = [f"k{number}" for number in range(len(y_true))]
    lines = [f"{key}," + ",".join(map(str, row)) for key, row in zip(keys, y_pred, strict=True)]
    (tmp_path / "p.csv").write_text("id,p_0,p_1,p_2,p_3\n" + "\n".join(lines) + "\n")
    shuffled = np.random.default_rng(1).permutation(len(keys))
    (tmp_path / "y.csv").write_text("id,label\n" + "\n".join(f"{keys[at]},{y_true[at]}" for at in shuffled) + "\n")
    result = evaluated(tmp_path / "p.csv", labels=str(tmp_path / "y.csv"), on="id")
    assert result.metrics[0].value == pytest.approx(expected(arrays, False), rel=1e-14)


@pytest.mark.parametrize("source", ["a.csv", "a.parquet", "a.jsonl", "a.arrow"])
def test_where_keeps_the_rows_for_which_it_holds(files, arrays, source):
    y_true, y_pred, weight = arrays
    keep = (weight > 1.0) & ~np.isin(y_true, [0, 2])
    result = evaluated(files[source], where="weight > 1.0 and label not in (0, 2)", chunk_rows=7)
    assert result.data.rows == keep.sum() > 0
    assert result.metrics[0].value == pytest.approx(expected((y_true[keep], y_pred[keep], weight[keep]), False), rel=1e-14)


def test_where_knows_folder_names(tmp_path, table, arrays):
    import pyarrow.parquet as pq

    for country, rows in (("de", slice(0, 20)), ("fr", slice(20, 60))):
        (tmp_path / f"country={country}").mkdir()
        pq.write_table(table.slice(rows.start, rows.stop - rows.start), tmp_path / f"country={country}" / "part.parquet")
    result = evaluated(tmp_path, where="country == 'fr'")
    part = tuple(values[20:] for values in arrays)
    assert result.data.rows == 40
    assert result.metrics[0].value == pytest.approx(expected(part, False), rel=1e-14)


def test_two_probability_columns_are_one_event(tmp_path):
    y_pred = np.array([[0.2, 0.8], [0.7, 0.3]])
    np.save(tmp_path / "p.npy", y_pred)
    np.save(tmp_path / "y.npy", np.array([1, 1]))
    result = evaluated(tmp_path / "p.npy", "binary_crossentropy", labels=str(tmp_path / "y.npy"))
    assert result.metrics[0].value == pytest.approx(-(math.log(0.8) + math.log(0.3)) / 2, rel=1e-14)
    with open_dataset(Request(sources=(str(tmp_path / "p.npy"),), labels=str(tmp_path / "y.npy"))) as dataset:
        assert any("class 1" in note for note in dataset.notes)


def test_nan_policies(tmp_path, arrays):
    y_true, y_pred, weight = arrays
    y_pred = y_pred.copy()
    y_pred[[5, 41], [1, 0]] = np.nan
    np.savez(tmp_path / "a.npz", y_true=y_true, y_pred=y_pred, weight=weight)
    kept = np.isfinite(y_pred).all(axis=1)
    for chunk_rows in (None, 1, 7):
        result = evaluated(tmp_path / "a.npz", nan="skip", chunk_rows=chunk_rows)
        assert (result.data.rows, result.data.rows_dropped) == (58, 2)
        assert result.metrics[0].value == pytest.approx(expected((y_true[kept], y_pred[kept], weight[kept]), False), rel=1e-14)
    assert math.isnan(evaluated(tmp_path / "a.npz", nan="propagate").metrics[0].value)


def test_classes_on_another_axis(tmp_path):
    rng = np.random.default_rng(5)
    y_pred = rng.dirichlet(np.ones(3), (8, 5))
    y_true = rng.integers(0, 3, (8, 5))
    np.save(tmp_path / "p.npy", np.moveaxis(y_pred, -1, 1))
    np.save(tmp_path / "y.npy", y_true)
    values = -np.log(np.take_along_axis(y_pred / y_pred.sum(-1, keepdims=True), y_true[..., None], -1))
    for axis, chunk_rows in ((1, None), (1, 3), (-2, None)):
        result = evaluated(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"), parameters={"axis": axis}, chunk_rows=chunk_rows)
        assert result.metrics[0].value == pytest.approx(values.mean(), rel=1e-12)
    with pytest.raises(DataError, match="that of the rows"):
        evaluated(tmp_path / "p.npy", labels=str(tmp_path / "y.npy"), parameters={"axis": 0})


@pytest.mark.parametrize(
    ("where", "groups"),
    [
        ("day == 4", [1]),
        ("day == 3", []),
        ("day < 2", [0]),
        ("day > 7 or day <= 1", [0, 2, 3]),
        ("day >= 9 and `a b` == 'x'", [3]),
        ("day in (5, 100)", [1]),
        ("day != 1", [0, 1, 2, 3]),
        ("not day < 2", [0, 1, 2, 3]),
        ("day == 'monday'", [0, 1, 2, 3]),
        (["day > 4", "day < 8"], [1, 2]),
    ],
)
def test_row_groups_that_cannot_matter_are_not_read(tmp_path, where, groups):
    """Days 0 to 11, three in a row group, and in every third row no day at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from xent.io.dataset import Dataset

    rows = 12
    columns = {"label": [0, 1] * 6, "score": [0.25] * rows, "day": [day if day % 3 else None for day in range(rows)], "a b": ["x"] * rows}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=3)
    dataset = Dataset(Request(sources=(str(tmp_path / "a.parquet"),), where=where))
    first_rows = [part._part.read.args[1] for part in dataset.parts()]
    assert [first // 3 for first in first_rows] == groups


@pytest.mark.parametrize(
    ("where", "rows", "groups"),
    [
        ("date >= '2026-01-05'", 8, [1, 2, 3]),
        ("date == '2026-01-04'", 1, [1]),
        ("date in ('2026-01-01', '2026-01-12')", 2, [0, 3]),
        ("'2026-01-03' > date", 2, [0, 1, 2, 3]),
        ("moment < '2026-01-02T06:00:00'", 2, [0, 1, 2, 3]),
        ("moment < '2026-01-02 06:00:01' and date > '2026-01-01'", 1, [0, 1, 2, 3]),
    ],
)
def test_dates_and_times_compare_with_texts(tmp_path, where, rows, groups):
    """The 1st to the 12th of January 2026, at 6 o'clock from the 3rd on and else at 5, three in a row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from xent.io.dataset import Dataset

    dates = [dt.date(2026, 1, 1 + day) for day in range(12)]
    moments = [dt.datetime.combine(date, dt.time(5 if date.day < 3 else 6)) for date in dates]
    columns = {"label": [0, 1] * 6, "score": [0.25] * 12, "date": dates, "moment": moments}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=3)
    dataset = Dataset(Request(sources=(str(tmp_path / "a.parquet"),), where=where))
    assert [part._part.read.args[1] // 3 for part in dataset.parts()] == groups
    assert sum(len(batch) for batch in dataset.batches()) == rows
    with pytest.raises(UsageError, match=r"--where date == 'monday': "):
        evaluated(tmp_path / "a.parquet", "binary_crossentropy", where="date == 'monday'")


def test_the_digest_knows_classes_by_name_whatever_their_indices_are_stored_as(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.csv").write_text("label,p_0,p_1\n0,0.5,0.5\n1,0.5,0.5\n1,0.5,0.5\n")
    (tmp_path / "named.csv").write_text("label,p_no,p_yes\nno,0.5,0.5\nyes,0.5,0.5\nyes,0.5,0.5\n")
    pq.write_table(pa.table({"label": [0, 1, 1], "p_0": [0.5] * 3, "p_1": [0.5] * 3, "w": [1.0] * 3}), tmp_path / "a.parquet")
    found = [evaluated(tmp_path / name, classes=("no", "yes")).data.digest for name in ("a.csv", "a.parquet")]
    found.append(evaluated(tmp_path / "a.parquet", classes=("no", "yes"), weight="w").data.digest)
    assert {evaluated(tmp_path / "named.csv").data.digest} == set(found)
    assert evaluated(tmp_path / "a.csv", classes=("yes", "no")).data.digest not in found
