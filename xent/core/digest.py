"""A fingerprint of the labels and weights that a number was measured on.

Rows are hashed one by one and the hashes added, so the order of rows, the chunks and the files make no difference. Predictions are
left out on purpose: two models measured on the same rows have the same fingerprint, and only then may they be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from xent.core.derived import label_extremes, weights
from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

    from xent.core.arrays import Array
    from xent.core.batch import Batch

    Hashes = npt.NDArray[np.uint64]

_ODD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_MASK = 2**64 - 1


def digest_of(batch: Batch, classes: Sequence[str] | None = None) -> tuple[int, int]:
    """Two sums of row hashes modulo 2**64, which add up over batches.

    Where `classes` names the classes that index labels stand for, the names are hashed: a file that holds names and one that holds
    indices are the same data.
    """
    y_true, weight = batch.y_true, batch.sample_weight
    if weight is None and y_true.ndim == 1 and y_true.dtype.kind in "iub" and y_true.size and _within(batch.derive(label_extremes), 2**16):
        # Without weights all rows of one label have one hash, so counting labels is enough.
        counts = np.bincount(y_true.astype(np.intp, copy=False))
        hashes = _finish(_label_hashes(np.arange(len(counts)), classes), None)
        times = counts.astype(np.uint64)
        return _total(hashes * times), _total(hashes * hashes * times)
    mixed = _mixed(_label_hashes(y_true, classes), None if weight is None else batch.derive(weights))
    # The last factor of a hash is that of their sum as well.
    total, squares = _total(mixed) * _ODD[2], _total(np.square(mixed, out=mixed)) * _ODD[2] ** 2
    return total & _MASK, squares & _MASK


def content_of(batch: Batch, classes: Sequence[str] | None = None) -> tuple[int, int]:
    """Like `digest_of`, but of the predictions too: it tells files from each other, whatever they are called."""
    hashes = row_hashes(batch, classes)
    return _total(hashes), _total(hashes * hashes)


def row_hashes(batch: Batch, classes: Sequence[str] | None = None) -> Hashes:
    """A hash of the label, the predictions and the weight of every row, shape (n,)."""
    y_pred = batch.y_pred.reshape(len(batch), -1)
    hashes = _finish(_label_hashes(batch.y_true, classes), batch.sample_weight)
    hashes = hashes * np.uint64(_ODD[0]) + _sums_of_rows(y_pred)
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(_ODD[1])
    return hashes


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """The digest of the rows of both."""
    return (one[0] + other[0]) & _MASK, (one[1] + other[1]) & _MASK


def text(digest: tuple[int, int]) -> str:
    """The digest as it stands in results: 32 hexadecimal digits.

    >>> text((1, 2))
    '00000000000000010000000000000002'
    """
    return f"{digest[0]:016x}{digest[1]:016x}"


def _total(hashes: Hashes) -> int:
    return int(np.add.reduce(hashes)) if len(hashes) else 0


def _label_hashes(y_true: Array, classes: Sequence[str] | None) -> Hashes:
    if y_true.ndim > 1:
        return _hashes_of_rows(y_true.reshape(len(y_true), -1), classes)
    table = _hashes_of_indices() if classes is None else _hashes_of_names(tuple(classes))
    if y_true.size and (y_true.dtype.kind in "iub" or classes is not None) and _within((y_true.min(), y_true.max()), len(table)):
        index = y_true.astype(np.intp, copy=False)
        if y_true.dtype.kind != "f" or (index == y_true).all():
            return np.asarray(table.take(index))
    return _hashes_of_numbers(y_true)


def _within(extremes: tuple[float, float], count: int) -> bool:
    low, high = extremes
    return low >= 0 and high < count


def _hashes_of_numbers(values: Array) -> Hashes:
    # Adding 0.0 makes one zero of the two. Whole numbers differ in their first bits alone, which the shift brings to the last ones.
    bits = (values.astype(np.float64) + 0.0).view(np.uint64)
    bits ^= bits >> np.uint64(32)
    bits *= np.uint64(_ODD[0])
    return bits


def _hashes_of_rows(y_true: Array, classes: Sequence[str] | None) -> Hashes:
    """One-hot rows are the class they name; all others are the sum of the hashes of their values, each turned by its place."""
    hashes = _sums_of_rows(y_true)
    one_hot = (np.count_nonzero(y_true, axis=1) == 1) & (y_true.max(axis=1) == 1)
    if y_true.shape[1] > 1 and one_hot.any():
        hashes[one_hot] = _label_hashes(y_true[one_hot].argmax(axis=1), classes)
    return hashes


def _sums_of_rows(values: Array) -> Hashes:
    """The sum of the hashes of the values of each row, each turned by its place."""
    places = np.arange(1, values.shape[1] + 1, dtype=np.uint64) * np.uint64(_ODD[1])
    mixed = _hashes_of_numbers(values) ^ places
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(_ODD[2])
    hashes: Hashes = np.add.reduce(mixed, axis=1)
    return hashes


@cache
def _hashes_of_indices() -> Hashes:
    return _hashes_of_numbers(np.arange(1 << 12))


@cache
def _hashes_of_names(classes: tuple[str, ...]) -> Hashes:
    return np.array([_hash_of_name(name) for name in classes], dtype=np.uint64)


def _hash_of_name(name: str) -> int:
    try:
        number = float(int(name))
    except ValueError:
        import hashlib

        return int.from_bytes(hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "little")
    return int(_hashes_of_numbers(np.array([number]))[0])


def _finish(hashes: Hashes, weight: Array | None) -> Hashes:
    """The hashes of rows from those of their labels."""
    return _mixed(hashes, weight) * np.uint64(_ODD[2])


def _mixed(hashes: Hashes, weight: Array | None) -> Hashes:
    """Mixes in the weights, of which none means 1 for all; what comes out lacks the last factor."""
    ones = int(np.float64(1.0).view(np.uint64)) * _ODD[1] & _MASK
    if weight is None:
        hashes = hashes + np.uint64(ones)
    else:
        bits = weight.astype(np.float64, copy=False).view(np.uint64) * np.uint64(_ODD[1])
        bits += hashes
        hashes = bits
    hashes ^= hashes >> np.uint64(32)
    return hashes
