"""Several parameter sets of one metric: wherever people read names, those that would look alike are told apart."""

from __future__ import annotations

import json

import pytest

CURVES = ("-m", "auc:curve=PR", "-m", "auc:curve=ROC,num_thresholds=200", "-m", "wide=auc:num_thresholds=500", "-m", "bce")
APART = ("auc:curve=PR", "auc:curve=ROC", "wide (auc)", "binary_crossentropy")


@pytest.fixture
def scores(folder):
    rows = "".join(f"{row % 2},0.{row + 1},{'ab'[row // 3]}\n" for row in range(6))
    (folder / "scores.csv").write_text(f"label,score,k\n{rows}")
    return "scores.csv"


@pytest.mark.parametrize("form", ["table", "markdown", "junit", "html"])
@pytest.mark.parametrize("by", [(), ("--by", "k")])
def test_names_of_values(xent, scores, form, by):
    out = xent("eval", scores, *CURVES, *by, "-f", form).out.replace("<wbr>", "").replace("<wbr />", "").replace("\\_", "_")
    assert [name for name in APART if name not in out] == []
    # The sizes differ from that of the labelled one alone.
    assert "num_thresholds=" not in out


def test_one_alone_has_its_bare_name(xent, scores):
    assert "auc:" not in xent("eval", scores, "-m", "auc:curve=PR", "-f", "table").out
    # The same once more is no other parameter set.
    assert "auc:" not in xent("eval", scores, "-m", "auc:curve=PR", "-m", "auc:curve=PR", "-f", "table").out


def test_what_was_done_is_said_of_which(xent, folder):
    (folder / "sure.csv").write_text("label,score\n1,1.0\n0,0.25\n")
    out = xent("eval", "sure.csv", "-m", "bce", "-m", "bce:label_smoothing=0.1", "-f", "table").out
    for smoothing in ("0", "0.1"):
        assert f"\nbinary_crossentropy:label_smoothing={smoothing}: 1 row clipped" in out


def test_the_notice_of_github_and_its_tables(xent, scores):
    out = xent("eval", scores, *CURVES, "-m", "roc_curve", "-f", "github").out
    assert out.startswith("::notice title=xent::auc:curve=PR 0.")
    assert ", auc:curve=ROC 0." in out
    assert ", wide 0." in out
    assert out.endswith(", roc_curve 7 x 3 numbers\n")


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_comparisons_and_power(xent, scores, folder, form):
    (folder / "other.csv").write_text((folder / "scores.csv").read_text().replace("0.1", "0.15"))
    two = ("-m", "bce", "-m", "bce:label_smoothing=0.1")
    outs = [xent("compare", scores, "other.csv", *two, "-f", form).out]
    if form == "table":
        outs.append(xent("power", scores, *two, "-f", "table").out)
    for out in outs:
        assert [out.replace("\\", "").count(f"binary_crossentropy:label_smoothing={value} ") > 0 for value in ("0", "0.1")] == [True, True]


def test_titles_of_figures(xent, scores, folder):
    tables = [word for cost in (2, 9) for word in ("-m", f"threshold_table:false_positive_cost={cost}")]
    page = xent("eval", scores, *tables, "-m", "confusion_matrix", "-f", "html").out
    assert [f"Thresholds (false_positive_cost={cost})" in page for cost in (2, 9)] == [True, True]
    pytest.importorskip("matplotlib")
    twice = ("-m", "confusion_matrix:normalize=true", "-m", "confusion_matrix")
    assert xent("eval", scores, *twice, "--plot-dir", "plots", "-q").status == 0
    drawn = [(folder / "plots" / f"confusion-matrix{number}.svg").read_text() for number in ("", "-2")]
    assert ["Confusion matrix (normalize=" in text for text in drawn] == [True, True]


def test_programs_read_what_they_read_before(xent, scores):
    metrics = json.loads(xent("eval", scores, *CURVES, "-f", "json").out)["metrics"]
    assert [metric["name"] for metric in metrics] == ["auc", "auc", "auc", "binary_crossentropy"]
    lines = xent("eval", scores, *CURVES, "-f", "csv").out.splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == ["auc", "auc", "auc", "binary_crossentropy"]


NEEDS = "a binary metric needs one probability for each label, and there are 3 for 1"
DIGITS = "label,p_a,p_b,p_c\na,0.5,0.25,0.25\nb,0.25,0.5,0.25\n"


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["eval", "digits.csv"], "digits.csv: "),
        (["eval", "digits.csv", "--by", "label"], "digits.csv: "),
        (["eval", "digits.csv", "--ci", "0.9"], "digits.csv: "),
        (["compare", "digits.csv", "digits.csv"], ""),
        (["compare", "digits.csv", "digits.csv", "--rows", "0", "--by", "label"], ""),
    ],
)
@pytest.mark.parametrize(("metric", "name"), [("bce", "binary_crossentropy"), ("mine=bce:label_smoothing=0.1", "mine")])
def test_what_all_rows_lack_is_told_with_the_metric(xent, folder, command, place, metric, name):
    (folder / "digits.csv").write_text(DIGITS)
    ended = xent(*command, "-m", metric, "-m", "cce")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.splitlines()[-1].startswith(f"xent: error: {place}{name}: {NEEDS}")


def test_a_row_that_is_wrong_for_all_is_told_without_one(xent, folder):
    (folder / "scores.csv").write_text("label,score\n1,0.5\n0,7\n")
    assert (
        xent("eval", "scores.csv", "-m", "bce")
        .err.splitlines()[-2]
        .startswith("xent: error: scores.csv: column 'score', row 2: prediction 7")
    )
