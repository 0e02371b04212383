"""Values sent from a forked process to the one that it was forked from."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any


class Parcels:
    """Values as bytes. Functions that there were before the fork are the same in both processes, and are sent by their numbers.

    So no function, and no metric that somebody has written in a file, has to be found again by its name; and what holds functions is equal
    to what it was.

    Parameters
    ----------
    sample : a value like those that will be sent; functions and all else that can be called are taken from it
    """

    def __init__(self, sample: object) -> None:
        self._known: list[object] = []
        self._numbers: dict[int, int] = {}
        _Pickler.dumps(sample, self._learn)

    def pack(self, value: object) -> bytes:
        """The value as bytes, in the forked process."""
        return _Pickler.dumps(value, lambda found: self._numbers.get(id(found)))

    def unpack(self, text: bytes | bytearray) -> Any:
        """The value again, in the other one.

        Raises
        ------
        pickle.UnpicklingError, EOFError
            The bytes are cut off.
        """
        unpickler = _Unpickler(io.BytesIO(text))
        unpickler.known = self._known
        return unpickler.load()

    def _learn(self, found: object) -> int | None:
        if callable(found) and id(found) not in self._numbers:
            self._numbers[id(found)] = len(self._known)
            self._known.append(found)
        return self._numbers.get(id(found))


class _Pickler(pickle.Pickler):
    number: Callable[[object], int | None]

    @classmethod
    def dumps(cls, value: object, number: Callable[[object], int | None]) -> bytes:
        file = io.BytesIO()
        pickler = cls(file, protocol=5)
        pickler.number = number
        pickler.dump(value)
        return file.getvalue()

    def persistent_id(self, obj: object) -> int | None:
        return self.number(obj)


class _Unpickler(pickle.Unpickler):
    known: Sequence[object]

    def persistent_load(self, pid: int) -> object:
        return self.known[pid]
