"""Hostile Parquet, Arrow and Feather files."""

import datetime as dt
import decimal
import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BCE = "0.287682072"  # -ln 0.75
LABEL, SCORE = pa.array([0, 1]), pa.array([0.25, 0.75])


def parquet(columns: dict | pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), file, **options)
    return file.getvalue()


def arrow(columns: dict | pa.Table, *, stream: bool = False, **options: object) -> bytes:
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    file = io.BytesIO()
    open_ = pa.ipc.new_stream if stream else pa.ipc.new_file
    with open_(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return file.getvalue()


def named(names: list[str], *columns: pa.Array) -> pa.Table:
    return pa.Table.from_arrays(list(columns), names=names)


def good(**others: object) -> dict:
    return {"label": LABEL, "score": SCORE, **others}


def with_score(values: object) -> dict:
    return {"label": LABEL, "score": values}


def with_label(values: object) -> dict:
    return {"label": values, "score": SCORE}


DATE = dt.date(2026, 1, 1)

SCORES = {
    "dictionary": (SCORE.dictionary_encode(), 0, BCE),
    "decimal": (pa.array([decimal.Decimal("0.25"), decimal.Decimal("0.75")]), 0, BCE),
    "half precision": (pa.array(np.array([0.25, 0.75], np.float16)), 0, BCE),
    "single precision": (SCORE.cast(pa.float32()), 0, BCE),
    "lists of one": (pa.array([[0.25], [0.75]]), 0, BCE),
    "large lists of two": (pa.array([[0.75, 0.25], [0.25, 0.75]], pa.large_list(pa.float64())), 0, BCE),
    "lists of a fixed size": (pa.array([[0.75, 0.25], [0.25, 0.75]], pa.list_(pa.float64(), 2)), 0, BCE),
    "text": (pa.array(["0.25", "0.75"]), 3, "column 'score' holds string, not numbers"),
    "large text": (pa.array(["0.25", "0.75"], pa.large_string()), 3, "column 'score' holds large_string, not numbers"),
    "bytes": (pa.array([b"0.25", b"0.75"]), 3, "column 'score' holds binary, not numbers"),
    "dates": (pa.array([DATE, DATE]), 3, "column 'score' holds date32[day], not numbers"),
    "times": (pa.array([0, 1], pa.timestamp("us")), 3, "column 'score' holds timestamp[us], not numbers"),
    "records": (pa.array([{"a": 0.5}, {"a": 0.5}]), 3, "column 'score' holds struct<a: double>, not numbers"),
    "maps": (pa.array([[("a", 0.5)], []], pa.map_(pa.string(), pa.float64())), 3, "column 'score' holds map<string, double"),
    "lists of lists": (pa.array([[[0.5]], [[0.5]]]), 3, "not numbers"),
    "lists of texts": (pa.array([["a"], ["b"]]), 3, "not numbers"),
    "dictionary of texts": (pa.array(["a", "b"]).dictionary_encode(), 3, "column 'score' holds dictionary<values=string"),
    "nulls": (pa.array([0.25, None]), 3, "column 'score', row 2: a value is missing"),
    "nulls alone": (pa.array([None, None]), 3, "column 'score', row 1: a value is missing"),
    "a null list": (pa.array([[0.25], None]), 3, "column 'score'[0], row 2: a value is missing"),
    "a null in a list": (pa.array([[0.25], [None]]), 3, "column 'score'[0], row 2: a value is missing"),
    "lists that differ in length": (pa.array([[0.25], [0.5, 0.5]]), 3, "column 'score', row 2: a list of 2 values where others have 1"),
    "lists of nothing": (pa.array([[], []], pa.list_(pa.float64())), 3, "column 'score', row 1: a list of no values"),
    "an empty list": (pa.array([[0.25], []]), 3, "column 'score', row 2: a list of 0 values where others have 1"),
    "truth": (pa.array([False, True]), 0, "binary_crossentropy"),
    "huge integers": (pa.array([2**63, 2**64 - 1], pa.uint64()), 3, "column 'score', row 1: "),
    "infinity": (pa.array([0.25, float("inf")]), 3, "column 'score', row 2: "),
    "a signalling NaN": (pa.array(np.array([0x7F800001, 0x7F800001], np.uint32).view(np.float32)), 3, "row 1: a value is missing"),
}

LABELS = {
    "text": (pa.array(["0", "1"]), 0, BCE),
    "views of text": (pa.array(["0", "1"], pa.string_view()), 0, BCE),
    "dictionary": (pa.array(["0", "1"]).dictionary_encode(), 0, BCE),
    "truth": (pa.array([False, True]), 0, BCE),
    "decimal": (pa.array([decimal.Decimal(0), decimal.Decimal(1)]), 0, BCE),
    "words": (pa.array(["0", "dog"]), 3, "column 'label', row 2: label 'dog' is not a class"),
    "null": (pa.array([0, None]), 3, "column 'label', row 2: a value is missing"),
    "null text": (pa.array(["0", None]), 3, "column 'label', row 2: a value is missing"),
    "dates": (pa.array([DATE, DATE]), 3, "column 'label' holds date32[day], not numbers"),
    "records": (pa.array([{"a": 1}, {"a": 1}]), 3, "column 'label' holds struct<a: int64>, not numbers"),
    "bytes": (pa.array([b"0", b"1"]), 3, "column 'label' holds binary, not numbers"),
    "control characters": (pa.array(["0", "\x1b[2J\r\n"]), 3, "label '\\x1b[2J\\r\\n' is not a class"),
}

FOOTER = parquet(good())
CHECKED = parquet({"label": [0, 0, 1], "score": [0.25, 0.5, 0.75]}, write_page_checksum=True, compression="none", use_dictionary=False)


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    at = content.index(old)
    return content[:at] + new + content[at + len(new) :]


FILES = {
    "nothing.parquet": (b"", 5, "the file is empty"),
    "magic.parquet": (b"PAR1", 3, ": "),
    "no_footer.parquet": (b"PAR1" + bytes(100) + b"PAR1", 3, ": "),
    "long_footer.parquet": (FOOTER[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1", 3, ": "),
    "no_end.parquet": (FOOTER[:-1], 3, ": "),
    "half.parquet": (FOOTER[: len(FOOTER) // 2], 3, ": "),
    "encrypted.parquet": (FOOTER[:-4] + b"PARE", 3, ": "),
    "text.parquet": (b"label,score\n0,0.5\n", 3, ": "),
    "arrow.parquet": (arrow(good()), 3, ": "),
    "page.parquet": (replaced(CHECKED, np.float64(0.5).tobytes(), np.float64(0.375).tobytes()), 3, ": "),
    "no_columns.parquet": (parquet(pa.table({})), 3, "no column is called label"),
    "no_rows.parquet": (parquet(pa.table(good()).slice(0, 0)), 5, "there are no rows"),
    "no_groups.parquet": (parquet(pa.table(good()).schema.empty_table()), 5, "there are no rows"),
    "many_groups.parquet": (parquet(pa.concat_tables([pa.table(good())] * 2000), row_group_size=1), 0, BCE),
    "versions.parquet": (parquet(good(), data_page_version="2.0", version="1.0", compression="brotli"), 0, BCE),
    "unused.parquet": (parquet(good(x=pa.array([{"a": [1]}, None]), z=pa.array([b"\xff", b""]))), 0, BCE),
    "label_twice.parquet": (parquet(named(["label", "label", "score"], LABEL, LABEL, SCORE)), 3, "more than one column is called 'label'"),
    "score_twice.parquet": (parquet(named(["label", "score", "score"], LABEL, SCORE, SCORE)), 3, "more than one column is called 'score'"),
    "other_twice.parquet": (parquet(named(["x", "x", "label", "score"], LABEL, LABEL, LABEL, SCORE)), 0, BCE),
    "dots.parquet": (parquet({"label": LABEL, "p.a": 1 - SCORE.to_numpy(), "p.b": SCORE}), 3, "no column is called pred*"),
    "names.parquet": (parquet({"label": LABEL, "\x1b[31m[red]<b>|": SCORE}), 3, "\\x1b[31m[red]<b>|"),
    "long_name.parquet": (parquet({"label": LABEL, "x" * 10_000: SCORE}), 3, "no column is called pred*"),
    "no_name.parquet": (parquet({"label": LABEL, "": SCORE}), 3, "no column is called pred*"),
    "nothing.arrow": (b"", 5, "the file is empty"),
    "magic.arrow": (b"ARROW1\0\0", 3, ": "),
    "feather1.feather": (b"FEA1" + bytes(100) + b"FEA1", 3, "Feather version 1 is not read"),
    "text.arrow": (b"label,score\n0,0.5\n", 3, ": "),
    "parquet.arrow": (FOOTER, 3, ": "),
    "half.arrow": (arrow(good())[:300], 3, ": "),
    "no_end.arrow": (arrow(good())[:-1], 3, ": "),
    "half_stream.arrow": (arrow(good(), stream=True)[:-200], 3, ": "),
    "no_rows.arrow": (arrow(pa.table(good()).slice(0, 0)), 5, "there are no rows"),
    "no_batches.arrow": (arrow(pa.table(good()).schema.empty_table(), stream=True), 5, "there are no rows"),
    "packed.feather": (arrow(good(), compression="lz4"), 0, BCE),
    "packed_stream.arrow": (arrow(good(), stream=True, compression="zstd"), 0, BCE),
    "long_message.arrow": (b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(100), 3, ": "),
    "less_than_nothing.arrow": (b"\xff\xff\xff\xff\x00\x00\x00\x80" + bytes(100), 3, ": "),
    "label_twice.arrow": (arrow(named(["label", "label", "score"], LABEL, LABEL, SCORE)), 3, "more than one column is called 'label'"),
    "not_utf8.arrow": (arrow(good(note=pa.array(["a", "b"]))).replace(b"note", b"n\xfft\xfe"), 3, "utf-8"),
}


def offsets(*places: int) -> bytes:
    return np.array(places, np.int32).tobytes()


TEXTS = arrow(with_label(pa.array(["00000", "11111"])))
LISTS = arrow(with_score(pa.array([[0.2] * 5, [0.2] * 5])))
WORDS = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), pa.array([str(k) for k in range(8)]))

INVALID = {
    "text that ends behind its buffer": replaced(TEXTS, offsets(0, 5, 10), offsets(0, 5, 1 << 30)),
    "text that goes backwards": replaced(TEXTS, offsets(0, 5, 10), offsets(10, 5, 0)),
    "text that begins before its buffer": replaced(TEXTS, offsets(0, 5, 10), offsets(-5, 5, 10)),
    "text that is not UTF-8": replaced(TEXTS, b"11111", b"\xff\xfe111"),
    "a dictionary without its word": replaced(arrow(with_label(WORDS)), offsets(0, 7), offsets(0, 1 << 30)),
    "lists that end behind their values": replaced(LISTS, offsets(0, 5, 10), offsets(0, 5, 1 << 30)),
    "lists that go backwards": replaced(LISTS, offsets(0, 5, 10), offsets(10, 5, 0)),
}
"""Arrow files with a column whose buffers break their promises."""


@pytest.mark.parametrize("form", [parquet, arrow])
@pytest.mark.parametrize("name", SCORES)
def test_predictions(form, name, folder, hostile):
    column, status, said = SCORES[name]
    (folder / f"a.{form.__name__}").write_bytes(form(with_score(column)))
    hostile(("eval", f"a.{form.__name__}", "-m", "binary_crossentropy", "--pred", "score"), status, said)


@pytest.mark.parametrize("form", [parquet, arrow])
@pytest.mark.parametrize("name", LABELS)
def test_labels(form, name, folder, hostile):
    column, status, said = LABELS[name]
    (folder / f"a.{form.__name__}").write_bytes(form(with_label(column)))
    hostile(("eval", f"a.{form.__name__}", "-m", "binary_crossentropy"), status, said)


@pytest.mark.parametrize("name", FILES)
def test_files(name, folder, hostile):
    content, status, said = FILES[name]
    (folder / name).write_bytes(content)
    hostile(("eval", name, "-m", "binary_crossentropy"), status, said if status == 0 else name if said == ": " else said)


@pytest.mark.parametrize("name", INVALID)
def test_batches_are_validated_in_full(name, folder, hostile):
    (folder / "a.arrow").write_bytes(INVALID[name])
    hostile(("eval", "a.arrow", "-m", "binary_crossentropy"), 3, "a.arrow: ")


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"write_statistics": False}], ids=str)
@pytest.mark.parametrize("used", [("--where", "country == 'dddd'"), ("--by", "country"), ("--cluster", "country", "--ci", "0.95")], ids=str)
def test_texts_that_are_not_utf8(options, used, folder, hostile):
    content = parquet(good(country=pa.array(["dddd", "ffff"])), **options)
    (folder / "a.parquet").write_bytes(content.replace(b"ffff", b"\xff\xff\xff\xff"))
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", *used), 3, "a.parquet: column 'country': Invalid UTF8")


def test_classes_that_are_not_utf8(folder, hostile):
    content = parquet({"label": ["dddd", "ffff"], "p_dddd": [0.75, 0.25], "p_e": [0.25, 0.75]})
    (folder / "a.parquet").write_bytes(content.replace(b"ffff", b"\xff\xff\xff\xff"))
    hostile(("eval", "a.parquet", "-m", "accuracy"), 3, "a.parquet: column 'label': Invalid UTF8")


@pytest.mark.parametrize("scale", [39, -39, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("used", [(), ("--where", "score > 0")], ids=str)
def test_decimals_with_a_scale_beyond_their_digits(scale, nested, used, folder, hostile):
    kind = pa.decimal128(20, scale)
    values = pa.array([decimal.Decimal(0)] * 2, pa.decimal128(20, 0)).view(kind)
    score = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), values) if nested else values
    (folder / "a.arrow").write_bytes(arrow(with_score(score)))
    hostile(("eval", "a.arrow", "-m", "binary_crossentropy", *used), 3, f"decimal128(20, {scale}) has a scale beyond")


BOUNDS = {
    "int32": (pa.array([3, 1000], pa.int32()), struct.pack("<i", 1000)),
    "int64": (pa.array([3, 1000]), struct.pack("<q", 1000)),
    "float": (pa.array([0.125, 0.625], pa.float32()), struct.pack("<f", 0.625)),
    "double": (pa.array([0.125, 0.625]), struct.pack("<d", 0.625)),
    "text": (pa.array(["a", "hello"]), b"hello"),
    "fixed length": (pa.array([b"aaaaa", b"hello"], pa.binary(5)), b"hello"),
}


@pytest.mark.parametrize(("kind", "length"), [(kind, length) for kind, (_, largest) in BOUNDS.items() for length in range(len(largest))])
def test_bounds_that_are_cut_short(kind, length, folder, hostile):
    """Arrow ends a process that asks for bounds of numbers which are shorter than the numbers; where it meets them itself it says so."""
    values, largest = BOUNDS[kind]
    content = parquet(good(x=values))
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8].replace(bytes([len(largest)]) + largest, bytes([length]) + largest[:length])
    assert len(footer) < size
    (folder / "a.parquet").write_bytes(content[: -8 - size] + footer + struct.pack("<I", len(footer)) + b"PAR1")
    used, status, said = ("x >= 'a'", 0, BCE) if kind in ("text", "fixed length") else ("x >= 0", 3, "a.parquet: Unexpected end of stream")
    hostile(("eval", "a.parquet", "-m", "binary_crossentropy", "--where", used), status, said)


WIDE = 20_000


def swelling() -> bytes:
    """Kilobytes that unfold to 4 GB: one text, a million times."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1 << 20, np.int8)), pa.array(["x" * 4096]))
    return parquet({"label": np.zeros(1 << 20, np.int8), "score": texts}, store_schema=False)


LARGE = {
    "20,000 columns": (lambda: parquet({**{f"c{k}": [1] for k in range(WIDE)}, "label": [1], "score": [0.75]}), "bce", 0, BCE),
    "20,000 classes": (lambda: parquet({"label": [1], **{f"p_{k}": [1 / WIDE] for k in range(WIDE)}}), "acc", 0, "accuracy"),
    "a long text a million times": (swelling, "bce", 3, "a.parquet: column 'score' holds string, not numbers"),
    "a long list many times": (
        lambda: parquet(
            {
                "label": np.zeros(20_000, np.int8),
                "probs": pa.ListArray.from_arrays(np.arange(0, 40_000_001, 2000, np.int32), np.full(40_000_000, 0.0005)),
            }
        ),
        "acc",
        0,
        "accuracy",
    ),
    "zeros": (lambda: parquet({"label": np.zeros(1 << 24, np.int8), "score": np.zeros(1 << 24)}), "bce", 0, "binary_crossentropy"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_once_it_is_decoded(name, folder, bounded):
    make, metric, status, said = LARGE[name]
    (folder / "a.parquet").write_bytes(make())
    bounded(("eval", "a.parquet", "-m", metric), status, said)


def test_wide_files_in_many_groups(folder, bounded):
    columns = {**{f"c{k}": [1, 1, 1] for k in range(5000)}, "label": [1, 1, 1], "score": [0.75] * 3}
    (folder / "a.parquet").write_bytes(parquet(columns, row_group_size=1))
    bounded(("eval", "a.parquet", "-m", "bce", "--where", "c7 == 1"), 0, BCE)
