"""What each format for people and for CI makes of the same results, byte for byte: the files of `tests/golden`."""

import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from xent.core.gates import parse_gate
from xent.core.judging import judge
from xent.core.result import DataReport, HealthReport, Interval, MetricResult, Result
from xent.io.exporters import export
from xent.io.exporters.github_exporter import step_summary

GOLDEN = Path(__file__).parents[1] / "golden"

NASTY = '=a]]><b c="d">&@me #1\'%0A::error::\x1b[31m|,:é\n\ufffe\U0001f600 [x](http://y) </details>\\'


def metric(value, name="accuracy", **changes):
    given = {"direction": "higher", "ci": Interval(0.95, 0.5, 1.0, "wilson")} if name == "accuracy" else {"direction": "lower"}
    return MetricResult(**{"name": name, "value": value, "params": {}, "count": 8, "signature": f"{name}|", **given, **changes})


def judged(metrics, slices, *gates, sources=("preds.csv",), baseline=None):
    result = Result("9.9", DataReport(sources, 8, 1, 8.0, 2, {}, "d"), metrics, slices)
    return judge(result, [parse_gate(text) for text in gates], baseline)


HEALTH = HealthReport(clipped=2, renormalised=0, max_sum_error=0.0, exact_value=float("inf"))
LOSS = metric(0.25, "binary_crossentropy", label="bce", health=HEALTH)

NO_GATES = judged((metric(0.75), LOSS), ())
MAIN = judged((metric(0.5), LOSS), ())
"""Eight rows of which six are right, beside a baseline with four."""

BY_COUNTRY = tuple(
    metric(value, slice={"country": name}, count=2) for name, value in (("de", 1.0), ("fr", 0.5), ("it", 0.875), (None, 0.25))
)
FEW = judged(
    (metric(0.75), LOSS),
    BY_COUNTRY,
    "accuracy >= 0.5",
    "accuracy >= 80%",
    "accuracy[device=*] >= 0.8",
    "accuracy >= 0.8 decide=proven-ok",
    "accuracy >= 0.9 severity=warn",
    "accuracy[country=*] >= 0.6",
    "delta(accuracy) >= 0.3",
    "rel(bce) <= 2%",
    "rows_dropped == 0",
    baseline=MAIN,
)
MANY = judged((metric(0.75),), tuple(metric(place / 20, slice={"shop": str(place)}) for place in range(20)), "accuracy[shop=*] >= 0.1")
SPECIAL = judged(
    (metric(0.5, label=NASTY), metric([[1.0, float("nan")], [float("-inf"), 0.0]], "confusion", ci=None, direction="none")),
    (metric(0.25, label=NASTY, slice={NASTY: NASTY}), metric(0.25, label=NASTY, slice={NASTY: None})),
    "rows < 1",
    "accuracy[*] >= 0.8",
    sources=(f"./{NASTY}.csv",),
)

RESULTS = {"no-gates": NO_GATES, "few-slices": FEW, "many-slices": MANY, "special-names": SPECIAL}
SUFFIXES = {"markdown": "md", "github": "txt", "gitlab": "json", "junit": "xml", "openmetrics": "txt"}


@pytest.mark.parametrize("form", SUFFIXES)
@pytest.mark.parametrize("name", RESULTS)
def test_what_is_printed(name, form):
    assert export(RESULTS[name], form) == (GOLDEN / f"{name}.{form}.{SUFFIXES[form]}").read_text(encoding="utf-8")


def test_the_summary_of_a_step():
    assert step_summary(FEW) == "### xent\n\n" + (GOLDEN / "few-slices.markdown.md").read_text(encoding="utf-8") + "\n"


def test_no_golden_file_is_left_over():
    assert {path.name for path in GOLDEN.iterdir()} == {f"{name}.{form}.{SUFFIXES[form]}" for name in RESULTS for form in SUFFIXES}


@pytest.mark.parametrize("name", RESULTS)
def test_markdown_is_the_tables_it_means(name):
    """Every row has the cells of its header, and no name opens a tag, a link or a line of its own."""
    text = export(RESULTS[name], "markdown")
    assert set(re.findall("<[^>]*>?", text)) <= {"<details>", "</details>", "<summary>", "</summary>", "<!-- -->"}
    assert not re.search(r"[@#]\w", text)
    assert text.count("<details>") == text.count("</details>") == (name == "many-slices")
    for table in text.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({line.replace("\\\\", "").replace("\\|", "").count("|") for line in rows}) <= 1
    assert "[x](" not in text


def test_markdown_fits_into_a_comment_and_says_what_is_left_out():
    slices = tuple(metric(place / 9999, slice={"shop": f"é{place:04}"}) for place in range(9999))
    result = judged((metric(0.75),), slices, "accuracy[shop=*] >= 0.1", "rows >= 1")
    text = export(result, "markdown")
    assert 60_000 < len(text.encode()) <= 65_536
    assert text.startswith("**verdict: fail (9000 passed, 1000 failed)**\n")
    assert "| 8999 of 9999 slices | passed |  |" in text
    assert "| accuracy | 0.75 | [0.5, 1] | 8 | higher ↑ |  |" in text
    shown = text.count("| accuracy | shop=é")
    assert 0 < shown < 1000, "the failed gates come first, and leave some room"
    assert f"\n… and {9999 - shown} more, for which there is no room here; the result in JSON has all of them.\n\n</details>\n" in text
    assert "shop=é0000" in text
    assert text.endswith("\n8 rows, 1 dropped from preds\\.csv; xent 9.9\n")


@pytest.mark.parametrize("name", RESULTS)
def test_gitlab_gets_what_it_asks_for(name):
    """Source: GitLab's documentation, "Code Quality report format"."""
    entries = json.loads(export(RESULTS[name], "gitlab"))
    assert len(entries) == sum(gate["outcome"] != "pass" for gate in RESULTS[name].gates)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    for entry in entries:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["lines"] == {"begin": 1}
        assert not entry["location"]["path"].startswith("./")


def test_a_fault_keeps_its_fingerprint_while_it_lasts():
    """GitLab compares the two sides of a merge by it."""
    (before,), (after,) = (
        json.loads(export(judged((metric(value),), (), "accuracy >= 0.9", "accuracy >= 90%"), "gitlab")) for value in (0.5, 0.75)
    )
    assert before["fingerprint"] == after["fingerprint"]
    assert before["description"] != after["description"]


@pytest.mark.parametrize("name", RESULTS)
def test_openmetrics_is_read_by_its_own_library(name):
    result = RESULTS[name]
    families = {family.name: family for family in text_string_to_metric_families(export(result, "openmetrics"))}
    assert {family.type for family in families.values()} == {"gauge"}
    accuracies = families["xent_accuracy"].samples
    of_all = [one.value for one in (*result.metrics, *result.slices) if one.name == "accuracy"]
    assert [sample.value for sample in accuracies] == of_all
    assert len({tuple(sample.labels.items()) for sample in accuracies}) == len(accuracies)
    assert families["xent_rows"].samples[0].value == 8
    if result.gates:
        assert [sample.value for sample in families["xent_gate_passed"].samples] == [gate["outcome"] == "pass" for gate in result.gates]


@pytest.mark.parametrize("name", RESULTS)
def test_openmetrics_is_read_by_gitlab(name):
    """GitLab's parser (`ee/lib/gitlab/ci/parsers/metrics/generic.rb`) drops comments, splits as a shell does, and fails as a whole."""
    text = export(RESULTS[name], "openmetrics")
    words = [shlex.split(re.sub("#.*$", "", line)) for line in text.splitlines()]
    assert {len(line) for line in words} == {0, 2}
    read = [(key, float(value)) for key, value in filter(None, words)]
    assert len(dict(read)) == len(read) == sum(not line.startswith("#") for line in text.splitlines())


def test_slices_of_openmetrics_are_those_that_a_gate_selects():
    for sample in next(
        family for family in text_string_to_metric_families(export(FEW, "openmetrics")) if family.name == "xent_accuracy"
    ).samples[1:4]:
        gate = parse_gate(f"accuracy[{sample.labels['slice']}] >= 0")
        assert [one.value for one in BY_COUNTRY if gate.slices.fits(one.slice)] == [sample.value]


def test_metrics_of_one_name_are_told_apart():
    twins = (metric(0.5), metric(0.25, signature="accuracy|threshold:0.1"))
    text = export(judged(twins, ()), "openmetrics")
    assert 'xent_accuracy{signature="accuracy|"} 0.5\nxent_accuracy{signature="accuracy|threshold:0.1"} 0.25\n' in text


ATTRIBUTES = {
    "testsuites": ((), ("name", "time", "tests", "failures", "errors")),
    "testsuite": (
        ("name", "tests", "failures", "errors"),
        ("group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"),
    ),
    "properties": ((), ()),
    "property": (("name", "value"), ()),
    "testcase": (("name",), ("time", "classname", "group")),
    "failure": ((), ("type", "message")),
    "error": ((), ("type", "message")),
    "skipped": ((), ("type", "message")),
}
"""The attributes of each element, needed and allowed, and below its children, after `junit-10.xsd` of Jenkins's xunit plugin."""

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "properties": {"property"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
}


@pytest.mark.parametrize("name", RESULTS)
def test_junit_is_what_jenkins_and_ant_read(name):
    root = ET.fromstring(export(RESULTS[name], "junit"))
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, allowed = ATTRIBUTES[element.tag]
        assert set(needed) <= set(element.attrib) <= {*needed, *allowed}
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert not (element.text or "").strip()
    (suite,) = root
    cases = suite.findall("testcase")
    # Ant's schema has the properties before the cases, at most one outcome in each of them, of a type, and whole numbers as counts.
    assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases)]
    assert all(len(case) <= 1 and case.get("classname") and float(case.get("time")) == 0 for case in cases)
    assert all(fault.get("type") for fault in [*suite.iter("failure"), *suite.iter("error")])
    counted = {"tests": len(cases), "failures": len([*suite.iter("failure")]), "errors": len([*suite.iter("error")])}
    assert {key: int(suite.get(key)) for key in counted} == {key: int(root.get(key)) for key in counted} == counted
    assert int(suite.get("skipped")) == len([*suite.iter("skipped")])
