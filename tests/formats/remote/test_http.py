"""Servers of HTTP: the same numbers as from a file here, whatever goes wrong on the way, and nothing told that opens the file."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xent.io import stores

SIGNED = "?X-Amz-Signature=0123secret%2Fwith%2Bsigns==&part=../day=3/x.parquet"
FOOTER = 1 << 16
"""What pyarrow reads from the end of a Parquet file, before it knows where the columns lie."""


@pytest.fixture
def here(tmp_path, wide):
    (tmp_path / "wide.parquet").write_bytes(wide)
    return "wide.parquet"


@pytest.fixture
def there(web, wide):
    web.files["/wide.parquet"] = wide
    return web.url("/wide.parquet")


TEXTS = ("a.csv", "a.csv.gz", "a.csv.zst", "a.tsv", "a.jsonl")
BINARIES = ("a.parquet", "list.parquet", "a.arrow", "a.feather", "a.npz", "packed.npz")


@pytest.mark.parametrize(("ranges", "length"), [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("name", TEXTS + BINARIES)
def test_every_format_gives_the_same_as_from_a_file(web, files, xent, name, ranges, length):
    web.ranges, web.tells_length = ranges, length
    web.files[f"/{name}"] = files[name].read_bytes()
    local = xent("eval", str(files[name]), "-f", "json")
    remote = xent("eval", web.url(f"/{name}"), "-f", "json", "--chunk-rows", "7")
    assert (remote.exit_code, local.exit_code) == (0, 0), remote.stderr
    expected = json.loads(local.stdout)
    expected["data"]["sources"] = [web.url(f"/{name}")]
    assert json.loads(remote.stdout) == expected


def test_a_url_that_stands_there_twice(web, xent):
    web.files["/a.csv"] = web.files["/b.csv"] = b"label,score\n1,0.75\n0,0.25\n"
    first, second = web.url("/a.csv"), web.url("/b.csv")
    assert "read" not in xent("eval", first, second, "-m", "bce").stderr
    assert f"xent: {first} is read twice, and each of its rows counts twice\n" in xent("eval", first, second, first, "-m", "bce").stderr


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_and_labels_from_urls(web, arrays, xent, tmp_path, order):
    y_true, y_pred, _ = arrays
    np.save(tmp_path / "y.npy", y_true)
    np.save(tmp_path / "p.npy", np.asarray(y_pred, order=order))
    web.files |= {f"/{name}": (tmp_path / name).read_bytes() for name in ("y.npy", "p.npy")}
    local = xent("eval", "p.npy", "--labels", "y.npy", "-q")
    remote = xent("eval", web.url("/p.npy"), "--labels", web.url("/y.npy"), "-q")
    assert (remote.exit_code, remote.stdout) == (0, local.stdout)


def test_only_the_needed_columns_are_fetched(web, there, here, wide, wide_needs, xent):
    remote = xent("eval", there, "-q")
    assert (remote.exit_code, remote.stdout) == (0, xent("eval", here, "-q").stdout)
    assert wide_needs < 0.1 * len(wide)
    assert wide_needs < web.sent <= 1.1 * wide_needs + FOOTER
    assert web.heads <= len(web.gets) + 1  # A look when it is opened, and at most one after each answer.


@pytest.mark.parametrize("ranges", [True, False])
def test_a_page_that_lies_about_its_size_is_refused(web, xent, ranges):
    """The second page of the second row group, which is come to behind three that are right."""
    sink = io.BytesIO()
    score = np.random.default_rng(0).random(80_000)
    schema = pa.schema([pa.field("label", pa.int8(), nullable=False), pa.field("score", pa.float64(), nullable=False)])
    table = pa.table([pa.array(score > 0.5).cast(pa.int8()), score], schema)
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False, row_group_size=40_000)
    size = b"\x15\x80\xc4\x13"  # 160,000
    *before, last, behind = sink.getvalue().split(2 * size)
    assert len(before) == 3
    web.ranges = ranges
    web.files["/a.parquet"] = (2 * size).join([*before, last]) + size + b"\x15\xfe\xff\x7f" + behind  # 1,048,575
    ended = xent("eval", web.url("/a.parquet"), "-m", "mean_squared_error")
    assert ended.exit_code == 3
    assert "/a.parquet: column 'score': the page at byte " in ended.stderr
    assert " claims 1,048,575 bytes, and its chunk has 160,000 more" in ended.stderr


@pytest.mark.parametrize("threads", ["1", "2"])
def test_reads_are_asked_for_before_they_are_needed(web, there, here, xent, threads):
    """While one answer is held back, others are on their way: those of all columns, and of the next row group."""
    most, now = [0], [0]

    def before(request):
        if "Range" in request.headers:
            now[0] += 1
            most[0] = max(most[0], now[0])
            web.ending.wait(0.1)
            now[0] -= 1

    web.before = before
    remote = xent("eval", there, "-q", "--threads", threads)
    assert remote.stdout == xent("eval", here, "-q").stdout
    assert most[0] >= 4


FAULTS = (["500", "503"], ["reset"] * 3, ["short", "429", "short"], ["slow", "reset", "502", "slow"])


@pytest.mark.parametrize("faults", FAULTS, ids=" ".join)
@pytest.mark.parametrize("name", ["wide.parquet", "wide.csv", "wide.csv.gz"])
def test_what_passes_is_tried_again(web, there, here, xent, tmp_path, faults, name):
    if name != "wide.parquet":
        lines = ["label,p_0,p_1", *(f"{k % 2},{k / 4096},{1 - k / 4096}" for k in range(4096))]
        text = "\n".join(lines).encode()
        web.files[f"/{name}"] = gzip.compress(text) if name.endswith(".gz") else text
        (tmp_path / name).write_bytes(web.files[f"/{name}"])
    expected = xent("eval", name, "-q")
    web.faults.extend(faults)
    remote = xent("eval", web.url(f"/{name}"), "-q")
    assert (remote.exit_code, remote.stdout, remote.stderr) == (0, expected.stdout, "")
    assert not web.faults


def test_a_server_that_stalls_is_asked_again(web, there, here, xent, monkeypatch):
    monkeypatch.setattr(stores, "_READ_TIMEOUT", 0.4)
    web.faults.extend(["stall", "stall"])
    remote = xent("eval", there, "-q")
    assert (remote.exit_code, remote.stdout) == (0, xent("eval", here, "-q").stdout)


@pytest.mark.parametrize("faults", [["reset"], ["short", "503"]], ids=" ".join)
def test_a_copy_of_the_whole_is_begun_again(web, there, here, xent, faults):
    web.ranges = False
    web.is_faulty = lambda request: "Range" not in request.headers
    web.faults.extend(faults)
    remote = xent("eval", there, "-q")
    assert (remote.exit_code, remote.stdout) == (0, xent("eval", here, "-q").stdout)
    assert not web.faults


@pytest.mark.parametrize(
    ("fault", "said"),
    [("503", "the server answers 503 Service Unavailable"), ("reset", ""), ("short", "")],
)
def test_what_does_not_pass_ends_in_one_line(web, there, xent, fault, said):
    web.faults.extend([fault] * 1000)
    ended = xent("eval", there, "--retries", "2")
    assert ended.exit_code == 3
    assert ended.stderr.startswith(f"xent: error: {there}: {said}")
    assert ended.stderr.endswith(" (tried 3 times)\n")
    assert ended.stderr.count("\n") == 1


def test_retries_can_be_none_and_come_from_the_configuration(web, there, xent, tmp_path):
    def tries(*args):
        web.gets.clear()
        web.faults.clear()
        web.faults.extend(["503"] * 1000)
        assert xent("eval", there, *args).exit_code == 3
        return len(web.gets)

    assert tries("--retries", "0") == 1
    (tmp_path / "xent.toml").write_text("retries = 1\n")
    assert tries() == 2
    assert xent("inspect", there, "--retries", "0").exit_code == 3
    assert xent("eval", there, "--retries", "-1").exit_code == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_asked_again(web, there, xent, status):
    web.before = lambda request: status
    ended = xent("eval", there + SIGNED, "-m", "bce")
    assert ended.exit_code == 3
    assert ended.stderr.startswith(f"xent: error: {there}?***: ")
    assert ended.stderr.count("\n") == 1
    assert str(status) in ended.stderr or "no such object" in ended.stderr
    assert len(web.gets) <= 1


def test_nobody_listens(xent):
    pytest.importorskip("aiohttp")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ended = xent("eval", f"http://127.0.0.1:{probe.getsockname()[1]}/a.csv", "--retries", "1")
    assert ended.exit_code == 3
    assert "(tried 2 times)" in ended.stderr


@pytest.mark.parametrize("after", range(2, 11, 2))
@pytest.mark.parametrize("same_size", [True, False])
def test_a_file_that_changes_is_refused(web, there, wide, xent, after, same_size):
    """At whatever request it is replaced, by one of the same columns in the same places or by another."""
    other = wide[:5000] + bytes(1000) + wide[6000:] if same_size else wide[: len(wide) // 2]

    def before(request):
        if len(web.gets) > after:
            web.files["/wide.parquet"] = other

    web.before = before
    ended = xent("eval", there, "-q", "--threads", "1")
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"xent: error: {there}: changed while it was read: ")


def test_a_copy_that_changes_is_refused(web, there, wide, xent):
    web.ranges = False
    web.before = lambda request: web.files.update({"/wide.parquet": bytes(1000)}) if len(web.gets) > 1 else None
    ended = xent("eval", there, "-q")
    assert ended.exit_code == 3
    assert "changed while it was read" in ended.stderr


def outputs(folder, ended):
    """Everything a run has told."""
    return ended.stdout + ended.stderr + "".join(path.read_text() for path in folder.rglob("*.out.*")) + traces(ended)


def traces(ended):
    return "".join(traceback.format_exception(*ended.exc_info)) if ended.exc_info and ended.exc_info[0] is not SystemExit else ""


@pytest.mark.parametrize("command", ["eval", "inspect", "explain", "init"])
def test_a_signed_url_is_used_as_it_is_and_never_shown(web, there, files, xent, tmp_path, monkeypatch, command):
    monkeypatch.setenv("XENT_DEBUG", "1")
    web.files["/day=2/a.csv"] = files["a.csv"].read_bytes()
    url = web.url("/day=2/a.csv") + SIGNED
    more = {
        "eval": ["-f", "json", "--state", "s.out.json", "-o", "r.out.json", "--by", "day"],
        "explain": ["-m", "cce", "-f", "json"],
        "init": ["--stdout"],
    }
    ended = xent(command, url, "--pred", "p_*", "--label", "label", *more.get(command, ()))
    assert ended.exit_code == 0, ended.stderr
    assert {path for path, _ in web.seen} == {"/day=2/a.csv" + SIGNED}
    assert "secret" not in outputs(tmp_path, ended)
    assert web.url("/day=2/a.csv?***") in ended.stdout


@pytest.mark.parametrize(
    "trouble",
    [
        lambda web: web.faults.extend(["503"] * 1000),
        lambda web: web.faults.extend(["reset"] * 1000),
        lambda web: setattr(web, "before", lambda request: 403),
        lambda web: web.files.clear(),
        lambda web: web.files.update({"/a.csv": b""}),
        lambda web: web.files.update({"/a.csv": b"label,p_0\nx\ny"}),
        lambda web: web.files.update({"/a.csv": b"who,knows\n1,2\n"}),
    ],
)
@pytest.mark.parametrize("command", ["eval", "inspect"])
def test_no_message_shows_a_signature(web, files, xent, tmp_path, monkeypatch, trouble, command):
    monkeypatch.setenv("XENT_DEBUG", "1")
    web.files["/a.csv"] = files["a.csv"].read_bytes()
    trouble(web)
    ended = xent(command, web.url("/a.csv") + SIGNED)
    assert ended.exit_code in (2, 3, 5) or command == "inspect"
    assert "/a.csv?***" in ended.stdout + ended.stderr
    assert "secret" not in outputs(tmp_path, ended)


LOGINS = ("http://ann:pass@word@{}/a.csv", "http://ann:passw/ord@{}/a.csv", "https://passtoken@{}/a.csv?pass=1", "s3://key:pass@b/a.csv")


@pytest.mark.parametrize("url", LOGINS)
def test_credentials_in_a_url_are_refused(web, xent, url):
    for source in (url.format(web.address), "gone.csv"):
        ended = xent("eval", source, "--labels", url.format(web.address), "-m", "bce")
        assert "pass" not in ended.stdout + ended.stderr
    ended = xent("eval", url.format(web.address))
    assert ended.exit_code == 2
    assert "***" in ended.stderr
    assert "credentials" in ended.stderr
    assert "pass" not in ended.stderr
    assert web.seen == []


def test_a_long_url_beside_an_output_that_is_there(web, files, xent, tmp_path):
    """It is no file that the output could replace, and too long to be asked for as one."""
    web.files["/a.csv"] = files["a.csv"].read_bytes()
    (tmp_path / "r.out.json").write_text("")
    ended = xent("eval", web.url("/a.csv") + SIGNED + "0" * 500, "-o", "r.out.json")
    assert ended.exit_code == 0, ended.stderr


def test_the_file_of_netrc_says_who_one_is(web, files, xent, tmp_path, monkeypatch):
    web.files["/a.csv"] = files["a.csv"].read_bytes()
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password whispered\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.before = lambda request: None if request.headers.get("Authorization", "").startswith("Basic ") else 401
    ended = xent("eval", web.url("/a.csv"), "-f", "json")
    assert ended.exit_code == 0, ended.stderr
    assert "whispered" not in ended.stdout + ended.stderr


def test_a_name_that_tells_no_format(web, files, xent):
    for path, name in (("/one", "a.parquet"), ("/two", "a.csv.gz"), ("/three", "a.jsonl")):
        web.files[path] = files[name].read_bytes()
    expected = xent("eval", str(files["a.csv"]), "-q").stdout
    assert xent("eval", web.url("/one?id=3"), "-q").stdout == expected
    assert xent("eval", web.url("/two"), "--input-format", "csv", "-q").stdout == expected
    assert xent("eval", web.url("/three"), "-q").stdout == expected


@pytest.mark.parametrize("body", [b"", b"label,p_0,p_1\n"])
def test_nothing_there(web, xent, body):
    web.files["/a.csv"] = body
    assert xent("eval", web.url("/a.csv"), "-m", "bce").exit_code == 5


@pytest.mark.parametrize("missing", ["fsspec", "aiohttp"])
def test_what_to_install_is_said(xent, monkeypatch, missing):
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    ended = xent("eval", "https://host/a.csv?sig=secret")
    assert ended.exit_code == 2
    assert ended.stderr == (
        "xent: error: https:// is read by fsspec, and it or what it needs for that is not installed\n  pip install 'xent-eval[remote]'\n"
    )


@pytest.mark.parametrize("source", ["nonsense://host/a.csv", "file:///etc/a.csv"])
def test_schemes_that_nobody_reads(xent, source):
    pytest.importorskip("fsspec")
    ended = xent("eval", source)
    assert ended.exit_code == 2
    assert ended.stderr.count("\n") == 1
    assert source.partition("//")[0] in ended.stderr


def test_the_package_of_a_scheme_is_named(xent, monkeypatch):
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    ended = xent("eval", "hf://datasets/somebody/something/a.parquet")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("xent: error: hf:// is not read: ")
    assert "huggingface_hub" in ended.stderr


def test_the_debug_trace_hides_what_urls_hold(web, xent, monkeypatch, capfd):
    from xent.cli import exits

    monkeypatch.setenv("XENT_DEBUG", "1")
    assert exits.report(OSError("cannot reach https://host/a.csv?token=secret")) == 3
    told = capfd.readouterr().err
    assert told.startswith("OSError: cannot reach https://host/a.csv?***\n")
    assert "secret" not in told


def test_other_file_systems_have_globs_and_directories(files, xent):
    """fsspec's file system in memory stands for all others."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    try:
        for run in (1, 2, 10):
            memory.pipe(f"/xent/run-{run}/a.csv", files["a.csv"].read_bytes())
        memory.pipe("/xent/run-1/_notes.csv", b"x")
        expected = xent("eval", *[str(files["a.csv"])] * 3, "-q").stdout
        for source in ("memory://xent/run-*/a.csv", "memory://xent"):
            ended = xent("eval", source, "-f", "json")
            assert ended.exit_code == 0, ended.stderr
            assert json.loads(ended.stdout)["data"]["sources"] == [f"memory://xent/run-{run}/a.csv" for run in (1, 2, 10)]
            assert xent("eval", source, "-q").stdout == expected
        assert xent("eval", "memory://xent/nothing-*.csv").exit_code == 5
        assert xent("eval", "memory://xent/nothing.csv").exit_code == 3
    finally:
        memory.rm("/xent", recursive=True)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_an_interruption_does_not_wait_for_a_stalled_server(web, there, tmp_path, threads):
    web.faults.extend(["stall"] * 100)
    web.is_faulty = lambda request: len(web.gets) > 4
    process = subprocess.Popen(
        [sys.executable, "-m", "xent", "eval", there, "-m", "bce", "--threads", threads],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for _ in range(300):
            if len(web.gets) > 5:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=10)
    assert (process.returncode, told) == (130, "xent: error: interrupted\n")
