"""The exporters and the table: what they print, and what they never let through."""

import csv
import io
import json
import math

import pytest
from click.testing import CliRunner

from xent.cli.app import app
from xent.cli.outputs import FORMATS, bare_numbers, render
from xent.core.gates import parse_gate
from xent.core.judging import judge
from xent.core.result import DataReport, HealthReport, Interval, MetricResult, Result
from xent.io.exporters import BINARY, EXPORTERS, SUFFIXES

NASTY = "=cmd|'/c calc'!A1\x1b[31m[bold]x|y<b>&\u202eé\n@`*_"


def metric(**changes):
    given = {
        "name": "categorical_crossentropy",
        "value": 0.1 + 0.2,
        "params": {"convention": "keras", "alpha": (0.5, math.inf)},
        "count": 3,
        "direction": "lower",
        "signature": "categorical_crossentropy|convention:keras",
        "health": HealthReport(clipped=2, renormalised=3, max_sum_error=1e-3, exact_value=math.inf),
    }
    return MetricResult(**{**given, **changes})


def result(*metrics, slices=(), name="preds.csv"):
    data = DataReport((name,), 3, 1, 3.0, 2, {"label": name, "pred": [name], "weight": None}, "d1", (name, "b"))
    return Result("9.9", data, metrics or (metric(),), slices)


NASTY_RESULT = judge(
    result(metric(label=NASTY), slices=(metric(label=NASTY, slice={NASTY: NASTY}),), name=NASTY),
    [parse_gate("rows < 0"), parse_gate("cce[*] < 0")],
)


def test_the_formats_are_those_of_the_tables():
    assert set(FORMATS) == {"table", *EXPORTERS}
    assert set(SUFFIXES.values()) == set(EXPORTERS) - {"github"}
    assert set(BINARY) < set(EXPORTERS)


@pytest.mark.parametrize("form", sorted(set(FORMATS) - set(BINARY)))
def test_no_format_prints_control_characters(form):
    text = render(NASTY_RESULT, form)
    assert all(character.isprintable() or character in "\n\t" for character in text)
    assert "[bold]" in text.replace("\\[", "[").replace("\\]", "]"), "rich must not take names for markup"
    assert text.endswith("\n")


def test_json_reads_back_to_the_same_names_and_bits():
    read = json.loads(render(NASTY_RESULT, "json"))
    assert read["data"]["sources"] == [NASTY]
    assert read["data"]["columns"]["class_names"] == [NASTY, "b"]
    assert read["slices"][0]["slice"] == {NASTY: NASTY}
    assert read["metrics"][0]["value"].hex() == (0.1 + 0.2).hex()


def test_a_file_name_that_is_not_utf8_is_still_json():
    text = render(result(name="caf\udce9.csv"), "json")
    assert json.loads(text.encode("utf-8"))["data"]["sources"] == ["caf\ufffd.csv"]


def test_jsonl_is_the_objects_of_metrics_and_slices():
    whole = result(metric(), metric(value=math.nan), slices=(metric(slice={"country": "de"}),))
    objects = json.loads(render(whole, "json"))
    lines = [json.loads(line) for line in render(whole, "jsonl").splitlines()]
    assert lines == objects["metrics"] + objects["slices"]


@pytest.mark.parametrize(("form", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_delimited_text(form, delimiter):
    whole = result(metric(ci=Interval(0.95, 0.25, math.inf, "exact")), metric(value=[0.5, math.nan], health=None))
    first, second = csv.DictReader(io.StringIO(render(whole, form)), delimiter=delimiter)
    assert first["value"] == repr(0.1 + 0.2)
    assert (first["ci_low"], first["ci_high"], first["clipped"], first["exact_value"]) == ("0.25", "inf", "2", "inf")
    assert json.loads(second["value"]) == [0.5, "nan"]
    assert (second["clipped"], second["ci_low"], second["standard_error"]) == ("", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_text_begins_a_formula(start):
    for row in csv.reader(io.StringIO(render(result(metric(label=f"{start}1+1")), "csv"))):
        assert not any(cell.startswith((start, "=", "+", "@")) for cell in row)


def test_a_negative_number_stays_a_number():
    (row,) = csv.DictReader(io.StringIO(render(result(metric(value=-0.5)), "csv")))
    assert row["value"] == "-0.5"


def test_markdown():
    text = render(result(metric(), metric(name="accuracy", value=1.0, direction="higher", health=None, label="a|b")), "markdown")
    lines = text.splitlines()
    assert lines[0] == "| metric | value | rows | better | notes |"
    assert lines[2] == (
        "| categorical_crossentropy | 0.30000000000000004 | 3 | lower ↓ "
        "| 2 rows clipped to [1e-07, 1 - 1e-07]; 3 rows renormalised, largest |sum - 1| 0.001; exact value inf |"
    ).replace("|sum - 1|", "\\|sum - 1\\|")
    assert lines[3] == "| a\\|b (accuracy) | 1.0 | 3 | higher ↑ |  |"


def test_markdown_has_as_many_cells_everywhere():
    gates, values = (block for block in render(NASTY_RESULT, "markdown").split("\n\n") if block.startswith("|"))
    assert {line.replace("\\|", "").count("|") for line in gates.splitlines()} == {5}
    assert {line.replace("\\|", "").count("|") for line in values.splitlines()} == {7}


def test_the_table_says_value_direction_rows_health_and_data():
    lines = render(result(metric(), metric(name="accuracy", value=0.98765432, direction="higher", health=None)), "table").splitlines()
    assert lines[0].split() == ["metric", "value", "rows"]
    assert lines[2].split() == ["categorical_crossentropy", "0.3", "↓", "3"]
    assert lines[3].split() == ["accuracy", "0.9876543", "↑", "3"]
    assert lines[4] == (
        "categorical_crossentropy: 2 rows clipped to [1e-07, 1 - 1e-07]; 3 rows renormalised, largest |sum - 1| 0.001; exact value inf"
    )
    assert lines[5] == "preds.csv: 3 rows, 1 dropped for missing values, 2 classes"


def test_the_table_shows_slices_and_the_beginning_of_arrays():
    text = render(result(metric(value=[0.0] * 100), slices=(metric(slice={"country": "de"}),)), "table")
    assert "… 100 in all" in text
    assert "country=de" in text


def test_bare_numbers():
    whole = result(metric(), metric(value=math.inf), metric(value=[1.0, math.nan]))
    assert bare_numbers(whole) == '0.30000000000000004\ninf\n[1.0, "nan"]\n'


def test_health_behind_an_unrounded_difference_is_not_told():
    same = metric(health=HealthReport(0, 0, 0.0, (0.1 + 0.2) * (1 + 1e-12)))
    assert "exact value" not in render(result(same), "table")
    assert json.loads(render(result(same), "json"))["metrics"][0]["health"]["exact_value"] != 0.1 + 0.2


def test_a_terminal_without_unicode_gets_escapes(multi, folder):
    ended = CliRunner(charset="ascii").invoke(app, ["eval", multi, "-m", "cce", "-f", "table"])
    assert ended.exit_code == 0, ended.stderr
    assert "categorical_crossentropy" in ended.stdout
