"""Values sent from a forked process to the one that it was forked from."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_SIZE = 8
"""Bytes of a number that says how long something is."""

_ALIGNED = 64
"""Arrays begin at multiples of so many bytes, where the processor has them soonest."""


class Parcels:
    """Values as bytes. Functions that there were before the fork are the same in both processes, and are sent by their numbers.

    So no function, and no metric that somebody has written in a file, has to be found again by its name; and what holds functions is equal
    to what it was. Arrays are written and read as they lie in memory, without a copy.

    Parameters
    ----------
    sample : a value like those that will be sent; functions and all else that can be called are taken from it
    """

    def __init__(self, sample: object) -> None:
        self._known: list[object] = []
        self._numbers: dict[int, int] = {}
        _Pickler.dumps(sample, self._learn)

    def pack(self, value: object) -> list[bytes | memoryview]:
        """The value, in the forked process, as bytes that are to be written one after another."""
        text, arrays = _Pickler.dumps(value, lambda found: self._numbers.get(id(found)))
        parts: list[bytes | memoryview] = [text, *arrays]
        packed: list[bytes | memoryview] = [_sizes([len(parts), *map(len, parts)])]
        end = len(packed[0])
        for part in parts:
            packed += [bytes(-end % _ALIGNED), part]
            end += -end % _ALIGNED + len(part)
        return packed

    def unpack(self, sent: bytearray) -> Any:
        """The value again, in the other one. Its arrays lie in these bytes.

        Raises
        ------
        EOFError
            The bytes are cut off.
        """
        view = memoryview(sent)
        (count,) = _numbers(view, 0, 1)
        parts, end = [], _SIZE * (1 + count)
        for size in _numbers(view, _SIZE, count):
            start = end + -end % _ALIGNED
            end = start + size
            parts.append(view[start:end])
        if end > len(view):
            raise EOFError
        unpickler = _Unpickler(io.BytesIO(parts[0]), buffers=parts[1:])
        unpickler.known = self._known
        return unpickler.load()

    def _learn(self, found: object) -> int | None:
        if callable(found) and id(found) not in self._numbers:
            self._numbers[id(found)] = len(self._known)
            self._known.append(found)
        return self._numbers.get(id(found))


def _sizes(numbers: Iterable[int]) -> bytes:
    return b"".join(number.to_bytes(_SIZE, "little") for number in numbers)


def _numbers(view: memoryview, start: int, count: int) -> list[int]:
    end = start + count * _SIZE
    if end > len(view):
        raise EOFError
    return [int.from_bytes(view[at : at + _SIZE], "little") for at in range(start, end, _SIZE)]


class _Pickler(pickle.Pickler):
    number: Callable[[object], int | None]

    @classmethod
    def dumps(cls, value: object, number: Callable[[object], int | None]) -> tuple[bytes, list[memoryview]]:
        """The value without its arrays, and these."""
        file, arrays = io.BytesIO(), list[pickle.PickleBuffer]()
        pickler = cls(file, protocol=5, buffer_callback=arrays.append)
        pickler.number = number
        pickler.dump(value)
        return file.getvalue(), [array.raw() for array in arrays]

    def persistent_id(self, obj: object) -> int | None:
        return self.number(obj)


class _Unpickler(pickle.Unpickler):
    known: Sequence[object]

    def persistent_load(self, pid: int) -> object:
        return self.known[pid]
