"""What to read and how, as the command line or a program asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from xent.io.address_space import threads_that_fit
from xent.io.cores import available_cores

RETRIES = 3
"""How often a read from a URL is tried again, where nobody says otherwise."""

MAX_SLICES = 1000
"""The largest number of slices of one way of slicing, where nobody says another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question about sources, before any of them is opened.

    Attributes
    ----------
    sources : files, globs, directories, URLs, or "-" for standard input
    label, pred, weight : columns: a name, a glob, or a comma list; None leaves the choice to the conventions
    group : the column that says which rows are the documents of one query, for metrics of rankings
    cluster : the column that says which rows are correlated, for confidence intervals
    key : the column that names every row, by which it is paired with that of another model
    labels : a second file that holds the labels, row by row, or by the key column `on`
    classes : class names in the order of the predictions
    input_format : a reader's name; None goes by suffix and first bytes
    where : keep the rows for which all of these expressions hold
    by : ways of slicing the rows, each a column, several with commas between them, or a cut such as "age=cut(age,18,30)"
    max_slices : the largest number of slices that one of them may have
    shard : read one of N disjoint parts of the rows, as "3/16" for the third of sixteen
    retries : how often to try again where a store or a server fails for a reason that may pass
    keep, keep_all : columns that batches carry along, for whoever shows the rows; `keep_all` is all of them
    chunk_rows, threads : how to read, never what comes out

    Of `where`, `by` and `keep`, one alone may be given as it is.
    """

    sources: tuple[str, ...]
    label: str | None = None
    pred: str | None = None
    weight: str | None = None
    group: str | None = None
    cluster: str | None = None
    key: str | None = None
    labels: str | None = None
    on: str | None = None
    classes: tuple[str, ...] | None = None
    input_format: str | None = None
    where: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    max_slices: int = MAX_SLICES
    shard: str | None = None
    retries: int = RETRIES
    keep: tuple[str, ...] = ()
    keep_all: bool = False
    chunk_rows: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("where", "by", "keep"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given or ()))

    @property
    def no_rows(self) -> str:
        """What is said where nothing was read."""
        if not self.where:
            return "there are no rows"
        conditions = " and ".join(f"--where {condition}" for condition in self.where)
        return f"there are no rows for which {conditions} {'holds' if len(self.where) == 1 else 'hold'}"

    @property
    def workers(self) -> int:
        """The number of threads to work with: so many as were asked for, else one for each core that there is room for."""
        return self.threads or threads_that_fit(available_cores())
