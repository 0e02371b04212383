"""JUnit XML: a test case for each gate and slice, which every CI system can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from xent.io.escaping import printable
from xent.io.exporters.plain import json_text
from xent.io.gate_words import outcome_word, slice_text, verdict_sentence
from xent.io.interval_words import level_text
from xent.io.metric_names import MetricNames
from xent.io.slice_words import slice_name

if TYPE_CHECKING:
    from xent.core.result import Result


def to_junit(result: Result) -> str:
    """One suite: a violated gate is a failure, one that could not be measured an error.

    What does not stop a job, an inconclusive gate or one that only warns, is a skipped test. The values are properties of the suite.
    """
    kinds = [_kind(gate) for gate in result.gates]
    counts = {"tests": len(kinds), "failures": kinds.count("failure"), "errors": kinds.count("error")}
    # Jenkins's schema knows what was skipped of a suite, and not of all of them.
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_attributes(name='xent', **counts, time=0)}>"]
    lines += [f"  <testsuite{_attributes(name='xent', **counts, skipped=kinds.count('skipped'), time=0)}>", "    <properties>"]
    lines += [f"      <property{_attributes(name=name, value=value)}/>" for name, value in _properties(result)]
    lines.append("    </properties>")
    for gate, kind in zip(result.gates, kinds, strict=True):
        where = "" if gate["slice"] is None else f" [{slice_text(gate)}]"
        case = f"    <testcase{_attributes(classname='xent.gates', name=gate['gate'] + where, time=0)}"
        if kind == "passed":
            lines.append(f"{case}/>")
        else:
            message = gate["reason"] if kind != "skipped" else f"{outcome_word(gate)}: {gate['reason']}"
            type_ = {} if kind == "skipped" else {"type": gate["outcome"]}
            lines += [f"{case}>", f"      <{kind}{_attributes(message=message, **type_)}/>", "    </testcase>"]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _kind(gate: Mapping[str, Any]) -> str:
    if gate["outcome"] == "pass":
        return "passed"
    if gate["severity"] == "warn" or gate["outcome"] == "inconclusive":
        return "skipped"
    return "failure" if gate["outcome"] == "fail" else "error"


def _properties(result: Result) -> list[tuple[str, str]]:
    facts = [("xent", result.xent), ("verdict", verdict_sentence(result) if result.gates else result.verdict)]
    facts += [("source", source) for source in result.data.sources]
    facts += [("rows", str(result.data.rows)), ("digest", result.data.digest)]
    names = MetricNames(result.metrics)
    for metric in (*result.metrics, *result.slices):
        name = names(metric) if metric.slice is None else f"{names(metric)} [{slice_name(metric.slice)}]"
        facts.append((name, json_text(metric.value).strip().strip('"')))
        if metric.ci is not None:
            facts.append((f"{name}, {level_text(metric.ci.level)}", json_text([metric.ci.low, metric.ci.high]).strip()))
    return facts


def _attributes(**values: Any) -> str:
    return "".join(f" {key}={quoteattr(printable(str(value)))}" for key, value in values.items())
