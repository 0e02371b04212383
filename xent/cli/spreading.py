"""Options of `xent eval` that spread a run over time and machines: parts of the rows, progress that is saved, engines."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from xent.cli.signals import PATIENCE, PATIENCE_TO_SAVE

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.io.checkpoint import Checkpoint
    from xent.io.dataset import Dataset
    from xent.io.measured import Measured

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Spreading:
    """What the options say.

    Attributes
    ----------
    saved : the checkpoint, once it is known that there can be one
    """

    shard: str | None
    checkpoint: Path | None
    checkpoint_seconds: float
    engine: str
    engine_address: str | None
    engine_shards: int | None
    saved: Checkpoint | None = None

    @property
    def patience(self) -> float:
        """Seconds that the run may take to end when it is interrupted."""
        return PATIENCE if self.checkpoint is None else PATIENCE_TO_SAVE

    def checked_shard(self) -> str | None:
        """The part of the rows that is asked for.

        Raises
        ------
        UsageError
            There is no such part, or an engine makes the parts.
        """
        if self.shard is None:
            return None
        from xent.core.errors import UsageError
        from xent.io.shards import Shard

        if self.engine != "local":
            raise UsageError(f"--shard: --engine {self.engine} makes the shards by itself")
        return str(Shard.parse(self.shard))

    def checked(self, written: Sequence[Path | None], read: Sequence[str | None], metrics: Sequence[Metric] | None) -> Self:
        """The same with the checkpoint.

        Raises
        ------
        UsageError
            Progress cannot be saved there, standard input is read, one of the metrics cannot be stored, or options exclude each other.
        """
        from xent.core.errors import UsageError

        if self.engine == "local":
            for flag, value in (("--engine-address", self.engine_address), ("--engine-shards", self.engine_shards)):
                if value is not None:
                    raise UsageError(f"{flag} needs --engine ray or --engine dask")
            return self if self.checkpoint is None else self._with_checkpoint(self.checkpoint, written, read, metrics)
        from xent.io.state_file import check_storable

        if self.checkpoint is not None:
            raise UsageError("--checkpoint is for --engine local; an engine begins again what was lost by itself")
        check_storable(metrics or (), "--engine")
        return self

    def _with_checkpoint(
        self, path: Path, written: Sequence[Path | None], read: Sequence[str | None], metrics: Sequence[Metric] | None
    ) -> Self:
        from xent.cli.outputs import check_place
        from xent.core.errors import UsageError
        from xent.io.checkpoint import Checkpoint
        from xent.io.state_file import check_storable

        if "-" in read:
            raise UsageError("--checkpoint: standard input and pipes cannot be read again; evaluate files")
        check_place("--checkpoint", path, read)
        if path in written:
            raise UsageError(f"--checkpoint {str(path)!r} is an --output or --state too")
        check_storable(metrics or (), "--checkpoint")
        return dataclasses.replace(self, saved=Checkpoint(path, self.checkpoint_seconds))

    def measure(self, dataset: Dataset, metrics: Sequence[Metric], *, identify: bool, **options: Any) -> Measured:
        """What `xent.io.evaluation.measure` gives, here or on the workers of an engine."""
        if self.engine == "local":
            from xent.io.evaluation import measure

            # A shard may have no rows, and then its state says so.
            empty = identify and dataset.request.shard is not None
            return measure(dataset, metrics, identify=identify, may_be_empty=empty, checkpoint=self.saved, **options)
        from xent.io.distributed import measure_on
        from xent.io.engines import open_engine

        with open_engine(self.engine, self.engine_address) as run:
            return measure_on(run, dataset, metrics, identify=identify, shards=self.engine_shards, **options)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of the run, as sentences."""
        return () if self.saved is None else self.saved.notes

    def finish(self) -> None:
        """Clears away what a run that is through needs no more."""
        if self.saved is not None:
            self.saved.remove()


_OPTIONS = (
    click.option("--shard", metavar="K/N", help="Read only the K-th of N disjoint parts of the rows; xent merge joins their states."),
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
    click.option(
        "--engine",
        type=click.Choice(("local", "ray", "dask")),
        default="local",
        show_default=True,
        help="What runs it: threads here, or the workers of a cluster; never changes a result.",
    ),
    click.option("--engine-address", metavar="ADDRESS", help="The cluster, as in tcp://host:8786 or ray://host:10001; else workers here."),
    click.option("--engine-shards", metavar="N", type=click.IntRange(min=1), help="Shards for the engine; else one for each 256 MiB."),
)


def spreading_options(command: _F) -> _F:
    """`--shard`, `--checkpoint` and `--engine`; the command gets them as one `spreading`."""

    @functools.wraps(command)
    def with_spreading(**options: Any) -> Any:
        names = ("shard", "checkpoint", "checkpoint_seconds", "engine", "engine_address", "engine_shards")
        return command(spreading=Spreading(**{name: options.pop(name) for name in names}), **options)

    for option in reversed(_OPTIONS):
        with_spreading = option(with_spreading)
    return with_spreading  # type: ignore[return-value]  # The decorated function takes the options in place of what they make.
