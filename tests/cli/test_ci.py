"""Intervals on the command line: what is shown, that merged states have those of one run to the bit, and gates that they decide."""

import csv
import io
import itertools
import json

import numpy as np
import pytest

ROWS = 240
METRICS = [
    part for name in ("bce", "binary_accuracy", "roc_auc", "auc", "f1:threshold=0.5,average=macro", "mcc", "ece") for part in ("-m", name)
]


@pytest.fixture
def table(folder):
    """A file of clusters whose rows lie apart, and a function that writes some of its rows to another."""
    random = np.random.default_rng(3)
    user = random.integers(0, 30, ROWS)
    label = random.integers(0, 2, ROWS)
    score = (0.25 * label + 0.75 * random.random(ROWS)).round(4)
    weight = (random.random(ROWS) + 0.5).round(3)
    country = np.array(["de", "fr"])[random.integers(0, 2, ROWS)]
    lines = [f"{y},{p},{w},user{u},{c}\n" for y, p, w, u, c in zip(label, score, weight, user, country, strict=True)]

    def write(name, rows=slice(None)):
        (folder / name).write_text("label,score,weight,user,country\n" + "".join(lines[rows]))
        return name

    write("all.csv")
    return write


def intervals(ended):
    assert ended.status == 0, ended.err
    plain = json.loads(ended.out)
    return [(one["name"], one["slice"], one["value"], one["standard_error"], one["ci"]) for one in plain["metrics"] + plain["slices"]]


def test_json_csv_and_table_show_the_same(xent, table):
    options = ("eval", "all.csv", "-m", "bce", "-m", "binary_accuracy", "--ci", "0.9")
    (_, _, _, error, ci), accuracy = intervals(xent(*options))
    assert ci["level"] == 0.9
    assert ci["method"] == "t"
    assert accuracy[4]["method"] == "wilson"
    rows = list(csv.DictReader(io.StringIO(xent(*options, "-f", "csv").out)))
    assert [float(rows[0][key]) for key in ("ci_level", "ci_low", "ci_high", "standard_error")] == [0.9, ci["low"], ci["high"], error]
    shown = xent(*options, "-f", "table").out
    assert "90" in shown
    assert f"{ci['low']:.3g}"[:4] in shown
    bare = json.loads(xent(*options[:-2]).out)["metrics"][0]
    assert bare["ci"] is bare["standard_error"] is None
    assert bare["value"] == json.loads(xent(*options).out)["metrics"][0]["value"]


def test_clusters_and_seeds(xent, table):
    run = ("eval", "all.csv", *METRICS, "--ci", "0.95")
    alone, clustered, other = (intervals(xent(*run, *more)) for more in ((), ("--cluster", "user"), ("--cluster", "user", "--seed", "5")))
    assert [one[2] for one in alone] == [one[2] for one in clustered] == [one[2] for one in other]
    for one, two, three in zip(alone, clustered, other, strict=True):
        assert one[4] != two[4] != three[4]
    assert intervals(xent(*run, "--cluster", "user", "--seed", "5", "--chunk-rows", "7", "--threads", "2")) == other


def test_the_bootstrap_draws_by_the_seed(xent, folder):
    """The same seed gives the same bits, and another one an interval much like it."""
    chance = np.random.default_rng(3)
    labels = chance.integers(0, 2, 400)
    rows = zip(labels, chance.normal(labels).clip(-3, 4) / 7 + 3 / 7, strict=True)
    (folder / "steps.csv").write_text("label,score\n" + "".join(f"{label},{score:.6f}\n" for label, score in rows))
    run = ("eval", "steps.csv", "-m", "sensitivity_at_specificity:specificity=0.8", "--ci", "0.9")
    plain, zero, five, again, negative = (
        intervals(xent(*run, *more))
        for more in ((), ("--seed", "0"), ("--seed", "5"), ("--seed", "5", "--chunk-rows", "7", "--threads", "2"), ("--seed", "-5"))
    )
    assert plain == zero
    assert five == again
    assert len({str(one) for one in (plain, five, negative)}) == 3
    values = [only[0][2] for only in (plain, five, negative)]
    assert values == [values[0]] * 3
    errors = [only[0][3] for only in (plain, five, negative)]
    assert errors == pytest.approx([errors[0]] * 3, rel=0.15)


@pytest.mark.parametrize(
    "options", [(), ("--cluster", "user"), ("--cluster", "user", "--seed", "3"), ("--by", "country", "--cluster", "user")]
)
def test_merged_states_have_the_intervals_of_one_run(xent, table, options):
    """Shards are cut anywhere, so that clusters lie in several of them."""
    run = (*METRICS, "--weight", "weight", "--ci", "0.95", *options)
    whole = intervals(xent("eval", "all.csv", *run))
    assert any(one[4] is not None for one in whole)
    for cuts in ([0, 100, ROWS], [0, 1, 17, 200, ROWS]):
        states = []
        for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
            part = table(f"part{number}.csv", slice(start, stop))
            ended = xent("eval", part, *run, "--state", f"{number}.state.json")
            assert ended.status == 0, ended.err
            states.append(f"{number}.state.json")
        merged = intervals(xent("merge", *reversed(states)))
        assert merged == whole


def test_states_of_other_levels_do_not_merge(xent, table):
    for number, options in enumerate([("--ci", "0.95"), ("--ci", "0.9"), ("--ci", "0.95", "--seed", "1"), ()]):
        part = table(f"part{number}.csv", slice(50 * number, 50 * number + 50))
        xent("eval", part, "-m", "bce", *options, "--state", f"{number}.state.json")
    for other in (1, 2, 3):
        ended = xent("merge", "0.state.json", f"{other}.state.json")
        assert ended.status in (2, 3)
        assert ended.err.startswith("xent: error:")


@pytest.mark.parametrize("level", ["0", "1", "95", "-0.5", "nan"])
def test_a_level_is_a_probability(xent, table, level):
    ended = xent("eval", "all.csv", "-m", "bce", "--ci", level)
    assert ended.status == 2
    assert "between 0 and 1" in ended.err


def test_clusters_need_a_level_and_a_column(xent, table):
    ended = xent("eval", "all.csv", "-m", "bce", "--cluster", "user")
    assert (ended.status, "--ci" in ended.err or "level" in ended.err) == (2, True)
    ended = xent("eval", "all.csv", "-m", "bce", "--ci", "0.95", "--cluster", "nobody")
    assert ended.status in (2, 3)
    assert "nobody" in ended.err


def thresholds(xent, *options):
    """Thresholds below, inside and above of the interval of the accuracy."""
    ((_, _, value, _, ci),) = intervals(xent("eval", "all.csv", "-m", "binary_accuracy", "--ci", "0.95", *options))
    return {"below": ci["low"] - 0.01, "inside": value, "above": ci["high"] + 0.01}


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("options", [(), ("--cluster", "user")])
@pytest.mark.parametrize("decide", ["proven-ok", "proven-bad"])
def test_gates_are_decided_by_intervals(xent, table, decide, options, saved):
    for name, threshold in thresholds(xent, *options).items():
        gate = ("--gate", f"binary_accuracy >= {threshold!r} decide={decide}")
        source = ("eval", "all.csv", "-m", "binary_accuracy", *options)
        if saved:
            assert xent(*source, "--ci", "0.95", "-q", "-o", "saved.json").status == 0
            source = ("gate", "saved.json")
        for policy, statuses in (("pass", (0, 0, 1)), ("fail", (0, 4, 1))):
            ended = xent(*source, *gate, "--inconclusive", policy)
            status, outcome = dict(
                zip(("below", "inside", "above"), zip(statuses, ("pass", "inconclusive", "fail"), strict=True), strict=True)
            )[name]
            assert ended.status == status, ended.err
            (record,) = json.loads(ended.out)["gates"]
            assert record["outcome"] == outcome
            assert record["ci"]["level"] == 0.95


def test_gates_by_slice(xent, table):
    ended = xent(
        "eval", "all.csv", "-m", "binary_accuracy", "--by", "country", "--gate", "binary_accuracy[country=*] >= 0.3 decide=proven-ok"
    )
    assert ended.status == 0, ended.err
    plain = json.loads(ended.out)
    # Of two slices judged together, Holm asks the surer one for an interval of 97.5 %.
    assert sorted(record["ci"]["level"] for record in plain["gates"]) == [0.95, 0.975]
    for record, one in zip(plain["gates"], plain["slices"], strict=True):
        assert (record["slice"], record["candidate"]) == (one["slice"], one["value"])
        assert record["ci"] == one["ci"] or record["ci"]["low"] < one["ci"]["low"] < one["ci"]["high"] < record["ci"]["high"]


def test_gates_on_changes(xent, table, folder):
    """The change between two independent measurements has the root of the sum of their squared standard errors."""
    run = ("-m", "binary_accuracy", "--ci", "0.95", "-q")
    assert xent("eval", table("before.csv", slice(0, 120)), *run, "-o", "before.json").status == 0
    assert xent("eval", table("after.csv", slice(120, None)), *run, "-o", "after.json").status == 0
    before, after = (json.loads((folder / name).read_text())["metrics"][0] for name in ("before.json", "after.json"))
    error = (before["standard_error"] ** 2 + after["standard_error"] ** 2) ** 0.5
    change = after["value"] - before["value"]
    judge = ("gate", "after.json", "--baseline", "before.json", "--allow-different-data", "--inconclusive", "fail")
    for limit, status in ((change - 2.1 * error, 0), (change, 4), (change + 2.1 * error, 1)):
        ended = xent(*judge, "--gate", f"delta(binary_accuracy) >= {limit!r} decide=proven-ok")
        assert ended.status == status, ended.err
        (record,) = json.loads(ended.out)["gates"]
        assert (record["ci"]["low"], record["ci"]["high"]) == pytest.approx(
            (change - 1.959964 * error, change + 1.959964 * error), rel=1e-6
        )
    ended = xent(*judge, "--gate", "rel(binary_accuracy) >= -99% decide=proven-bad")
    assert ended.status == 0, ended.err


def test_gates_on_changes_need_both_intervals(xent, table):
    run = ("eval", "all.csv", "-m", "binary_accuracy", "-q")
    assert xent(*run, "--ci", "0.95", "-o", "with.json").status == 0
    assert xent(*run, "-o", "without.json").status == 0
    for source, baseline in (("with", "without"), ("without", "with"), ("without", "without")):
        gate = ("--gate", "delta(binary_accuracy) >= -0.5 decide=proven-ok")
        ended = xent("gate", f"{source}.json", "--baseline", f"{baseline}.json", *gate)
        assert ended.status == 5, ended.err
        (record,) = json.loads(ended.out)["gates"]
        assert (record["outcome"], "--ci" in record["reason"]) == ("error", True)
    ended = xent("eval", "all.csv", "--baseline", "with.json", "--gate", "delta(binary_accuracy) >= -0.5 decide=proven-ok")
    assert ended.status == 0, ended.err


def test_a_gate_of_another_level_is_not_judged(xent, table):
    assert xent("eval", "all.csv", "-m", "binary_accuracy", "--ci", "0.9", "-q", "-o", "saved.json").status == 0
    ended = xent("gate", "saved.json", "--gate", "binary_accuracy >= 0.1 decide=proven-ok confidence=0.95")
    assert ended.status == 5
    assert "0.95" in json.loads(ended.out)["gates"][0]["reason"]
