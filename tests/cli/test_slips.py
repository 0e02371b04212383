"""Slips of a person at a terminal: what was meant, or what there is, stands in the message."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def files(folder):
    (folder / "scores.csv").write_text("label,score,weight,country\n1,0.75,1,de\n0,0.25,2,fr\n")
    (folder / "other.csv").write_text("y_true,y_pred\n1,0.75\n")
    np.save(folder / "y_true.npy", np.array([0, 2, 1, 0]))
    np.save(folder / "y_pred.npy", np.full((4, 3), 1 / 3))


SLIPS = [
    (3, ["eval", "score.csv"], "score.csv: no such file; did you mean scores.csv?"),
    (3, ["eval", "./scroes.csv"], "./scroes.csv: no such file; did you mean ./scores.csv?"),
    (3, ["eval", "nowhere/scores.csv"], "nowhere/scores.csv: no such file"),
    (3, ["eval", "scores.csv", "-m", "auc", "mse"], "mse: no such file; a metric is named by -m mse"),
    (3, ["eval", "scores.csv", "-m", "auc", "nothing"], "nothing: no such file"),
    (3, ["eval", "scores.csv", "other.csv"], "other.csv: there is no column 'label', which scores.csv has; there are y_true, y_pred"),
    (3, ["eval", "scores.csv", "--weight", "wieght"], "scores.csv: --weight wieght: there is no column 'wieght'; did you mean 'weight'?"),
    (3, ["eval", "scores.csv", "--by", "contry"], "scores.csv: there is no column 'contry'; did you mean 'country'?"),
    (
        3,
        ["eval", "scores.csv", "--where", "country == de"],
        "scores.csv: --where country == de: there is no column 'de'; there are label, score, weight, country\n"
        "  a text stands in quotes: 'de'",
    ),
    (
        3,
        ["eval", "scores.csv", "--where", "wieght > 1"],
        "scores.csv: --where wieght > 1: there is no column 'wieght'; did you mean 'weight'?",
    ),
    (
        3,
        ["eval", "y_true.npy", "--labels", "y_pred.npy", "-m", "mse"],
        "y_true.npy: mean_squared_error: the metric needs as many labels as predictions, and there are 3 and 1 a row; "
        "are the two exchanged?",
    ),
    (
        3,
        ["eval", "y_pred.npy"],
        "y_pred.npy: no column is called label, labels, y_true, target, y, class; there is array\n"
        "  pass --label COLUMN, or --labels FILE for a second file",
    ),
    (2, ["eval", "scores.csv", "--classes", "a,b,c"], "--classes names 3 classes, and there is 1 prediction a row"),
    (
        2,
        ["eval", "scores.csv", "-m", "auc curve=PR"],
        "the metric 'auc curve=PR': unknown metric 'PR'; none of the N known ones is like it\n"
        "  what stands before = is a label, and parameters stand behind a colon, as in name:key=value",
    ),
    (2, ["eval", "scores.csv", "-m", "mine=aucc"], "unknown metric 'aucc'; did you mean 'auc' or 'acc'?"),
    (
        2,
        ["eval", "scores.csv", "--gate", "accuracy", ">=", "0.8"],
        "cannot read the gate 'accuracy': expected one of <= >= == < >, but it ends\n  write it in quotes, as 'accuracy >= 0.8'",
    ),
    (
        3,
        ["merge", "scores.csv"],
        "scores.csv: is no state: Expecting value: line 1 column 1 (char 0)\n  xent eval --state FILE writes one",
    ),
    (2, ["report", "scores.csv", "-o", "page.pdf"], "--output 'page.pdf': a page is HTML; name it page.html"),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("status", "words", "said"), SLIPS, ids=[" ".join(words) for _, words, _ in SLIPS])
def test_what_is_said_of_a_slip(xent, status, words, said):
    from xent.core.table import table

    known = {name for row in table().values() for name in (row.name, *row.aliases)}
    ended = xent(*words)
    assert (ended.status, ended.out) == (status, "")
    assert ended.err.replace(f"{len(known)} known", "N known") == f"xent: error: {said}\n"
