"""`--plot` and `--plot-dir`: pictures whose numbers are those of the result."""

import importlib.util
import json
import re

import pytest

from xent.cli.terminal_plots import HEIGHT, WIDTH, drawn
from xent.core.loss_distribution import LossDistribution
from xent.io.figures import figures
from xent.io.results import parse_result


@pytest.fixture
def scores(folder):
    lines = [f"{i},{i % 3 % 2},{(i * 37 % 101) / 101},{'ab'[i % 2]}" for i in range(300)]
    (folder / "preds.csv").write_text("id,label,score,team\n" + "\n".join(lines) + "\n")
    return "preds.csv"


CURVES = ("reliability_curve", "roc_curve", "precision_recall_curve", "lift_curve", "threshold_table")


@pytest.fixture
def found(xent, scores, folder):
    """The figures of a result, and its values by name, read by nobody but `json`."""
    text = xent("eval", scores, "-m", "roc_auc", *(word for name in CURVES for word in ("-m", name)), "-f", "json").out
    values = {metric["name"]: metric["value"] for metric in json.loads(text)["metrics"]}
    return {figure.key: figure for figure in figures(parse_result(text.encode(), "r.json"))}, values


PLACES = {
    "reliability": ("reliability_curve", [(3, 4)]),
    "roc": ("roc_curve", [(1, 2)]),
    "precision-recall": ("precision_recall_curve", [(2, 1)]),
    "gain": ("lift_curve", [(1, 2)]),
    "lift": ("lift_curve", [(1, 3)]),
    "thresholds": ("threshold_table", [(0, 1), (0, 2), (0, 4)]),
}
"""The columns of the values that the curves of each figure are drawn through, as docs/calibration.md says which is which."""


@pytest.mark.parametrize("key", PLACES)
def test_files_show_the_numbers_of_the_result(found, key):
    plots = pytest.importorskip("xent.io.plots")
    pytest.importorskip("matplotlib")
    figure, (name, columns) = found[0][key], PLACES[key]
    (axes,) = plots.plot(figure).axes
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(lines) == len(columns)
    for line, (x, y) in zip(lines, columns, strict=True):
        points = [[row[x], row[y]] for row in found[1][name]]
        if key == "gain":
            points.insert(0, [0.0, 0.0])
        assert line.get_xydata().tolist() == points
    if key == "reliability":
        bands = [tuple(segment[:, 1]) for collection in axes.collections[1:] for segment in collection.get_segments()]
        assert bands == [(row[5], row[6]) for row in found[1][name]]


def test_the_histogram_shows_the_losses_of_top(xent, scores):
    pytest.importorskip("matplotlib")
    from xent.io.plots import plot

    top = json.loads(xent("top", scores, "-m", "bce", "-f", "json").out)["losses"]["histogram"]

    class Losses(LossDistribution):
        def histogram(self, bars=40):
            return [(bar["low"], bar["high"], bar["weight"]) for bar in top]

    result = parse_result(xent("eval", scores, "-m", "bce", "-f", "json").out.encode(), "r.json")
    (figure,) = figures(result, ("binary_crossentropy", Losses((1,), (300.0,), (300.0,))))
    (axes,) = plot(figure).axes
    bars = [bar for bar in top if bar["low"] > 0.0]
    assert [patch.get_x() for patch in axes.patches] == [bar["low"] for bar in bars]
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([bar["weight"] / 300 for bar in bars])


@pytest.mark.parametrize("key", ["roc", "gain", "thresholds", "reliability"])
def test_the_terminal_shows_the_numbers_of_the_result(found, key):
    figure, (name, columns) = found[0][key], PLACES[key]
    lines = [line.plain.partition(" ┤")[2] or line.plain.partition(" │")[2] for line in drawn(figure)[2 : 2 + HEIGHT]]
    for row in found[1][name]:
        for x, y in columns:
            # The row and column of the character that the point lies in.
            across, down = int(row[x] * (WIDTH - 1e-9)), int((1 - row[y]) * (HEIGHT - 1e-9))
            near = [lines[at][max(0, across - 1) : across + 2] for at in range(max(0, down - 1), min(HEIGHT, down + 2))]
            assert any(not character.isspace() for part in near for character in part), (row[x], row[y])


def test_pictures_stand_below_the_table(xent, scores):
    plain = xent("eval", scores, "-m", "bce", "-m", "reliability_curve", "-m", "roc_curve", "-f", "table").out
    ended = xent("eval", scores, "-m", "bce", "-f", "table", "--plot")
    assert ended.out.startswith(plain)
    titles = [line for line in ended.out[len(plain) :].splitlines() if re.match("[A-Z]", line) and not line.endswith(".")]
    assert titles == ["Reliability", "ROC curve", "Losses of rows: binary_crossentropy"]


def test_other_formats_leave_pictures_to_standard_error(xent, scores):
    ended = xent("eval", scores, "-m", "bce", "--plot", "-f", "json")
    assert [metric["name"] for metric in json.loads(ended.out)["metrics"]] == ["binary_crossentropy", "reliability_curve", "roc_curve"]
    assert "ROC curve" in ended.err
    quiet = xent("eval", scores, "-m", "bce", "--plot", "-q")
    assert quiet.out == xent("eval", scores, "-m", "bce", "-q").out


def test_curves_do_not_change_values(xent, scores, folder):
    wanted = ["-m", "bce", "-m", "accuracy", "--by", "team", "--ci", "0.9"]
    plain = json.loads(xent("eval", scores, *wanted, "-f", "json", "--state", "plain.state").out)
    drawn_too = json.loads(xent("eval", scores, *wanted, "-f", "json", "--plot", "--state", "drawn.state").out)
    assert drawn_too["metrics"][:2] == plain["metrics"]
    assert drawn_too["slices"] == plain["slices"]
    assert (folder / "plain.state").read_bytes() == (folder / "drawn.state").read_bytes()


def test_slices_have_bars(xent, scores):
    out = xent("eval", scores, "-m", "bce", "--by", "team", "-f", "table", "--plot").out
    lines = [line for line in out.splitlines() if "team=" in line]
    values = [float(line.split()[2]) for line in lines]
    bars = [line.count("█") for line in lines]
    assert bars[0] == 10
    assert abs(bars[1] - 10 * values[1] / values[0]) <= 1


def test_each_figure_is_a_file_in_two_formats(xent, scores, folder):
    pytest.importorskip("matplotlib")
    ended = xent("eval", scores, "-m", "bce", "-f", "table", "--plot-dir", "figures")
    assert ended.status == 0, ended.err
    names = sorted(path.name for path in (folder / "figures").iterdir())
    assert names == sorted(f"{key}.{form}" for key in (*PLACES, "losses") for form in ("png", "svg"))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (folder / "figures").glob("*.png"))
    before = (folder / "figures/roc.svg").read_bytes()
    xent("eval", scores, "-m", "bce", "-q", "--plot-dir", "figures")
    assert (folder / "figures/roc.svg").read_bytes() == before


def test_names_in_files_are_no_formulas(xent, scores, folder):
    pytest.importorskip("matplotlib")
    ended = xent("eval", scores, "-m", "$\\frac{$<b>=roc_curve", "-m", f"{'x' * 10_000}=reliability_curve", "-q", "--plot-dir", "figures")
    assert ended.status == 0, ended.err
    text = (folder / "figures/roc.svg").read_text()
    assert "$\\frac{$&lt;b&gt;" in text
    assert "x" * 200 not in (folder / "figures/reliability.svg").read_text()
    # A sign that the font lacks is no reason to warn.
    assert xent("eval", scores, "-m", "数=roc_curve", "-q", "--plot-dir", "figures").status == 0


def test_matplotlib_is_asked_for_before_anything_is_read(xent, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = xent("eval", "nothing.csv", "--plot-dir", "figures")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "xent: error: --plot-dir needs matplotlib; install it with: pip install 'xent-eval[plots]'\n"


def test_there_may_be_nothing_to_draw(xent, scores):
    ended = xent("eval", scores, "-m", "r2_score", "--pred", "score", "--label", "id", "--plot", "-q")
    assert ended.status == 0
    assert "there is nothing to draw" in ended.err


def test_a_folder_that_cannot_be_is_refused(xent, scores, folder):
    pytest.importorskip("matplotlib")
    ended = xent("eval", scores, "--plot-dir", scores)
    assert (ended.status, ended.err) == (2, f"xent: error: --plot-dir '{scores}' is no folder\n")
    assert xent("eval", scores, "--plot-dir", "no/where").status == 2


@pytest.mark.parametrize(("flag", "value"), [("--engine", "dask"), ("--checkpoint", "run.checkpoint")])
def test_a_run_that_is_spread_draws_nothing(xent, scores, flag, value):
    ended = xent("eval", scores, flag, value, "--plot")
    assert (ended.status, ended.out) == (2, "")
    assert f"--plot and --plot-dir cannot go with {flag}" in ended.err
