"""Gates: how they are written, and what they say of results whose values are known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.core.errors import DataError, UnknownNameError, UsageError
from xent.core.gates import OPERATORS, Column, Gate, Selector, parse_gate
from xent.core.judging import judge, verdict_of
from xent.core.result import DataReport, HealthReport, Interval, MetricResult, Result


def metric(name="accuracy", value=0.9, **changes):
    given = {"params": {}, "count": 100, "direction": "higher", "signature": f"{name}|x:1"}
    return MetricResult(name, value, **{**given, **changes})


def result(*metrics, slices=(), **data):
    facts = {"sources": ("a.csv",), "rows": 100, "rows_dropped": 2, "weight_sum": 50.5, "classes": 2, "columns": {}, "digest": "d" * 32}
    return Result("1", DataReport(**{**facts, **data}), metrics or (metric(),), tuple(slices))


def outcomes(whole, *texts, **options):
    return [record["outcome"] for record in judge(whole, [parse_gate(text) for text in texts], **options).gates]


def only(whole, text, **options):
    (record,) = judge(whole, [parse_gate(text)], **options).gates
    return record


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy >= 0.8", Gate(metric="accuracy", op=">=", threshold=0.8)),
        ("  accuracy>=.8 ", Gate(metric="accuracy", op=">=", threshold=0.8)),
        ("rows > 10_000", Gate(metric="rows", op=">", threshold=10000.0)),
        ("mse < 1e-3", Gate(metric="mse", op="<", threshold=0.001)),
        ("loss == inf", Gate(metric="loss", op="==", threshold=math.inf)),
        ("delta(mse) <= -0.5", Gate(metric="mse", op="<=", threshold=-0.5, of="delta")),
        ("rel( mse ) <= 2%", Gate(metric="mse", op="<=", threshold=0.02, of="rel")),
        ("rel <= 2", Gate(metric="rel", op="<=", threshold=2.0)),
        ("accuracy[*] >= 80 %", Gate(metric="accuracy", op=">=", threshold=0.8, slices=Selector())),
        (
            "accuracy[country=*,device = old phone] >= 1",
            Gate(
                metric="accuracy",
                op=">=",
                threshold=1.0,
                slices=Selector((Column("country", "*", True), Column("device", "old phone", False))),
            ),
        ),
        (
            """"my \\"loss\\""['a=b'="x],*"] <= 1""",
            Gate(metric='my "loss"', op="<=", threshold=1.0, slices=Selector((Column("a=b", "x],*", False),))),
        ),
        (
            "delta(a[b=c]) >= 0 decide=proven-bad confidence=0.9 min_rows=5 severity=warn",
            Gate(
                metric="a", op=">=", threshold=0.0, of="delta", slices=Selector((Column("b", "c", False),)), decide="proven-bad",
                confidence=0.9, min_rows=5, severity="warn",
            ),
        ),
        ("delta(a)[b=c] >= 0", Gate(metric="a", op=">=", threshold=0.0, of="delta", slices=Selector((Column("b", "c", False),)))),
    ],
)  # fmt: skip
def test_what_an_expression_means(text, expected):
    assert parse_gate(text) == expected


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@given(
    NAMES,
    st.sampled_from(sorted(OPERATORS)),
    st.floats(allow_nan=False, width=32),
    st.sampled_from(["value", "delta", "rel"]),
    st.none() | st.dictionaries(NAMES, NAMES, max_size=3),
    st.sampled_from([{}, {"decide": "proven-ok", "confidence": 0.9, "min_rows": 0}, {"severity": "warn", "min_rows": 10}]),
)
def test_an_expression_reads_back_to_the_same_gate(name, op, threshold, of, columns, options):
    slices = None if columns is None else Selector(tuple(Column(key, value, False) for key, value in columns.items()))
    if name in ("rows_dropped", "weight_sum"):
        slices = None
    gate = Gate(metric=name, op=op, threshold=threshold, of=of, slices=slices, **options)
    assert parse_gate(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the name of a metric, but it ends"),
        ("accuracy", "expected one of <= >= == < >, but it ends"),
        ("accuracy => 1", "there is '=> 1'"),
        ("accuracy != 1", "expected one of"),
        ("accuracy >= high", "expected a number"),
        ("accuracy >= nan", "expected a number"),
        ("accuracy >= 1.2.3", "expected a number"),
        ("accuracy >= 1e", "expected a number"),
        ("accuracy >= 0.8x", "expected a number"),
        ("0.8 <= accuracy", "expected a number"),
        ("accuracy >= 0.8 or 1", "expected the end"),
        ("accuracy[country] >= 1", "expected '='"),
        ("accuracy[country=de >= 1", "expected ']'"),
        ("accuracy[country=] >= 1", "expected a value"),
        ("accuracy[] >= 1", "expected the name of a column"),
        ("accuracy[a=1,a=2] >= 1", "expected another column than 'a'"),
        ("delta(accuracy >= 1", "expected ')'"),
        ("mean(accuracy) >= 1", "expected one of"),
        ("__import__('os').system('x') >= 1", "expected one of"),
        ("a >= 1 decides=point", "did you mean 'decide'"),
        ("a >= 1 decide=maybe", "decide must be one of point, proven-ok, proven-bad"),
        ("a >= 1 severity=fatal", "severity must be one of error, warn"),
        ("a >= 1 decide=proven-ok confidence=95", "between 0 and 1"),
        ("a >= 1 confidence=0.95", "means nothing without"),
        ("a >= 1 min_rows=-1", "min_rows must be a number of rows"),
        ("a >= 1 min_rows=1_", "min_rows must be a number of rows"),
        ("a >= 1 min_rows=" + "9" * 5000, "min_rows must be a number of rows, not '999999999999999999'"),
        ("a >= 1 min_rows=1 min_rows=2", "sets min_rows twice"),
        ("rows >= 1 decide=proven-ok", "counted, not estimated"),
        ("rows_dropped[a=b] <= 1", "not of slices"),
    ],
)
def test_what_is_no_gate_is_refused(text, said):
    with pytest.raises(UsageError) as caught:
        parse_gate(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("accuracy <= 0.9", "pass"),
        ("accuracy < 0.9", "fail"),
        ("accuracy >= 0.9", "pass"),
        ("accuracy > 0.9", "fail"),
        ("accuracy == 0.9", "pass"),
        ("accuracy == 90%", "pass"),
        ("accuracy >= 0.91", "fail"),
        ("rows >= 100", "pass"),
        ("rows > 100", "fail"),
        ("rows_dropped <= 1", "fail"),
        ("weight_sum == 50.5", "pass"),
        ("Accuracy >= 0.5", "pass"),
        ("accuracy > 0 min_rows=100", "pass"),
        ("accuracy > 0 min_rows=101", "error"),
    ],
)
def test_point_gates(text, outcome):
    assert only(result(), text)["outcome"] == outcome


def test_metrics_go_by_label_name_and_alias():
    whole = result(metric("mean_squared_error", 1.0, label="mine"), metric("mean_squared_error", 2.0), metric("accuracy", 0.5))
    assert [only(whole, f"{name} > 0")["value"] for name in ("mine", "mean_squared_error", "mse", "MeanSquaredError")] == [
        1.0,
        2.0,
        2.0,
        2.0,
    ]
    twice = result(metric("auc", 1.0, label="a"), metric("auc", 2.0, label="b"))
    with pytest.raises(UsageError, match="may mean any of 2"):
        only(twice, "auc > 0")
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        only(whole, "acuracy > 0")


def test_what_is_not_measured_is_an_error_and_no_pass():
    whole = result(metric(value=math.nan), metric("recall", [0.5, 0.75]), metric("precision", math.inf), metric("auc", 0.5, count=0))
    for text in ("accuracy <= 1", "accuracy >= 0", "recall >= 0", "mse <= 1", "precision[a=*] > 0", "auc >= 0", "clipped <= 0"):
        record = only(whole, text)
        assert (record["outcome"], record["value"]) == ("error", None), text
        assert judge(whole, [parse_gate(text)]).verdict == "fail"
    assert only(whole, "precision >= 5")["outcome"] == "pass"


def test_facts_of_the_data_are_the_worst_of_all_metrics():
    healthy, sick = HealthReport(0, 7, 0.5, None), HealthReport(3, 0, 0.25, 1.0)
    whole = result(metric(health=healthy), metric("mse", health=sick), metric("auc"))
    assert [only(whole, f"{fact} >= 0")["value"] for fact in ("clipped", "renormalised", "max_sum_error")] == [3, 7, 0.5]
    broken = result(metric(health=healthy), metric("mse", health=HealthReport(0, 0, math.nan, None)))
    assert only(broken, "max_sum_error <= 1")["outcome"] == "error"


SLICED = result(
    metric("accuracy", 0.9),
    metric("mean_squared_error", 1.0),
    slices=[
        metric("accuracy", 0.95, count=60, slice={"country": "de"}),
        metric("mean_squared_error", 0.5, count=60, slice={"country": "de"}),
        metric("accuracy", 0.7, count=40, slice={"country": "fr"}),
        metric("mean_squared_error", 2.0, count=39, slice={"country": "fr"}),
        metric("accuracy", 0.1, count=5, slice={"country": "de", "device": "a*b"}),
    ],
)


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("accuracy[country=*] > 0", [{"country": "de"}, {"country": "fr"}]),
        ("accuracy[country=d*] > 0", [{"country": "de"}]),
        ("accuracy[country=fr] > 0", [{"country": "fr"}]),
        ("accuracy[country='*'] > 0", [None]),
        ("accuracy[device='a*b',country=*] > 0", [{"country": "de", "device": "a*b"}]),
        ("accuracy[device=*] > 0", [None]),
        ("accuracy[*] > 0", [{"country": "de"}, {"country": "fr"}, {"country": "de", "device": "a*b"}]),
        ("rows[country=*] > 0", [{"country": "de"}, {"country": "fr"}]),
        ("mse[country=*] > 0", [{"country": "de"}, {"country": "fr"}]),
    ],
)
def test_each_slice_is_judged_by_itself(text, slices):
    records = judge(SLICED, [parse_gate(text)]).gates
    assert [record["slice"] for record in records] == slices
    assert [record["outcome"] for record in records] == [("error" if slice is None else "pass") for slice in slices]


def test_slices_have_their_own_values_and_rows():
    assert outcomes(SLICED, "accuracy[country=*] >= 0.8", "accuracy[country=*] > 0 min_rows=50") == ["pass", "fail", "pass", "error"]
    assert [record["value"] for record in judge(SLICED, [parse_gate("rows[country=*] >= 1")]).gates] == [60, 40]


def test_changes_since_the_baseline():
    before = result(metric("accuracy", 0.8), metric("mean_squared_error", 4.0))
    after = result(metric("accuracy", 0.75), metric("mean_squared_error", 5.0))
    assert outcomes(after, "delta(accuracy) >= -0.06", "delta(accuracy) >= -0.04", baseline=before) == ["pass", "fail"]
    record = only(after, "rel(mse) <= 25%", baseline=before)
    assert (record["outcome"], record["value"], record["candidate"], record["baseline"]) == ("pass", 0.25, 5.0, 4.0)
    assert only(after, "rel(mse) < 25%", baseline=before)["outcome"] == "fail"
    assert only(after, "delta(rows) == 0", baseline=before)["outcome"] == "pass"
    with pytest.raises(UsageError, match="--baseline"):
        only(after, "delta(accuracy) >= 0")


@pytest.mark.parametrize(
    ("found", "text", "reason"),
    [
        (metric(value=math.nan), "accuracy >= 0", "the value is NaN"),
        (metric(value=math.nan, count=0), "accuracy >= 0", "there are no rows"),
        (metric(count=1), "accuracy >= 0 min_rows=2", "1 row where 2 are needed"),
        (metric(), "accuracy >= 0 min_rows=101", "100 rows where 101 are needed"),
    ],
)
def test_a_value_that_cannot_be_judged_says_why(found, text, reason):
    record = only(result(found), text)
    assert (record["outcome"], record["reason"]) == ("error", reason)


def test_a_change_that_is_no_number_says_why():
    def said(value, before, text):
        record = only(result(metric(value=value)), text, baseline=result(metric(value=before)))
        assert record["outcome"] == "error"
        return record["reason"]

    zero = "the baseline is 0, of which no change is a share"
    assert said(0.0, 0.0, "rel(accuracy) >= 0") == zero
    for text in ("rel(accuracy) >= 0", "delta(accuracy) >= 0"):
        assert said(math.inf, math.inf, text) == "the change is NaN"


VALUES = [None, "", "a", "*", "a\nb", "ba"]


@pytest.mark.parametrize(
    ("value", "glob", "fitting"), [("*", True, VALUES), ("a*", True, ["a", "a\nb"]), ("*", False, ["*"]), ("a", False, ["a"])]
)
def test_which_slices_a_gate_means(value, glob, fitting):
    """A missing value is meant by a star alone."""
    assert [text for text in VALUES if Column("c", value, glob).fits(text)] == fitting


def test_a_share_of_a_negative_baseline_keeps_its_direction():
    assert only(result(metric(value=-1.0)), "rel(accuracy) > 0", baseline=result(metric(value=-2.0)))["value"] == 0.5


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (0.0, 1.0, "rel(accuracy) <= 2%"),
        (0.0, 0.0, "rel(accuracy) <= 2%"),
        (math.inf, math.inf, "delta(accuracy) <= 0"),
        (math.inf, 1.0, "rel(accuracy) <= 0"),
        (math.nan, 1.0, "delta(accuracy) <= 5"),
        ([1.0], 1.0, "delta(accuracy) <= 5"),
    ],
)
def test_a_change_that_is_no_number_is_an_error(before, after, text):
    assert only(result(metric(value=after)), text, baseline=result(metric(value=before)))["outcome"] == "error"


def test_slices_are_compared_with_the_same_slices():
    before = result(metric(), slices=[metric(value=0.5, slice={"c": "b"}), metric(value=0.25, slice={"c": "a"})])
    after = result(metric(), slices=[metric(value=0.5, slice={"c": name}) for name in "abx"])
    records = judge(after, [parse_gate("delta(accuracy[c=*]) == 0")], before).gates
    assert [(record["slice"]["c"], record["outcome"]) for record in records] == [("a", "fail"), ("b", "pass"), ("x", "error")]


def test_an_unlike_baseline_is_refused_with_both_shown():
    other_data = result(metric(), digest="e" * 32, rows=7)
    with pytest.raises(DataError, match=rf"7 rows with the digest {'e' * 32}, here 100 rows with {'d' * 32}"):
        only(result(), "accuracy > 0", baseline=other_data)
    other_metric = result(metric(value=0.5, signature="accuracy|x:2"))
    with pytest.raises(DataError, match=r"accuracy\|x:2, here it is accuracy\|x:1"):
        only(result(), "delta(accuracy) > 0", baseline=other_metric)
    assert only(result(), "accuracy > 0", baseline=other_metric)["outcome"] == "pass"
    for other in (other_data, other_metric):
        assert only(result(), "delta(accuracy) < 1", baseline=other, allow_different_data=True)["outcome"] == "pass"
    assert only(result(metric("auc")), "delta(auc) < 1", baseline=result())["outcome"] == "error"


@pytest.mark.parametrize(
    ("low", "high", "op", "outcome"),
    [
        (0.81, 0.95, ">= 0.8", "pass"),
        (0.8, 0.95, ">= 0.8", "pass"),
        (0.8, 0.95, "> 0.8", "inconclusive"),
        (0.75, 0.85, ">= 0.8", "inconclusive"),
        (0.6, 0.79, ">= 0.8", "fail"),
        (0.6, 0.79, "<= 0.8", "pass"),
        (0.6, 0.85, "<= 0.8", "inconclusive"),
        (0.81, 0.85, "<= 0.8", "fail"),
        (0.7, 0.9, "== 0.8", "inconclusive"),
        (0.8, 0.8, "== 0.8", "pass"),
        (0.81, 0.9, "== 0.8", "fail"),
        (math.nan, 0.9, ">= 0.8", "error"),
    ],
)
@pytest.mark.parametrize("decide", ["proven-ok", "proven-bad"])
def test_gates_that_want_proof(low, high, op, outcome, decide):
    whole = result(metric(value=0.8, ci=Interval(0.95, low, high, "wilson")))
    record = only(whole, f"accuracy {op} decide={decide}")
    assert record["outcome"] == outcome
    assert judge(whole, [parse_gate(f"accuracy {op} decide={decide}")]).verdict == {"error": "fail"}.get(outcome, outcome)


def test_proof_needs_an_interval_of_the_level_asked_for():
    assert "the result has none" in only(result(), "accuracy > 0 decide=proven-bad")["reason"]
    whole = result(metric(ci=Interval(0.95, 0.8, 0.95, "wilson")))
    assert only(whole, "accuracy > 0 decide=proven-ok confidence=0.95")["outcome"] == "pass"
    record = only(whole, "accuracy > 0 decide=proven-ok confidence=0.99")
    assert (record["outcome"], record["reason"]) == ("error", "the gate asks for an interval of level 0.99, and the result has one of 0.95")
    assert only(whole, "delta(accuracy) < 1 decide=proven-ok", baseline=whole)["outcome"] == "error"


def test_the_verdict_is_that_of_the_gates_that_may_stop():
    def of(*pairs):
        return verdict_of([{"severity": severity, "outcome": outcome} for severity, outcome in pairs])

    assert of() == "none"
    assert of(("error", "pass")) == "pass"
    assert of(("error", "pass"), ("error", "inconclusive")) == "inconclusive"
    assert of(("error", "inconclusive"), ("error", "error")) == "fail"
    assert of(("error", "inconclusive"), ("error", "fail")) == "fail"
    assert of(("warn", "fail"), ("warn", "error"), ("error", "pass")) == "pass"
    assert of(("warn", "fail"), ("warn", "error")) == "pass"
    assert of(("warn", "error"), ("warn", "error")) == "none"


def test_a_reason_is_never_rounded_to_the_contrary():
    assert only(result(metric(value=0.8000000001)), "accuracy <= 0.8")["reason"] == "0.8000000001 is not <= 0.8"
    assert only(result(metric(value=0.1 + 0.2)), "accuracy <= 0.35")["reason"] == "0.3 is <= 0.35"


def test_judging_changes_nothing_else():
    before = result()
    after = judge(before, [parse_gate("accuracy > 0")])
    assert after._replace(gates=(), verdict="none") == before
    assert before.gates == ()
