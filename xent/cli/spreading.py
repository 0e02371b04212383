"""Options of `xent eval` that spread a run over time and machines: parts of the rows, and progress that is saved."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.io.checkpoint import Checkpoint

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Spreading:
    """What the options say, until it is known what they are about."""

    shard: str | None
    checkpoint: Path | None
    checkpoint_seconds: float

    def checked_shard(self) -> str | None:
        """The part of the rows that is asked for.

        Raises
        ------
        UsageError
            There is no such part.
        """
        if self.shard is None:
            return None
        from xent.io.shards import Shard

        return str(Shard.parse(self.shard))

    def checked_checkpoint(
        self, written: Sequence[Path | None], read: Sequence[str | None], metrics: Sequence[Metric] | None
    ) -> Checkpoint | None:
        """Where progress is saved.

        Raises
        ------
        UsageError
            It cannot be saved there, standard input is read, or one of the metrics cannot be stored.
        """
        if self.checkpoint is None:
            return None
        from xent.cli.evaluate import check_place
        from xent.core.errors import UsageError
        from xent.io.checkpoint import Checkpoint
        from xent.io.state_file import check_storable

        if "-" in read:
            raise UsageError("--checkpoint: standard input and pipes cannot be read again; evaluate files")
        check_place("--checkpoint", self.checkpoint, read)
        if self.checkpoint in written:
            raise UsageError(f"--checkpoint {str(self.checkpoint)!r} is an --output or --state too")
        check_storable(metrics or (), "--checkpoint")
        return Checkpoint(self.checkpoint, self.checkpoint_seconds)


_OPTIONS = (
    click.option(
        "--shard", metavar="K/N", help="Read only the K-th of N disjoint parts of the rows; xent merge makes the states of all one."
    ),
    click.option(
        "--checkpoint",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Save progress there every few seconds, and go on from it if it exists; removed when all is done.",
    ),
    click.option(
        "--checkpoint-seconds",
        metavar="S",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="Seconds between two times that --checkpoint saves.",
    ),
)


def spreading_options(command: _F) -> _F:
    """`--shard` and `--checkpoint`; the command gets them as one `spreading`."""

    @functools.wraps(command)
    def with_spreading(**options: Any) -> Any:
        names = ("shard", "checkpoint", "checkpoint_seconds")
        return command(spreading=Spreading(**{name: options.pop(name) for name in names}), **options)

    for option in reversed(_OPTIONS):
        with_spreading = option(with_spreading)
    return with_spreading  # type: ignore[return-value]  # The decorated function takes the options in place of what they make.
