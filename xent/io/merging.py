"""What several states have measured, as one: the same input twice is refused, and shards of a source become the source again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xent.core.errors import DataError
from xent.core.tally import Confidence, Content, signature
from xent.io.measured import Measured
from xent.io.shards import WHOLE, Share, Split


class _Fact(NamedTuple):
    """Something that states must agree on, and how it is shown, if not as it is."""

    what: str
    value: Any
    text: str | None = None


def _facts(state: Measured) -> list[_Fact]:
    tally, data = state.tally, state.data
    return [
        _Fact("number of metrics", len(tally.metrics)),
        *(
            _Fact("metric", signature(metric) if metric.name == metric.row.name else f"{metric.name}={signature(metric)}")
            for metric in tally.metrics
        ),
        _Fact("--nan", tally.nan),
        _Fact("--from-logits", tally.from_logits),
        _Fact("--ci", tally.confidence, _intervals(tally.confidence)),
        _Fact("number of classes", data.classes),
        _Fact("classes", data.class_names and ", ".join(data.class_names)),
        _Fact("columns", json.dumps(data.columns)),
        _Fact("--by", [way.by.columns for way in state.slices], ", ".join(repr(way.by.text) for way in state.slices) or "none"),
    ]


def _intervals(asked: Confidence | None) -> str:
    """What was asked for of intervals, as options of the command line."""
    return "none" if asked is None else f"{asked.level} --seed {asked.seed}" + (" --cluster" if asked.clustered else "")


class _Seen(NamedTuple):
    """A source of one of the states: its name, what was read of it, what its rows are, and the state that it is in."""

    name: str
    share: Share
    content: Content
    state: str

    def __str__(self) -> str:
        shards, split = self.share
        if split is None:
            return repr(self.name)
        return f"shard{'s' if len(shards) > 1 else ''} {numbers_text(shards)}/{split.of} of {self.name!r}"


class _Rows:
    """The rows that were seen so far, by what they are and by what their sources are called."""

    def __init__(self) -> None:
        self._by_content: dict[Content, list[_Seen]] = {}
        self._by_name: dict[str, dict[Split | None, dict[int, _Seen]]] = {}

    def add(self, seen: _Seen) -> None:
        """Adds the rows of a source.

        Equal rows are the same rows, whatever their files are called, but for two shards of one split: parts of a file may be equal.
        And shards whose sources have one name and size are of one file, unless they are the same shard with other rows.

        Raises
        ------
        DataError
            They are there already.
        """
        shards, split = seen.share
        for before in self._by_content.get(seen.content, ()):
            if split is None or split != before.share.split or set(shards) & set(before.share.shards):
                raise DataError(
                    f"{seen.state}: holds {seen}, whose {seen.content.rows:,} rows are those of {before} in {before.state}: "
                    "they would count twice"
                )
        for before in self._of_one_file(seen):
            raise DataError(
                f"{seen.state}: holds {seen}, and {before.state} holds {before}: rows would count twice\n"
                "merge the shards of one split, each of them once"
            )
        if seen.content.rows:
            self._by_content.setdefault(seen.content, []).append(seen)
        self._by_name.setdefault(seen.name, {}).setdefault(split, {}).update(dict.fromkeys(shards, seen))

    def _of_one_file(self, seen: _Seen) -> Iterator[_Seen]:
        """What has rows of this source, as far as names and sizes tell."""
        shards, split = seen.share
        for other, found in self._by_name.get(seen.name, {}).items():
            if other != split:
                if other is None or split is None or other.size == split.size:
                    yield next(iter(found.values()))
            elif split is not None:
                twice = (found[shard] for shard in shards if shard in found)
                # The same shard with other rows is one of another file, in another folder.
                yield from (before for before in twice if before.share != seen.share or before.content == seen.content)


def merge_states(states: Mapping[str, Measured]) -> Measured:
    """What one evaluation of all rows would have measured, its sources in the order of the states, and those of a split in their own.

    Parameters
    ----------
    states : what to merge, by the names of the files for messages; none of them is changed

    Raises
    ------
    DataError
        Two are of other metrics, options or classes, or both hold the same input.
    """
    (first, one), *others = states.items()
    for name, other in others:
        for mine, theirs in zip(_facts(one), _facts(other), strict=False):
            if mine.value != theirs.value:
                raise DataError(f"cannot merge states of other metrics, options or classes\n{_shown(first, mine)}, {_shown(name, theirs)}")
    rows, sources = _Rows(), _Sources()
    numbers = []
    for name, state in states.items():
        contents = state.tally.contents
        for number, (source, share) in enumerate(state.sources()):
            rows.add(_Seen(source, share, contents.get(number, Content()), name))
        numbers.append([sources.add(source, share) for source, share in state.sources()])
    order, listed = sources.in_order()
    parts = [state.renumbered([order[number] for number in mine], listed) for mine, state in zip(numbers, states.values(), strict=True)]
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [pair[0].merge(pair[1]) if len(pair) > 1 else pair[0] for pair in pairs]
    return parts[0]


class _Sources:
    """The sources of all states; shards of one source are put together."""

    def __init__(self) -> None:
        self._found: list[tuple[str, Share]] = []
        self._numbers: dict[tuple[str, Split], list[int]] = {}

    def add(self, name: str, share: Share) -> int:
        """The number of a source, which is that of the others of its shards that were added before."""
        if share.split is not None:
            numbers = self._numbers.setdefault((name, share.split), [])
            for number in numbers:
                known = self._found[number][1]
                if not set(known.shards) & set(share.shards):
                    self._found[number] = name, Share(tuple(sorted(known.shards + share.shards)), share.split)
                    return number
            numbers.append(len(self._found))
        self._found.append((name, share))
        return len(self._found) - 1

    def in_order(self) -> tuple[dict[int, int], list[tuple[str, Share]]]:
        """The place of every source, and the sources in their places: those of a split in its order, and whole where nothing is missing."""
        groups: dict[Any, list[int]] = {}
        for number, (_, share) in enumerate(self._found):
            groups.setdefault(number if share.split is None else (share.split.of, share.split.total), []).append(number)
        order: dict[int, int] = {}
        listed: list[tuple[str, Share]] = []
        for group in groups.values():
            found = sorted((share.split.start if share.split else 0, number) for number in group for share in (self._found[number][1],))
            complete = _is_complete([self._found[number][1] for number in group])
            for _, number in found:
                name, share = self._found[number]
                order[number] = len(listed)
                listed.append((name, WHOLE if complete else share))
        return order, listed


def _is_complete(shares: Sequence[Share]) -> bool:
    """Whether these are all shards of all sources of a split."""
    splits = [share.split for share in shares if share.split is not None]
    return not splits or (all(share.is_whole for share in shares) and sum(split.size for split in splits) == splits[0].total)


def missing_shards(measured: Measured) -> list[str]:
    """What is not there of the shards of which others are, as sentences."""
    there: dict[tuple[int, int], set[int]] = {}
    for _, share in measured.sources():
        if share.split is not None:
            there.setdefault((share.split.of, share.split.total), set()).update(share.shards)
    sentences = []
    for (of, _), found in there.items():
        gone = [shard for shard in range(1, of + 1) if shard not in found]
        if gone:
            what, verb = ("shard", "is") if len(gone) == 1 else ("shards", "are")
            sentences.append(f"{what} {numbers_text(gone)} of {of} {verb} missing")
    return sentences


def numbers_text(numbers: Sequence[int]) -> str:
    """Ascending numbers as people write them.

    >>> numbers_text([1, 2, 3, 7, 9, 10])
    '1-3, 7, 9-10'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def _shown(name: str, fact: _Fact) -> str:
    return f"{name}: {fact.what} {fact.value if fact.text is None else fact.text}"
