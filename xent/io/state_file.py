"""State files: what an evaluation has measured as JSON, from which several of them make one, bit for bit.

Exact sums are integers in decimal strings and arrays are lists, so that nothing is rounded on the way. What is read is checked and
never run: metrics are looked up by their names in the table of those that there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import xent
from xent.core import digest
from xent.core.errors import DataError, UnknownNameError, UsageError, XentError
from xent.core.exact import ExactSum
from xent.core.metric import Metric
from xent.core.result import SCHEMA_VERSION, DataReport
from xent.core.states import state_from_json
from xent.core.table import row_of
from xent.core.tally import Confidence, Content, Place, Tally, signature
from xent.io.exporters.plain import plain
from xent.io.measured import Measured, Slices
from xent.io.shards import WHOLE, Share, Split
from xent.io.slices import By, SliceColumn

_SPECIAL = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


def check_storable(metrics: Sequence[Metric], flag: str = "--state") -> None:
    """Raises `UsageError` for a metric that whoever reads the state could not find again."""
    for metric in metrics:
        name = metric.row.name
        try:
            known = row_of(name) is metric.row
        except UnknownNameError:
            known = False
        if not known:
            raise UsageError(
                f"{flag}: the metric {name!r} of a Python file cannot be stored, since a state is merged without running code it names\n"
                "bring it in a package, by an entry point of the group xent.metrics"
            )


def state_text(measured: Measured) -> str:
    """A state file; `xent schema state` describes it."""
    return sealed({"schema_version": SCHEMA_VERSION, "xent": xent.__version__, "kind": "state", **as_dict(measured)})


def sealed(body: Mapping[str, Any]) -> str:
    """The text of a file that ends in a checksum of all the rest."""
    body = plain(body)
    # Names that are no UTF-8 stay what they are as escapes of ASCII.
    return json.dumps({**body, "checksum": _checksum(body)}, allow_nan=False, separators=(",", ":")) + "\n"


def as_dict(measured: Measured) -> dict[str, Any]:
    """What was measured as plain values."""
    data, tally = measured.data, measured.tally
    contents = [tally.contents.get(number, Content()) for number in range(len(data.sources))]
    ways = measured.slices or (Slices(By("", ()), ((),), tally),)
    return {
        "data": {
            "sources": [
                {"name": name, "rows": content.rows, "digest": digest.text(content.digest), "share": _share_as_dict(share)}
                for (name, share), content in zip(measured.sources(), contents, strict=True)
            ],
            "rows": tally.rows,
            "rows_dropped": tally.rows_dropped,
            "classes": data.classes,
            "class_names": None if data.class_names is None else list(data.class_names),
            "columns": dict(data.columns),
            "digest": data.digest,
        },
        "options": {
            "nan": tally.nan,
            "from_logits": tally.from_logits,
            "confidence": None if tally.confidence is None else tally.confidence._asdict(),
        },
        "metrics": [metric_as_dict(metric) for metric in tally.metrics],
        "tallies": [_slices_as_dict(slices) for slices in ways],
    }


def _share_as_dict(share: Share) -> dict[str, Any] | None:
    return None if share.split is None else {"shards": list(share.shards), **share.split._asdict()}


def _checksum(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def metric_as_dict(metric: Metric) -> dict[str, Any]:
    """A metric as plain values."""
    label = metric.name if metric.name != metric.row.name else None
    return {"name": metric.row.name, "label": label, "params": metric.parameters(), "signature": signature(metric)}


def _slices_as_dict(slices: Slices) -> dict[str, Any]:
    tally = slices.tally
    states = [tally.states.get(need) for need in tally.needs]
    return {
        "by": [{"name": column.name, "column": column.column, "edges": column.edges} for column in slices.by.columns],
        "slices": slices.keys,
        "counts": tally.counts.tolist(),
        "weights": tally.weights.to_json(),
        "states": [None if state is None else {"kind": type(state).__name__, **state.to_json()} for state in states],
    }


def read_state(path: str) -> Measured:
    """What a state file holds.

    Raises
    ------
    DataError
        It cannot be read, is no state, was written by another version, or is damaged.
    """
    return parse_state(read_bytes(path), path)


def parse_state(text: bytes, path: str) -> Measured:
    """What the content of a state file holds; `path` is its name, for messages.

    Raises
    ------
    DataError
        It is no state, was written by another version, or is damaged.
    """
    body = unsealed(text, path, "state")
    with sound(path, "state"):
        state = from_dict(body)
        # Arrays of sound types may still be of the wrong shapes; making a result of them tells.
        state.result()
    return state


def read_bytes(path: str) -> bytes:
    """What stands in a file.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


@contextmanager
def sound(path: str, kind: str) -> Iterator[None]:
    """Turns what goes wrong with values of a file that are not what they should be into a `DataError` that names it."""
    try:
        yield
    except (XentError, ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise DataError(f"{path}: is no sound {kind}: {_said(error)}") from error


def unsealed(text: bytes, path: str, kind: str) -> dict[str, Any]:
    """The JSON of the content of a file of some kind that this version wrote and nobody changed.

    Raises
    ------
    DataError
        It is of another kind or version, or is damaged.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no {kind}: {_said(error)}\nxent eval --{kind} FILE writes one") from error
    if not isinstance(body, dict) or body.get("kind") != kind:
        what = f"is a result, not a {kind}" if isinstance(body, dict) and "verdict" in body else f"is no {kind}"
        raise DataError(f"{path}: {what}; xent eval --{kind} FILE writes one")
    version, wanted = (body.get("xent"), body.get("schema_version")), (xent.__version__, SCHEMA_VERSION)
    if version != wanted:
        raise DataError(
            f"{path}: was written by xent {version[0]} (schema {version[1]}), and this is xent {wanted[0]} (schema {wanted[1]})\n"
            "write it again with this version"
        )
    checksum = body.pop("checksum", None)
    if checksum != _checksum(body):
        raise DataError(f"{path}: is damaged: it does not have the checksum that stands in it")
    return body


def _said(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    text = str(error).strip().partition("\n")[0]
    return f"there is no {text}" if isinstance(error, KeyError) else text or type(error).__name__


def unfinished_as_dict(measured: Measured) -> dict[str, Any]:
    """The same of what may yet turn out to be no result: with the place of the first missing value."""
    missing = measured.tally.missing
    return {**as_dict(measured), "missing": missing and list(missing)}


def unfinished_from_dict(body: Mapping[str, Any]) -> Measured:
    """What `unfinished_as_dict` made plain values of."""
    measured = from_dict(body)
    if body["missing"] is not None:
        source, row, role, column = body["missing"]
        measured.tally.missing = Place(int(source), int(row), str(role), int(column))
    return measured


def from_dict(body: Mapping[str, Any]) -> Measured:
    """What `as_dict` made plain values of."""
    data, options = body["data"], body["options"]
    metrics = [metric_from_dict(one) for one in body["metrics"]]
    names = None if data["class_names"] is None else tuple(map(str, data["class_names"]))
    confidence = None if options["confidence"] is None else Confidence(**options["confidence"])
    empty = Tally(metrics, 0, options["nan"], names, bool(options["from_logits"]), confidence=confidence)
    ways = [_slices(one, empty.empty(len(one["slices"]))) for one in body["tallies"]]
    total = ways[0].tally.regrouped(np.zeros(len(ways[0].keys), dtype=np.intp), 1)
    total.rows, total.rows_dropped = int(data["rows"]), int(data["rows_dropped"])
    total.digest = _digest(data["digest"])
    total.contents = {
        number: Content(int(source["rows"]), _digest(source["digest"])) for number, source in enumerate(data["sources"]) if source["rows"]
    }
    report = DataReport(
        sources=tuple(str(source["name"]) for source in data["sources"]),
        rows=total.rows - total.rows_dropped,
        rows_dropped=total.rows_dropped,
        weight_sum=float(total.weights.to_float()[0]),
        classes=None if data["classes"] is None else int(data["classes"]),
        columns=dict(data["columns"]),
        digest=digest.text(total.digest),
        class_names=names,
    )
    shares = tuple(_share(source["share"]) for source in data["sources"])
    return Measured(total, report, tuple(way for way in ways if way.by.columns), shares)


def _share(one: Mapping[str, Any] | None) -> Share:
    if one is None:
        return WHOLE
    split = Split(*(int(one[field]) for field in Split._fields))
    shards = tuple(sorted({int(shard) for shard in one["shards"]}))
    if min(split.of, split.size) < 1 or not 0 <= split.start <= split.total - split.size:
        raise ValueError(f"{split} is no split")
    if not shards or not split.first <= shards[0] <= shards[-1] <= split.last:
        raise ValueError(f"{split} has no such shards")
    return Share(shards, split)


def metric_from_dict(one: Mapping[str, Any]) -> Metric:
    """The metric that `metric_as_dict` made plain values of."""
    params = {key: _number(value) for key, value in one["params"].items()}
    metric = row_of(one["name"]).cls(**({} if one["label"] is None else {"name": one["label"]}), **params)
    if signature(metric) != one["signature"]:
        raise ValueError(f"{one['signature']!r} is not what {signature(metric)!r} is called")
    return metric


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(item) for item in value]
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _digest(text: str) -> tuple[int, int]:
    if len(text) != 32:
        raise ValueError(f"{text!r} is no digest")
    return int(text[:16], 16), int(text[16:], 16)


def _slices(one: Mapping[str, Any], tally: Tally) -> Slices:
    columns = tuple(SliceColumn(by["name"], by["column"], None if by["edges"] is None else tuple(by["edges"])) for by in one["by"])
    keys = tuple(tuple(key) for key in one["slices"])
    if any(len(key) != len(columns) for key in keys) or len(set(keys)) < len(keys):
        raise ValueError("the slices do not fit the columns they are of")
    counts, weights = np.array(one["counts"], dtype=np.int64), ExactSum.from_json(one["weights"])
    if len(counts) != len(keys) or len(weights) != len(keys):
        raise ValueError(f"{len(keys)} slices have {len(counts)} counts and {len(weights)} weights")
    states = {need: state_from_json(state) for need, state in zip(tally.needs, one["states"], strict=True) if state is not None}
    tally.add(states, counts, weights)
    # States of more groups than there are slices would be found out only when they are merged.
    tally.regrouped(np.arange(len(keys)), len(keys))
    return Slices(By(", ".join(column.name for column in columns), columns), keys, tally)
