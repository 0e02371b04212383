"""Hostile NPY and NPZ files: headers that lie, pickles, archives that swell."""

import io
import os
import pickle
import struct
import threading
import zipfile
import zlib

import numpy as np
import pytest

from xent.core.errors import DataError
from xent.io.places import Place
from xent.io.readers import open_place

PRED = np.array([0.25, 0.75])
LABELS = np.array([0, 1])
BCE = "0.287682072"  # -ln 0.75


def saved(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def header(text: str | bytes, values: bytes = PRED.tobytes(), version: int = 1) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(raw)) + raw + values


def shaped(shape: str, descr: str = "'<f8'", order: str = "False") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")


class Exploding:
    """Unpickling it would leave a file behind."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


NPY = {
    "good": (saved(PRED), 0, BCE),
    "good, version 2": (saved(PRED, version=(2, 0)), 0, BCE),
    "good, version 3": (saved(PRED, version=(3, 0)), 0, BCE),
    "good, two columns": (saved(np.stack([1 - PRED, PRED], 1)), 0, BCE),
    "Fortran order": (saved(np.asfortranarray(np.stack([1 - PRED, PRED], 1))), 0, BCE),
    "big-endian": (saved(PRED.astype(">f8")), 0, BCE),
    "half precision": (saved(PRED.astype("f2")), 0, BCE),
    "Fortran order of one axis": (shaped("(2,)", order="True"), 0, BCE),
    "nothing": (b"", 5, "p.npy: the file is empty"),
    "the magic alone": (b"\x93NUMPY", 3, "p.npy: is not an NPY file"),
    "cut in the length": (b"\x93NUMPY\x01\x00\x76", 3, "p.npy: the NPY header cannot be read"),
    "cut in the header": (saved(PRED)[:50], 3, "p.npy: the NPY header cannot be read"),
    "cut before the values": (saved(PRED)[:-16], 3, "p.npy: is truncated: 128 bytes where"),
    "cut in the values": (saved(PRED)[:-1], 3, "p.npy: is truncated: 143 bytes where"),
    "longer than it says": (saved(PRED) + b"\0", 3, "p.npy: is longer than its header says"),
    "text": (b"label,score\n0,0.5\n", 3, "p.npy: is not an NPY file"),
    "a pickle": (pickle.dumps(Exploding()), 3, "p.npy: is not an NPY file"),
    "a pickle inside": (saved(np.array([Exploding()], dtype=object), allow_pickle=True), 3, "p.npy: holds pickled Python objects"),
    "a pickle in a field": (
        header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}", pickle.dumps(Exploding())),
        3,
        "p.npy: holds pickled Python objects",
    ),
    "version 9": (b"\x93NUMPY\x09" + saved(PRED)[7:], 3, "p.npy: NPY version 9.0 is not known"),
    "2**60 rows": (shaped("(1152921504606846976,)"), 3, "p.npy: is truncated"),
    "2**600 rows": (shaped(f"({2**600},)"), 3, "p.npy: is truncated"),
    "2**40 columns": (shaped("(2, 1099511627776)"), 3, "p.npy: is truncated"),
    "two axes whose product overflows": (shaped("(4294967296, 4294967296)"), 3, "p.npy: is truncated"),
    "2**60 rows of nothing": (
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976, 0)}", b""),
        3,
        "p.npy: the rows of an array of shape",
    ),
    "rows of nothing": (
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 0)}", b""),
        3,
        "p.npy: the rows of an array of shape",
    ),
    "less than no rows": (shaped("(-1,)"), 3, "p.npy: an array of shape (-1,) has no rows"),
    "less than no columns": (shaped("(-2, -1)"), 3, "p.npy: an array of shape (-2, -1) has no rows"),
    "no axes": (saved(np.array(0.5)), 3, "p.npy: an array of shape () has no rows"),
    "no rows": (saved(np.zeros(0)), 3, "y.npy: has 2 rows, and p.npy 0"),
    "other rows": (saved(np.zeros(3)), 3, "y.npy: has 2 rows, and p.npy 3"),
    "100 axes": (shaped("(" + "1," * 100 + ")"), 3, "p.npy: "),
    "three axes": (saved(np.full((2, 2, 2), 0.5)), 3, "a binary metric needs one probability for each label, and there are 2x2"),
    "a shape of text": (shaped("'ab'"), 3, "p.npy: the NPY header cannot be read"),
    "a shape of floats": (shaped("(2.5,)"), 3, "p.npy: the NPY header cannot be read"),
    "a shape of truth": (shaped("(True, 2)"), 3, "p.npy: the NPY header cannot be read"),
    "a shape of nothing": (shaped("None"), 3, "p.npy: the NPY header cannot be read"),
    "no shape": (header("{'descr': '<f8', 'fortran_order': False}"), 3, "p.npy: the NPY header cannot be read"),
    "no dict": (header("[1, 2]"), 3, "p.npy: the NPY header cannot be read"),
    "a call": (header("__import__('os').mkdir('exploded')"), 3, "p.npy: the NPY header cannot be read"),
    "nested deep": (header("(" * 5000), 3, "p.npy: the NPY header cannot be read"),
    "nested deeper": (header("-" * 60_000 + "1"), 3, "p.npy: the NPY header cannot be read"),
    "what Python warns of": (header("{'descr': '<f8', 'fortran_order': 0or 1, 'shape': (2,)}"), 3, "p.npy: the NPY header cannot be read"),
    "NUL": (header("{'descr': '<f8\0'}"), 3, "p.npy: the NPY header cannot be read"),
    "an empty header": (header(""), 3, "p.npy: the NPY header cannot be read"),
    "a header of 4 GB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + saved(PRED)[10:], 3, "p.npy: "),
    "not UTF-8": (header(b"{'\xff'}", version=3), 3, "p.npy: the NPY header cannot be read"),
    "an unknown type": (shaped("(2,)", "'<q17'"), 3, "p.npy: the NPY header cannot be read"),
    "a type of 2 GB": (shaped("(2,)", "'|S2147483647'"), 3, "p.npy: holds |S2147483647, not numbers"),
    "texts": (saved(np.array(["a", "b"])), 3, "p.npy: holds <U1, not numbers"),
    "bytes": (saved(np.array([b"a", b"b"])), 3, "p.npy: holds |S1, not numbers"),
    "dates": (saved(np.array(["2026-01-01", "2026-01-02"], "M8[D]")), 3, "p.npy: holds datetime64[D], not numbers"),
    "complex numbers": (saved(PRED.astype(complex)), 3, "p.npy: holds complex128, not numbers"),
    "long floats": (saved(PRED.astype(np.longdouble)), 3, "p.npy: holds float128, not numbers"),
    "records": (saved(np.zeros(2, [("a", "f8"), ("b", "i4")])), 3, "p.npy: holds [('a', '<f8'), ('b', '<i4')], not numbers"),
    "records of nothing": (shaped("(2,)", "[]"), 3, "p.npy: holds []"),
    "records with wrong fields": (shaped("(2,)", "[1, 2]"), 3, "p.npy: the NPY header cannot be read"),
    "NaN": (saved(np.array([0.5, np.nan])), 3, "p.npy: column 'array', row 2: a value is missing"),
    "a signalling NaN": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", b"\x01\0\x80\x7f" * 2),
        3,
        "row 1: a value is missing",
    ),
    "infinities": (saved(np.array([0.5, np.inf])), 3, "p.npy: column 'array', row 2: "),
    "values out of range": (saved(np.array([0.5, 1.5])), 3, "p.npy: column 'array', row 2: "),
}


@pytest.mark.parametrize("name", NPY)
def test_npy(name, folder, hostile):
    content, status, said = NPY[name]
    (folder / "p.npy").write_bytes(content)
    np.save("y.npy", LABELS)
    hostile(("eval", "p.npy", "--labels", "y.npy", "-m", "binary_crossentropy"), status, said)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


Y = ("y_true.npy", saved(LABELS))
P = ("y_pred.npy", saved(PRED))


def lying_about_size(claimed: int) -> bytes:
    """An archive whose directory says another size of the unpacked member than it has."""
    plain = zipped(Y, P, method=zipfile.ZIP_DEFLATED)
    at = plain.rindex(b"PK\x01\x02")
    return plain[: at + 24] + struct.pack("<I", claimed) + plain[at + 28 :]


def patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    at = content.index(signature) + offset
    return content[:at] + value + content[at + len(value) :]


NPZ = {
    "good": (zipped(Y, P), 0, BCE),
    "good, packed": (zipped(Y, P, method=zipfile.ZIP_DEFLATED), 0, BCE),
    "packed by bzip2": (zipped(Y, P, method=zipfile.ZIP_BZIP2), 0, BCE),
    "packed by xz": (zipped(Y, P, method=zipfile.ZIP_LZMA), 0, BCE),
    "other members beside": (zipped(Y, P, ("notes.txt", b"hello")), 0, BCE),
    "nothing": (b"", 5, "a.npz: the file is empty"),
    "no archive": (saved(PRED), 3, "a.npz: "),
    "an empty archive": (zipped(), 3, "a.npz: "),
    "no arrays in it": (zipped(("notes.txt", b"hello")), 3, "a.npz: holds no arrays"),
    "cut": (zipped(Y, P)[:-30], 3, "a.npz: "),
    "cut in front": (zipped(Y, P)[100:], 3, "a.npz: "),
    "a pickle in it": (zipped(Y, ("y_pred.npy", NPY["a pickle inside"][0])), 3, "a.npz: y_pred.npy: holds pickled Python objects"),
    "a pickle for a member": (zipped(Y, ("y_pred.npy", pickle.dumps(Exploding()))), 3, "a.npz: y_pred.npy: is not an NPY file"),
    "2**60 rows in it": (zipped(Y, ("y_pred.npy", NPY["2**60 rows"][0])), 3, "a.npz: y_pred.npy has"),
    "a member of nothing": (zipped(Y, ("y_pred.npy", b"")), 3, "a.npz: y_pred.npy: is not an NPY file"),
    "a wrong checksum": (patched(zipped(Y, P), PRED.tobytes(), 3, b"\x01"), 3, "a.npz: "),
    "a wrong bit in packed data": (patched(zipped(Y, P, method=8), b"y_pred.npy", 20, b"\xff\xff"), 3, "a.npz: "),
    "a member said to be larger": (lying_about_size(1 << 31), 3, "a.npz: y_pred.npy has"),
    "a member said to be smaller": (lying_about_size(129), 3, "a.npz: "),
    "an unknown method": (patched(patched(zipped(Y, P), b"PK\x01\x02", 10, b"\x63\0"), b"PK\x03\x04", 8, b"\x63\0"), 3, "a.npz: "),
    "encrypted": (patched(patched(zipped(Y, P), b"PK\x01\x02", 8, b"\x01\0"), b"PK\x03\x04", 6, b"\x01\0"), 3, "a.npz: "),
    "the name of another member": (patched(zipped(Y, P), b"PK\x03\x04", 30, b"x_true"), 3, "a.npz: "),
    "paths for names": (zipped(("../../y_true.npy", Y[1]), ("/etc/y_pred.npy", P[1])), 3, "there are ../../y_true, /etc/y_pred"),
    "control characters in a name": (zipped(Y, ("\x1b[2Jpred.npy", P[1])), 3, "\\x1b[2Jpred"),
    "other lengths": (zipped(Y, ("y_pred.npy", saved(np.full(3, 0.5)))), 3, "a.npz: the arrays have different lengths: y_true 2, y_pred 3"),
}


@pytest.mark.parametrize("name", NPZ)
def test_npz(name, folder, hostile):
    content, status, said = NPZ[name]
    (folder / "a.npz").write_bytes(content)
    hostile(("eval", "a.npz", "-m", "binary_crossentropy"), status, said)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(folder, hostile):
    (folder / "a.npz").write_bytes(zipped(Y, P, ("y_pred.npy", saved(PRED[::-1]))))
    hostile(("eval", "a.npz", "-m", "binary_crossentropy"), 3, "a.npz: holds y_pred.npy more than once")


def swelling(rows: int, *, order: str, columns: int = 1) -> bytes:
    """A packed array of ones, of which a thousandth of the size is stored."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("y_true.npy", saved(np.ones(rows, np.int8)))
        with archive.open("y_pred.npy", "w", force_zip64=True) as member:
            member.write(header(f"{{'descr': '<f8', 'fortran_order': {order}, 'shape': ({rows}, {columns})}}", b""))
            block = np.full(1 << 17, 0.5).tobytes()
            for _ in range(rows * columns // (1 << 17)):
                member.write(block)
    return file.getvalue()


SWELLING = {
    "1 GB in rows": (lambda: swelling(1 << 20, order="False", columns=128), 0, "count"),
    "1 GB in columns": (lambda: swelling(1 << 20, order="True", columns=128), 0, "count"),
    "zeros for a header": (
        lambda: zipped(Y, ("y_pred.npy", b"\x93NUMPY\x02\0\xff\xff\xff\x7f" + bytes(100 << 20)), method=8),
        3,
        "a.npz: y_pred.npy: ",
    ),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", SWELLING)
def test_archives_that_swell(name, folder, bounded):
    make, status, said = SWELLING[name]
    (folder / "a.npz").write_bytes(make())
    bounded(("eval", "a.npz", "-m", "sparse_categorical_crossentropy"), status, said)


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    """It is an error at the byte where it ends; a mapped file would end the process."""
    np.save(tmp_path / "p.npy", np.zeros((100_000, 4)))
    table = open_place(Place(str(tmp_path / "p.npy")))
    chunks = table.parts(["array"], 1000)[0]()
    next(chunks)
    os.truncate(tmp_path / "p.npy", 50_000)
    with pytest.raises(DataError, match=r"p\.npy: ends at byte 50000, before the last row; was it cut off while it was read\?"):
        list(chunks)


def test_a_file_that_shrinks_under_threads(folder, hostile):
    np.save("p.npy", np.full((1_000_000, 4), 0.25))
    np.save("y.npy", np.zeros(1_000_000, int))
    shrinking = threading.Timer(0.02, os.truncate, ("p.npy", 1000))
    shrinking.start()
    try:
        hostile(("eval", "p.npy", "--labels", "y.npy", "-m", "cce", "--chunk-rows", "100"), 3, "p.npy: ")
    finally:
        shrinking.join()


def test_crc_is_what_makes_the_case(folder):
    """The member of a wrong checksum is sound but for one bit."""
    content = NPZ["a wrong checksum"][0]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() == "y_pred.npy"
        assert archive.getinfo("y_true.npy").CRC == zlib.crc32(Y[1])
