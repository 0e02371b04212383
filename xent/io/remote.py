"""Sources that a URL names: read in stretches, and refused where they change while they are read."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from typing import Any

from xent.core.errors import DataError
from xent.io.places import Place, Stretch
from xent.io.range_file import RangeFile
from xent.io.stores import changes, store_of


class RemotePlace(Place):
    """An object of a store, or what a server of HTTP gives.

    Requests may be answered from before and from after a change, and old and new bytes would be one file; so after every answer it is
    looked at whether the object is still the one that was opened. Where only the whole can be had it is copied to a temporary file first,
    as a pipe is, and read from there.
    """

    is_remote = True

    def __init__(self, url: str, input_format: str | None, retries: int) -> None:
        self._store = store_of(url, retries)
        self._expected: dict[tuple[Stretch, ...], RangeFile | None] = {}
        self._lock = threading.Lock()
        self._checking = threading.Lock()
        self._checked = 0.0
        super().__init__(url, input_format)

    def _connect(self) -> None:
        self._object = self._store.open(self.path)
        # Not the times, which a store may tell in several ways.
        self.version = next((value for key, value in self._object.state.items() if key.lower() == "etag"), "")
        if self._object.copy is not None:
            self._copy = self._temporary_file()
            self._object.copy(self._copy)
            self.check()

    def size(self) -> int | None:
        return self._object.size if self._copy is None else self._copy.seek(0, io.SEEK_END)

    def head(self, size: int) -> bytes:
        return super().head(size) if self.compression else self._raw_head(size)

    def _raw_head(self, size: int) -> bytes:
        with self.open_file([(0, min(size, self.size() or 0))]) as file:
            return file.read(size) or b""

    def _arrow_file(self, stretches: Sequence[Stretch] | None) -> Any:
        import pyarrow as pa

        return super()._arrow_file(stretches) if self._copy is not None else pa.PythonFile(self._range_file(stretches), mode="r")

    def open_file(self, stretches: Sequence[Stretch] | None = None) -> io.RawIOBase:
        return super().open_file(stretches) if self._copy is not None else self._range_file(stretches)

    def _range_file(self, stretches: Sequence[Stretch] | None) -> RangeFile:
        key = tuple(stretches or ())
        with self._lock:
            expected = self._expected.get(key)
            if key:
                self._expected[key] = None  # Whoever opens it next is the first to say so, or does it again.
        return expected or self._new_file(stretches)

    def _new_file(self, stretches: Sequence[Stretch] | None) -> RangeFile:
        assert self._object.size is not None
        return RangeFile(self._fetch, self._object.size, stretches)

    def _fetch(self, start: int, stop: int) -> bytes:
        """The bytes of a stretch, as they were when the place was opened."""
        assert self._object.fetch is not None
        try:
            data = self._object.fetch(start, stop)
        except DataError:
            self.check()  # What a change made impossible is best called a change.
            raise
        came = time.monotonic()
        with self._checking:
            # Answers that come together need one look, if it was begun after all of them.
            if self._checked < came:
                began = time.monotonic()
                self.check()
                self._checked = began
        return data

    def expect(self, stretches: Sequence[Stretch]) -> None:
        if self._copy is None:
            with self._lock:
                # What was opened already is being read by another thread.
                if tuple(stretches) not in self._expected:
                    self._expected[tuple(stretches)] = self._new_file(stretches)

    def check(self) -> None:
        """Raises `DataError` if what is there is not what was there when it was opened."""
        found = changes(self._object.state, self._store.state(self.path))
        if found:
            raise DataError(f"{self.name}: changed while it was read: {found[0]}")
