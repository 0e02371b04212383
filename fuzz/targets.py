"""What is fuzzed: one function of bytes for every reader and parser, and the inputs it begins with.

A function returns where the bytes were read or refused as the contract says. Anything else it raises is a crash: an exception outside of
the tree in `xent.core.errors`, or one inside of it that only wraps a slip of xent's own code, such as an `IndexError`.
"""

from __future__ import annotations

import atexit
import bz2
import contextlib
import gzip
import io
import json
import os
import shutil
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import xent
from fuzz.mutation import Change, change_json
from xent.core.errors import DomainError, XentError
from xent.core.gates import parse_gate, parse_selector
from xent.core.judging import judge
from xent.core.specs import parse_spec
from xent.core.table import row_of
from xent.io import config, lines
from xent.io.columns import numbers_of
from xent.io.dataset import open_dataset
from xent.io.evaluation import evaluate, measure
from xent.io.exporters import export
from xent.io.merging import merge_states
from xent.io.places import Place
from xent.io.readers import open_place
from xent.io.readers.csv_reader import CsvTable
from xent.io.request import Request
from xent.io.results import parse_result
from xent.io.slices import SliceColumnError, Slicer, parse_by
from xent.io.state_file import parse_state, sealed, state_text
from xent.io.tables import Part
from xent.io.where import Where

_HERE = str(Path(xent.__file__).parent)

_SLIPS = (LookupError, AttributeError, AssertionError, NameError, ZeroDivisionError, TypeError)
"""What xent's own code raises only by mistake."""

_METRIC = row_of("binary_crossentropy").cls()

_MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory, which are written in a hundredth of the time that those of a disk can take."""

_place = Path(tempfile.mkdtemp(prefix="xent-fuzz-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
atexit.register(shutil.rmtree, _place)


class Target(NamedTuple):
    """A function to fuzz, the inputs to begin with, words that its inputs are made of, and what changes them as they are structured."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()
    change: Change | None = None


class Slip(Exception):
    """A mistake of xent's own that came out as an error of the data."""


@contextlib.contextmanager
def _refusals_allowed() -> Iterator[None]:
    try:
        yield
    except XentError as error:
        text = str(error)
        if not text.strip():
            raise Slip("an error without a message") from error
        cause = error.__cause__
        # `reading` turns whatever it meets into an error of the data; elsewhere somebody has thought of the exception.
        if isinstance(cause, _SLIPS) and _raised_by(error).co_name == "reading" and _raised_by(cause).co_filename.startswith(_HERE):
            raise Slip(f"{type(cause).__name__}: {cause}") from error


def _raised_by(error: BaseException) -> CodeType:
    """The code that raised an error."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_code


def _read(suffix: str, data: bytes, **options: Any) -> None:
    path = str(_place / f"input{suffix}")
    Path(path).write_bytes(data)
    with _refusals_allowed():
        table = open_place(Place(path))
        if isinstance(table, CsvTable):
            table.is_cut = True  # What it is told by may change behind the first megabyte.
        # What cannot be opened is not opened again below.
        with _refusals_allowed():
            names = list(dict.fromkeys(field.name for field in table.fields[:50]))
            for part in table.parts(names, None):
                rows = 0
                for chunk in part():
                    rows += chunk.rows
                    for column in chunk.columns.values():
                        with contextlib.suppress(TypeError, DomainError):  # It holds no numbers, or lists of several lengths.
                            numbers_of(column)
                if part.cut is not None and (found := _rows_in_pieces(part)) != rows:
                    raise AssertionError(f"{rows} rows read in one go, and {found} in pieces")
        with open_dataset(Request(sources=(path,), threads=1, **options)) as dataset:
            evaluate(dataset, [_METRIC], nan="skip")


def _rows_in_pieces(part: Part) -> object:
    """How many rows a part has if it is cut, or how that fails."""
    try:
        # So that small inputs, too, are cut.
        with mock.patch.object(lines, "_BLOCK", 32):
            pieces = [(piece.rows, sum(chunk.rows for chunk in piece.read())) for piece in part.pieces(shared=True)]
    except XentError as error:
        return error
    if any(counted != parsed for counted, parsed in pieces):
        raise AssertionError(f"pieces of {pieces} rows, counted and parsed")
    return sum(rows for rows, _ in pieces)


def _reader(suffix: str, **options: Any) -> Callable[[bytes], None]:
    return lambda data: _read(suffix, data, **options)


def _table() -> pa.Table:
    return pa.table(
        {
            "label": pa.array([0, 1, 1, 0], pa.int64()),
            "score": pa.array([0.25, 0.5, None, 1.0], pa.float32()),
            "country": pa.array(["de", "fr", "de", None]).dictionary_encode(),
            "probs": pa.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0], None]),
            "flag": pa.array([True, None, False, True]),
            "price": pa.array([1, 2, 3, 4], pa.int32()).cast(pa.decimal128(20, 2)),
        }
    )


_CSV = b'label,score,name\n0,0.25,"a, b"\n1,nan,"two\nlines"\r\n1,0.5,x\n'
_LINES = b'{"label": 0, "score": 0.25}\n{"label": 1, "score": null, "probs": [0.5, 0.5]}\n'


def _parquet_seeds() -> list[bytes]:
    found = []
    for options in (
        {},
        {"compression": "none", "use_dictionary": False, "write_page_checksum": True},
        {"compression": "zstd", "data_page_version": "2.0", "row_group_size": 2},
        {"compression": "gzip", "use_byte_stream_split": ["score"], "use_dictionary": ["country"]},
    ):
        sink = io.BytesIO()
        pq.write_table(_table(), sink, **options)
        found.append(sink.getvalue())
    return found


def _arrow_seeds() -> list[bytes]:
    found = []
    for opened in (pa.ipc.new_file, pa.ipc.new_stream):
        for compression in (None, "lz4", "zstd"):
            sink = io.BytesIO()
            with opened(sink, _table().schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
                writer.write_table(_table(), max_chunksize=3)
            found.append(sink.getvalue())
    return found


def _npy(array: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def _npy_seeds() -> list[bytes]:
    matrix = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    arrays = [matrix, np.asfortranarray(matrix), matrix.astype(">f4"), matrix[:, 0].copy(), np.array([True, False]), matrix[None]]
    return [_npy(array) for array in arrays]


def _npz_seeds() -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        sink = io.BytesIO()
        save(sink, y_true=np.array([0, 1, 1]), y_pred=np.array([0.25, 0.5, 0.75]))
        found.append(sink.getvalue())
    return found


def _run_npy(data: bytes) -> None:
    (_place / "labels.npy").write_bytes(_npy(np.array([0, 1, 1])))
    _read(".npy", data, labels=str(_place / "labels.npy"))


def _run_npz_member(data: bytes) -> None:
    """Members whose checksums are right, so that their headers are looked at."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("y_pred.npy", data)
        archive.writestr("y_true.npy", _npy(np.array([0, 1, 1])))
    _read(".npz", sink.getvalue())


def _text(data: bytes) -> str:
    """Bytes as the text that an argument of a command is; those that are no UTF-8 become halves of surrogate pairs."""
    return data.decode("utf-8", "surrogateescape")


def _run_spec(data: bytes) -> None:
    text = _text(data)
    if ".py" in text:
        return  # It would be run, as it should.
    with _refusals_allowed():
        parse_spec(text)


def _run_gate(data: bytes) -> None:
    text = _text(data)
    with _refusals_allowed():
        gate = parse_gate(text)
        if parse_gate(str(gate)) != gate:
            raise AssertionError(f"{text!r} is read back from {str(gate)!r} as another gate")
    with _refusals_allowed():
        parse_selector(text)


def _columns() -> dict[str, Any]:
    return {name: column.combine_chunks() for name, column in zip(_table().column_names, _table().columns, strict=True)}


_COLUMNS = _columns()


def _run_where(data: bytes) -> None:
    with _refusals_allowed():
        where = Where(_text(data))
        where.may_hold({"label": (0, 1), "score": (0.25, 1.0), "country": ("de", "fr")})
        if where.columns <= set(_COLUMNS):
            where(_COLUMNS)


def _run_by(data: bytes) -> None:
    with _refusals_allowed(), contextlib.suppress(SliceColumnError):
        by = parse_by(_text(data), _COLUMNS)
        slicer = Slicer([by], 100)
        if set(slicer.columns) <= set(_COLUMNS):
            slicer.groups(_COLUMNS, 4)
            [by.named(key) for key in by.sorted(slicer.keys[0])]


def _run_config(data: bytes) -> None:
    path = _place / "xent.toml"
    path.write_bytes(data)
    with _refusals_allowed():
        config.read_settings(str(path))


def _measured() -> Any:
    path = _place / "seed.csv"
    path.write_bytes(b"label,score,country\n0,0.25,de\n1,0.5,fr\n1,0.75,de\n")
    # Few thresholds, so that most changes hit something else than the counts of one of them.
    metrics = [row_of(name).cls() for name in ("binary_crossentropy", "accuracy", "mean_squared_error")] + [
        row_of("auc").cls(num_thresholds=3)
    ]
    with open_dataset(Request(sources=(str(path),), by=("country", "x=cut(score,0.5)"))) as dataset:
        return measure(dataset, metrics, identify=True)


def _without_folder(text: str) -> bytes:
    """A seed in which this machine is not named, nor in what is kept of it."""
    return text.replace(f"{_place}/", "").encode()


def _result_seeds() -> list[bytes]:
    result = _measured().result()
    judged = judge(result, [parse_gate("accuracy >= 0.5"), parse_gate("auc[country=*] >= 0.9")])
    return [_without_folder(export(one, "json")) for one in (result, judged)]


def _run_result(data: bytes) -> None:
    with _refusals_allowed():
        result = parse_result(data, "input")
        judged = judge(result, [parse_gate("accuracy >= 0.5"), parse_gate("rows > 2"), parse_gate("auc[*] >= 0.9")])
        for form in ("json", "csv", "markdown", "junit", "github"):
            export(judged, form)


def _run_state(data: bytes) -> None:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        # A right checksum, or nothing behind it would be reached.
        body.pop("checksum", None)
        with contextlib.suppress(ValueError):  # NaN, which `json.loads` lets through.
            data = sealed(body).encode()
    with _refusals_allowed():
        # Reading makes a result of it too.
        merge_states({"input": parse_state(data, "input")})


_GATE_WORDS = (
    b"delta(",
    b"rel(",
    b"[country=*]",
    b"[*]",
    b">=",
    b"min_rows=",
    b"decide=proven-ok",
    b"confidence=",
    b"severity=warn",
    b"2%",
    b"inf",
)
_WHERE_WORDS = (b" and ", b" or ", b"not ", b" in ", b"==", b"!=", b"<=", b"score", b"country", b"label", b"'de'", b"(", b")", b"[", b"`")
_SPEC_WORDS = (
    b"auc",
    b"cce",
    b"precision",
    b"num_thresholds=",
    b"thresholds=[",
    b"top_k=",
    b"class_id=",
    b"from_logits=true",
    b"none",
    b":",
    b"label=",
)
_HEADER_WORDS = (
    b"'descr': ",
    b"'<f8'",
    b"'|O'",
    b"'fortran_order': ",
    b"True",
    b"'shape': ",
    b"(1,)",
    b"(-1, 2)",
    b"1152921504606846976",
    b"nan",
)
_JSON_WORDS = (b"null", b"true", b"NaN", b'"inf"', b"[]", b"{}", b"1e999", b"-1", b'""', b"9223372036854775808", b'"\\ud800"')

TARGETS: dict[str, Target] = {
    "csv": Target(
        _reader(".csv"),
        lambda: [_CSV, b"\xef\xbb\xbf" + _CSV, b"label,p_a,p_b\na,0.5,0.5\nb,1,0\n"],
        (b"nan", b'"', b"\r\n", b"\0", b"1e999"),
    ),
    "csv.gz": Target(_reader(".csv.gz"), lambda: [gzip.compress(_CSV), gzip.compress(_CSV) + gzip.compress(_CSV), b""]),
    "csv.bz2": Target(_reader(".csv.bz2"), lambda: [bz2.compress(_CSV)]),
    "csv.zst": Target(_reader(".csv.zst"), lambda: [pa.compress(_CSV, "zstd", asbytes=True)]),
    "jsonl": Target(_reader(".jsonl", pred="score"), lambda: [_LINES, b'{"label": "a"}\n'], _JSON_WORDS),
    "parquet": Target(_reader(".parquet", pred="score", where="score > 0.1 and country == 'de'", by=("country",)), _parquet_seeds),
    "arrow": Target(_reader(".arrow", pred="score", by=("country",)), _arrow_seeds),
    "npy": Target(_run_npy, _npy_seeds, _HEADER_WORDS),
    "npz": Target(_reader(".npz"), _npz_seeds),
    "npz-member": Target(_run_npz_member, _npy_seeds, _HEADER_WORDS),
    "spec": Target(_run_spec, lambda: [b"auc:curve=PR,num_thresholds=20", b"x=precision:thresholds=[0.25;0.75],top_k=none"], _SPEC_WORDS),
    "gate": Target(_run_gate, lambda: [b'delta(accuracy[country=*,age="a b"]) >= -1% min_rows=100', b"mse < 1e-3"], _GATE_WORDS),
    "where": Target(_run_where, lambda: [b"country == 'de' and not score > 0.5", b"`label` in (0, 1) or 0 < score <= 1"], _WHERE_WORDS),
    "by": Target(_run_by, lambda: [b"country,x=cut(score,0.25,0.5)", b"label", b"flag,price"], (b"cut(", b"=", b",", b"score", b"1e999")),
    "config": Target(
        _run_config,
        lambda: [b'metric = ["auc"]\nlabel = "y"\n[[gate]]\nmetric = "mse"\nmax = 0.5\nslices = ["country"]\n', b'gate = ["auc > 0.5"]\n'],
        (b"[[gate]]\n", b"max_increase = ", b"inf", b"'''", b"slices = ", b"min_rows = "),
    ),
    "result": Target(_run_result, _result_seeds, _JSON_WORDS, change_json),
    "state": Target(_run_state, lambda: [_without_folder(state_text(_measured()))], _JSON_WORDS, change_json),
}
"""The functions by name."""
