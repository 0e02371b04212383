"""Hostile CSV and JSON lines."""

import bz2
import gzip
import json
import zlib

import pyarrow as pa
import pytest

GOOD = b"label,score\n0,0.25\n1,0.75\n"
BCE = "0.287682072"  # -ln 0.75
MANY = b"label,score\n" + b"1,0.5\n" * 200_000


def packed(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


CSV = {
    "nothing": ("a.csv", b"", 5, "a.csv: the file is empty"),
    "only a mark": ("a.csv", b"\xef\xbb\xbf", 5, "a.csv: the file is empty"),
    "only space": ("a.csv", b" \n\r\n  \n", 5, "a.csv: the file is empty"),
    "only a header": ("a.csv", b"label,score\n", 5, "a.csv: there are no rows"),
    "only a header without an end": ("a.csv", b"label,score", 5, "a.csv: there are no rows"),
    "no header": ("a.csv", b"0,0.25\n1,0.75\n", 3, "the first line must name the columns"),
    "one row": ("a.csv", b"label,score\n0,0.25\n", 0, BCE),
    "a byte-order mark": ("a.csv", b"\xef\xbb\xbf" + GOOD, 0, BCE),
    "line ends of Windows": ("a.csv", GOOD.replace(b"\n", b"\r\n"), 0, BCE),
    "line ends of old": ("a.csv", GOOD.replace(b"\n", b"\r"), 0, BCE),
    "line ends mixed": ("a.csv", b"label,score\r\n0,0.25\n1,0.75\r", 0, BCE),
    "a mebibyte of blank lines first": ("a.csv", b"\n" * (1 << 20) + GOOD, 0, BCE),
    "a word behind blank lines": ("a.csv", b"\n\n\n\n\nlabel,score\n0,0.25\n\n1,low\n", 3, "column 'score', row 2: invalid value 'low'"),
    "blank lines first": ("a.csv", b"\n\r\n\n" + GOOD, 0, BCE),
    "blank lines": ("a.csv", b"label,score\n\n0,0.25\n\n\n1,0.75\n\n", 0, BCE),
    "line breaks in quotes": ("a.csv", b'label,note,score\n0,"a\nb\r\n",0.25\n1,"""",0.75\n', 0, BCE),
    "a line break in a name": ("a.csv", b'label,"no\nte",score\n0,a,0.25\n1,b,0.75\n', 0, BCE),
    "separators of other kinds in text": ("a.csv", "label,note,score\n0,a\u2028b\x0b\x1c\x85,0.25\n1,b,0.75\n".encode(), 0, BCE),
    "separators of other kinds in a name": ("a.csv", "label,no\u2028te,score\n0,a,0.25\n1,b,0.75\n".encode(), 0, BCE),
    "a quote that never ends": ("a.csv", b'label,score\n0,"0.25\n1,0.75\n', 3, "a.csv: "),
    "a quote that never ends in the header": ("a.csv", b'label,"score\n0,0.25\n1,0.75\n', 3, "a.csv: "),
    "a quote in the middle": ("a.csv", b'label,score\n0,0.2"5\n1,0.75\n', 3, "column 'score', row 1"),
    "a short row": ("a.csv", b"label,score\n0,0.25\n1\n", 3, "a.csv: row 2: Expected 2 columns, got 1"),
    "a long row": ("a.csv", b"label,score\n0,0.25\n1,0.75,3\n", 3, "a.csv: row 2: Expected 2 columns, got 3"),
    "a header that is too long": ("a.csv", b"label,score,\n0,0.25\n1,0.75\n", 3, "Expected 3 columns, got 2"),
    "a column without a name": ("a.csv", b"label,,score\n0,,0.25\n1,,0.75\n", 0, BCE),
    "a name twice, unused": ("a.csv", b"label,x,x,score\n0,1,2,0.25\n1,1,2,0.75\n", 0, BCE),
    "a label twice": ("a.csv", b"label,label,score\n0,1,0.25\n", 3, "a.csv: more than one column is called 'label'"),
    "a prediction twice": ("a.csv", b"label,score,score\n0,1,0.25\n", 3, "a.csv: more than one column is called 'score'"),
    "other separators": ("a.csv", GOOD.replace(b",", b";"), 3, "separated by ';'; write the file with commas or tabs"),
    "tabs in CSV": ("a.csv", GOOD.replace(b",", b"\t"), 3, "separated by tabs: pass --input-format tsv"),
    "commas in TSV": ("a.tsv", GOOD, 3, "no column is called label"),
    "UTF-16": ("a.csv", GOOD.decode().encode("utf-16"), 3, "a.csv: is UTF-16"),
    "UTF-16, the other way round": ("a.csv", b"\xfe\xff" + GOOD.decode().encode("utf-16-be"), 3, "a.csv: is UTF-16"),
    "UTF-16 without a mark": ("a.csv", GOOD.decode().encode("utf-16-le"), 3, "a.csv: holds NUL bytes"),
    "UTF-32": ("a.csv", GOOD.decode().encode("utf-32"), 3, "a.csv: is UTF-16 or UTF-32"),
    "Latin-1 in a name": ("a.csv", b"label,caf\xe9,score\n0,1,0.25\n", 3, "a.csv: is not UTF-8 at byte 9"),
    "Latin-1 in a class": ("a.csv", b"label,p_a,p_\xe9\na,1,0\n", 3, "a.csv: is not UTF-8 at byte 12"),
    "Latin-1 late": ("a.csv", MANY + b"1,0.5\xe9\n", 3, "column 'score', row 200001: invalid value"),
    "NUL in the header": ("a.csv", b"la\0bel,score\n0,0.25\n", 3, "a.csv: holds NUL bytes"),
    "NUL in a row": ("a.csv", b"label,score\n0,0.\x0025\n", 3, "a.csv: holds NUL bytes"),
    "NUL late": ("a.csv", MANY + b"1,0.\x005\n", 3, "column 'score', row 200001: invalid value"),
    "binary": ("a.csv", bytes(range(1, 256)) * 40, 3, "a.csv: is not UTF-8 at byte 127"),
    "Parquet in CSV": ("a.csv", b"PAR1" + bytes(100) + b"PAR1", 3, "a.csv: holds NUL bytes"),
    "a word among numbers": ("a.csv", b"label,score\n0,0.25\n1,low\n", 3, "a.csv: column 'score', row 2: invalid value 'low'"),
    "a word among numbers, with columns before": (
        "a.csv",
        b"id,x,label,score\n1,2,0,low\n",
        3,
        "column 'score', row 1: invalid value 'low'",
    ),
    "a word late": ("a.csv", MANY + b"1,low\n", 3, "a.csv: column 'score', row 200001: invalid value 'low'"),
    "a word as label": ("a.csv", b"label,score\n0,0.25\ndog,0.75\n", 3, "a.csv: column 'label', row 2: label 'dog' is not a class"),
    "a decimal comma": ("a.csv", b'label,score\n0,"0,25"\n', 3, "column 'score', row 1: invalid value '0,25'"),
    "digits of Arabic": ("a.csv", "label,score\n0,٠\n".encode(), 3, "column 'score', row 1: invalid value '٠'"),
    "underscores": ("a.csv", b"label,score\n0,0_1.5\n", 3, "column 'score', row 1: invalid value '0_1.5'"),
    "hexadecimal": ("a.csv", b"label,score\n0,0x1\n", 3, "column 'score', row 1: invalid value '0x1'"),
    "a number out of range": ("a.csv", b"label,score\n0,1e999\n", 3, "column 'score', row 1"),
    "a number below range": ("a.csv", b"label,score\n0,1e-999\n1,0.75\n", 0, "binary_crossentropy"),
    "control characters in a value": ("a.csv", b"label,score\n0,\x1b[31m\n", 3, "invalid value '\\x1b[31m'"),
    "a value of 10,000 characters": ("a.csv", b"label,score\n0," + b"x" * 10_000 + b"\n", 3, "column 'score', row 1: invalid value 'xxx"),
    "a name of 10,000 characters": ("a.csv", b"label," + b"x" * 10_000 + b"\n0,0.25\n", 3, "no column is called pred*"),
    "a label of 10,000 characters": ("a.csv", b"label,score\n" + b"x" * 10_000 + b",0.25\n", 3, "column 'label', row 1: label 'xxx"),
    "markup in names": ("a.csv", b"label,[red]x[/red],<b>\n0,1,2\n", 3, "there are [red]x[/red], <b>"),
}

COMPRESSED = {
    "gzip, empty": ("a.csv.gz", gzip.compress(b""), 5, "a.csv.gz: the file is empty"),
    "gzip of nothing at all": ("a.csv.gz", b"", 5, "a.csv.gz: the file is empty"),
    "gzip that is text": ("a.csv.gz", GOOD, 3, "a.csv.gz: "),
    "gzip in gzip": ("a.csv.gz", gzip.compress(gzip.compress(GOOD)), 3, "a.csv.gz: "),
    "gzip without its end": ("a.csv.gz", gzip.compress(GOOD)[:-9], 3, "a.csv.gz: "),
    "gzip without its checksum": ("a.csv.gz", gzip.compress(GOOD)[:-8], 3, "a.csv.gz: "),
    "gzip with a wrong checksum": ("a.csv.gz", flipped(gzip.compress(GOOD), -7), 3, "a.csv.gz: "),
    "gzip with a wrong length": ("a.csv.gz", flipped(gzip.compress(GOOD), -1), 3, "a.csv.gz: "),
    "gzip with a wrong bit": ("a.csv.gz", flipped(gzip.compress(MANY), 500), 3, "a.csv.gz: "),
    "gzip cut late": ("a.csv.gz", gzip.compress(MANY, 0)[:1_190_000], 3, "a.csv.gz: "),
    "gzip in two pieces": ("a.csv.gz", gzip.compress(GOOD[:12]) + gzip.compress(GOOD[12:]), 0, BCE),
    "gzip and then something": ("a.csv.gz", gzip.compress(GOOD) + b"something", 3, "a.csv.gz: "),
    "zlib in gzip": ("a.csv.gz", zlib.compress(GOOD), 0, BCE),
    "zstd that is gzip": ("a.csv.zst", gzip.compress(GOOD), 3, "a.csv.zst: "),
    "zstd, cut": ("a.csv.zst", packed(MANY)[:-20], 3, "a.csv.zst: "),
    "zstd with a wrong bit": ("a.csv.zst", flipped(packed(GOOD), 12), 3, "a.csv.zst: "),
    "zstd in two pieces": ("a.csv.zst", packed(GOOD[:12]) + packed(GOOD[12:]), 0, BCE),
    "zstd that asks for 2 GB of memory": ("a.csv.zst", b"\x28\xb5\x2f\xfd\x00\xa8" + packed(GOOD)[6:], 3, "a.csv.zst: "),
    "bzip2, cut": ("a.csv.bz2", bz2.compress(GOOD)[:-6], 3, "a.csv.bz2: "),
    "bzip2 with a wrong bit": ("a.csv.bz2", flipped(bz2.compress(GOOD), 30), 3, "a.csv.bz2: "),
    "bzip2 in two pieces": ("a.csv.bz2", bz2.compress(GOOD[:12]) + bz2.compress(GOOD[12:]), 0, BCE),
    "lines of JSON, cut": ("a.jsonl.gz", gzip.compress(b'{"label": 0, "score": 0.25}\n' * 99)[:-9], 3, "a.jsonl.gz: "),
    "Parquet in gzip": ("a.parquet.gz", gzip.compress(b"PAR1"), 2, "parquet is not read from compressed files"),
}


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


ROW, NEXT = {"label": 0, "score": 0.25}, {"label": 1, "score": 0.75}

JSON = {
    "nothing": ("a.jsonl", b"", 5, "a.jsonl: the file is empty"),
    "blank lines alone": ("a.jsonl", b"\n\n \n", 5, "a.jsonl: the file is empty"),
    "good": ("a.jsonl", lines(ROW, NEXT), 0, BCE),
    "blank lines between": ("a.jsonl", lines(ROW) + b"\n\n" + lines(NEXT), 0, BCE),
    "line ends of Windows": ("a.jsonl", lines(ROW, NEXT).replace(b"\n", b"\r\n"), 0, BCE),
    "a byte-order mark": ("a.jsonl", b"\xef\xbb\xbf" + lines(ROW, NEXT), 0, BCE),
    "CSV": ("a.jsonl", GOOD, 3, "a.jsonl: line 1 is not JSON"),
    "a list": ("a.jsonl", json.dumps([ROW, NEXT]).encode(), 3, "a.jsonl: line 1 is not a JSON object"),
    "a number": ("a.jsonl", b"1\n", 3, "a.jsonl: line 1 is not a JSON object"),
    "over several lines": ("a.jsonl", json.dumps(ROW, indent=1).encode(), 3, "a.jsonl: line 1 is not JSON"),
    "cut": ("a.jsonl", lines(ROW, NEXT)[:-5], 3, "a.jsonl: line 2 is not JSON"),
    "cut late": ("a.jsonl", lines(ROW) * 60_000 + b'{"label": 0, "sc', 3, "a.jsonl: "),
    "no object late": ("a.jsonl", lines(ROW) * 60_000 + b"5\n", 3, "a.jsonl: "),
    "empty objects": ("a.jsonl", b"{}\n{}\n", 3, "no column is called label"),
    "NaN as a word": ("a.jsonl", b'{"label": 0, "score": NaN}\n', 3, "a.jsonl: "),
    "Infinity as a word": ("a.jsonl", b'{"label": 0, "score": Infinity}\n', 3, "a.jsonl: "),
    "a number out of range": ("a.jsonl", b'{"label": 0, "score": 1e999}\n', 3, "a.jsonl: "),
    "an integer of 5,000 digits": ("a.jsonl", b'{"label": 0, "score": ' + b"9" * 5000 + b"}\n", 3, "a.jsonl: line 1 is not JSON"),
    "null": ("a.jsonl", lines(ROW, {"label": 1, "score": None}), 3, "a.jsonl: column 'score', row 2: a value is missing"),
    "all null": ("a.jsonl", lines({"label": 1, "score": None}), 3, "a.jsonl: column 'score', row 1: a value is missing"),
    "a key that is missing": ("a.jsonl", lines(ROW, {"label": 1}), 3, "a.jsonl: column 'score', row 2: a value is missing"),
    "a text among numbers": ("a.jsonl", lines(ROW, {"label": 1, "score": "0.5"}), 3, "a.jsonl: "),
    "a text among numbers, late": ("a.jsonl", lines(ROW) * 60_000 + lines({"label": 1, "score": "low"}), 3, "a.jsonl: "),
    "an object among numbers": ("a.jsonl", lines(ROW, {"label": 1, "score": {"a": 1}}), 3, "a.jsonl: "),
    "a list among numbers": ("a.jsonl", lines(ROW, {"label": 1, "score": [0.5]}), 3, "a.jsonl: "),
    "lists that differ in length": (
        "a.jsonl",
        lines({"label": 0, "probs": [0.5, 0.5]}, {"label": 0, "probs": [1.0]}),
        3,
        "a.jsonl: column 'probs', row 2: a list of 1 value where others have 2",
    ),
    "lists of nothing": ("a.jsonl", lines({"label": 0, "probs": []}), 3, "a.jsonl: column 'probs'"),
    "lists of lists": ("a.jsonl", lines({"label": 0, "probs": [[0.5], [0.5]]}), 3, "a.jsonl: column 'probs'"),
    "lists of texts": ("a.jsonl", lines({"label": 0, "probs": ["a", "b"]}), 3, "a.jsonl: column 'probs'"),
    "nested deep": ("a.jsonl", b'{"label": 0, "score": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", 3, "a.jsonl: "),
    "nested deep in a column that is not read": (
        "a.jsonl",
        b'{"label": 0, "score": 0.25, "x": ' + b"[" * 900 + b"]" * 900 + b"}\n",
        0,
        BCE,
    ),
    "a key twice": ("a.jsonl", b'{"label": 0, "score": 0.5, "score": 0.25}\n', 3, "a.jsonl: "),
    "half of a pair": ("a.jsonl", b'{"label": 0, "score": 0.25, "x": "\\ud800"}\n', 3, "a.jsonl: "),
    "Latin-1 late": (
        "a.jsonl",
        lines({"label": "0", "score": 0.25}) * 60_000 + b'{"label": "\xe9", "score": 0.25}\n',
        3,
        "a.jsonl: column 'label': Invalid UTF8",
    ),
    "half of a pair in a name": ("a.jsonl", b'{"label": 0, "\\ud800": 0.25}\n', 3, "no column is called pred*"),
    "not UTF-8": ("a.jsonl", b'{"label": 0, "score": 0.25, "x": "\xff"}\n', 3, "a.jsonl: is not UTF-8 at byte 34"),
    "UTF-16": ("a.jsonl", lines(ROW).decode().encode("utf-16"), 3, "a.jsonl: "),
    "NUL": ("a.jsonl", b'{"label": 0, "score": 0.25\0}\n', 3, "a.jsonl: line 1 is not JSON"),
    "NUL in a text": ("a.jsonl", lines({**ROW, "x": "\0"}), 0, BCE),
}

ALL = {f"{kind}: {name}": case for kind, cases in (("CSV", CSV), ("packed", COMPRESSED), ("JSON", JSON)) for name, case in cases.items()}


@pytest.mark.parametrize("name", ALL)
def test_text(name, folder, hostile):
    file, content, status, said = ALL[name]
    (folder / file).write_bytes(content)
    hostile(("eval", file, "-m", "binary_crossentropy"), status, said)


WIDE = 20_000
SWOLLEN = 100 << 20

LARGE = {
    "20,000 columns": ("a.csv", f"label,score,{','.join(f'c{k}' for k in range(WIDE))}\n1,0.75{',1' * WIDE}\n".encode, 0, BCE),
    "20,000 classes": ("a.csv", f"label,{','.join(f'p_{k}' for k in range(WIDE))}\n1{',0.00005' * WIDE}\n".encode, 0, "-m acc"),
    "a header of half a million commas": ("a.csv", lambda: b"label,score" + b"," * 524_000 + b"\n1,0.75\n", 3, "more than 262,144 columns"),
    "200,000 columns, one of them in each row": (
        "a.csv",
        lambda: b"label,score" + b"," * 200_000 + b"\n" + b"1\n" * 300_000,
        3,
        "a.csv: row 1: Expected 200002 columns, got 1",
    ),
    "one row of 200,000 columns": (
        "a.csv",
        lambda: b"label,score\n" + b"1,0.75\n" * 50_000 + b"," * 200_000 + b"\n",
        3,
        "a.csv: row 50001: Expected 2 columns, got 200001",
    ),
    "another key in each line": ("a.jsonl", lambda: lines(NEXT, *({f"k{k}": k} for k in range(60_000))), 3, "a value is missing"),
    "20,000 keys": ("a.jsonl", lambda: lines({**{f"c{k}": k for k in range(WIDE)}, **NEXT}), 0, BCE),
    "one line without end": ("a.csv.gz", lambda: gzip.compress(b"a" * SWOLLEN, 1), 3, "a.csv.gz: "),
    "one value without end": ("a.csv.gz", lambda: gzip.compress(b"label,score\n0," + b"0" * SWOLLEN, 1), 3, "a.csv.gz: "),
    "one quoted value without end": ("a.csv.zst", lambda: packed(b'label,score\n0,"' + b"0" * SWOLLEN), 3, "a.csv.zst: "),
    "one object without end": ("a.jsonl.bz2", lambda: bz2.compress(b'{"label": ' + b" " * SWOLLEN, 1), 3, "a.jsonl.bz2: "),
    "an object without end behind good ones": (
        "a.jsonl.gz",
        lambda: gzip.compress(lines(ROW) * 60_000 + b'{"label": ' + b" " * SWOLLEN, 1),
        3,
        "a.jsonl.gz: ",
    ),
    "nothing but line ends": ("a.csv.gz", lambda: gzip.compress(b"label,score\n" + b"\n" * SWOLLEN, 1), 5, "there are no rows"),
    "many good rows": ("a.csv.zst", lambda: packed(b"label,score\n" + b"1,0.75\n" * 5_000_000), 0, "0.28768207"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_once_it_is_read(name, folder, bounded):
    file, make, status, said = LARGE[name]
    (folder / file).write_bytes(make())
    metric, said = ("acc", "accuracy") if said == "-m acc" else ("binary_crossentropy", said)
    bounded(("eval", file, "-m", metric), status, said)
