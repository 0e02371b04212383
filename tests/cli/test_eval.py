"""`xent eval` from arguments to output, in this process."""

import bz2
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

CCE = -(math.log(0.95) + math.log(0.1)) / 2
CCE_WEIGHTED = -(0.3 * math.log(0.95) + 0.7 * math.log(0.1))
BCE = -(2 * math.log(0.75) + math.log(0.5)) / 3


def only(ended):
    """The one metric of a JSON result."""
    assert ended.status == 0, ended.err
    (metric,) = json.loads(ended.out)["metrics"]
    return metric


def test_the_worked_example_comes_out(xent, multi):
    metric = only(xent("eval", multi, "-m", "categorical_crossentropy"))
    assert metric["value"] == pytest.approx(CCE, rel=1e-15)
    assert metric["count"] == 2


def test_weights(xent, multi):
    assert only(xent("eval", multi, "-m", "cce", "--weight", "w"))["value"] == pytest.approx(CCE_WEIGHTED, rel=1e-15)


def test_quiet_prints_the_bare_number_with_all_digits(xent, multi):
    ended = xent("eval", multi, "-m", "cce", "-m", "scce", "-q")
    assert [float(line) for line in ended.out.splitlines()] == pytest.approx([CCE, CCE], rel=1e-15)
    value = only(xent("eval", multi, "-m", "cce"))["value"]
    assert ended.out.splitlines()[0] == repr(value)
    assert ended.err == ""


def test_what_was_chosen_is_said_on_standard_error(xent, multi):
    ended = xent("eval", multi)
    assert "label" in ended.err
    assert "p_cat" in ended.err
    assert all(line.startswith("xent: ") for line in ended.err.splitlines())


@pytest.mark.parametrize(("source", "name"), [("multi", "categorical_crossentropy"), ("binary", "binary_crossentropy")])
def test_without_a_metric_the_task_decides(xent, request, source, name):
    metrics = json.loads(xent("eval", request.getfixturevalue(source)).out)["metrics"]
    assert name in [metric["name"] for metric in metrics]


def test_binary(xent, binary):
    assert only(xent("eval", binary, "-m", "bce"))["value"] == pytest.approx(BCE, rel=1e-15)


def test_logits(xent, logits):
    rows = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
    expected = np.mean([math.log(sum(math.exp(x) for x in row)) - row[index] for row, index in zip(rows, (0, 1), strict=True)])
    metric = only(xent("eval", logits, "--labels", "y.npy", "-m", "cce", "--from-logits"))
    assert metric["value"] == pytest.approx(expected, rel=1e-14)
    assert metric["params"]["from_logits"] is True


def test_logits_without_the_flag_are_refused_and_the_flag_is_named(xent, logits):
    ended = xent("eval", logits, "--labels", "y.npy", "-m", "cce")
    assert (ended.status, ended.out) == (3, "")
    *_, first, second = ended.err.splitlines()
    assert first.startswith("xent: error: logits.npy: ")
    assert "row 1" in first
    assert second == "  if these are logits, pass --from-logits; if percentages, divide them by 100"


def test_a_flag_sets_the_parameter_of_all_metrics_that_take_it_but_not_where_it_is_given(xent, multi):
    ended = xent("eval", multi, "-m", "cce", "-m", "mine=cce:label_smoothing=0.5", "-m", "scce", "--label-smoothing", "0.2")
    params = [metric["params"] for metric in json.loads(ended.out)["metrics"]]
    assert [one.get("label_smoothing") for one in params] == [0.2, 0.5, None]


def test_a_flag_that_no_metric_takes_is_wrong_usage(xent, multi):
    ended = xent("eval", multi, "-m", "cce", "--ignore-class", "1")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "xent: error: --ignore-class: none of the metrics takes it (categorical_crossentropy)\n"


def test_ignore_class(xent, multi):
    metric = only(xent("eval", multi, "-m", "scce", "--ignore-class", "2"))
    assert (metric["count"], metric["value"]) == (1, pytest.approx(-math.log(0.95), rel=1e-15))


def test_the_convention_reaches_the_metrics_that_take_it(xent, folder):
    (folder / "sure.csv").write_text("y,score\n1,0\n0,0.5\n")
    exact = only(xent("eval", "sure.csv", "-m", "bce", "--convention", "exact"))
    assert exact["value"] == "inf"
    keras = only(xent("eval", "sure.csv", "-m", "bce"))
    assert keras["value"] == pytest.approx((-math.log(1e-7) + math.log(2)) / 2, rel=1e-12)
    assert keras["health"] == {"clipped": 1, "renormalised": 0, "max_sum_error": 0.0, "exact_value": "inf"}


def test_a_label_names_the_value(xent, multi):
    metric = only(xent("eval", multi, "-m", "mine=cce"))
    assert (metric["name"], metric["label"]) == ("categorical_crossentropy", "mine")


def test_two_metrics_of_one_label_are_wrong_usage(xent, multi):
    ended = xent("eval", multi, "-m", "a=cce", "-m", "a=scce")
    assert (ended.status, ended.err) == (2, "xent: error: two metrics are labelled 'a'\n")


def test_wrong_questions_are_answered_before_a_file_is_opened(xent):
    assert xent("eval", "missing.csv", "-m", "cce:smooth=1").status == 2
    assert xent("eval", "missing.csv", "-m", "cce").status == 3


@pytest.mark.parametrize("text", ["cat,dog,eel", "@names.txt"])
def test_class_names(xent, folder, text):
    (folder / "names.txt").write_text("cat\ndog\neel\n")
    (folder / "list.jsonl").write_text('{"label": "dog", "probs": [0.05, 0.95, 0]}\n{"label": "eel", "probs": [0.1, 0.8, 0.1]}\n')
    metric = only(xent("eval", "list.jsonl", "--classes", text, "-m", "cce"))
    assert metric["value"] == pytest.approx(CCE, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "said"), [("a,,b", "holds an empty name"), ("a,b,a", "names 'a' twice"), ("@no.txt", "cannot read the class names")]
)
def test_wrong_class_names(xent, multi, text, said):
    ended = xent("eval", multi, "--classes", text)
    assert ended.status == 2
    assert said in ended.err


def test_missing_values(xent, folder):
    (folder / "gaps.csv").write_text("y,score\n1,0.75\n0,nan\n")
    ended = xent("eval", "gaps.csv", "-m", "bce")
    assert (ended.status, ended.out) == (3, "")
    assert "row 2" in ended.err
    skipped = xent("eval", "gaps.csv", "-m", "bce", "--nan", "skip")
    result = json.loads(skipped.out)
    assert result["data"]["rows_dropped"] == 1
    assert result["metrics"][0]["value"] == pytest.approx(-math.log(0.75), rel=1e-15)
    assert only(xent("eval", "gaps.csv", "-m", "bce", "--nan", "propagate"))["value"] == "nan"


def test_standard_input(xent, multi, folder):
    ended = xent("eval", "-", "--input-format", "csv", "-m", "cce", "-q", stdin=(folder / multi).read_bytes())
    assert float(ended.out) == pytest.approx(CCE, rel=1e-15)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lambda data: pa.compress(data, "zstd", asbytes=True)])
def test_compressed_standard_input(xent, compress):
    lines = b"".join(b'{"y": %d, "score": %.2f}\n' % (label, score) for label, score in [(1, 0.75), (0, 0.5)])
    ended = xent("eval", "-", "-m", "bce", "-q", stdin=compress(lines))
    assert float(ended.out) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, rel=1e-15)
    ended = xent("eval", "-", stdin=compress(b"y,score\n1,0.75\n"))
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: standard input: the format cannot be told; pass --input-format")


def test_a_compressed_standard_input_that_is_cut_off_is_named(xent):
    ended = xent("eval", "-", "--input-format", "csv", stdin=gzip.compress(b"y,score\n1,0.75\n")[:20])
    assert (ended.status, ended.err) == (3, "xent: error: standard input: Truncated compressed stream\n")


def test_labels_that_count_from_1(xent, folder):
    (folder / "one.csv").write_text("label,p_0,p_1\n1,0.25,0.75\n2,0.5,0.5\n1,0.25,0.75\n")
    ended = xent("eval", "one.csv", "-m", "cce")
    assert ended.status == 3
    assert ended.err.endswith("row 2: label 2 is not a class index from 0 to 1; if labels count from 1, name the classes so: 1 to 2\n")
    ended = xent("eval", "one.csv", "-m", "cce", "-q", "--classes", "1,2")
    assert float(ended.out) == pytest.approx((2 * math.log(4) + math.log(2)) / 3, rel=1e-15)


@pytest.mark.parametrize("metric", ["bce", "mse"])
def test_a_metric_of_other_shapes_names_the_file(xent, multi, metric):
    ended = xent("eval", multi, "-m", metric)
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.splitlines()[-1].startswith(f"xent: error: {multi}: ")


def test_how_it_is_read_never_changes_the_result(xent, multi):
    outputs = {xent("eval", multi, *how).out for how in ([], ["--chunk-rows", "1"], ["--threads", "1"], ["--threads", "3"])}
    assert len(outputs) == 1


def test_where(xent, multi):
    assert only(xent("eval", multi, "-m", "cce", "--where", "w > 0.5"))["count"] == 1


AMONG_SIX = ("label,score,k\n", *(f"{row % 2},0.{row + 1},{'ab'[row % 2]} {row}\n" for row in range(6)))


@pytest.fixture
def six(folder):
    (folder / "six.csv").write_text("".join(AMONG_SIX))
    return ("six.csv", "-m", "bce")


def test_several_conditions_hold_all_of_them(xent, six):
    count = lambda *options: only(xent("eval", *six, *options))["count"]  # noqa: E731
    assert count("--where", "score > 0.25") == 4
    assert count("--where", "score > 0.25", "--where", "label == 1") == 2
    # Each is a condition by itself: an `or` in one of them does not reach into the other.
    assert count("--where", "label == 1", "--where", "score < 0.15 or score > 0.55") == 1


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["score > 0.25", "score > 0.7"], 5, "there are no rows for which --where score > 0.25 and --where score > 0.7 hold"),
        (["score > 0.25", "nope > 1"], 3, "six.csv: --where nope > 1: there is no column 'nope'"),
        (["score > 0.25 or (label == 0", "score > 0.1)"], 2, "--where score > 0.25 or (label == 0: cannot be understood"),
    ],
)
def test_what_is_wrong_with_one_of_several_conditions(xent, six, options, status, said):
    ended = xent("eval", *six, *(word for condition in options for word in ("--where", condition)))
    assert ended.status == status
    assert said in ended.err


def test_a_condition_of_the_environment_is_one_with_its_blanks(xent, six, folder, monkeypatch):
    count = lambda *options: only(xent("eval", *six, *options))["count"]  # noqa: E731
    (folder / "xent.toml").write_text("where = ['score > 0.25', \"k != 'b 3'\"]\n")
    assert count() == 3
    (folder / "xent.toml").write_text("where = 'score > 0.55'\n")
    assert count() == 1
    monkeypatch.setenv("XENT_WHERE", "score > 0.25 and k != 'a 2' and k != 'b 3'")
    assert count() == 2
    assert count("--where", "label == 1") == 3


def test_conditions_from_python(xent, six):
    import xent as package

    count = lambda where: package.evaluate(six[0], where=where).data.rows  # noqa: E731
    both = ["score > 0.25", "label == 1"]
    assert [count(None), count(both[0]), count(both), count(tuple(both))] == [6, 4, 2, 2]
    assert {found.slice["label"] for found in package.evaluate(six[0], by="label").slices} == {"0", "1"}


def test_the_command_of_inspect_has_all_conditions(xent, six):
    import shlex

    said = xent("inspect", six[0], "--where", "score > 0.25", "--where", "label == 1").out
    (command,) = (line for line in said.splitlines() if line.startswith("xent eval"))
    assert only(xent(*shlex.split(command)[1:], "-m", "bce"))["count"] == 2


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["six.csv", "./six.csv"], "six.csv is read twice, and each of its rows counts twice"),
        (["s*.csv", "six.csv", "link.csv"], "six.csv is read 3 times, and each of its rows counts 3 times"),
        (["more", "more/a.csv"], "more/a.csv is read twice, and each of its rows counts twice"),
        (["more/*", "more"], "more/a.csv and 1 more of the files are read more than once, and their rows count as often"),
    ],
)
def test_a_file_that_is_read_more_than_once_is_named_once(xent, six, folder, sources, said):
    (folder / "link.csv").symlink_to("six.csv")
    (folder / "more").mkdir()
    for name in ("a", "b"):
        (folder / "more" / f"{name}.csv").write_text("".join(AMONG_SIX))
    ended = xent("eval", *sources, "-m", "bce")
    assert ended.status == 0
    assert [line for line in ended.err.splitlines() if "read" in line] == [f"xent: {said}"]
    assert xent("eval", *sources, "-m", "bce", "-q").err == ""
    assert f"- {said}\n" in xent("inspect", *sources, "-f", "text").out


def test_other_files_of_the_same_content_are_read_once_each(xent, six, folder):
    (folder / "copy.csv").write_text("".join(AMONG_SIX))
    assert "read" not in xent("eval", "six.csv", "copy.csv", "-m", "bce").err


def test_every_output_file_is_written_in_the_format_of_its_name(xent, multi, folder):
    names = ("r.json", "r.jsonl", "r.csv", "r.tsv", "r.md")
    ended = xent("eval", multi, "-m", "cce", *(word for name in names for word in ("-o", name)))
    assert ended.status == 0, ended.err
    assert (folder / "r.json").read_text() == ended.out
    for name, form in zip(names, ("json", "jsonl", "csv", "tsv", "markdown"), strict=True):
        assert (folder / name).read_text() == xent("eval", multi, "-m", "cce", "-f", form).out
    assert {path.name for path in folder.iterdir()} == {multi, *names}


def test_a_name_that_tells_no_format_takes_that_of_the_flag(xent, multi, folder):
    assert xent("eval", multi, "-o", "result.txt", "-f", "csv").status == 0
    assert (folder / "result.txt").read_text().startswith("name,")
    ended = xent("eval", multi, "-o", "other.txt")
    assert ended.status == 2
    assert "tells no format" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "no/such/r.json"], "there is no such folder"),
        (["-o", "r.json", "-o", "r.json"], "named twice"),
        (["-o", "multi.csv"], "would replace what is read"),
        (["-o", "."], "is a folder"),
    ],
)
def test_files_that_cannot_be_written_are_refused_first(xent, multi, folder, arguments, said):
    before = (folder / multi).read_bytes()
    ended = xent("eval", multi, *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert [path.name for path in folder.iterdir()] == [multi]
    assert (folder / multi).read_bytes() == before


def test_an_error_leaves_no_file(xent, logits, folder):
    Path("r.json").write_text("before")
    assert xent("eval", logits, "--labels", "y.npy", "-m", "cce", "-o", "r.json", "-o", "new.csv").status == 3
    assert Path("r.json").read_text() == "before"
    assert {path.name for path in folder.iterdir()} == {"logits.npy", "y.npy", "r.json"}
