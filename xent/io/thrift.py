"""Thrift's compact protocol, as far as Parquet is written in it: what structures hold in fields that are asked for, and where they end.

What no writer does, though Arrow may read it, is refused: a field that is there twice, for example. An `IndexError` says that there are
too few bytes. Where there is much to pass over, patterns are faster than reading; they are made of the parts at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_END, _TRUE, _FALSE, _BYTE, _I16, I32, I64, _DOUBLE, BINARY, LIST, _SET, _MAP, STRUCT, _UUID = range(14)
"""Types: the lower half of the byte that stands before a field. The upper half is the step to its number."""

_INTEGERS = (I32, I64, _I16)

_WIDTHS = {_TRUE: 1, _FALSE: 1, _BYTE: 1, _DOUBLE: 8, _UUID: 16}
"""Bytes of an element of a list; a truth value that is a field of its own has none."""

_LONGEST_NUMBER = 10

_LONG_LIST = 15

_LARGEST_FIELD = 0x7FFF

_DEEPEST = 64

Reader = Callable[[bytes, int], tuple[Any, int]]
"""Gives the value that begins at a byte, and where it ends."""

Layout = Mapping[int, tuple[int, Reader]]
"""Of the fields that are wanted: their numbers, types and readers. What has another type is passed over, as Thrift does."""


class Malformed(ValueError):
    """What is no structure, or none that a writer makes."""


def length(data: bytes, at: int) -> tuple[int, int]:
    """A number without a sign."""
    number = data[at] & 0x7F
    for shift in range(7, 7 * _LONGEST_NUMBER, 7):
        if data[at] < 0x80:
            return number, at + 1
        at += 1
        number |= (data[at] & 0x7F) << shift
    if data[at] >= 0x80:
        raise Malformed("a number of too many bytes")
    return number, at + 1


def _signed(bits: int) -> Reader:
    def read(data: bytes, at: int) -> tuple[int, int]:
        number, at = length(data, at)
        number &= (1 << bits) - 1
        return (number >> 1) ^ -(number & 1), at  # The sign is the lowest bit.

    return read


_i16, i32, i64 = _signed(16), _signed(32), _signed(64)


def text(data: bytes, at: int) -> tuple[bytes, int]:
    """Bytes whose number stands before them."""
    count, at = length(data, at)
    return data[at : at + count], at + count


def structure(layout: Layout) -> Reader:
    """The reader of a structure: a dictionary of the wanted fields that it has."""

    def read(data: bytes, at: int) -> tuple[dict[int, Any], int]:
        found: dict[int, Any] = {}
        number = 0
        while True:
            number, kind, at = _field(data, at, number)
            wanted = layout.get(number)
            if kind == _END:
                return found, at
            if wanted is None or wanted[0] != kind:
                at = _behind(data, at, kind, 1)
            elif number in found:
                raise Malformed("a field that is there twice")
            else:
                found[number], at = wanted[1](data, at)

    return read


def begin_list(data: bytes, at: int) -> tuple[int, int, int]:
    """The number of the elements of a list, their type, and where they begin."""
    size, kind = data[at] >> 4, data[at] & 0x0F
    if size < _LONG_LIST:
        return size, kind, at + 1
    size, at = length(data, at + 1)
    return size, kind, at


def skip_structure(data: bytes, at: int, depth: int = 0) -> int:
    """Where a structure ends."""
    if depth > _DEEPEST:
        raise Malformed("structures within structures")
    while True:
        _, kind, at = _field(data, at, 0)
        if kind == _END:
            return at
        at = _behind(data, at, kind, depth + 1)


def _field(data: bytes, at: int, before: int) -> tuple[int, int, int]:
    """The number and type of a field, and where its value begins, given the number of the one before it."""
    head = data[at]
    kind = head & 0x0F
    if head > 0x0F or kind == _END:
        number = before + (head >> 4)
        if number > _LARGEST_FIELD:
            raise Malformed("more fields than there can be")
        return number, kind, at + 1
    number, at = _i16(data, at + 1)
    return number, kind, at


def _behind(data: bytes, at: int, kind: int, depth: int) -> int:
    """Where the value of a field ends."""
    if kind in _INTEGERS:
        while data[at] > 0x7F:
            at += 1
        return at + 1
    if kind in (_TRUE, _FALSE):
        return at
    if kind in (LIST, _SET):
        size, kind, at = begin_list(data, at)
        return _behind_all(data, at, size, (kind,), depth)
    if kind == _MAP:
        size, at = length(data, at)
        return _behind_all(data, at + 1, size, (data[at] >> 4, data[at] & 0x0F), depth) if size else at
    return _behind_all(data, at, 1, (kind,), depth)


def _behind_all(data: bytes, at: int, size: int, kinds: tuple[int, ...], depth: int) -> int:
    """Where so many elements end, each of a value of every type."""
    if all(kind in _WIDTHS for kind in kinds):
        return at + size * sum(_WIDTHS[kind] for kind in kinds)
    for _ in range(size):
        for kind in kinds:
            if kind in _WIDTHS:
                at += _WIDTHS[kind]
            elif kind == BINARY:
                count, at = length(data, at)
                at += count
            elif kind == STRUCT:
                at = skip_structure(data, at, depth)
            elif kind in (*_INTEGERS, LIST, _SET, _MAP) and depth < _DEEPEST:
                at = _behind(data, at, kind, depth + 1)
            else:
                raise Malformed("a type that is not known")
    return at


NUMBER = rb"[\x80-\xff]{0,9}+[\0-\x7f]"
"""A pattern of a number: seven bits a byte, the lowest first."""


def marks(*kinds: int) -> bytes:
    """A pattern of the byte before a field of these types, if its number is at most 7 from that of the field before it."""
    return b"[%s]" % b"".join(re.escape(bytes([step << 4 | kind])) for kind in kinds for step in range(1, 8))


def texts(lengths: Iterable[int]) -> bytes:
    """A pattern of a text of one of these lengths."""
    return b"(?:%s)" % b"|".join(re.escape(bytes([length])) + b".{%d}" % length for length in lengths)


NUMBERS = b"%s%s|%s" % (marks(I32, I64), NUMBER, marks(_TRUE, _FALSE))
"""A pattern of a field that is a number or a truth value."""

BOUNDS = b"%s%s" % (marks(BINARY), texts((8, 4, 0, 1, 2, 3, 5, 6, 7, 9, 10, 12, 16)))
"""A pattern of a field that is a short text or a number in bytes; those of most columns come first."""
