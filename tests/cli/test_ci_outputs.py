"""What CI systems read: JUnit XML, and the annotations and the summary of GitHub. The texts stand in `tests/golden`."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest

from xent.cli.outputs import render
from xent.core.gates import parse_gate
from xent.core.judging import judge
from xent.core.result import DataReport, Interval, MetricResult, Result
from xent.io.exporters.github_exporter import MOST_BYTES, append_summary, step_summary

NASTY = '=a]]><b c="d">&\'%0A::error::\x1b[31m|,:é\n\ufffe\U0001f600'


def metric(value=0.75, **changes):
    return MetricResult("accuracy", value, {}, 4, "higher", "accuracy|", ci=Interval(0.95, 0.5, 1.0, "w"), **changes)


def judged(*texts, slices=(), source="preds.csv"):
    data = DataReport((source,), 4, 0, 4.0, 2, {}, "d")
    return judge(Result("9.9", data, (metric(),), tuple(slices)), [parse_gate(text) for text in texts])


SLICES = [metric(value, slice={"country": name}) for name, value in (("de", 0.9), ("fr", 0.5), ("it", 0.25))]
ALL = judged(
    "accuracy >= 0.5",
    "accuracy >= 0.8",
    "accuracy[device=*] >= 0.8",
    "accuracy >= 0.8 decide=proven-ok",
    "accuracy >= 0.9 severity=warn",
    "accuracy[country=*] >= 0.6",
    slices=SLICES,
)


def test_github_shows_ten_and_those_that_stop_first():
    texts = [*(f"accuracy >= 0.{number}1" for number in range(1, 7)), *(f"accuracy >= 0.9{number}" for number in range(9)), "rows < 1"]
    lines = render(judged(*texts), "github").splitlines()
    assert len(lines) == 10
    assert all(line.startswith("::error ") for line in lines)


def test_nasty_names_stay_names():
    nasty = judged("accuracy[*] >= 0.8", slices=[metric(slice={NASTY: NASTY})], source=NASTY)
    case = ET.fromstring(render(nasty, "junit")).find("testsuite/testcase")
    assert 'c="d">&' in case.get("name")
    assert case.find("failure") is not None
    (line,) = render(nasty, "github").splitlines()
    assert line.count("::") - line.partition("::error::")[2].count("::") >= 2
    assert line.startswith("::error title=accuracy[*] >= 0.8%3A failed::1 of 1 slices")
    assert "%250A" in line
    rows = list(csv.DictReader(io.StringIO(render(nasty, "csv"))))
    assert [row["outcome"] for row in rows] == ["", "", "fail"]
    table = [text for text in render(nasty, "markdown").splitlines() if text.startswith("| accuracy\\[")]
    assert [text.replace("\\|", "").count("|") for text in table] == [5]


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_people_see_gates_and_the_verdict(form):
    text = render(ALL, form)
    assert "verdict: fail (2 passed, 4 failed, 1 inconclusive, 1 not measured)" in text
    assert "country=fr" in text
    assert "not measured" in text


def test_a_gate_is_a_line_of_csv_and_of_json_lines():
    rows = list(csv.DictReader(io.StringIO(render(ALL, "csv"))))
    assert [row["outcome"] for row in rows[4:]] == [gate["outcome"] for gate in ALL.gates]
    assert (rows[5]["name"], rows[5]["gate"], rows[5]["value"]) == ("accuracy", "accuracy >= 0.8", "0.75")
    lines = [json.loads(line) for line in render(ALL, "jsonl").splitlines()]
    assert lines[4:] == json.loads(render(ALL, "json"))["gates"]


def test_the_summary_is_cut_at_a_line_below_its_limit(tmp_path):
    many = judged("accuracy >= 0.5", slices=[metric(slice={"name": "é" * 500 + str(number)}) for number in range(2000)])
    text = step_summary(many)
    assert len(text.encode()) <= MOST_BYTES
    assert "**verdict: pass (1 passed)**" in text
    assert re.search(r"\n… and \d+ more, for which there is no room here", text)
    assert text.endswith("</details>\n\n4 rows from preds\\.csv; xent 9.9\n\n")
    assert text.count("| accuracy | name=é") > 900
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    for _ in range(3):
        append_summary(many, path)
    assert MOST_BYTES * 0.99 < path.stat().st_size < MOST_BYTES
    assert path.read_text().startswith("before\n### xent\n")


def test_the_summary_is_left_where_github_asks_for_it(xent, binary, folder, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    assert xent("eval", binary, "-m", "bce", "--gate", "bce <= 1", "-f", "json", "-o", "r.json").status == 0
    assert not (folder / "summary.md").exists()
    ended = xent("gate", "r.json", "--gate", "bce <= 0.1", "-f", "github")
    assert ended.status == 1
    assert ended.out.startswith("::error title=bce <= 0.1%3A failed::")
    assert "**verdict: fail (1 failed)**" in (folder / "summary.md").read_text()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "none" / "summary.md"))
    assert xent("gate", "r.json", "-f", "github").status == 3


def test_a_file_of_xml_is_junit(xent, binary, folder):
    assert xent("eval", binary, "-m", "bce", "--gate", "bce <= 1", "-q", "-o", "gates.xml").status == 0
    assert ET.parse(folder / "gates.xml").getroot().get("tests") == "1"
