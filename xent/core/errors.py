"""Everything xent raises on purpose.

    XentError
    ├── UsageError          the question is wrong: an unknown name, a parameter out of range, options that exclude each other
    │   └── UnknownNameError    a name that no table holds, with the nearest ones that do
    ├── DataError           the data cannot be used: unreadable, wrong type, unknown class, lengths differ
    │   └── DomainError         a value outside its domain: NaN, a label of 12 among 10 classes
    │       └── NotProbabilityError     a probability of 1.3
    └── NothingEvaluated    there was nothing to measure

`core` and `io` raise these; only `cli` knows which exit status each becomes.
"""

from __future__ import annotations

from collections.abc import Iterable

_FEW = 20
"""So many names are listed where none is near."""


class XentError(Exception):
    """The root of the tree; its text is one or two lines written for the person who reads it."""


class UsageError(XentError, ValueError):
    """The question is wrong, whatever the data."""


class UnknownNameError(UsageError):
    """A name that no table holds.

    >>> str(UnknownNameError("metric", "acuracy", ["accuracy", "recall"]))
    "unknown metric 'acuracy'; did you mean 'accuracy'?"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        import difflib

        known = sorted(known)
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
        if near:
            hint = "did you mean " + " or ".join(f"{candidate!r}" for candidate in near) + "?"
        elif len(known) <= _FEW:
            hint = "known: " + ", ".join(known)
        else:
            hint = f"none of the {len(known)} known ones is like it"
        super().__init__(f"unknown {kind} {name!r}; {hint}")
        self.kind = kind
        self.name = name


class DataError(XentError, ValueError):
    """The data cannot be used. `io` adds the place where it knows it."""


class DomainError(DataError):
    """A value outside its domain.

    `row` counts from 0 inside the batch that was looked at and `column` indexes the flattened values of that row; a `Tally` turns
    `row` into the number of the row in its source and sets `source`, the number of that source. Whoever opened the sources knows which
    file and column name they stand for.
    """

    def __init__(self, message: str, *, role: str = "y_pred", row: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.role = role
        self.row = row
        self.column = column
        self.source = 0
        self.placed = False

    def place(self, source: int, row: int) -> None:
        """Says where the value stands, unless somebody who knew better has said so."""
        if not self.placed:
            self.source, self.row, self.placed = source, row, True


class NotProbabilityError(DomainError):
    """A prediction outside [0, 1] where a probability is needed; most often a logit."""


class NothingEvaluated(XentError):
    """There was nothing to measure: no rows, or none left."""
