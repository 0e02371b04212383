"""Labels as they stand in files, as the numbers that metrics take: class names become indices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xent.core.errors import DataError, DomainError
from xent.io.columns import is_arrow, numbers_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from xent.io.tables import Chunk, Column

_BOOLEANS = {"true": 1.0, "false": 0.0}


class LabelDecoder:
    """Turns a label column into class indices or numbers.

    A text is the class of that name, or, where no class has it, the number or truth value it spells. Integers are indices, unless the
    classes are themselves called by other integers, such as 1 to 10: then they are those names. Missing labels are NaN.

    Parameters
    ----------
    classes : class names in the order of the predictions, or None where they are not known
    """

    def __init__(self, classes: Sequence[str] | None) -> None:
        self.classes = None if classes is None else tuple(classes)
        self._index = {name: float(at) for at, name in enumerate(classes or ())}
        self._numbers = _other_numbers(classes)

    @property
    def wants_text(self) -> bool:
        """Whether classes have names that are not numbers, so that a label must be read as text."""
        return any(not re.fullmatch(r"\d+", name) for name in self._index)

    def decode(self, column: Column) -> npt.NDArray[Any]:
        """Class indices or numbers, shape (n,) or that of the lists.

        Raises
        ------
        DomainError
            A label is no class and no number.
        """
        if is_arrow(column) and is_text(column.type):
            return self._decode_texts(column)
        values = numbers_of(column)
        if self._numbers is None or values.ndim > 1 or values.dtype.kind == "b":
            return values.view(np.uint8) if values.dtype.kind == "b" else values
        return self._decode_numbers(values, self._numbers)

    def _decode_texts(self, column: pa.Array[Any]) -> npt.NDArray[Any]:
        from xent.io.arrow_values import valid_rows

        encoded: Any = column if hasattr(column, "dictionary") else column.dictionary_encode()
        if not len(encoded.dictionary):
            return np.full(len(column), np.nan)
        texts = encoded.dictionary.to_pylist()
        meanings = [np.nan if text is None or text == "" else self._meaning(text) for text in texts]
        valid = valid_rows(encoded)
        codes = np.where(valid, np.nan_to_num(numbers_of(encoded.indices)), 0).astype(np.intp)
        unknown = np.array([meaning is None for meaning in meanings])
        if unknown.any():
            bad = unknown[codes] & valid
            if bad.any():
                row = int(np.argmax(bad))
                raise DomainError(f"label {texts[codes[row]]!r} is not a class{self._known()}", role="y_true", row=row)
        numbers = np.array([np.nan if meaning is None else meaning for meaning in meanings])
        result = numbers[codes]
        if valid.all() and (np.abs(numbers) < 2**53).all():
            whole = result.astype(np.intp)
            return whole if (whole == result).all() else result
        result[~valid] = np.nan
        return result

    def _meaning(self, text: str) -> float | None:
        if text in self._index:
            return self._index[text]
        if self.classes is None or self._numbers is None:
            stripped = text.strip()
            if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", stripped, re.ASCII):
                return float(stripped)
            if self.classes is None:
                return _BOOLEANS.get(stripped.lower())
        return None

    def _decode_numbers(self, values: npt.NDArray[Any], numbers: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        order = np.argsort(numbers)
        places = np.minimum(np.searchsorted(numbers[order], values), len(numbers) - 1)
        index = order[places]
        wrong = (numbers[index] != values) & ~np.isnan(values.astype(np.float64))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DomainError(f"label {values[row].item()!r} is not a class{self._known()}", role="y_true", row=row)
        return np.where(np.isnan(values), np.nan, index) if values.dtype.kind == "f" and np.isnan(values).any() else index

    def _known(self) -> str:
        if self.classes is None:
            return "; pass --classes with the names in the order of the predictions"
        names = ", ".join(self.classes[:8])
        return f"; the classes are {names}" + (f" .. {self.classes[-1]}" if len(self.classes) > 8 else "")


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this Arrow type holds text."""
    from xent.io.arrow_values import field_of

    return field_of("", kind).kind == "text"


def _other_numbers(classes: Sequence[str] | None) -> npt.NDArray[np.float64] | None:
    """The class names as numbers, if they are integers other than 0 to k - 1."""
    if not classes or not all(re.fullmatch(r"\d+", name) for name in classes):
        return None
    numbers = np.array([int(name) for name in classes], dtype=np.float64)
    return None if (numbers == np.arange(len(numbers))).all() else numbers


def decoded(name: str, chunk: Chunk, columns: Sequence[str], decoder: LabelDecoder) -> npt.NDArray[Any]:
    """The labels of a chunk, shape (n,), or (n, k) from k columns.

    Raises
    ------
    DataError
        A label is no class and no number; the error names file, column and row.
    """
    found = []
    for column in columns:
        try:
            found.append(decoder.decode(chunk.columns[column]))
        except DomainError as error:
            raise DataError(f"{name}: column {column!r}, row {chunk.first + error.row + 1}: {error}") from error
        except TypeError as error:
            raise DataError(f"{name}: column {column!r} {error}") from error
    return found[0] if len(found) == 1 else np.stack(found, axis=1)
