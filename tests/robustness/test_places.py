"""What stands where a file is expected, and what files are called."""

import gzip
import os
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

GOOD = b"label,score\n0,0.25\n1,0.75\n"
BCE = "0.287682072"  # -ln 0.75


def empty_folder():
    os.mkdir("data")


def folder_of_others():
    os.mkdir("data")
    for name in ("notes.txt", "_metadata.parquet", ".hidden.csv", "a.csv.swp"):
        with open(f"data/{name}", "wb") as file:
            file.write(GOOD)


def folder_with_a_dangling_link():
    os.mkdir("data")
    os.symlink("nowhere", "data/a.csv")


def folder_within_itself():
    os.mkdir("data")
    os.symlink(".", "data/data")
    with open("data/a.csv", "wb") as file:
        file.write(GOOD)


def folder_called_like_a_file():
    os.mkdir("a.csv")


def dangling_link():
    os.symlink("nowhere", "a.csv")


def link_to_itself():
    os.symlink("a.csv", "a.csv")


def named(name):
    def make():
        with open(name, "wb") as file:
            file.write(GOOD)

    return make


def nothing():
    pass


LONG = "x" * 10_000
ODD = "\x1b[2J\u202e[red]<b>'\"$(touch exploded)`;.csv"
RAW = os.fsdecode(b"caf\xe9.csv")

PLACES = {
    "a file that is not there": (nothing, ("a.csv",), 3, "a.csv: no such file"),
    "a folder that is not there": (nothing, ("data/a.csv",), 3, "data/a.csv: no such file"),
    "a file for a folder": (named("a.csv"), ("a.csv/b.csv",), 3, "a.csv/b.csv: no such file"),
    "an empty folder": (empty_folder, ("data",), 5, "data: the directory holds no file that can be read"),
    "a folder of other files": (folder_of_others, ("data",), 5, "data: the directory holds no file that can be read"),
    "a folder with a dangling link": (folder_with_a_dangling_link, ("data",), 3, "data/a.csv: No such file or directory"),
    "a folder within itself": (folder_within_itself, ("data",), 0, BCE),
    "a folder called like a file": (folder_called_like_a_file, ("a.csv",), 5, "a.csv: the directory holds no file that can be read"),
    "a folder as labels": (folder_called_like_a_file, ("/dev/null", "--labels", "a.csv", "--input-format", "csv"), 5, ": "),
    "a dangling link": (dangling_link, ("a.csv",), 3, "a.csv: no such file"),
    "a link to itself": (link_to_itself, ("a.csv",), 3, "a.csv: no such file"),
    "a glob that matches nothing": (nothing, ("*.csv",), 5, "*.csv: no file matches"),
    "a glob that is broken": (nothing, ("[a.csv",), 5, "[a.csv: no file matches"),
    "a file called like a glob": (named("[a].csv"), ("[a].csv",), 0, BCE),
    "a file called like an option": (named("-q.csv"), ("--", "-q.csv"), 0, BCE),
    "a URL": (nothing, ("gopher://x/a.csv",), 2, "gopher:// is not read"),
    "a name of 10,000 characters": (nothing, (f"{LONG}.csv",), 3, "x.csv: no such file"),
    "a folder of 10,000 characters": (nothing, (f"{LONG}/a.csv",), 3, "x/a.csv: no such file"),
    "an odd name": (named(ODD), (ODD,), 0, "\\u001b[2J\\u202e[red]<b>"),
    "an odd name that is not there": (nothing, (ODD,), 5, "\\x1b[2J\\u202e[red]<b>'\"$(touch exploded)`;.csv: no file matches"),
    "a name of two lines": (nothing, ("a\nxent: error: b.csv",), 3, "no such file"),
    "a name that is no UTF-8": (named(RAW), (RAW,), 0, BCE),
    "a name that is no UTF-8 and not there": (nothing, (RAW,), 3, "caf\\udce9.csv: no such file"),
    "no suffix": (named("data"), ("data",), 2, "data: the format cannot be told; pass --input-format"),
    "the suffix of another format": (named("a.parquet"), ("a.parquet",), 3, "a.parquet: "),
    "another format asked for": (named("a.csv"), ("a.csv", "--input-format", "npz"), 3, "a.csv: "),
    "a format that is none": (named("a.csv"), ("a.csv", "--input-format", "exe"), 2, "'exe' is not one of"),
    "/dev/null": (nothing, ("/dev/null",), 5, "/dev/null: there is nothing in it"),
    "/dev/null as CSV": (nothing, ("/dev/null", "--input-format", "csv"), 5, "/dev/null: the file is empty"),
    "/dev/null as Parquet": (nothing, ("/dev/null", "--input-format", "parquet"), 3, "/dev/null: is no parquet file"),
    "labels that are not there": (named("a.csv"), ("a.csv", "--labels", "y.csv"), 3, "y.csv: No such file or directory"),
    "classes that are not there": (named("a.csv"), ("a.csv", "--classes", "@c.txt"), 2, "c.txt"),
    "a configuration that is not there": (named("a.csv"), ("a.csv", "--config", "x.toml"), 2, "--config 'x.toml': there is no such file"),
    "the same file twice": (named("a.csv"), ("a.csv", "a.csv"), 0, '"rows": 4'),
    "itself for labels": (named("a.csv"), ("a.csv", "--labels", "a.csv", "--pred", "score"), 0, BCE),
}


@pytest.mark.parametrize("name", PLACES)
def test_places(name, folder, hostile):
    make, args, status, said = PLACES[name]
    make()
    hostile(("eval", "-m", "binary_crossentropy", "-f", "json", *args), status, said)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read(folder, hostile):
    named("a.csv")()
    os.chmod("a.csv", 0)
    hostile(("eval", "a.csv"), 3, "a.csv: Permission denied")


ENDLESS = {
    "zeros as CSV": (("/dev/zero", "--input-format", "csv"), 3, "/dev/zero: holds NUL bytes"),
    "zeros as lines of JSON": (("/dev/zero", "--input-format", "jsonl"), 3, "/dev/zero: line 1 is not JSON"),
    "zeros as NPY": (("/dev/zero", "--input-format", "npy", "--labels", "/dev/zero"), 3, "/dev/zero: is no npy file"),
    "zeros as NPZ": (("/dev/zero", "--input-format", "npz"), 3, "/dev/zero: is no npz file"),
    "zeros as Parquet": (("/dev/zero", "--input-format", "parquet"), 3, "/dev/zero: is no parquet file"),
    "zeros as Arrow": (("/dev/zero", "--input-format", "arrow"), 3, "/dev/zero: is no arrow file"),
    "zeros as anything": (("/dev/zero",), 2, "/dev/zero: the format cannot be told"),
    "chance as CSV": (("/dev/urandom", "--input-format", "csv"), 3, "/dev/urandom: "),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends(name, folder, bounded):
    args, status, said = ENDLESS[name]
    bounded(("eval", *args), status, said)


def parquet() -> bytes:
    file = pa.BufferOutputStream()
    pq.write_table(pa.table({"label": [0, 1], "score": [0.25, 0.75]}), file)
    return file.getvalue().to_pybytes()


PIPES = {
    "CSV": (GOOD, ("--input-format", "csv"), 0, BCE),
    "gzip": (gzip.compress(GOOD), ("--input-format", "csv"), 0, BCE),
    "gzip that is cut": (gzip.compress(GOOD * 50_000)[:-9], ("--input-format", "csv"), 3, "pipe: "),
    "Parquet": (parquet(), (), 0, BCE),
    "Parquet that is cut": (parquet()[:-1], (), 3, "pipe: "),
    "Parquet that is CSV": (GOOD, ("--input-format", "parquet"), 3, "pipe: is no parquet file"),
    "nothing": (b"", (), 5, "pipe: there is nothing in it"),
    "a word": (b"hello", (), 2, "pipe: the format cannot be told"),
    "NPY of objects": (
        b"\x93NUMPY\x01\x00\x46\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(70),
        (),
        3,
        "pickled",
    ),
}


@pytest.mark.parametrize("name", PIPES)
def test_pipes_with_names(name, folder, hostile):
    content, args, status, said = PIPES[name]
    os.mkfifo("pipe")

    def write():
        try:
            with open("pipe", "wb") as pipe:
                pipe.write(content)
        except BrokenPipeError:
            pass  # The reader had seen enough.

    writer = threading.Thread(target=write)
    writer.start()
    try:
        hostile(("eval", "pipe", "-m", "binary_crossentropy", *args), status, said)
    finally:
        # A reader that never opened it would leave the writer waiting.
        os.close(os.open("pipe", os.O_RDONLY | os.O_NONBLOCK))
        writer.join()


def test_a_file_that_vanishes_between_two_looks(folder, hostile, monkeypatch):
    """It was found when the names were expanded, and is gone when it is opened."""
    monkeypatch.setattr("xent.io.dataset.expand", lambda *_: ["a.csv"])
    hostile(("eval", "a.csv"), 3, "a.csv: ")


def test_partitions_with_odd_names(folder, hostile):
    os.makedirs("data/\x1b[2J=<b>")
    np.save("data/\x1b[2J=<b>/ignored.npy", np.zeros(1))
    os.remove("data/\x1b[2J=<b>/ignored.npy")
    named("data/\x1b[2J=<b>/a.csv")()
    hostile(("eval", "data", "--by", "\x1b[2J", "-m", "bce", "-f", "json"), 0, '"<b>"')
