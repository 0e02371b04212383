"""Parquet files written field by field, whose pages or footers lie: about sizes, kinds and numbers of values."""

import struct

import numpy as np
import pyarrow as pa
import pytest

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
DATA, INDEX, DICTIONARY, DATA_2 = 0, 1, 2, 3
CODECS = {"none": 0, "snappy": 1, "gzip": 2, "brotli": 4, "zstd": 6, "lz4_raw": 7}
PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
MOST = 2**31 - 1
ROWS = 100
SCORES = np.tile([0.25, 0.75], ROWS // 2).astype("<f8").tobytes()
WORDS = np.array([0.25, 0.75], "<f8").tobytes()
PLACES = b"\x01" + bytes([ROWS // 8 + 1 << 1 | 1]) + b"\xaa" * (ROWS // 8 + 1)
"""Every second row is the second word: a width of one bit, and one run of bits."""
BCE = "0.287682072"  # -ln 0.75


def number(value: int) -> bytes:
    raw = b""
    while value > 0x7F:
        raw += bytes([value & 0x7F | 0x80])
        value >>= 7
    return raw + bytes([value])


def encoded(kind: int, value) -> bytes:
    if kind == STRUCT:
        return structure(value)
    if kind == BINARY:
        return number(len(value)) + value
    if kind == LIST:
        inner, values = value
        assert len(values) < 15
        return bytes([len(values) << 4 | inner]) + b"".join(encoded(inner, one) for one in values)
    return number(value << 1 if value >= 0 else (-value << 1) - 1)


def structure(fields: dict) -> bytes:
    """A structure of Thrift's compact protocol from numbers, types and values of its fields."""
    raw, before = b"", 0
    for at, (kind, value) in fields.items():
        raw += bytes([at - before << 4 | kind]) + encoded(kind, value)
        before = at
    return raw + b"\0"


def page(kind: int, values: bytes, count: int, codec: str, /, *, encoding: int = PLAIN, bounds: bytes = b"", **lies: int) -> bytes:
    packed = values if codec == "none" else pa.compress(values, codec, asbytes=True)
    count = lies.get("count", count)
    header = {1: (I32, lies.get("kind", kind)), 2: (I32, lies.get("unpacked", len(values))), 3: (I32, lies.get("size", len(packed)))}
    if kind == DATA:
        header[5] = (STRUCT, {1: (I32, count), 2: (I32, encoding), 3: (I32, RLE), 4: (I32, RLE)})
        if bounds:
            header[5][1][5] = (STRUCT, {5: (BINARY, bounds), 6: (BINARY, bounds)})
    elif kind == DICTIONARY:
        header[7] = (STRUCT, {1: (I32, count), 2: (I32, PLAIN)})
    elif kind == DATA_2:
        header[8] = (STRUCT, {1: (I32, count), 2: (I32, 0), 3: (I32, count), 4: (I32, encoding), 5: (I32, 0), 6: (I32, 0)})
    return structure(header) + packed


def file(pages: list[bytes], codec: str, *, values: int = ROWS, missing: int = 0, writer: bytes = b"", meta: dict | None = None) -> bytes:
    """Labels that are right, and scores in these pages.

    `values` is what the footer says of the rows, `missing` what the size of the scores falls short by; `meta` are fields of their chunk.
    """
    labels = page(DATA, np.tile([0, 1], ROWS // 2).astype("<i8").tobytes(), ROWS, "none")
    start = 4 + len(labels)
    scores = b"".join(pages)
    has_dictionary = len(pages) > 1 and pages[0][:2] == b"\x15\x04"
    chunks = []
    for name, kind, at, content, packing in ((b"label", 2, 4, labels, "none"), (b"score", 5, start, scores, codec)):
        fields = {
            1: (I32, kind),
            2: (LIST, (I32, [PLAIN, RLE, RLE_DICTIONARY])),
            3: (LIST, (BINARY, [name])),
            4: (I32, CODECS[packing]),
            5: (I64, values),
            6: (I64, len(content)),
            7: (I64, len(content) - (missing if name == b"score" else 0)),
            9: (I64, at),
        }
        if name == b"score":
            fields |= {9: (I64, at + len(pages[0])), 11: (I64, at)} if has_dictionary else {}
            fields |= meta or {}
        chunks.append({2: (I64, 0), 3: (STRUCT, fields)})
    schema = [{4: (BINARY, b"schema"), 5: (I32, 2)}] + [
        {1: (I32, kind), 3: (I32, 0), 4: (BINARY, name)} for name, kind in ((b"label", 2), (b"score", 5))
    ]
    group = {1: (LIST, (STRUCT, chunks)), 2: (I64, len(labels) + len(scores)), 3: (I64, values)}
    footer = {1: (I32, 2), 2: (LIST, (STRUCT, schema)), 3: (I64, values), 4: (LIST, (STRUCT, [group]))}
    raw = structure(footer | ({6: (BINARY, writer)} if writer else {}))
    return b"PAR1" + labels + scores + raw + struct.pack("<I", len(raw)) + b"PAR1"


def pages_of(form: str, codec: str, **lies: int) -> list[bytes]:
    """The scores as one page, or as a dictionary, which has the lies, and a page that refers to it."""
    if form == "dictionary":
        return [page(DICTIONARY, WORDS, 2, codec, **lies), page(DATA, PLACES, ROWS, codec, encoding=RLE_DICTIONARY)]
    return [page({"v1": DATA, "v2": DATA_2}[form], SCORES, ROWS, codec, **lies)]


FORMS = ("v1", "v2", "dictionary")

LIES = {
    "size": ({"size": MOST}, 3, "claims 2,147,483,647 bytes, and its chunk has "),
    "size of a page of no known kind": ({"size": MOST, "kind": -11}, 3, "claims 2,147,483,647 bytes, and its chunk has "),
    "size below nothing": ({"size": -5}, 3, "claims -5 bytes, and its chunk has "),
    "unpacked size": ({"unpacked": MOST}, 3, "claims 2,147,483,647 bytes for "),
    "both sizes": ({"unpacked": MOST, "size": MOST}, 3, "claims 2,147,483,647 bytes, and its chunk has "),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("codec", CODECS)
def test_files_that_do_not_lie(form, codec, folder, hostile):
    (folder / "a.parquet").write_bytes(file(pages_of(form, codec), codec))
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"), 0, BCE)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("lie", LIES)
def test_pages_that_lie_about_their_size(form, codec, lie, folder, hostile):
    lies, status, said = LIES[lie]
    (folder / "a.parquet").write_bytes(file(pages_of(form, codec, **lies), codec))
    hostile(
        ("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"),
        status,
        f"a.parquet: column 'score': the page at byte 824 {said}",
    )


@pytest.mark.parametrize("form", FORMS)
def test_pages_that_lie_about_their_size_take_no_memory(form, folder, bounded):
    (folder / "a.parquet").write_bytes(file(pages_of(form, "snappy", size=MOST), "snappy"))
    bounded(("eval", "a.parquet", "-m", "binary_crossentropy"), 3, "claims 2,147,483,647 bytes")


@pytest.mark.parametrize(("form", "count", "status", "said"), [
    ("v1", MOST, 0, BCE),
    ("v2", MOST, 0, BCE),
    ("dictionary", MOST, 3, "a.parquet: "),
    ("dictionary", 2**27, 3, "a.parquet: Unexpected end of stream"),
    ("dictionary", -5, 3, "a.parquet: Invalid page header (negative number of values)"),
])  # fmt: skip
def test_pages_that_lie_about_their_values(form, count, status, said, folder, hostile):
    (folder / "a.parquet").write_bytes(file(pages_of(form, "zstd", count=count), "zstd"))
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"), status, said)


def test_a_page_and_a_footer_that_lie_about_their_values(folder, hostile):
    (folder / "a.parquet").write_bytes(file(pages_of("v1", "zstd", count=MOST), "zstd", values=2**40))
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"), 3, "a.parquet: Unexpected end of stream")


def test_a_page_that_unfolds_to_more_than_its_values_can_be(folder, bounded):
    (folder / "a.parquet").write_bytes(file([page(DATA, bytes(1 << 29), ROWS, "zstd")], "zstd"))
    bounded(
        ("eval", "a.parquet", "-m", "binary_crossentropy"),
        3,
        "column 'score': the page at byte 824 claims 536,870,912 bytes for 100 values",
    )


HEADERS = {
    "nothing": (b"\0", "has a header without field 1"),
    "no size": (structure({1: (I32, INDEX), 2: (I32, 8)}), "has a header without field 3"),
    "a size twice": (
        structure({1: (I32, 0), 2: (I32, 8), 3: (I32, 8)})[:-1] + b"\x05\x06\x08\0",
        "has a header with a field that is there twice",
    ),
    "a number without end": (b"\x15" + b"\x80" * 20, "has a header with a number of too many bytes"),
    "a type that is not known": (b"\x1f\0", "has a header with a type that is not known"),
    "a tower": (b"\x1c" * 300, "has a header with structures within structures"),
    "a tower of lists": (b"\x19" * 300, "has a header with a type that is not known"),
    "no end": (b"\x18\xff\xff\xff\x7f", "ends within its header"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_damaged(name, folder, hostile):
    header, said = HEADERS[name]
    (folder / "a.parquet").write_bytes(file([header + SCORES], "none"))
    hostile(
        ("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"), 3, f"a.parquet: column 'score': the page at byte 824 {said}"
    )


CHUNKS = {
    "a chunk behind the file": (
        {9: (I64, 1 << 40)},
        "a.parquet: column 'score': the page at byte 1,099,511,627,776 ends within its header",
    ),
    "a chunk before the file": ({9: (I64, -1)}, "a.parquet: its footer does not tell where the columns are"),
    "a chunk of less than nothing": ({7: (I64, -1)}, "a.parquet: its footer does not tell where the columns are"),
    "a chunk longer than the file": ({7: (I64, 1 << 40)}, "a.parquet: Invalid column metadata (corrupt file?)"),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_footers_that_lie_about_chunks(name, folder, hostile):
    meta, said = CHUNKS[name]
    (folder / "a.parquet").write_bytes(file(pages_of("v1", "none"), "none", meta=meta))
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"), 3, said)


GOOD = {
    "a page of a kind that is not known": lambda: file([page(INDEX, b"?" * 70, 0, "none"), *pages_of("v1", "none")], "none"),
    "bounds longer than a header is read at first": lambda: file([page(DATA, SCORES, ROWS, "none", bounds=b"x" * 5000)], "none"),
    "something behind the last page": lambda: file([*pages_of("v1", "gzip"), b"\xff" * 300], "gzip"),
    "many pages": lambda: file([page(DATA, SCORES[at : at + 16], 2, "none") for at in range(0, len(SCORES), 16)], "none"),
    # The size of the chunk leaves out the header of the dictionary.
    "an old writer": lambda: file(pages_of("dictionary", "snappy"), "snappy", missing=13, writer=b"parquet-mr version 1.2.8"),
    "a writer that cannot be read": lambda: file(pages_of("dictionary", "snappy"), "snappy", writer=b"\xff\xfe"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_seldom_writers_do(name, folder, hostile):
    (folder / "a.parquet").write_bytes(GOOD[name]())
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", "--pred", "score"), 0, BCE)
