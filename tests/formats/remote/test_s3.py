"""S3, through a proxy that spoils answers, in front of a server of S3 on loopback."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from xent.core.tally import Tally
from xent.io import stores
from xent.io.urls import parsed

FOOTER = 1 << 16
"""What pyarrow reads from the end of a Parquet file, before it knows where the columns lie."""


@pytest.fixture
def here(tmp_path, wide):
    (tmp_path / "wide.parquet").write_bytes(wide)
    return "wide.parquet"


@pytest.fixture
def there(s3, wide):
    return s3.put("wide.parquet", wide)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.bz2", "a.jsonl", "a.parquet", "a.arrow", "a.npz"])
def test_every_format_gives_the_same_as_from_a_file(s3, files, xent, name):
    url = s3.put(f"some folder/{name}", files[name].read_bytes())
    remote = xent("eval", url, "-f", "json")
    assert remote.exit_code == 0, remote.stderr
    expected = json.loads(xent("eval", str(files[name]), "-f", "json").stdout)
    expected["data"]["sources"] = [url]
    assert json.loads(remote.stdout) == expected


def test_only_the_needed_columns_are_fetched(s3, there, here, wide, wide_needs, xent):
    s3.proxy.sent = 0
    remote = xent("eval", there, "-q")
    assert (remote.exit_code, remote.stdout) == (0, xent("eval", here, "-q").stdout)
    assert wide_needs < s3.proxy.sent <= 1.1 * wide_needs + FOOTER


def test_row_groups_that_cannot_matter_are_not_fetched(s3, wide, xent, tmp_path):
    """A condition that the footer's bounds decide costs no bytes but the footer's."""
    table = pq.read_table(pa.BufferReader(wide), columns=["label", "p_0", "p_1"]).append_column("row", pa.array(np.arange(60_000)))
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=20_000)
    url = s3.put("rows.parquet", (tmp_path / "rows.parquet").read_bytes())
    ended = {}
    for rows in ("row < 20000", "row >= 0"):
        s3.proxy.sent = 0
        remote = xent("eval", url, "-q", "-m", "bce", "--where", rows)
        assert remote.stdout == xent("eval", "rows.parquet", "-q", "-m", "bce", "--where", rows).stdout
        ended[rows] = s3.proxy.sent - FOOTER
    assert ended["row < 20000"] <= ended["row >= 0"] / 2.5


@pytest.mark.heavy
@pytest.mark.parametrize("faults", [["500", "503"], ["reset", "reset"], ["short", "short"], ["slow", "stall", "503"]], ids=" ".join)
@pytest.mark.parametrize("name", ["wide.parquet", "wide.csv.gz"])
def test_what_passes_is_tried_again(s3, there, here, xent, tmp_path, faults, name):
    if name.endswith(".gz"):
        text = "\n".join(["label,p_0,p_1", *(f"{k % 2},{k / 4096},{1 - k / 4096}" for k in range(4096))]).encode()
        (tmp_path / name).write_bytes(gzip.compress(text))
        s3.put(name, gzip.compress(text))
    expected = xent("eval", name, "-q")
    s3.proxy.faults.extend(faults)
    remote = xent("eval", s3.url(name), "-q")
    assert (remote.exit_code, remote.stdout, remote.stderr) == (0, expected.stdout, "")
    assert not s3.proxy.faults


def test_retries_are_counted(s3, there, xent):
    def tries(retries):
        s3.proxy.gets.clear()
        s3.proxy.faults.clear()
        s3.proxy.faults.extend(["503"] * 1000)
        ended = xent("eval", there, "-m", "bce", "--retries", retries)
        assert ended.exit_code == 3
        assert ended.stderr.startswith(f"xent: error: {there}: ")
        assert ended.stderr.count("\n") == 1
        return len(s3.proxy.gets)

    assert [tries("0"), tries("1")] == [1, 2]


@pytest.mark.parametrize("after", [1, 4, 7])
@pytest.mark.parametrize("same_size", [True, False])
def test_an_object_that_changes_is_refused(s3, there, wide, xent, after, same_size):
    other = wide[:5000] + bytes(1000) + wide[6000:] if same_size else wide[: len(wide) // 2]
    changed = []

    def before(request):
        if len(s3.proxy.gets) > after and not changed:
            changed.append(True)
            s3.put("wide.parquet", other)

    s3.proxy.before = before
    ended = xent("eval", there, "-q", "--threads", "1", "--retries", "0")
    assert changed
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"xent: error: {there}: changed while it was read: ")


def test_an_object_that_vanishes_is_refused(s3, there, xent):
    s3.proxy.before = lambda request: 404 if len(s3.proxy.gets) > 4 else None
    ended = xent("eval", there, "-q", "--retries", "0")
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"xent: error: {there}: ")


def sources(ended):
    assert ended.exit_code == 0, ended.stderr
    return [source.partition("/run-")[2] for source in json.loads(ended.stdout)["data"]["sources"]]


def test_globs_and_directories(s3, files, xent):
    text = files["a.csv"].read_bytes()
    keys = ["run-1/a.csv", "run-2/a.csv", "run-10/a.csv", "run-10/deep/b.csv"]
    for key in (*keys, "run-2/_SUCCESS", "run-2/_temporary/c.csv", "other/d.csv"):
        s3.put(f"models/{key}", text)
    find = "models/run-*/*.csv", "models/run-[12]/a.*", "models/run-*/**/*.csv", "models/run-10", "models/run-10/"
    found = [sources(xent("eval", s3.url(pattern), "-f", "json")) for pattern in find]
    assert found == [
        ["1/a.csv", "2/a.csv", "10/a.csv"],
        ["1/a.csv", "2/a.csv"],
        ["1/a.csv", "2/_temporary/c.csv", "2/a.csv", "10/a.csv", "10/deep/b.csv"],
        ["10/a.csv", "10/deep/b.csv"],
        ["10/a.csv", "10/deep/b.csv"],
    ]
    assert xent("eval", s3.url("models/run-1/*.csv"), "-q").stdout == xent("eval", str(files["a.csv"]), "-q").stdout
    assert xent("eval", s3.url("models/none-*/*.csv")).exit_code == 5
    assert xent("eval", s3.url("models/run-2/_*")).exit_code == 2  # A file by its name, whose format cannot be told.


def test_only_levels_that_may_match_are_listed(s3, files, xent):
    for run in range(4):
        s3.put(f"runs/run-{run}/part/a.csv", files["a.csv"].read_bytes())
    s3.proxy.seen.clear()
    assert xent("eval", s3.url("runs/run-1/*/*.csv"), "-q").exit_code == 0
    assert not any("run-2" in path for path, _ in s3.proxy.seen)


def test_folders_name_partitions(s3, files, xent):
    for country in ("de", "fr"):
        s3.put(f"by/country={country}/a.csv", files["a.csv"].read_bytes())
    ended = xent("eval", s3.url("by"), "-m", "cce", "--by", "country", "-f", "json")
    assert [one["slice"] for one in json.loads(ended.stdout)["slices"]] == [{"country": "de"}, {"country": "fr"}]


def test_the_endpoint_may_stand_in_the_url(s3, files, xent, monkeypatch):
    s3.put("a.csv", files["a.csv"].read_bytes())
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    url = s3.url("a.csv") + f"?endpoint_override={s3.proxy.address}&scheme=http&region=us-east-1"
    ended = xent("eval", url, "-f", "json")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["data"]["sources"] == [s3.url("a.csv?***")]


def test_labels_from_another_object(s3, files, xent):
    paths = [files["a.csv"].with_name(name) for name in ("preds.npy", "labels.npy")]
    urls = [s3.put(path.name, path.read_bytes()) for path in paths]
    expected = xent("eval", str(paths[0]), "--labels", str(paths[1]), "-q")
    assert xent("eval", urls[0], "--labels", urls[1], "-q").stdout == expected.stdout


@pytest.mark.parametrize(
    ("key", "status", "said"),
    [("nothing.csv", 3, "no such object"), ("a.csv?secret_key=hush", 2, "'secret_key' is no option of s3"), ("empty.csv", 5, "is empty")],
)
def test_what_is_wrong_is_said(s3, files, xent, key, status, said):
    s3.put("a.csv", files["a.csv"].read_bytes())
    s3.put("empty.csv", b"")
    ended = xent("eval", s3.url(key), "-m", "bce")
    assert ended.exit_code == status
    assert said in ended.stderr
    assert "hush" not in ended.stderr


def test_a_bucket_that_is_not_there(s3, xent):
    for source in ("s3://nobody-has-this/a.csv", "s3://nobody-has-this/*.csv", "s3://nobody-has-this"):
        ended = xent("eval", source, "-m", "bce")
        assert ended.exit_code in (3, 5)
        assert ended.stderr.startswith(f"xent: error: {source}")


@pytest.mark.parametrize("trouble", [None, 403, 400])
def test_the_credentials_of_the_environment_are_used_and_never_shown(s3, files, xent, monkeypatch, trouble):
    monkeypatch.setenv("XENT_DEBUG", "1")
    url = s3.put("a.csv", files["a.csv"].read_bytes())
    s3.proxy.before = lambda request: trouble
    ended = xent("eval", url, "-f", "json", "--retries", "0")
    assert ended.exit_code == (3 if trouble else 0)
    assert all("AKIDNOTASECRET" in headers["authorization"] for _, headers in map(lowered, s3.proxy.seen))
    assert not any(secret in ended.stdout + ended.stderr for secret in ("AKIDNOTASECRET", "whispered"))


ROWS = 6000


@pytest.fixture
def parts(s3):
    """The rows of one table in objects of several formats, all under one prefix."""
    rng = np.random.default_rng(11)
    y_pred = rng.dirichlet(np.ones(3), ROWS)
    table = pa.table({"label": rng.integers(0, 3, ROWS), **{f"p_{k}": y_pred[:, k] for k in range(3)}})

    def written(write, first, rows):
        sink = io.BytesIO()
        write(table.slice(first, rows), sink)
        return sink.getvalue()

    def write_lines(rows, sink):
        sink.write("".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode())

    s3.put("parts/0.parquet", written(lambda rows, sink: pq.write_table(rows, sink, row_group_size=200), 0, 3000))
    s3.put("parts/1.csv", written(pa_csv.write_csv, 3000, 1500))
    s3.put("parts/2.csv.gz", gzip.compress(written(pa_csv.write_csv, 4500, 700)))
    s3.put("parts/3.jsonl", written(write_lines, 5200, 800))
    return s3.url("parts/"), np.column_stack([np.asarray(table[f"p_{k}"]) for k in range(3)]), np.asarray(table["label"])


ASKED = ("-m", "cce", "-m", "accuracy", "-m", "confusion_matrix", "-f", "json")


def test_shards_make_the_whole(s3, parts, xent, tmp_path):
    """As a cluster would work it out: every shard by itself, the states put together."""
    url, y_pred, y_true = parts
    whole = xent("eval", url, *ASKED, "--state", "whole.state")
    assert whole.exit_code == 0, whole.stderr
    told = json.loads(whole.stdout)
    assert told["data"]["rows"] == ROWS
    assert told["metrics"][1]["value"] == np.mean(y_pred.argmax(axis=1) == y_true)
    rows = []
    for number in range(1, 6):
        ended = xent("eval", url, *ASKED, "--shard", f"{number}/5", "--state", f"{number}.state")
        assert ended.exit_code == 0, ended.stderr
        rows.append(json.loads(ended.stdout)["data"]["rows"])
    assert (sum(rows), min(rows) > 0) == (ROWS, True)
    merged = xent("merge", *(f"{number}.state" for number in (3, 1, 5, 2, 4)), "--state", "merged.state", "-f", "json")
    assert merged.stdout == whole.stdout
    assert (tmp_path / "merged.state").read_bytes() == (tmp_path / "whole.state").read_bytes()


@pytest.mark.parametrize("shard", [(), ("--shard", "1/2")], ids=["whole", "shard"])
def test_a_run_that_fails_is_gone_on_with(s3, parts, xent, tmp_path, monkeypatch, shard):
    """The store gives up again and again, each time after some more requests; what was done is kept."""
    url, _, _ = parts
    asked = ("eval", url, *ASKED, *shard, "--retries", "0", "--threads", "1", "--chunk-rows", "100")
    whole = xent(*asked)
    assert whole.exit_code == 0, whole.stderr
    monkeypatch.setattr("xent.io.workers._REST", 0)
    saved, ended = [], None
    for allowed in range(9, 200, 8):
        s3.proxy.gets.clear()
        s3.proxy.before = lambda request, allowed=allowed: 403 if len(s3.proxy.gets) > allowed else None
        ended = xent(*asked, "--checkpoint", "a.ckpt", "--checkpoint-seconds", "0")
        if ended.exit_code == 0:
            break
        assert (ended.exit_code, ended.stdout) == (3, "")
        if (tmp_path / "a.ckpt").exists():
            saved.append(json.loads((tmp_path / "a.ckpt").read_text())["finished"])
    assert saved
    assert ended.stdout == whole.stdout
    assert "went on from a.ckpt" in ended.stderr
    assert not (tmp_path / "a.ckpt").exists()


def test_a_checkpoint_of_another_version_of_the_object_is_refused(s3, xent, tmp_path, monkeypatch):
    """Of the same name and size, with the same first and last bytes, and other rows in between."""
    rng = np.random.default_rng(2)
    lines = [f"{label},{score:.6f}\n" for label, score in zip(rng.integers(0, 2, 30_000), rng.random(30_000), strict=True)]
    url = s3.put("a.csv", "".join(["label,score\n", *lines]).encode())
    monkeypatch.setattr("xent.io.workers._REST", 0)
    update, updates = Tally.update, []

    def update_some(tally, batch):
        updates.append(len(batch))
        if len(updates) > 5:
            raise KeyboardInterrupt
        update(tally, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Tally, "update", update_some)
        options = ("--threads", "1", "--chunk-rows", "1000", "--checkpoint", "a.ckpt", "--checkpoint-seconds", "0")
        assert xent("eval", url, "-m", "bce", *options).exit_code == 130
    assert (tmp_path / "a.ckpt").exists()
    lines[15_000] = "0,0.999999\n" if lines[15_000] != "0,0.999999\n" else "1,0.999999\n"
    s3.put("a.csv", "".join(["label,score\n", *lines]).encode())
    ended = xent("eval", url, "-m", "bce", *options)
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"xent: error: a.ckpt: is a checkpoint of other inputs: {url} has other content\n")


def lowered(seen):
    return seen[0], {name.lower(): value for name, value in seen[1].items()}


@pytest.mark.parametrize(
    ("url", "kind", "base"),
    [
        ("gs://bucket/a.csv?endpoint_override=127.0.0.1:1&scheme=http", "gcs", "bucket"),
        ("gs://anonymous@bucket/a.csv", "gcs", "bucket"),
        ("abfss://container@account.dfs.core.windows.net/a.csv", "abfs", "container"),
    ],
)
def test_google_and_azure_are_built_in(url, kind, base):
    """No emulator of theirs is at hand: what is tried is that the stores of such URLs can be made."""
    try:
        store = stores.store_of(url, 2)
    except ImportError:
        pytest.skip("this pyarrow was built without it")
    assert (store._system.type_name, store._base) == (kind, base)
    assert store._path(parsed(url)) == f"{base}/a.csv"
