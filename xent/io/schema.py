"""The JSON Schema (2020-12) of what xent writes and reads."""

from __future__ import annotations

from typing import Any

from xent.core.result import SCHEMA_VERSION
from xent.io.config_schema import CONFIG

_COUNT = {"type": "integer", "minimum": 0}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}


def _record(description: str, properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [key for key in properties if key not in optional],
        "additionalProperties": False,
    }


_NUMBER = {
    "description": "A number with all its digits; infinities and NaN are strings.",
    "oneOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}],
}

_VALUE = {
    "description": "One number, or lists of them where the metric has several values.",
    "oneOf": [_ref("number"), {"type": "array", "items": _ref("value")}],
}

_DATA = _record(
    "What was read.",
    {
        "sources": {"type": "array", "items": {"type": "string"}, "description": "The files, in the order in which they were read."},
        "rows": {**_COUNT, "description": "Rows evaluated."},
        "rows_dropped": {**_COUNT, "description": "Rows read but left out, because a label, prediction or weight is missing."},
        "weight_sum": {**_ref("number"), "description": "The sum of the weights of the rows; their number where there are no weights."},
        "classes": {**_or_null(_COUNT), "description": "The number of classes, where there are classes."},
        "columns": {
            "type": "object",
            "description": "Which columns are label, prediction and weight, and the names of the classes.",
            "properties": {"class_names": {"type": "array", "items": {"type": "string"}}},
        },
        "digest": {
            "type": "string",
            "description": "A fingerprint of labels and weights; row order, chunking and file layout do not matter.",
        },
    },
)

_HEALTH = _record(
    "What was done to the predictions behind the value.",
    {
        "clipped": {**_COUNT, "description": "Rows in which a probability that enters the value was moved away from 0 or 1."},
        "renormalised": {**_COUNT, "description": "Rows whose probabilities did not sum to exactly 1 and were divided by their sum."},
        "max_sum_error": {**_ref("number"), "description": "The largest |sum - 1| of the probabilities of a row."},
        "exact_value": {**_or_null(_ref("value")), "description": "The value without clip and division, where there is such a thing."},
    },
)

_INTERVAL = _record(
    "A confidence interval.",
    {
        "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "low": _ref("value"),
        "high": _ref("value"),
        "method": {"type": "string"},
    },
)

_METRIC = _record(
    "One value.",
    {
        "name": {"type": "string", "description": "Keras's name of the metric."},
        "label": {"type": "string", "description": "The name that was asked for, as in -m label=name."},
        "value": _ref("value"),
        "params": {"type": "object", "description": "Every parameter of the metric, given or not."},
        "count": {**_COUNT, "description": "The rows behind the value."},
        "direction": {"enum": ["lower", "higher", "none"], "description": "Which is better."},
        "ci": _or_null(_ref("interval")),
        "standard_error": _or_null(_ref("value")),
        "health": _or_null(_ref("health")),
        "slice": {
            **_or_null({"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
            "description": "The value of every slice column, null where it is missing; null for all rows.",
        },
        "signature": {"type": "string", "description": "Metric and parameters as text; values of other signatures cannot be compared."},
    },
    optional=("label",),
)

_GATE = _record(
    "What became of one gate, for all rows or for one slice.",
    {
        "gate": {"type": "string", "description": "The condition, as it can be given to --gate."},
        "metric": {"type": "string", "description": "The label or name of the metric, or what is asked of the data, such as rows."},
        "of": {"enum": ["value", "delta", "rel"], "description": "The value, its change since the baseline, or that as a share of it."},
        "slice": _or_null({"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
        "op": {"enum": ["<=", ">=", "==", "<", ">"]},
        "threshold": _ref("number"),
        "value": {**_or_null(_ref("number")), "description": "What was compared with the threshold; null where nothing could be."},
        "candidate": {**_or_null(_ref("number")), "description": "The value in this result."},
        "baseline": {
            **_or_null(_ref("number")),
            "description": "The value in the baseline, where the gate asks for the change since then.",
        },
        "ci": {**_or_null(_ref("interval")), "description": "The interval that decided, unless the value alone did."},
        "count": {**_or_null(_COUNT), "description": "The rows behind the value."},
        "decide": {"enum": ["point", "proven-ok", "proven-bad"]},
        "confidence": _or_null({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        "min_rows": _or_null(_COUNT),
        "severity": {"enum": ["error", "warn"], "description": "Whether the gate has a part in the verdict, or only warns."},
        "outcome": {"enum": ["pass", "fail", "inconclusive", "error"], "description": "error: it could not be measured."},
        "reason": {"type": "string", "description": "Why, for people."},
    },
)

RESULT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "xent result",
    **_record(
        "What `xent eval` found.",
        {
            "schema_version": {"const": SCHEMA_VERSION},
            "xent": {"type": "string", "description": "The version of xent that wrote this."},
            "data": _ref("data"),
            "metrics": {"type": "array", "items": _ref("metric"), "description": "The values for all rows, in the order asked for."},
            "slices": {
                "type": "array",
                "items": _ref("metric"),
                "description": "The values for each slice, in the order of --by and then of the slices' values.",
            },
            "gates": {"type": "array", "items": _ref("gate"), "description": "What became of every gate, slice by slice."},
            "verdict": {
                "enum": ["pass", "fail", "inconclusive", "none"],
                "description": "Of all gates of severity error: fail where one failed or could not be measured; none without gates, "
                "and where all only warn and none was measured.",
            },
        },
    ),
    "$defs": {
        "number": _NUMBER,
        "value": _VALUE,
        "data": _DATA,
        "metric": _METRIC,
        "health": _HEALTH,
        "interval": _INTERVAL,
        "gate": _GATE,
    },
}

_DIFFERENCE = _record(
    "One metric of one candidate beside that of the base.",
    {
        "name": _METRIC["properties"]["name"],
        "label": _METRIC["properties"]["label"],
        "candidate": {**_COUNT, "description": "Which of the candidates, counted from 0."},
        "base_value": _ref("value"),
        "value": {**_ref("value"), "description": "That of the candidate."},
        "difference": {**_or_null(_ref("value")), "description": "The candidate's value less that of the base."},
        "ci": {
            **_or_null(_ref("interval")),
            "description": "Of the difference; where there are several candidates, at the level at which all intervals hold together.",
        },
        "standard_error": _or_null(_ref("number")),
        "p_value": {**_or_null(_ref("number")), "description": "The probability of a difference at least as large where there is none."},
        "p_adjusted": {
            **_or_null(_ref("number")),
            "description": "The same among all candidates and slices that the metric was tested for (Holm).",
        },
        "better": {**_or_null(_COUNT), "description": "Rows whose own value the candidate improves, where rows have one."},
        "worse": {**_or_null(_COUNT), "description": "Rows whose own value it spoils."},
        "finding": {"enum": ["better", "worse", "equivalent", "undecided", "none"], "description": "What interval and margin say."},
        "contribution": {
            **_or_null(_ref("number")),
            "description": "What a slice adds to the difference of all rows: its own times its share of the weight; null for all rows.",
        },
        "count": _METRIC["properties"]["count"],
        "direction": _METRIC["properties"]["direction"],
        "params": _METRIC["properties"]["params"],
        "slice": _METRIC["properties"]["slice"],
        "signature": _METRIC["properties"]["signature"],
    },
    optional=("label",),
)

_CARRIED_ROW = _record(
    "A row that carries the change. Rows are counted from 1.",
    {
        "source": {"type": "string"},
        "row": {"type": "integer", "minimum": 1},
        "candidate_source": {"type": "string"},
        "candidate_row": {"type": "integer", "minimum": 1},
        "label": {"description": "The name of a class, or what the file holds."},
        "base_prediction": {"description": "A number, or a list of them."},
        "prediction": {"description": "That of the candidate."},
        "weight": _ref("number"),
        "base_value": {**_ref("number"), "description": "The row's own value of the metric."},
        "value": {**_ref("number"), "description": "That of the candidate."},
        "contribution": {**_ref("number"), "description": "What the row adds to the difference of the means."},
    },
)

_CANDIDATE = _record(
    "What was read of a candidate, and how its rows met those of the base.",
    {
        "data": _ref("data"),
        "unmatched_base": {**_COUNT, "description": "Rows of the base whose key the candidate does not have."},
        "unmatched_candidate": {**_COUNT, "description": "Rows of the candidate whose key the base does not have."},
        "decisions": _or_null(
            _record(
                "Rows decided for another class than before; of them, those that are right now, and those that were right before.",
                {"changed": _COUNT, "fixed": _COUNT, "broken": _COUNT},
            )
        ),
        "rows": _or_null(
            _record(
                "The rows whose own value of a metric grows most, and falls most.",
                {
                    "metric": {"type": "string"},
                    "rising": {"type": "array", "items": _ref("carried_row")},
                    "falling": {"type": "array", "items": _ref("carried_row")},
                },
            )
        ),
    },
)

COMPARISON: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "xent comparison",
    **_record(
        "What `xent compare` found.",
        {
            "schema_version": {"const": SCHEMA_VERSION},
            "xent": {"type": "string", "description": "The version of xent that wrote this."},
            "base": {**_ref("data"), "description": "Its rows that the first candidate has too."},
            "candidates": {"type": "array", "minItems": 1, "items": _ref("candidate")},
            "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "margin": {**_or_null(_ref("number")), "description": "Differences within it on either side are as good as none."},
            "differences": {"type": "array", "items": _ref("difference"), "description": "Of all rows, candidate by candidate."},
            "slices": {"type": "array", "items": _ref("difference"), "description": "Of each slice, candidate by candidate."},
            "gates": RESULT["properties"]["gates"],
            "verdict": RESULT["properties"]["verdict"],
        },
    ),
    "$defs": {
        **{name: RESULT["$defs"][name] for name in ("number", "value", "data", "interval", "gate")},
        "difference": _DIFFERENCE,
        "candidate": _CANDIDATE,
        "carried_row": _CARRIED_ROW,
    },
}

_SUMS = _record(
    "Exact sums, one a slice: multiples of 2^-1074 as decimal strings, and how many values were no finite numbers.",
    {
        "units": {"type": "array", "items": {"type": "string", "pattern": "^-?[0-9]+$"}},
        **{key: {"type": "array", "items": _COUNT} for key in ("nan", "inf", "minus_inf")},
    },
)

_TEXTS = {"type": "array", "items": {"type": "string"}}

_TALLY = _record(
    "What was measured of every slice of one way of slicing, or of all rows as one slice of no columns.",
    {
        "by": {
            "type": "array",
            "items": _record(
                "A column that rows are sliced by, and where its numbers are cut.",
                {
                    "name": {"type": "string"},
                    "column": {"type": "string"},
                    "edges": _or_null({"type": "array", "items": {"type": "number"}}),
                },
            ),
        },
        "slices": {
            "type": "array",
            "items": {"type": "array", "items": {"type": ["string", "null"]}},
            "description": "One value a column.",
        },
        "counts": {"type": "array", "items": _COUNT, "description": "The rows of each slice."},
        "weights": {**_ref("sums"), "description": "The weight of each slice."},
        "states": {
            "type": "array",
            "items": _or_null({"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}),
            "description": "The states that the metrics need, each once; of exact sums, and of lists with one entry a slice.",
        },
    },
)

_SHARE = _record(
    "Which shards of it these are, of how many, and which of the bytes of all sources it takes; null where it is whole.",
    {
        "shards": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
        "of": {"type": "integer", "minimum": 1},
        **dict.fromkeys(("start", "size", "total"), _COUNT),
    },
)

STATE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "xent state",
    **_record(
        "What `--state` writes and `xent merge` reads.",
        {
            "schema_version": {"const": SCHEMA_VERSION},
            "xent": {"type": "string", "description": "The version of xent that wrote this; no other one reads it."},
            "kind": {"const": "state"},
            "data": _record(
                "What was read.",
                {
                    "sources": {
                        "type": "array",
                        "items": _record(
                            "A file, and what tells its rows from others whatever it is called: of labels, predictions and weights.",
                            {"name": {"type": "string"}, "rows": _COUNT, "digest": _ref("digest"), "share": _or_null(_SHARE)},
                        ),
                    },
                    "rows": {**_COUNT, "description": "Rows read, with those left out."},
                    "rows_dropped": _COUNT,
                    "classes": _or_null(_COUNT),
                    "class_names": _or_null(_TEXTS),
                    "columns": {"type": "object"},
                    "digest": _ref("digest"),
                },
            ),
            "options": _record(
                "How rows were read.",
                {
                    "nan": {"enum": ["error", "skip", "propagate"]},
                    "from_logits": {"type": "boolean"},
                    "confidence": _or_null(
                        _record(
                            "What confidence intervals are wanted.",
                            {
                                "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                                "seed": {"type": "integer"},
                                "clustered": {"type": "boolean"},
                            },
                        )
                    ),
                },
            ),
            "metrics": {
                "type": "array",
                "items": _record(
                    "A metric.",
                    {
                        "name": {"type": "string"},
                        "label": _or_null({"type": "string"}),
                        "params": {"type": "object"},
                        "signature": {"type": "string"},
                    },
                ),
            },
            "tallies": {"type": "array", "minItems": 1, "items": _ref("tally")},
            "checksum": {"type": "string", "description": "Of all the rest; a file that was changed is refused."},
        },
    ),
    "$defs": {"sums": _SUMS, "tally": _TALLY, "digest": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
}

SCHEMAS: dict[str, dict[str, Any]] = {"result": RESULT, "state": STATE, "config": CONFIG, "comparison": COMPARISON}
"""Every schema by the name under which `xent schema` prints it."""
