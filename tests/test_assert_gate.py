"""`xent.testing.assert_gate`, and gates in `xent.evaluate`: the same verdicts as on the command line."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest

import xent
from xent.core.errors import DataError, UnknownNameError, UsageError
from xent.core.gates import parse_gate
from xent.core.result import Interval
from xent.testing import assert_gate

BCE = -(2 * math.log(0.75) + math.log(0.5)) / 3
WORSE = -(math.log(0.75) + 2 * math.log(0.5)) / 3


@pytest.fixture
def scores(tmp_path):
    (tmp_path / "scores.csv").write_text("y,score,country\n1,0.75,de\n0,0.25,de\n1,0.5,fr\n")
    return tmp_path / "scores.csv"


@pytest.fixture
def worse(tmp_path):
    (tmp_path / "worse.csv").write_text("y,score\n1,0.75\n0,0.5\n1,0.5\n")
    return tmp_path / "worse.csv"


def test_evaluate_judges(scores):
    result = xent.evaluate(scores, ["bce"], gates=["binary_accuracy >= 0.6", "bce[country=*] <= 0.5", "rows == 3"], by=("country",))
    assert [metric.name for metric in result.metrics] == ["binary_crossentropy", "binary_accuracy"]
    assert [(gate["slice"], gate["outcome"]) for gate in result.gates] == [
        (None, "pass"),
        ({"country": "de"}, "pass"),
        ({"country": "fr"}, "fail"),
        (None, "pass"),
    ]
    assert result.verdict == "fail"
    assert xent.evaluate(scores, gates="rows == 3").verdict == "pass"
    assert xent.evaluate(scores, gates=parse_gate("rows > 3")).verdict == "fail"
    assert xent.evaluate(scores).verdict == "none"


def test_baselines_are_results_and_files_of_both_kinds(scores, worse, tmp_path):
    before = xent.evaluate(worse, ["bce"])
    command = [sys.executable, "-m", "xent", "eval", worse, "-m", "bce", "-q", "-o", tmp_path / "m.json", "--state", tmp_path / "m.state"]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(xent.__file__).parents[1])
    for baseline in (before, tmp_path / "m.json", str(tmp_path / "m.state")):
        (gate,) = xent.evaluate(scores, ["bce"], gates="delta(bce) <= 0", baseline=baseline).gates
        assert gate["value"] == pytest.approx(BCE - WORSE, rel=1e-13)
        assert assert_gate(xent.evaluate(scores, ["bce"]), "delta(bce) <= 0", baseline=baseline).gates == (gate,)


def test_wrong_questions_come_before_the_data():
    with pytest.raises(UsageError, match="--baseline"):
        xent.evaluate("missing.csv", gates="delta(bce) <= 0")
    with pytest.raises(UsageError, match="cannot read the gate"):
        xent.evaluate("missing.csv", gates="bce")
    with pytest.raises(DataError, match=r"missing\.json"):
        xent.evaluate("missing.csv", gates="delta(bce) <= 0", baseline="missing.json")
    with pytest.raises(UsageError, match="no gates"):
        assert_gate("missing.csv", [])


def test_a_gate_on_no_metric(scores):
    with pytest.raises(UnknownNameError, match="did you mean"):
        xent.evaluate(scores, gates="binary_acuracy >= 0")


def test_a_baseline_of_other_data(scores, worse, tmp_path):
    (tmp_path / "other.csv").write_text("y,score\n1,0.75\n")
    other = xent.evaluate(tmp_path / "other.csv", ["bce"])
    with pytest.raises(DataError, match="digest"):
        assert_gate(scores, "delta(bce) <= 9", baseline=other)
    assert assert_gate(scores, "delta(bce) <= 9", baseline=other, allow_different_data=True).verdict == "pass"


def test_it_passes_and_gives_the_result(scores):
    result = assert_gate(scores, "binary_accuracy >= 60%", metrics=["bce"], label="y", pred="score")
    assert [metric.name for metric in result.metrics] == ["binary_crossentropy", "binary_accuracy"]
    assert assert_gate(result, ["bce <= 0.43", "rows > 2"]).verdict == "pass"
    assert assert_gate([scores], ["bce <= 0.43", "mse <= 0 severity=warn"]).verdict == "pass"


def test_the_message_tells_every_gate_that_did_not_pass(scores):
    gates = ["binary_accuracy >= 0.9", "rows == 3", "binary_accuracy[country=*] >= 70%", "mse >= 0 min_rows=4", "mse <= 0 severity=warn"]
    with pytest.raises(AssertionError) as caught:
        assert_gate(str(scores), gates, by=("country",))
    assert str(caught.value) == (
        "verdict: fail (2 passed, 3 failed, 1 not measured)\n"
        "  binary_accuracy >= 0.9 failed: value 0.6666666666666666, threshold 0.9: 0.6666667 is not >= 0.9\n"
        "  binary_accuracy[country=*] >= 0.7 [country=fr] failed: value 0.0, threshold 0.7: 0 is not >= 0.7\n"
        "  mse >= 0 min_rows=4 not measured: threshold 0: 3 rows where 4 are needed\n"
        "  mse <= 0 severity=warn failed (warning): value 0.125, threshold 0: 0.125 is not <= 0"
    )


def test_what_was_not_measured_is_no_pass(scores):
    with pytest.raises(AssertionError, match="not measured: threshold 0: there is no slice device="):
        assert_gate(scores, "binary_accuracy[device=*] >= 0")


def test_inconclusive_is_as_one_asks(scores):
    result = xent.evaluate(scores, ["binary_accuracy"])
    unsure = result._replace(metrics=(dataclasses.replace(result.metrics[0], ci=Interval(0.95, 0.5, 0.8, "wilson")),))
    gate = "binary_accuracy >= 0.6 decide=proven-ok"
    assert assert_gate(unsure, gate).verdict == "inconclusive"
    with pytest.raises(AssertionError, match="inconclusive"):
        assert_gate(unsure, gate, inconclusive="fail")
    assert assert_gate(unsure, f"{gate} severity=warn", inconclusive="fail").verdict == "pass"


def test_options_that_would_change_nothing_are_refused(scores):
    with pytest.raises(UsageError, match="by, label would change nothing"):
        assert_gate(xent.evaluate(scores), "rows > 0", by="country", label="y")


def test_pytest_shows_the_line_of_the_test(scores, tmp_path):
    (tmp_path / "test_model.py").write_text(
        f"from xent.testing import assert_gate\n\n\ndef test_model():\n    assert_gate({str(scores)!r}, 'rows > 3')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path / "test_model.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PYTHONPATH": str(Path(xent.__file__).parents[1])}
    )
    assert done.returncode == 1
    assert (
        "E       AssertionError: verdict: fail (1 failed)\nE         rows > 3 failed: value 3, threshold 3: 3 is not > 3\n" in done.stdout
    )
    assert "xent/testing.py" not in done.stdout
