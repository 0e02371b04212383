"""The JSON Schema of the configuration: the options of `xent eval` by the names of their flags, and gates."""

from __future__ import annotations

from typing import Any

from xent.core.conventions import CONVENTIONS
from xent.io.exporters import EXPORTERS
from xent.io.readers import READERS

_TEXT = {"type": "string"}
_SWITCH = {"type": "boolean"}
_POSITIVE = {"type": "integer", "minimum": 1}
_TEXTS = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_BOUND = {"oneOf": [{"type": "number"}, {"type": "string"}]}

GATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "metric": {**_TEXT, "description": "The label, name or alias of a metric, or rows, rows_dropped, weight_sum, clipped, ..."},
        "max": {**_BOUND, "description": 'The most that the value may be; "2%" is 0.02.'},
        "min": {**_BOUND, "description": "The least that the value may be."},
        "max_increase": {**_BOUND, "description": 'How far it may lie above the baseline; in percent, as "2%", relative to it.'},
        "max_decrease": {**_BOUND, "description": "How far it may lie below the baseline; in percent, relative to it."},
        "decide": {"enum": ["point", "proven-ok", "proven-bad"]},
        "confidence": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "slices": {**_TEXTS, "description": 'Slices to judge one by one, such as "country" or "country=de,device=*"; all rows without it.'},
        "min_rows": {"type": "integer", "minimum": 0, "description": "With fewer rows the gate counts as not measured."},
        "severity": {"enum": ["error", "warn"]},
    },
    "required": ["metric"],
    "additionalProperties": False,
}

OPTIONS: dict[str, dict[str, Any]] = {
    "metric": _TEXTS,
    "label": _TEXT,
    "pred": _TEXT,
    "weight": _TEXT,
    "labels": _TEXT,
    "on": _TEXT,
    "classes": _TEXT,
    "where": _TEXTS,
    "input_format": {"enum": [*READERS]},
    "engine": {"enum": ["local", "ray", "dask"]},
    "engine_address": _TEXT,
    "engine_shards": _POSITIVE,
    "shard": {"type": "string", "pattern": "^[0-9]+/[0-9]+$"},
    "retries": {"type": "integer", "minimum": 0},
    "chunk_rows": _POSITIVE,
    "threads": _POSITIVE,
    "group": _TEXT,
    "cluster": _TEXT,
    "ci": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "seed": {"type": "integer"},
    "by": _TEXTS,
    "max_slices": _POSITIVE,
    "from_logits": _SWITCH,
    "label_smoothing": {"type": "number"},
    "axis": {"type": "integer"},
    "ignore_class": {"type": "integer"},
    "convention": {"enum": [*CONVENTIONS]},
    "nan": {"enum": ["error", "skip", "propagate"]},
    "format": {"enum": ["table", *EXPORTERS]},
    "output": _TEXTS,
    "state": _TEXT,
    "checkpoint": _TEXT,
    "checkpoint_seconds": {"type": "number", "minimum": 0},
    "quiet": _SWITCH,
    "progress": _SWITCH,
    "plot": _SWITCH,
    "plot_dir": _TEXT,
    "baseline": _TEXT,
    "allow_different_data": _SWITCH,
    "inconclusive": {"enum": ["pass", "fail"]},
}
"""One entry for each option of `xent eval`, named like its flag, with underscores."""

CONFIG: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "xent configuration",
    "description": "xent.toml, or [tool.xent] in pyproject.toml: defaults of the options of xent eval, and gates.",
    "type": "object",
    "properties": {
        **OPTIONS,
        "gate": {"type": "array", "items": {"oneOf": [_TEXT, GATE]}, "description": "Conditions: expressions as for --gate, or tables."},
    },
    "additionalProperties": False,
}
