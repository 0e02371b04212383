"""State files: what an evaluation has measured as JSON, from which several of them make one, bit for bit.

Exact sums are integers in decimal strings and arrays are lists, so that nothing is rounded on the way. What is read is checked and
never run: metrics are looked up by their names in the table of those that there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import xent
from xent.core import digest
from xent.core.errors import DataError, UnknownNameError, UsageError, XentError
from xent.core.exact import ExactSum
from xent.core.metric import Metric
from xent.core.result import SCHEMA_VERSION, DataReport
from xent.core.states import state_from_json
from xent.core.table import row_of
from xent.core.tally import Confidence, Content, Tally, signature
from xent.io.exporters.plain import plain
from xent.io.measured import Measured, Slices
from xent.io.slices import By, SliceColumn

_SPECIAL = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


def check_storable(metrics: Sequence[Metric]) -> None:
    """Raises `UsageError` for a metric that whoever reads the state could not find again."""
    for metric in metrics:
        name = metric.row.name
        try:
            known = row_of(name) is metric.row
        except UnknownNameError:
            known = False
        if not known:
            raise UsageError(
                f"--state: the metric {name!r} of a Python file cannot be stored, since a state is merged without running code it names\n"
                "bring it in a package, by an entry point of the group xent.metrics"
            )


def state_text(measured: Measured) -> str:
    """A state file; `xent schema state` describes it."""
    data, tally = measured.data, measured.tally
    contents = [tally.contents.get(number, Content()) for number in range(len(data.sources))]
    ways = measured.slices or (Slices(By("", ()), ((),), tally),)
    body = {
        "schema_version": SCHEMA_VERSION,
        "xent": xent.__version__,
        "kind": "state",
        "data": {
            "sources": [
                {"name": name, "rows": content.rows, "digest": digest.text(content.digest)}
                for name, content in zip(data.sources, contents, strict=True)
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
        "metrics": [_metric_as_dict(metric) for metric in tally.metrics],
        "tallies": [_slices_as_dict(slices) for slices in ways],
    }
    body = plain(body)
    # Names that are no UTF-8 stay what they are as escapes of ASCII.
    return json.dumps({**body, "checksum": _checksum(body)}, allow_nan=False, separators=(",", ":")) + "\n"


def _checksum(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _metric_as_dict(metric: Metric) -> dict[str, Any]:
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
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    return parse_state(text, path)


def parse_state(text: bytes, path: str) -> Measured:
    """What the content of a state file holds; `path` is its name, for messages.

    Raises
    ------
    DataError
        It is no state, was written by another version, or is damaged.
    """
    body = _checked(path, text)
    try:
        state = _measured(body)
        # Arrays of sound types may still be of the wrong shapes; making a result of them tells.
        state.result()
    except (XentError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path}: is no sound state: {_said(error)}") from error
    return state


def _checked(path: str, text: bytes) -> dict[str, Any]:
    """The JSON of a file that is a state of this version."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no state: {_said(error)}") from error
    if not isinstance(body, dict) or body.get("kind") != "state":
        what = "is a result, not a state" if isinstance(body, dict) and "verdict" in body else "is no state"
        raise DataError(f"{path}: {what}; xent eval --state FILE writes one")
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
    text = str(error).strip().partition("\n")[0]
    return f"there is no {text}" if isinstance(error, KeyError) else text or type(error).__name__


def _measured(body: Mapping[str, Any]) -> Measured:
    data, options = body["data"], body["options"]
    metrics = [_metric(one) for one in body["metrics"]]
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
    return Measured(total, report, tuple(way for way in ways if way.by.columns))


def _metric(one: Mapping[str, Any]) -> Metric:
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
    return Slices(By(", ".join(column.name for column in columns), columns), keys, tally)


class _Fact(NamedTuple):
    """Something that states must agree on."""

    what: str
    value: Any


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
        _Fact("--ci, --seed, --cluster", tally.confidence and tuple(tally.confidence)),
        _Fact("number of classes", data.classes),
        _Fact("classes", data.class_names and ", ".join(data.class_names)),
        _Fact("columns", json.dumps(data.columns)),
        _Fact("--by", [[tuple(column) for column in way.by.columns] for way in state.slices]),
    ]


def merge_states(states: Mapping[str, Measured]) -> Measured:
    """What one evaluation of all rows would have measured, its sources in the order of the states.

    Parameters
    ----------
    states : what to merge, by the names of the files for messages; none of them is changed

    Raises
    ------
    DataError
        Two are of other metrics, options or classes, or both hold the same input.
    """
    (first, merged), *others = states.items()
    seen = {content: (first, merged.data.sources[number]) for number, content in merged.tally.contents.items()}
    for name, other in others:
        for mine, theirs in zip(_facts(merged), _facts(other), strict=False):
            if mine != theirs:
                raise DataError(f"cannot merge states of other metrics, options or classes\n{_shown(first, mine)}, {_shown(name, theirs)}")
        for number, content in other.tally.contents.items():
            source = other.data.sources[number]
            if content in seen:
                where, before = seen[content]
                raise DataError(
                    f"{name}: holds {source!r}, whose {content.rows:,} rows are those of {before!r} in {where}: they would count twice"
                )
        seen |= {content: (name, other.data.sources[number]) for number, content in other.tally.contents.items()}
        merged = merged.merge(other)
    return merged


def _shown(name: str, fact: _Fact) -> str:
    return f"{name}: {fact.what} {fact.value}"
