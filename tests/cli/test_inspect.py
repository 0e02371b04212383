"""`xent inspect`: what it finds, and that the command it prints runs."""

import json
import shlex

import numpy as np
import pytest


def look(xent, *args):
    ended = xent("inspect", *args, "--format", "json")
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_columns_roles_classes_labels_and_ranges(xent, multi):
    found = look(xent, multi)
    assert [field["name"] for field in found["fields"]] == ["label", "p_cat", "p_dog", "p_eel", "w"]
    assert found["roles"]["label"] == "label"
    assert found["roles"]["pred"] == ["p_cat", "p_dog", "p_eel"]
    assert found["classes"] == ["cat", "dog", "eel"]
    assert (found["task"], found["rows"]) == ("multiclass", 2)
    assert found["labels"]["counts"] == [{"value": 1.0, "class": "dog", "count": 1}, {"value": 2.0, "class": "eel", "count": 1}]
    assert [(one["low"], one["high"]) for one in found["predictions"]] == [(0.05, 0.1), (0.8, 0.95), (0.0, 0.1)]
    assert found["row_sums"]["low"] == pytest.approx(1, abs=1e-15)
    assert found["hints"] == ["column 'w' may hold weights: --weight w"]
    assert found["looks_like_logits"] is False


@pytest.mark.parametrize(
    ("fixture", "more"),
    [("multi", []), ("binary", []), ("logits", ["--labels", "y.npy"]), ("multi", ["--weight", "w", "--pred", "p_eel,p_dog,p_cat"])],
)
def test_the_command_it_prints_runs_and_means_the_same(xent, request, fixture, more):
    source = request.getfixturevalue(fixture)
    command = xent("inspect", source, *more).out.splitlines()[-1]
    words = shlex.split(command)
    assert words[:3] == ["xent", "eval", source]
    ended = xent(*words[1:])
    assert ended.status == 0, ended.err
    logits = ["--from-logits"] if fixture == "logits" else []
    assert json.loads(ended.out)["metrics"] == json.loads(xent("eval", source, *more, *logits).out)["metrics"]


def test_names_that_a_shell_would_take_apart(xent, folder):
    (folder / "my $(preds).csv").write_text("the label,it's p\n1,0.5\n0,0.25\n")
    command = look(xent, "my $(preds).csv", "--label", "the label", "--pred", "it's p")["command"]
    ended = xent(*shlex.split(command)[1:])
    assert ended.status == 0, ended.err


def test_logits_are_noticed(xent, logits):
    found = look(xent, logits, "--labels", "y.npy")
    assert found["looks_like_logits"] is True
    assert found["command"].endswith(" --from-logits")


@pytest.mark.parametrize("rows", ["label,score\n1,87.5\n0,12.5\n", "label,p_0,p_1,p_2\n0,87.5,12.5,0\n2,0,0.5,99.5\n"])
def test_percentages_are_no_logits(xent, folder, rows):
    (folder / "percent.csv").write_text(rows)
    found = look(xent, "percent.csv")
    assert found["looks_like_logits"] is False
    assert "--from-logits" not in found["command"]
    assert [hint for hint in found["hints"] if "divide them by 100" in hint] == found["hints"]
    assert "if percentages, divide them by 100" in xent("eval", "percent.csv").err


def test_logits_that_are_not_negative_are_no_percentages(xent, folder):
    (folder / "relu.csv").write_text("label,p_0,p_1,p_2\n0,7.5,2.5,0\n2,0,0.5,9.5\n")
    assert look(xent, "relu.csv")["looks_like_logits"] is True


def test_regression_is_not_taken_for_logits(xent, folder):
    rows = "".join(f"{value / 7},{value / 6}\n" for value in range(-30, 30))
    (folder / "reg.csv").write_text("y_true,pred\n" + rows)
    found = look(xent, "reg.csv")
    assert (found["task"], found["looks_like_logits"]) == ("regression", False)
    assert "labels in y_true (regression): -4.28571429 to 4.14285714" in xent("inspect", "reg.csv").out


def test_missing_values_are_counted_and_the_command_skips_them(xent, folder):
    (folder / "gaps.csv").write_text("y,score\n1,0.75\n0,nan\n,0.5\n0,0.25\n")
    found = look(xent, "gaps.csv")
    assert found["labels"]["missing"] == 1
    assert found["predictions"][0]["missing"] == 1
    ended = xent(*shlex.split(found["command"])[1:])
    assert json.loads(ended.out)["data"]["rows_dropped"] == 2


def test_what_is_ambiguous_is_said_and_the_columns_are_shown(xent, folder):
    (folder / "two.csv").write_text("label,p_a,p_b,score\n0,0.5,0.5,7\n1,0.25,0.75,9\n")
    ended = xent("inspect", "two.csv")
    assert (ended.status, ended.err) == (0, "")
    assert "which columns are the prediction?" in ended.out
    found = look(xent, "two.csv")
    assert found["roles"] is None
    assert found["command"] is None
    assert found["rows"] == 2
    assert {one["name"]: (one["low"], one["high"]) for one in found["values"]}["score"] == (7.0, 9.0)


def test_predictions_without_labels(xent, folder):
    np.save(folder / "p.npy", np.array([[0.25, 0.75]], dtype=np.float16))
    found = look(xent, "p.npy")
    assert "--labels FILE" in found["problem"]
    assert [(one["low"], one["high"]) for one in found["values"]] == [(0.25, 0.75)]


def test_no_rows(xent, folder):
    (folder / "empty.csv").write_text("y,score\n")
    assert look(xent, "empty.csv")["rows"] == 0


def test_a_label_that_is_no_class_is_shown_with_what_was_seen_and_is_an_error(xent, multi, folder):
    (folder / multi).write_text((folder / multi).read_text() + "cow,1,0,0,1\n")
    ended = xent("inspect", multi)
    assert ended.status == 3
    assert ended.err.startswith("xent: error: multi.csv: ")
    assert "'cow'" in ended.err
    assert ended.out.startswith("multi.csv: ")


def test_many_columns_and_labels_are_cut_short(xent, folder):
    np.save(folder / "p.npy", np.full((60, 60), 1 / 60))
    np.save(folder / "y.npy", np.arange(60))
    out = xent("inspect", "p.npy", "--labels", "y.npy").out
    assert out.count("… 41 more") == 2
    assert len(look(xent, "p.npy", "--labels", "y.npy")["predictions"]) == 60


def test_names_cannot_move_the_cursor(xent, folder):
    (folder / "e\x1b[2J.csv").write_text('label,"p_\x1b[31m","p_\x07b"\n0,0.5,0.5\n')
    out = xent("inspect", "e\x1b[2J.csv").out
    assert all(character.isprintable() or character == "\n" for character in out)
    assert "\\x1b[2J" in out
