"""`--plot` and `--plot-dir`: pictures whose numbers are those of the result."""

import importlib.util
import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from xent.cli.terminal_plots import HEIGHT, WIDTH, drawn
from xent.core.loss_distribution import LossDistribution
from xent.io.confusions import confusions
from xent.io.escaping import named
from xent.io.figures import Axis, figures
from xent.io.report import svg
from xent.io.results import parse_result


@pytest.fixture
def scores(folder):
    lines = [f"{i},{i % 3 % 2},{(i * 37 % 101) / 101},{'ab'[i % 2]}" for i in range(300)]
    (folder / "preds.csv").write_text("id,label,score,team\n" + "\n".join(lines) + "\n")
    return "preds.csv"


CURVES = ("reliability_curve", "roc_curve", "precision_recall_curve", "lift_curve", "threshold_table")


@pytest.fixture
def numbers(folder):
    """Labels and predictions that are numbers."""
    lines = [f"{i % 41 + (i * 37 % 101) / 50 - 1},{i % 41}" for i in range(300)]
    (folder / "numbers.csv").write_text("label,prediction\n" + "\n".join(lines) + "\n")
    return "numbers.csv"


@pytest.fixture
def found(xent, scores, numbers):
    """The figures of results, and their values by name, read by nobody but `json`."""
    drawn_of, values = {}, {}
    for source, names in ((scores, ("roc_auc", *CURVES)), (numbers, ("residual_curve",))):
        text = xent("eval", source, *(word for name in names for word in ("-m", name)), "-f", "json").out
        values |= {metric["name"]: metric["value"] for metric in json.loads(text)["metrics"]}
        drawn_of |= {figure.key: figure for figure in figures(parse_result(text.encode(), "r.json"))}
    return drawn_of, values


PLACES = {
    "reliability": ("reliability_curve", [(3, 4)]),
    "roc": ("roc_curve", [(1, 2)]),
    "precision-recall": ("precision_recall_curve", [(2, 1)]),
    "gain": ("lift_curve", [(1, 2)]),
    "lift": ("lift_curve", [(1, 3)]),
    "thresholds": ("threshold_table", [(0, 1), (0, 2), (0, 4)]),
    "residuals": ("residual_curve", [(3, 4)]),
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
    if key in ("reliability", "residuals"):
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


@pytest.mark.parametrize("key", PLACES)
def test_the_page_shows_the_numbers_of_the_result(found, key):
    """Read back from the paths of its SVG, by the frame and the ends of the axes."""
    figure, (name, columns) = found[0][key], PLACES[key]
    picture = svg.drawing(figure)
    (frame,) = (part for part in picture.iter("rect") if part.get("class") == "frame")
    left, top, width, height = (float(frame.get(side)) for side in ("x", "y", "width", "height"))

    def read(across, down):
        x = figure.x.low + (float(across) - left) / width * (figure.x.high - figure.x.low)
        return x, figure.y.low + (top + height - float(down)) / height * (figure.y.high - figure.y.low)

    step = (0.06 * (figure.x.high - figure.x.low) / width, 0.06 * (figure.y.high - figure.y.low) / height)
    lines = [part for part in picture.iter("path") if part.get("class").startswith("line")]
    assert len(lines) == len(columns)
    for line, (x, y) in zip(lines, columns, strict=True):
        points = [(row[x], row[y]) for row in found[1][name]]
        if key == "gain":
            points.insert(0, (0.0, 0.0))
        seen, at = [], None
        for letter, numbers in re.findall("([MLVH])([-0-9. ]+)", line.get("d")):
            at = tuple(numbers.split()) if letter in "ML" else (at[0], numbers) if letter == "V" else (numbers, at[1])
            seen += [read(*at)] if letter != "V" else []
        # Points that lie on each other are drawn once.
        for drawn_one in seen:
            assert any(abs(drawn_one[axis] - point[axis]) <= step[axis] for point in points for axis in (0, 1))
        for point in points:
            assert any(all(abs(drawn_one[axis] - point[axis]) <= step[axis] for axis in (0, 1)) for drawn_one in seen), point
    if key in ("reliability", "residuals"):
        (whiskers,) = (part.get("d") for part in picture.iter("path") if part.get("class") == "whisker")
        ends = [(read(x, low), read(x, high)) for x, low, high in re.findall(r"M([-0-9.]+) ([-0-9.]+)V([-0-9.]+)", whiskers)]
        for (low, high), row in zip(ends, found[1][name], strict=True):
            assert (low[1], high[1]) == pytest.approx((row[5], row[6]), abs=step[1])


def confusion_of(xent, folder, classes, names):
    random = np.random.default_rng(5)
    y_pred = random.dirichlet(np.ones(classes), 4000)
    y_true = np.where(random.random(4000) < 0.6, y_pred.argmax(axis=1), random.integers(0, classes, 4000))
    np.savez(folder / "classes.npz", y_true=y_true, y_pred=y_pred)
    (folder / "names.txt").write_text("\n".join(names))
    text = xent("eval", "classes.npz", "--classes", "@names.txt", "-m", "confusion_matrix", "-f", "json").out
    (metric,) = json.loads(text)["metrics"]
    (confusion,) = confusions(parse_result(text.encode(), "r.json"))
    return confusion, metric["value"]


def test_the_confusion_matrix_shows_the_numbers_of_the_result(xent, folder):
    plots = pytest.importorskip("xent.io.plots")
    pytest.importorskip("matplotlib")
    names = ["$cat$", "<dog>", "a name that is longer than there is room for", "d"]
    confusion, matrix = confusion_of(xent, folder, 4, names)
    drawing = plots.plot_confusion(confusion)
    (axes,) = drawing.axes
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(across, down): f"{matrix[down][across]:.0f}" for across in range(4) for down in range(4)}
    assert axes.images[0].get_array().tolist() == [[value / sum(row) for value in row] for row in matrix]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["$cat$", "<dog>", named(names[2], 24), "d"]
    root = ET.fromstring(plots.plot_files([confusion], folder)[folder / "confusion-matrix.svg"])
    shown = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"$cat$", "<dog>", *(f"{value:.0f}" for row in matrix for value in row)} <= set(shown)


def test_of_many_classes_the_most_confused_are_shown(xent, folder):
    confusion, matrix = confusion_of(xent, folder, 60, [f"class {number}" for number in range(60)])
    shown = confusion.most_confused()
    whole = np.array(matrix)
    wrong = whole.sum(axis=0) + whole.sum(axis=1) - 2 * np.diag(whole)
    kept = [int(name.split()[1]) for name in shown.names[:-1]]
    assert (len(kept), shown.names[-1]) == (24, "36 others")
    others = sorted(set(range(60)) - set(kept))
    assert min(wrong[kept]) >= max(wrong[others])
    few = np.array(shown.matrix)
    assert (few[:-1, :-1] == whole[np.ix_(kept, kept)]).all()
    assert (few[:-1, -1] == whole[np.ix_(kept, others)].sum(axis=1)).all()
    assert (few[-1, -1], few.sum()) == (whole[np.ix_(others, others)].sum(), 4000)


@pytest.mark.parametrize(("low", "high"), [(1e6, 1.00001e6), (-2e9, 3e9), (1e-15, 4e-15), (2000.0, 2000.5), (-1.0, 1e300)])
def test_labels_of_ticks_are_their_numbers(low, high):
    axis = Axis("", low, high)
    labels = [text for _, text in axis.labelled_ticks()]
    assert len(set(labels)) == len(labels) >= 3
    assert [float(label) for label in labels] == pytest.approx(axis.ticks(), rel=1e-9, abs=1e-9 * (high - low))


@pytest.mark.parametrize("key", ["roc", "gain", "thresholds", "reliability", "residuals"])
def test_the_terminal_shows_the_numbers_of_the_result(found, key):
    figure, (name, columns) = found[0][key], PLACES[key]
    lines = [line.plain.partition(" ┤")[2] or line.plain.partition(" │")[2] for line in drawn(figure)[2 : 2 + HEIGHT]]
    for row in found[1][name]:
        for x, y in columns:
            # The row and column of the character that the point lies in.
            across, down = ((row[x], row[y])[axis] for axis in (0, 1))
            across = (across - figure.x.low) / (figure.x.high - figure.x.low)
            down = (figure.y.high - down) / (figure.y.high - figure.y.low)
            across, down = int(across * (WIDTH - 1e-9)), int(down * (HEIGHT - 1e-9))
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
    bars = [len(re.search("█+", line)[0]) for line in lines]
    assert bars[0] == 10
    assert abs(bars[1] - 10 * values[1] / values[0]) <= 1


@pytest.fixture
def teams(folder):
    """Absolute errors of 0.001 in one slice, of 10 in another, of both in a third, of 0.1 in one that has a single row."""
    rows = [("low", 0.001)] * 100 + [("high", 10.0)] * 100 + [("both", 0.001)] * 8 + [("both", 10.0)] * 2 + [("single", 0.1)]
    (folder / "teams.csv").write_text("label,prediction,team\n" + "".join(f"0.5,{0.5 + loss},{team}\n" for team, loss in rows))
    return ["teams.csv", "--label", "label", "--pred", "prediction", "--by", "team", "--plot"]


def test_slices_have_sparklines_on_one_axis(xent, teams):
    out = xent("eval", *teams, "-m", "mae", "-m", "mse", "-f", "table").out
    header, lines = out.splitlines()[0], out.splitlines()
    # 14 cells of eight bins each, eight bins for a doubling: 2**-10, 2**-9, ... 2**4.
    start = header.index("0.00098     16")
    drawn_of = {line.split()[1]: line[start : start + 14] for line in lines if line.startswith("mean_absolute_error")}
    assert drawn_of == {
        "all": "█     ▁      █",
        "team=low": "█" + 13 * " ",
        "team=high": 13 * " " + "█",
        "team=both": "█" + 12 * " " + "▂",
        # log2(0.1) is -3.3.
        "team=single": 6 * " " + "█" + 7 * " ",
    }
    others = [line[start : start + 14] for line in lines if line.startswith("mean_squared_error")]
    assert len(others) == 5
    assert set(others) == {14 * " "}
    told = "losses of rows: mean_absolute_error, 0.00098 to 16 on a logarithmic axis, each scaled to its own peak; "
    assert told + "the ends hold what lies beyond" in lines


def test_without_losses_of_rows_there_are_no_sparklines(xent, teams, folder):
    out = xent("eval", *teams, "-m", "r2_score", "-f", "table").out
    assert "losses of rows:" not in out
    (folder / "teams.csv").write_text("label,prediction,team\n1.5,1.5,a\n2,2,b\n")
    out = xent("eval", *teams, "-m", "mae", "-f", "table").out
    assert "losses of rows:" not in out


def test_rows_without_a_loss_are_in_no_sparkline(xent, teams, folder):
    with (folder / "teams.csv").open("a") as file:
        file.write("0.5,,low\n0.5,,none\n")
    out = xent("eval", *teams, "-m", "mae", "-f", "table", "--nan", "propagate").out
    found = {line.split()[1]: re.findall("[▁▂▃▄▅▆▇█]", line) for line in out.splitlines() if line.startswith("mean_absolute_error")}
    assert (found["team=low"], found["team=none"]) == (["█"], [])


def test_a_narrow_terminal_leaves_out_bars_and_then_sparklines(xent, teams, monkeypatch):
    monkeypatch.setattr("xent.cli.outputs.is_terminal", lambda: True)

    def seen(width):
        monkeypatch.setenv("COLUMNS", str(width))
        out = xent("eval", *teams, "-m", "mae", "-f", "table").out.partition("\nResiduals")[0]
        (needed,) = re.findall(r"a terminal (\d+) characters wide", out) or (None,)
        return "0.00098" in out.splitlines()[0], 10 * "█" in out, needed

    has_sparklines, has_bars, needed = seen(60)
    assert (has_sparklines, has_bars) == (False, True)
    least = int(needed)
    assert seen(least - 1) == (False, True, needed)
    assert seen(least) == (True, False, None)
    assert seen(least + 12) == (True, False, None)
    assert seen(least + 13) == (True, True, None)


def test_each_figure_is_a_file_in_two_formats(xent, scores, folder):
    pytest.importorskip("matplotlib")
    ended = xent("eval", scores, "-m", "bce", "-f", "table", "--plot-dir", "figures")
    assert ended.status == 0, ended.err
    names = sorted(path.name for path in (folder / "figures").iterdir())
    keys = [key for key in PLACES if key != "residuals"]
    assert names == sorted(f"{key}.{form}" for key in (*keys, "confusion-matrix", "losses") for form in ("png", "svg"))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (folder / "figures").glob("*.png"))
    before = (folder / "figures/roc.svg").read_bytes()
    xent("eval", scores, "-m", "bce", "-q", "--plot-dir", "figures")
    assert (folder / "figures/roc.svg").read_bytes() == before


def test_a_regression_has_its_residuals(xent, numbers, folder):
    pytest.importorskip("matplotlib")
    ended = xent("eval", numbers, "--label", "label", "--pred", "prediction", "-m", "mse", "-f", "table", "--plot", "--plot-dir", "figures")
    assert ended.status == 0, ended.err
    assert "\nResiduals by prediction\n" in ended.out
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["losses.png", "losses.svg", "residuals.png", "residuals.svg"]
    assert xent("report", numbers, "--label", "label", "--pred", "prediction", "-o", "report.html").status == 0
    assert 'id="figure-residuals"' in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("predictions", "is_wide"), [([3.0] * 20, False), ([10.0**power for power in range(20)], True), ([0.0, -1.0], False)]
)
def test_residuals_of_any_predictions_have_axes(xent, folder, predictions, is_wide):
    (folder / "p.csv").write_text("label,prediction\n" + "".join(f"{value + 1},{value}\n" for value in predictions))
    text = xent("eval", "p.csv", "-m", "residual_curve", "-f", "json").out
    (figure,) = figures(parse_result(text.encode(), "r.json"))
    assert figure.x.is_logarithmic == is_wide
    assert all(figure.x.low <= row[3] <= figure.x.high and figure.y.low < row[5] <= row[6] < figure.y.high for row in figure.rows)
    assert drawn(figure)
    assert len(svg.drawing(figure))


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


def test_there_may_be_nothing_to_draw(xent, folder):
    (folder / "p.csv").write_text("label,prediction\n1,2\n2,inf\n")
    ended = xent("eval", "p.csv", "-m", "r2_score", "--plot", "-q")
    assert ended.status == 0, ended.err
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
