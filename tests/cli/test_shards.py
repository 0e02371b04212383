"""`--shard K/N`: disjoint parts of any source, whose states make, byte for byte, the state of the whole."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

ROWS = 3_000
SPLITS = (1, 2, 3, 11)
# The value of every row shows each of them once, in its place.
ASKED = ("-m", "cce", "-m", "cce:reduction=none", "-m", "confusion_matrix", "--by", "country")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """So that rows and quoted fields go across blocks of a small file."""
    monkeypatch.setattr("xent.io.lines._BLOCK", 1663)
    monkeypatch.setattr("xent.io.tables.BLOCK_ROWS", 170)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    p = np.round(rng.dirichlet(np.ones(3), ROWS), 3)
    country = np.array(["de", "fr", 'a "b"\n,c', "5' 11\""])[rng.integers(0, 4, ROWS)]
    return pa.table({"label": rng.integers(0, 3, ROWS), **{f"p_{k}": p[:, k] for k in range(3)}, "country": country})


def write_csv(table, path, line=str.encode):
    """Texts with quotes where they need them, and with quotation marks that mean nothing where they do not."""
    lines = [",".join(table.column_names)]
    for row in table.to_pylist():
        country = row["country"]
        if "," in country:
            country = '"' + country.replace('"', '""') + '"'
        lines.append(",".join([str(row["label"]), *(repr(row[f"p_{k}"]) for k in range(3)), country]))
    path.write_bytes(line("\n".join(lines) + "\n"))


def write_arrow(table, path, new):
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def write_lines(table, path, blank=""):
    path.write_text("".join(blank * (number % 5 == 0) + json.dumps(row) + "\n" for number, row in enumerate(table.to_pylist())))


WRITERS = {
    "plain.csv": write_csv,
    "crlf.csv": lambda table, path: write_csv(table, path, lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").rstrip().encode()),
    "blank.csv": lambda table, path: write_csv(table, path, lambda text: text.replace("\n1", "\n\n\n1").encode()),
    "plain.tsv": lambda table, path: pa.csv.write_csv(table, path, pa.csv.WriteOptions(delimiter="\t")),
    "packed.csv.gz": lambda table, path: write_csv(table, path, lambda text: gzip.compress(text.encode())),
    "plain.jsonl": write_lines,
    "blank.jsonl": lambda table, path: write_lines(table, path, "  \n\n"),
    "groups.parquet": lambda table, path: pq.write_table(table, path, row_group_size=170),
    "one.parquet": pq.write_table,
    "file.arrow": lambda table, path: write_arrow(table, path, pa.ipc.new_file),
    "stream.arrow": lambda table, path: write_arrow(table, path, pa.ipc.new_stream),
}


def write(table, layout, folder):
    """The sources that hold a table in some layout."""
    if layout != "several":
        WRITERS[layout](table, folder / layout)
        return [layout]
    parts = folder / "parts"
    parts.mkdir()
    write_csv(table.slice(0, 1000), parts / "0.csv")
    WRITERS["packed.csv.gz"](table.slice(1000, 1000), parts / "1.csv.gz")
    pq.write_table(table.slice(2000, 50), parts / "2.parquet")
    pq.write_table(table.slice(2050), parts / "3.parquet", row_group_size=100)
    return ["parts"]


def shards_of(xent, sources, of, *options):
    for number in range(1, of + 1):
        ended = xent("eval", *sources, *options, "--shard", f"{number}/{of}", "-q", "--state", f"{number}-{of}.state")
        assert ended.status == 0, ended.err
    return [f"{number}-{of}.state" for number in range(1, of + 1)]


def rows_in(state):
    return json.loads(state.read_text())["data"]["rows"]


@pytest.mark.parametrize("layout", [*WRITERS, "several"])
def test_the_shards_of_any_source_are_the_whole(xent, folder, rows, layout):
    sources = write(rows, layout, folder)
    whole = xent("eval", *sources, *ASKED, "--state", "whole.state")
    assert whole.status == 0, whole.err
    # What a CSV with other ends of lines holds is not what was written, but it is as many rows.
    assert json.loads(whole.out)["data"]["rows"] == ROWS
    for of in SPLITS:
        states = shards_of(xent, sources, of, *ASKED)
        assert sum(rows_in(folder / state) for state in states) == ROWS
        # In the order of a shell's `*`, where 10 comes before 2.
        merged = xent("merge", *sorted(states), "--state", "merged.state")
        assert (merged.status, merged.err) == (0, "")
        assert merged.out == whole.out
        assert (folder / "merged.state").read_bytes() == (folder / "whole.state").read_bytes()


@pytest.mark.parametrize("layout", ["plain.csv", "plain.jsonl", "groups.parquet", "file.arrow"])
def test_shards_are_about_equally_large(xent, folder, rows, layout):
    sources = write(rows, layout, folder)
    counts = [rows_in(folder / state) for state in shards_of(xent, sources, 4, "-m", "cce")]
    assert max(counts) < 2 * min(counts), counts


@pytest.mark.parametrize("form", ["npy", "npz", "fortran"])
def test_shards_of_arrays(xent, folder, rows, form):
    p = np.column_stack([rows[f"p_{k}"] for k in range(3)])
    p = np.asfortranarray(p) if form == "fortran" else p
    np.save(folder / "y.npy", np.asarray(rows["label"]))
    np.save(folder / "p.npy", p)
    np.savez_compressed(folder / "both.npz", label=np.asarray(rows["label"]), probs=p)
    options = ("-m", "cce:reduction=none", "-m", "cce")
    args = ["both.npz"] if form == "npz" else ["p.npy", "--labels", "y.npy"]
    whole = xent("eval", *args, *options, "--state", "whole.state")
    assert whole.status == 0, whole.err
    for of in SPLITS:
        states = shards_of(xent, args, of, *options)
        assert {rows_in(folder / state) for state in states} <= {ROWS // of, ROWS // of + 1}
        assert xent("merge", *states, "--state", "merged.state").out == whole.out
        assert (folder / "merged.state").read_bytes() == (folder / "whole.state").read_bytes()


@pytest.mark.parametrize("labels", ["labels.csv", "labels.parquet", "labels.csv.gz"])
@pytest.mark.parametrize("layout", ["plain.csv", "packed.csv.gz", "plain.jsonl", "groups.parquet", "stream.arrow"])
def test_labels_of_a_second_file_row_by_row(xent, folder, rows, layout, labels):
    sources = write(rows.rename_columns(["other", *rows.column_names[1:]]) if "csv" not in layout else rows, layout, folder)
    # A column of another order, so that a label that is a row off shows.
    column = pa.table({"label": pa.array(np.asarray(rows["label"])[::-1])})
    if labels.endswith("parquet"):
        pq.write_table(column, folder / labels, row_group_size=259)
    else:
        text = "label\n" + "".join(f"{label}\n" for label in column["label"].to_pylist())
        (folder / labels).write_bytes(gzip.compress(text.encode()) if labels.endswith("gz") else text.encode())
    args = [*sources, "--labels", labels, "--label", "label", "--pred", "p_*"]
    whole = xent("eval", *args, *ASKED, "--state", "whole.state")
    assert whole.status == 0, whole.err
    for of in (1, 3, 8):
        states = shards_of(xent, args, of, *ASKED)
        assert xent("merge", *states, "--state", "merged.state").out == whole.out
        assert (folder / "merged.state").read_bytes() == (folder / "whole.state").read_bytes()


def test_shards_have_intervals(xent, folder, rows):
    sources = WRITERS["groups.parquet"](rows, folder / "a.parquet") or ["a.parquet"]
    options = ("-m", "cce", "-m", "auc", "--ci", "0.9", "--seed", "3", "--cluster", "country")
    whole = xent("eval", *sources, *options)
    assert json.loads(whole.out)["metrics"][0]["ci"]["level"] == 0.9
    assert xent("merge", *shards_of(xent, sources, 4, *options)).out == whole.out


def test_labels_by_key_need_no_order(xent, folder, rows):
    keyed = rows.append_column("id", pa.array(np.arange(ROWS)))
    pq.write_table(keyed.drop_columns("label"), folder / "p.parquet", row_group_size=330)
    pq.write_table(keyed.select(["id", "label"]).take(np.random.default_rng(0).permutation(ROWS)), folder / "y.parquet")
    args = ["p.parquet", "--labels", "y.parquet", "--on", "id"]
    whole = xent("eval", *args, *ASKED)
    assert xent("merge", *shards_of(xent, args, 5, *ASKED)).out == whole.out


def test_labels_behind_those_of_sources_of_unknown_length(xent, folder, rows):
    write_csv(rows.slice(0, 110), folder / "a.csv")
    write_csv(rows.slice(110, 90), folder / "b.csv")
    pq.write_table(rows.slice(0, 200).select(["label"]), folder / "y.parquet")
    args = ["eval", "a.csv", "b.csv", "--labels", "y.parquet", "--pred", "p_*", "-m", "cce"]
    assert xent(*args, "--shard", "1/2").status == 0
    ended = xent(*args, "--shard", "2/2")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: --shard: the labels of b.csv stand behind those of other sources")


@pytest.mark.parametrize("layout", ["p.csv", "p.csv.gz", "p.jsonl"])
def test_left_over_labels(xent, folder, rows, layout):
    """Nothing but the end of the predictions tells; whoever reads it sees it."""
    table = rows.slice(0, 100).drop_columns("country")
    if layout.endswith("jsonl"):
        (folder / layout).write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        pa.csv.write_csv(table, folder / "p.csv")
        (folder / "p.csv.gz").write_bytes(gzip.compress((folder / "p.csv").read_bytes()))
    (folder / "few.csv").write_text("label\n" + "1\n" * 99)
    (folder / "many.csv").write_text("label\n" + "1\n" * 101)
    found = {
        labels: [xent("eval", layout, "--pred", "p_*", "--labels", labels, "-m", "cce", "--shard", f"{k}/2") for k in (1, 2)]
        for labels in ("few.csv", "many.csv")
    }
    assert any("few.csv: has 99 rows, and" in ended.err for ended in found["few.csv"])
    if layout != "p.csv.gz":
        assert "many.csv: has more rows than the 100 predictions" in found["many.csv"][1].err
        assert found["many.csv"][0].status == 0


@pytest.mark.parametrize(
    "layout", ["plain.csv", "crlf.csv", "blank.csv", "packed.csv.gz", "plain.jsonl", "blank.jsonl", "groups.parquet", "file.arrow"]
)
def test_an_error_names_the_row_in_the_file(xent, folder, rows, layout):
    p_1 = np.array(rows["p_1"]).copy()
    p_1[2_311] = 7.0
    spoilt = rows.set_column(2, "p_1", pa.array(p_1))
    sources = write(spoilt, layout, folder)
    whole = xent("eval", *sources, "-m", "cce")
    assert f"{layout}: column 'p_1', row 2312: prediction 7.0" in whole.err
    ended = [xent("eval", *sources, "-m", "cce", "--shard", f"{k}/5") for k in range(1, 6)]
    assert [one.err for one in ended if one.status] == [whole.err]


def test_an_error_of_the_parser_does_too(xent, folder, rows):
    write_csv(rows, folder / "a.csv")
    lines = (folder / "a.csv").read_text().split("\n")
    at = max(number for number, line in enumerate(lines) if line.endswith(",de"))
    lines[at] = "1,0.5,x,0.5,de"
    (folder / "a.csv").write_text("\n".join(lines))
    whole = xent("eval", "a.csv", "-m", "cce")
    assert "column 'p_1', row " in whole.err
    assert xent("eval", "a.csv", "-m", "cce", "--shard", "9/9").err == whole.err


def test_a_shard_that_has_no_rows(xent, folder, rows):
    pq.write_table(rows, folder / "one.parquet")
    ended = xent("eval", "one.parquet", "-m", "cce", "--shard", "2/2")
    assert (ended.status, ended.err) == (5, "xent: error: one.parquet: there are no rows in shard 2/2\n")
    assert xent("eval", "one.parquet", "-m", "cce", "--shard", "2/2", "-q", "--state", "2.state").out == "nan\n"
    ended = xent("merge", "2.state")
    assert (ended.status, ended.err) == (5, "xent: error: there are no rows in the states\n")


def test_without_a_metric_all_shards_take_the_same(xent, folder):
    (folder / "a.csv").write_text("y,score\n" + "1,0.5\n0,0.25\n" * 600 + "2,0.5\n" * 1200)
    named = [metric["name"] for metric in json.loads(xent("eval", "a.csv", "--shard", "1/2").out)["metrics"]]
    ended = xent("eval", "a.csv", "--shard", "2/2")
    # The first rows are those of a binary task, and the second shard has to say that its labels are none.
    assert "binary_crossentropy" in named
    assert ended.status == 3
    ended = xent("eval", "-", "--input-format", "csv", "--shard", "2/2", stdin=b"y,score\n1,0.5\n")
    assert ended.status == 2
    assert "--shard of a pipe needs -m" in ended.err


def test_a_pipe_is_dealt_out(xent, folder):
    text = "y,score\n" + "".join(f"{k % 2},{k / 20_000!r}\n" for k in range(20_000))
    (folder / "a.csv").write_text(text)
    for k in (1, 2, 3):
        ended = xent("eval", "-", "--input-format", "csv", "-m", "bce", "--shard", f"{k}/3", "--state", f"{k}.state", stdin=text.encode())
        assert ended.status == 0, ended.err
    assert xent("merge", "1.state", "2.state", "3.state", "-q").out == xent("eval", "a.csv", "-m", "bce", "-q").out


def test_equal_parts_of_a_file_are_not_the_same_rows(xent, folder):
    (folder / "a.csv").write_text("y,score\n" + "1,0.75\n0,0.5\n" * 8)
    whole = xent("eval", "a.csv", "-m", "bce")
    states = shards_of(xent, ["a.csv"], 4, "-m", "bce")
    digests = {json.loads((folder / state).read_text())["data"]["sources"][0]["digest"] for state in states}
    assert len(digests) == 1
    assert xent("merge", *states).out == whole.out
    assert xent("merge", *states[:2], "--state", "sum.state").status == 0
    assert xent("merge", "sum.state", *states[2:]).out == whole.out


def test_the_same_shard_twice(xent, folder, rows):
    pq.write_table(rows, folder / "a.parquet", row_group_size=330)
    pq.write_table(rows, folder / "copy.parquet", row_group_size=330)
    states = shards_of(xent, ["a.parquet"], 3, "-m", "cce")
    (folder / "again.state").write_bytes((folder / states[1]).read_bytes())
    shard = "shard 2/3 of 'a.parquet'"
    count = f"{rows_in(folder / states[1]):,}"

    def refused(*names):
        ended = xent("merge", *names)
        assert (ended.status, ended.out) == (3, "")
        return ended.err

    twice = f"again.state: holds {shard}, whose {count} rows are those of {shard} in {states[1]}: they would count twice"
    assert twice in refused(*states, "again.state")
    # Also where it is already part of a sum,
    assert xent("merge", *states[:2], "--state", "sum.state").status == 0
    twice = f"again.state: holds {shard}, and sum.state holds shards 1-2/3 of 'a.parquet'"
    assert twice in refused("sum.state", "again.state")
    # under another name,
    assert xent("eval", "copy.parquet", "-m", "cce", "--shard", "2/3", "--state", "copy.state").status == 0
    assert "copy.state: holds shard 2/3 of 'copy.parquet', whose" in refused(*states, "copy.state")
    # beside the whole, and of another split.
    assert xent("eval", "a.parquet", "-m", "cce", "--state", "whole.state").status == 0
    assert f"{states[0]}: holds shard 1/3 of 'a.parquet', and whole.state holds 'a.parquet'" in refused("whole.state", states[0])
    assert xent("eval", "a.parquet", "-m", "cce", "--shard", "4/4", "--state", "4-4.state").status == 0
    assert "4-4.state: holds shard 4/4 of 'a.parquet', and 1-3.state holds shard 1/3 of 'a.parquet'" in refused(states[0], "4-4.state")


def test_files_of_one_name_and_size_are_others_if_their_rows_are(xent, folder, rows, monkeypatch):
    for number in (0, 1):
        (folder / f"day{number}").mkdir()
        np.savez(
            folder / f"day{number}/a.npz",
            label=np.array(rows["label"])[number * 10 :][:10],
            probs=np.random.default_rng(number).dirichlet(np.ones(3), 10),
        )
    whole = xent("eval", "day0/a.npz", "day1/a.npz", "-m", "cce", "-q").out
    states = []
    for number in (0, 1):
        monkeypatch.chdir(folder / f"day{number}")
        states += [f"day{number}/{state}" for state in shards_of(xent, ["a.npz"], 2, "-m", "cce")]
    monkeypatch.chdir(folder)
    assert xent("merge", *states, "-q").out == whole


def test_shards_that_are_missing_are_told(xent, folder, rows):
    pq.write_table(rows, folder / "a.parquet", row_group_size=330)
    states = shards_of(xent, ["a.parquet"], 7, "-m", "cce")
    ended = xent("merge", states[0], states[4], states[6], "-q")
    assert (ended.status, ended.err) == (0, "xent: warning: shards 2-4, 6 of 7 are missing\n")
    assert xent("merge", *states[1:], "-q").err == "xent: warning: shard 1 of 7 is missing\n"


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/2/3", "1.0/2"])
def test_no_such_shard(xent, multi, shard):
    ended = xent("eval", multi, "--shard", shard)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: --shard ")


def test_what_a_state_says_of_its_shards_is_checked(xent, folder, rows):
    from xent.io.state_file import sealed

    pq.write_table(rows, folder / "a.parquet", row_group_size=330)
    (name, _, _) = shards_of(xent, ["a.parquet"], 3, "-m", "cce")
    state = json.loads((folder / name).read_text())
    state.pop("checksum")
    for change in ({"shards": []}, {"shards": [4]}, {"shards": [0]}, {"of": 0}, {"size": 0}, {"start": -1}, {"total": 1}, {"total": "x"}):
        body = json.loads(json.dumps(state))
        body["data"]["sources"][0]["share"].update(change)
        (folder / "bad.state").write_text(sealed(body))
        ended = xent("merge", "bad.state")
        assert (ended.status, ended.out) == (3, ""), change
        assert ended.err.startswith("xent: error: bad.state: is no sound state: ")
