"""Sound files with a bit flipped or an end cut off, at places a seed chooses: an error as in the contract, or the right answer."""

import bz2
import gzip
import io
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from xent.cli.app import app

rng = np.random.default_rng(7)
SCORE = rng.random(300)
TABLE = pa.table({"label": (SCORE > 0.4).astype(np.int64), "score": SCORE})


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(TABLE, file, write_page_checksum=True, row_group_size=100)
    return file.getvalue()


def arrow() -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=70)
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, y_true=TABLE["label"].to_numpy(), y_pred=SCORE)
    return file.getvalue()


TEXT = "label,score\n" + "".join(f"{label},{score}\n" for label, score in zip(TABLE["label"].to_pylist(), SCORE, strict=True))
LINES = "".join(f'{{"label": {label}, "score": {score}}}\n' for label, score in zip(TABLE["label"].to_pylist(), SCORE, strict=True))

FILES = {
    "a.parquet": parquet(),
    "a.arrow": arrow(),
    "a.npz": npz(),
    "a.csv": TEXT.encode(),
    "a.jsonl": LINES.encode(),
    "a.csv.gz": gzip.compress(TEXT.encode()),
    "a.csv.bz2": bz2.compress(TEXT.encode()),
    "a.csv.zst": pa.compress(TEXT.encode(), "zstd", asbytes=True),
}

CHECKED = {"a.npz", "a.csv.gz", "a.csv.bz2"}
"""Formats with checksums over all values: damage never gives another answer."""


def evaluated(name: str, *args: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["eval", name, "-q", "-m", "binary_crossentropy", *args])
    assert ended.exit_code in (0, 2, 3, 5), ended.output
    assert "internal error" not in ended.output
    assert "Traceback" not in ended.output
    assert len(ended.stderr.splitlines()) <= 2
    return ended.exit_code, ended.stdout


@pytest.mark.parametrize("name", FILES)
def test_a_bit_is_flipped(name, folder):
    content = FILES[name]
    (folder / name).write_bytes(content)
    right = evaluated(name)
    assert right[0] == 0
    chance = random.Random(name)
    for _ in range(25):
        at = chance.randrange(len(content))
        (folder / name).write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        found = evaluated(name, *chance.choice([(), ("--where", "score > 0")]))
        if name in CHECKED and found[0] == 0:
            assert found == right


@pytest.mark.parametrize("name", FILES)
def test_an_end_is_cut_off(name, folder):
    content = FILES[name]
    chance = random.Random(name)
    for _ in range(15):
        (folder / name).write_bytes(content[: chance.randrange(1, len(content) - 1)])
        status, _ = evaluated(name)
        # Text that ends between two rows, or in the middle of a number, is text all the same.
        assert status != 0 or name == "a.csv" or name == "a.jsonl"
