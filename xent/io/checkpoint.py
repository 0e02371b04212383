"""`--checkpoint FILE`: how far a run is and what it has measured until there, so that another run can go on from it.

It holds a state, as `xent merge` reads them, of the rows that are behind the positions beside it: not one more and not one less. So it is
made while no thread is at work, and it is put in its place at once: however the run ends, the last one that was saved is true.
"""

from __future__ import annotations

import datetime as dt
import glob
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xent
from xent.core.errors import DataError, UsageError
from xent.core.result import SCHEMA_VERSION
from xent.core.tally import Confidence, NanPolicy, signature
from xent.io.exporters.plain import plain
from xent.io.state_file import read_bytes, sealed, sound, unfinished_as_dict, unfinished_from_dict, unsealed
from xent.io.tables import reading
from xent.io.writing import write_files

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.io.batch_parts import BatchPart
    from xent.io.dataset import Dataset
    from xent.io.measured import Measured
    from xent.io.places import Place

EVERY = 5.0
"""Seconds between two times that progress is saved."""

_ENDS = 1 << 16
"""Bytes at either end of a file that tell it from another, beside its size and the time it was changed."""

_HOW = ("sources", "labels", "retries", "chunk_rows", "threads")
"""What a run may ask for otherwise when it goes on; files are compared by themselves."""


class Checkpoint:
    """A file that a run saves its progress in.

    Parameters
    ----------
    path : the file, which is there if a run is to be gone on with
    every : seconds between two times that it is saved

    Attributes
    ----------
    rows_before : the rows that were behind an earlier run, if there was one
    """

    def __init__(self, path: Path, every: float = EVERY) -> None:
        self.path = path
        self.every = every
        self.rows_before: int | None = None
        self._head: dict[str, Any] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of an earlier run, as sentences."""
        return () if self.rows_before is None else (f"went on from {self.path}, where {self.rows_before:,} rows were done",)

    def begin(
        self,
        dataset: Dataset,
        metrics: Sequence[Metric],
        parts: Sequence[BatchPart],
        *,
        nan: NanPolicy,
        from_logits: bool,
        identify: bool,
        confidence: Confidence | None,
    ) -> Measured | None:
        """What was measured before, if anything; the parts are then where the earlier run left them.

        Raises
        ------
        UsageError
            The earlier run was asked something else.
        DataError
            The file cannot be read, or is not of the same inputs and version.
        """
        if dataset.is_piped:
            raise UsageError("--checkpoint: standard input and pipes cannot be read again; evaluate files")
        question = {"--metric": [_metric_text(metric) for metric in metrics], **_asked(dataset)}
        question |= {"--ci": confidence and list(confidence), "--nan": nan, "--from-logits": from_logits, "--state": identify}
        inputs = [_Input.of(place) for place in dataset.places]
        shares = [[share.shards, share.split] for share in dataset.shares]
        described = {"question": question, "inputs": [one._asdict() for one in inputs], "shares": shares, "parts": len(parts)}
        # As it will be read again.
        self._head = json.loads(json.dumps(plain(described)))
        if not self.path.exists():
            return None
        body = unsealed(read_bytes(str(self.path)), str(self.path), "checkpoint")
        with sound(str(self.path), "checkpoint"):
            before = {key: body[key] for key in self._head}
            found = [_Input(**one) for one in before["inputs"]]
        self._compare(before, found, inputs)
        with sound(str(self.path), "checkpoint"):
            measured = _resumed(body, parts)
        self.rows_before = measured.tally.rows
        return measured

    def _compare(self, before: Mapping[str, Any], found: Sequence[_Input], inputs: Sequence[_Input]) -> None:
        for flag in dict.fromkeys([*before["question"], *self._head["question"]]):
            then, now = (head["question"].get(flag) for head in (before, self._head))
            if then != now:
                raise UsageError(
                    f"--checkpoint {str(self.path)!r} was begun with {_option(flag, then)}, and this is {_option(flag, now)}\n"
                    "ask the same, or remove it to begin anew"
                )
        differences = [difference for one, other in zip(found, inputs, strict=False) if (difference := one.difference(other))]
        if not differences and len(found) != len(inputs):
            differences = [f"it is of {len(found)} files, and these are {len(inputs)}"]
        if not differences and before != self._head:
            differences = ["the files are cut into other parts"]
        if differences:
            raise DataError(f"{self.path}: is a checkpoint of other inputs: {differences[0]}\nremove it to begin anew")

    def saving(self, measured: Measured, parts: Sequence[BatchPart]) -> Callable[[], None]:
        """Notes what was measured, and where the parts are now; what is returned writes it, and may be called while the parts go on."""
        finished = [number for number, part in enumerate(parts) if part.finished]
        begun = {str(number): list(part.position) for number, part in enumerate(parts) if not part.finished and any(part.position)}

        def save() -> None:
            body = {"schema_version": SCHEMA_VERSION, "xent": xent.__version__, "kind": "checkpoint", **self._head}
            progress = {"finished": _runs(finished), "begun": begun}
            write_files({self.path: sealed({**body, **progress, **unfinished_as_dict(measured)}).encode()})

        return save

    def remove(self) -> None:
        """Removes the file, and what a run that was killed while it wrote has left beside it."""
        self.path.unlink(missing_ok=True)
        for left in self.path.parent.glob(f".{glob.escape(self.path.name[:100])}.????????.tmp"):
            left.unlink(missing_ok=True)


class _Input(NamedTuple):
    """What tells a file from others and from what it was before: its name, its size, the nanosecond it was changed in, and its ends."""

    name: str
    size: int
    modified: int
    ends: str

    @classmethod
    def of(cls, place: Place) -> _Input:
        size = place.size() or 0
        stretches = [(0, min(size, _ENDS)), (max(0, size - _ENDS), size)]
        ends = hashlib.blake2b(place.version.encode(), digest_size=16)
        with reading(place.name), place.open_file(stretches) as file:
            for start, stop in stretches:
                file.seek(start)
                ends.update(file.read(stop - start) or b"")
        # What is far away does not tell the time in one way.
        modified = 0 if place.is_remote else Path(place.path).stat().st_mtime_ns
        return cls(place.name, size, modified, ends.hexdigest())

    def difference(self, now: _Input) -> str | None:
        """What is not as it was, if anything."""
        if self.name != now.name:
            return f"it was begun with {self.name}, and this is {now.name}"
        if self.size != now.size:
            return f"{self.name} had {self.size:,} bytes, and has {now.size:,}"
        if self.ends != now.ends:
            return f"{self.name} has other content"
        if self.modified != now.modified:
            return f"{self.name} was changed at {_time(self.modified)}, and again at {_time(now.modified)}"
        return None


def _time(nanoseconds: int) -> str:
    return dt.datetime.fromtimestamp(nanoseconds / 1e9, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def _asked(dataset: Dataset) -> dict[str, Any]:
    """What was asked of the data, by the flags of the command line."""
    request = dataset.request
    return {f"--{field.replace('_', '-')}": getattr(request, field) for field in request.__slots__ if field not in _HOW}


def _metric_text(metric: Metric) -> str:
    return signature(metric) if metric.name == metric.row.name else f"{metric.name}={signature(metric)}"


def _option(flag: str, value: Any) -> str:
    if value is None or value is False or value == []:
        return f"no {flag}"
    if value is True:
        return flag
    return f"{flag} {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _resumed(body: Mapping[str, Any], parts: Sequence[BatchPart]) -> Measured:
    for first, stop in body["finished"]:
        for number in range(first, stop):
            parts[number].finished = True
    for number, position in body["begun"].items():
        part = parts[int(number)]
        if len(position) != len(part.position) or min(position) < 0:
            raise ValueError(f"{position} is no position")
        part.position = tuple(map(int, position))
    return unfinished_from_dict(body)


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Ascending numbers as runs from a first one up to another.

    >>> _runs([0, 1, 2, 5])
    [[0, 3], [5, 6]]
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1][1] = number + 1
        else:
            runs.append([number, number + 1])
    return runs
