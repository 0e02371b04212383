"""`xent compare`: rows paired as they stand or by key, in any order and in bounded memory, and what is printed of them."""

import csv
import io
import json

import jsonschema
import numpy as np
import pytest
from scipy import stats

from xent.io import row_pairs
from xent.io.schema import SCHEMAS

CLASSES = ("cat", "dog", "eel")
COUNT = 400


@pytest.fixture
def models(folder):
    """Predictions of two models for the same rows: their labels, and what each says of every class."""
    random = np.random.default_rng(11)
    y_true = random.integers(0, 3, COUNT)
    shared = random.normal(0, 1, (COUNT, 3)) + 1.2 * np.eye(3)[y_true]
    scores = [np.exp(shared + random.normal(0, 0.4, (COUNT, 3))) for _ in range(2)]
    tables = {"main.csv": scores[0], "pull.csv": scores[1]}
    predictions = {}
    for name, values in tables.items():
        predictions[name] = (values / values.sum(axis=1, keepdims=True)).round(9)
        write(folder / name, y_true, predictions[name])
    return y_true, predictions["main.csv"], predictions["pull.csv"]


def write(path, y_true, p, order=None, classes=CLASSES, more=""):
    lines = [f"id,country,team,w,label,{','.join(f'p_{name}' for name in classes)}"]
    columns = [CLASSES.index(name) for name in classes]
    for row in range(len(y_true)) if order is None else order:
        values = ",".join(repr(float(p[row, column])) for column in columns)
        lines.append(f"k{row},{('de', 'fr', 'us')[row % 3]},{row // 4},{0.5 + row % 2},{CLASSES[y_true[row]]},{values}")
    path.write_text("\n".join(lines) + "\n" + more)


def compared(xent, *args, status=0):
    ended = xent("compare", *args, "-f", "json")
    assert ended.status == status, ended.err
    found = json.loads(ended.out)
    jsonschema.Draft202012Validator(SCHEMAS["comparison"]).validate(found)
    return found


def by_name(found, name, slice=None, candidate=0):
    whole = found["differences"] if slice is None else found["slices"]
    (one,) = [each for each in whole if (each["name"], each["slice"], each["candidate"]) == (name, slice, candidate)]
    return one


def logs(y_true, p):
    return -np.log(p[np.arange(len(p)), y_true] / p.sum(axis=1))


def test_row_by_row(xent, models):
    y_true, base, candidate = models
    found = compared(xent, "main.csv", "pull.csv", "-m", "cce", "-m", "accuracy")
    one = by_name(found, "categorical_crossentropy")
    before, after = logs(y_true, base), logs(y_true, candidate)
    expected = stats.ttest_rel(after, before)
    assert one["base_value"] == pytest.approx(before.mean(), rel=1e-9)
    assert one["value"] == pytest.approx(after.mean(), rel=1e-9)
    assert one["p_value"] == pytest.approx(expected.pvalue, rel=1e-6)
    interval = expected.confidence_interval()
    assert (one["ci"]["low"], one["ci"]["high"]) == (pytest.approx(interval.low, rel=1e-6), pytest.approx(interval.high, rel=1e-6))
    right, right_now = (p.argmax(axis=1) == y_true for p in (base, candidate))
    other = by_name(found, "accuracy")
    assert (other["better"], other["worse"]) == ((~right & right_now).sum(), (right & ~right_now).sum())
    (candidate_report,) = found["candidates"]
    assert candidate_report["decisions"] == {
        "changed": (base.argmax(axis=1) != candidate.argmax(axis=1)).sum(),
        "fixed": (~right & right_now).sum(),
        "broken": (right & ~right_now).sum(),
    }
    assert found["base"]["rows"] == COUNT
    assert found["verdict"] == "none"


def without_places(found):
    """What does not tell from which files, in which order, the rows came."""
    return {key: found[key] for key in ("level", "margin", "differences", "slices", "gates", "verdict")}


def test_the_order_of_rows_with_keys_changes_nothing(xent, models, folder):
    y_true, _, candidate = models
    asked = ("-m", "cce", "-m", "accuracy", "-m", "balanced_accuracy", "--by", "country")
    whole = without_places(compared(xent, "main.csv", "pull.csv", "--on", "id", *asked))
    write(folder / "mixed.csv", y_true, candidate, np.random.default_rng(0).permutation(COUNT))
    assert without_places(compared(xent, "main.csv", "mixed.csv", "--on", "id", *asked)) == whole
    assert without_places(compared(xent, "main.csv", "mixed.csv", "--on", "id", *asked, "--threads", "1", "--chunk-rows", "7")) == whole
    # Means know nothing of keys, and are the same without them.
    plain = compared(xent, "main.csv", "pull.csv", *asked)
    assert by_name(plain, "categorical_crossentropy") == next(
        one for one in whole["differences"] if one["name"] == "categorical_crossentropy"
    )


def test_partitions_on_disk_change_nothing(xent, models, folder, monkeypatch):
    y_true, _, candidate = models
    write(folder / "mixed.csv", y_true, candidate, [*range(20, COUNT)][::-1])
    asked = ("main.csv", "mixed.csv", "--on", "id", "-m", "cce", "-m", "balanced_accuracy", "--by", "country", "--cluster", "team")
    whole = compared(xent, *asked)
    assert (whole["candidates"][0]["unmatched_base"], whole["candidates"][0]["unmatched_candidate"]) == (20, 0)
    written = []
    monkeypatch.setattr(row_pairs, "PARTITION_BYTES", 1000)
    spill = row_pairs._Spill._write
    monkeypatch.setattr(row_pairs._Spill, "_write", lambda self: (written.append(self.side), spill(self)))
    assert compared(xent, *asked, "--chunk-rows", "50") == whole
    assert set(written) == {"base", "candidate"}


def test_standard_input_has_partitions_too(xent, models, folder):
    whole = without_places(compared(xent, "main.csv", "pull.csv", "--on", "id"))
    ended = xent("compare", "main.csv", "-", "--on", "id", "--input-format", "csv", "-f", "json", stdin=(folder / "pull.csv").read_bytes())
    assert without_places(json.loads(ended.out)) == whole


def test_files_of_any_number_and_order(xent, models, folder):
    y_true, base, candidate = models
    whole = without_places(compared(xent, "main.csv", "pull.csv", "--on", "id", "-m", "cce", "--by", "country"))
    for name, p, cuts in (("base", base, 3), ("candidate", candidate, 5)):
        (folder / name).mkdir()
        for number, rows in enumerate(np.array_split(np.random.default_rng(1).permutation(COUNT), cuts)):
            write(folder / name / f"{number}.csv", y_true, p, rows)
    assert without_places(compared(xent, "base", "candidate", "--on", "id", "-m", "cce", "--by", "country")) == whole


def test_rows_without_a_partner_are_counted(xent, models, folder):
    y_true, base, candidate = models
    write(folder / "part.csv", y_true, candidate, range(30, COUNT), more="new,de,1,1,cat,0.5,0.25,0.25\n")
    ended = xent("compare", "main.csv", "part.csv", "--on", "id", "-m", "cce", "-f", "markdown")
    assert "30 rows of the base and 1 of its own have no partner" in ended.out
    found = compared(xent, "main.csv", "part.csv", "--on", "id", "-m", "cce")
    kept = slice(30, None)
    assert by_name(found, "categorical_crossentropy")["difference"] == pytest.approx(
        (logs(y_true, candidate) - logs(y_true, base))[kept].mean(), rel=1e-9
    )


def test_a_column_for_each_class_in_another_order(xent, models, folder):
    y_true, _, candidate = models
    write(folder / "turned.csv", y_true, candidate, classes=("eel", "cat", "dog"))
    asked = ("-m", "cce", "-m", "accuracy")
    whole, turned = (compared(xent, "main.csv", name, *asked) for name in ("pull.csv", "turned.csv"))
    assert without_places(turned) == without_places(whole)
    assert turned["candidates"][0]["data"]["columns"]["pred"] == ["p_cat", "p_dog", "p_eel"]


def test_two_columns_of_one_file(xent, folder):
    random = np.random.default_rng(2)
    y = random.integers(0, 2, 200)
    old, new = (random.random(200).round(6) for _ in range(2))
    (folder / "both.csv").write_text("y,old,new\n" + "".join(f"{a},{b},{c}\n" for a, b, c in zip(y, old, new, strict=True)))
    found = compared(xent, "both.csv", "both.csv", "--label", "y", "--pred", "old", "--candidate-pred", "new", "-m", "mse")
    expected = stats.ttest_rel((y - new) ** 2, (y - old) ** 2)
    assert by_name(found, "mean_squared_error")["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)


def test_slices_rows_that_are_kept_and_weights(xent, models):
    y_true, base, candidate = models
    rows = np.arange(COUNT)
    found = compared(xent, "main.csv", "pull.csv", "-m", "cce", "--by", "country", "--where", "id != 'k3'", "--weight", "w")
    for code, country in enumerate(("de", "fr", "us")):
        mine = (rows % 3 == code) & (rows != 3)
        weight = 0.5 + rows[mine] % 2
        change = logs(y_true, candidate)[mine] - logs(y_true, base)[mine]
        one = by_name(found, "categorical_crossentropy", {"country": country})
        assert one["difference"] == pytest.approx((weight * change).sum() / weight.sum(), rel=1e-9)
        assert one["count"] == mine.sum()
    assert found["base"]["rows"] == COUNT - 1


def test_clusters(xent, models):
    from xent.core.folds import folds_of

    y_true, base, candidate = models
    change = logs(y_true, candidate) - logs(y_true, base)
    folds = folds_of(np.arange(COUNT) // 4)
    left_out = np.array([change[folds != fold].mean() for fold in np.unique(folds)])
    error = np.sqrt((len(left_out) - 1) / len(left_out) * ((left_out - left_out.mean()) ** 2).sum())
    one = by_name(compared(xent, "main.csv", "pull.csv", "-m", "cce", "--cluster", "team"), "categorical_crossentropy")
    assert one["standard_error"] == pytest.approx(error, rel=1e-9)
    assert one["ci"]["method"] == "jackknife"


def test_missing_values(xent, models, folder):
    lines = (folder / "pull.csv").read_text().splitlines()
    lines[5] = ",".join([*lines[5].split(",")[:-1], ""])
    (folder / "gap.csv").write_text("\n".join(lines) + "\n")
    ended = xent("compare", "main.csv", "gap.csv")
    assert ended.status == 3
    assert "xent: error: gap.csv: column 'p_eel', row 5: a value is missing" in ended.err
    found = compared(xent, "main.csv", "gap.csv", "--nan", "skip", "-m", "cce")
    assert (found["base"]["rows"], found["base"]["rows_dropped"]) == (COUNT - 1, 1)
    kept = np.arange(COUNT) != 4
    y_true, base, candidate = models
    assert by_name(found, "categorical_crossentropy")["difference"] == pytest.approx(
        (logs(y_true, candidate) - logs(y_true, base))[kept].mean(), rel=1e-9
    )
    found = compared(xent, "main.csv", "gap.csv", "--nan", "propagate", "-m", "cce", "--by", "country")
    assert by_name(found, "categorical_crossentropy")["difference"] == "nan"
    values = [by_name(found, "categorical_crossentropy", {"country": country})["difference"] for country in ("de", "fr", "us")]
    assert [value == "nan" for value in values] == [False, True, False]


def test_several_candidates(xent, models, folder):
    y_true, base, candidate = models
    write(folder / "same.csv", y_true, base)
    write(folder / "part.csv", y_true, candidate, range(COUNT - 10))
    found = compared(xent, "main.csv", "pull.csv", "same.csv", "part.csv", "--on", "id", "-m", "cce", "--gate", "delta(cce) <= 1")
    one, same, part = (by_name(found, "categorical_crossentropy", candidate=number) for number in range(3))
    assert one["ci"]["level"] == pytest.approx(1 - 0.05 / 3)
    interval = stats.ttest_rel(logs(y_true, candidate), logs(y_true, base)).confidence_interval(1 - 0.05 / 3)
    assert one["ci"]["high"] == pytest.approx(interval.high, rel=1e-6)
    assert (same["difference"], same["p_value"], same["p_adjusted"]) == (0.0, 1.0, 1.0)
    assert sorted([one["p_adjusted"], part["p_adjusted"]]) == [1.0, 1.0]
    assert [report["data"]["rows"] for report in found["candidates"]] == [COUNT, COUNT, COUNT - 10]
    assert found["base"]["rows"] == COUNT
    assert found["verdict"] == "pass"


def test_a_model_and_itself_are_equivalent(xent, models):
    found = compared(xent, "main.csv", "main.csv", "--margin", "0.001")
    for one in found["differences"]:
        assert (one["difference"], one["p_value"], one["finding"]) == (0.0, 1.0, "equivalent")
    assert found["candidates"][0]["decisions"] == {"changed": 0, "fixed": 0, "broken": 0}


@pytest.mark.parametrize(
    ("gate", "status", "outcome"),
    [
        ("delta(cce) <= 0.2 decide=proven-ok", 0, "pass"),
        ("delta(cce) <= -0.2 decide=proven-bad", 1, "fail"),
        ("delta(cce) <= {} decide=proven-bad", 0, "inconclusive"),
        ("delta(cce) <= {} decide=proven-ok --inconclusive", 4, "inconclusive"),
        ("cce <= 0.01", 1, "fail"),
        ("rows >= 1000", 1, "fail"),
        ("delta(accuracy[country=*]) >= -0.5", 0, "pass"),
        ("delta(cce[country=xx]) <= 0", 5, "error"),
    ],
)
def test_gates(xent, models, gate, status, outcome):
    y_true, base, candidate = models
    gate, strict = gate.removesuffix(" --inconclusive"), gate.endswith("--inconclusive")
    gate = gate.format(f"{(logs(y_true, candidate) - logs(y_true, base)).mean():.4f}")
    words = ["compare", "main.csv", "pull.csv", "-m", "cce", "--by", "country", "--gate", gate, "-f", "json"]
    ended = xent(*words, *(["--inconclusive", "fail"] if strict else []))
    found = json.loads(ended.out)
    assert ended.status == status, ended.err
    assert {record["outcome"] for record in found["gates"]} == {outcome}


def test_formats(xent, models, folder):
    ended = xent("compare", "main.csv", "pull.csv", "-m", "cce", "-f", "csv", "-o", "found.json", "-o", "found.md", "-o", "found.csv")
    assert ended.status == 0
    found = json.loads((folder / "found.json").read_text())
    assert (folder / "found.csv").read_text() == ended.out
    (line,) = csv.DictReader(io.StringIO(ended.out))
    one = by_name(found, "categorical_crossentropy")
    assert float(line["difference"]) == one["difference"]
    assert float(line["ci_low"]) == one["ci"]["low"]
    assert line["finding"] == one["finding"]
    markdown = (folder / "found.md").read_text()
    assert markdown.startswith("| metric | base | candidate | difference |")
    table = xent("compare", "main.csv", "pull.csv", "-m", "cce", "-f", "table").out
    assert f"{one['difference']:+.6g}" in table
    assert f"{one['difference']:+.6g}" in markdown


def test_hostile_names(xent, folder):
    name = "a|b\x1b]0;t\x07[red]<b>.csv"
    (folder / name).write_text("id,g,y,score\n1,=1+1|\x1b[2J<i>,1,0.5\n2,=1+1|\x1b[2J<i>,0,0.25\n")
    for form in ("table", "json", "csv", "markdown"):
        ended = xent("compare", name, name, "--on", "id", "--by", "g", "-m", "mse", "-f", form)
        assert ended.status == 0
        assert "\x1b" not in ended.out + ended.err
        if form == "markdown":
            assert "<i>" not in ended.out
            assert "1|" not in ended.out.replace("\\|", "")
        if form == "csv":
            assert "g==1+1" in ended.out


def error_of(xent, *args, status=3):
    ended = xent("compare", *args)
    assert (ended.status, ended.out) == (status, ""), ended.err
    assert "Traceback" not in ended.err
    (line,) = [line for line in ended.err.splitlines() if line.startswith("xent: error: ")]
    return line.removeprefix("xent: error: ")


def test_what_does_not_fit_is_named(xent, models, folder):
    y_true, _, candidate = models
    other = y_true.copy()
    other[6] = (other[6] + 1) % 3
    write(folder / "label.csv", other, candidate)
    names = [CLASSES[values[6]] for values in (other, y_true)]
    said = f"label.csv: column 'label', row 7: the label is '{names[0]}', and '{names[1]}' in row 7 of main.csv"
    assert error_of(xent, "main.csv", "label.csv") == said
    assert error_of(xent, "main.csv", "label.csv", "--on", "id") == said
    write(folder / "short.csv", y_true[:100], candidate[:100])
    assert error_of(xent, "main.csv", "short.csv") == "main.csv: has more rows than the 100 of short.csv"
    assert error_of(xent, "short.csv", "main.csv") == "main.csv: has more rows than the 100 of short.csv"
    there = "there are 8 columns {}, country .. p_eel"
    assert error_of(xent, "main.csv", "short.csv", "--on", "nope") == f"main.csv: there is no column 'nope'; {there.format('id')}"
    text = (folder / "pull.csv").read_text()
    (folder / "nokey.csv").write_text(text.replace("id,", "other,", 1))
    assert error_of(xent, "main.csv", "nokey.csv", "--on", "id") == f"nokey.csv: there is no column 'id'; {there.format('other')}"
    (folder / "null.csv").write_text(text.replace("\nk3,", "\n,"))
    assert error_of(xent, "main.csv", "null.csv", "--on", "id").startswith("null.csv: column 'id', row 4: ")
    (folder / "twice.csv").write_text(text + text.splitlines()[3] + "\n")
    said = "twice.csv: column 'id', row 401: the key of row 3 of twice.csv again; a key names one row"
    assert error_of(xent, "main.csv", "twice.csv", "--on", "id") == said
    (folder / "alone.csv").write_text(text + "new,de,1,1,cat,0.5,0.25,0.25\n" * 2)
    assert error_of(xent, "main.csv", "alone.csv", "--on", "id").startswith("alone.csv: column 'id', row 402: the key of row 401")
    (folder / "far.csv").write_text(text.replace("\nk", "\nz"))
    said = error_of(xent, "main.csv", "far.csv", "--on", "id", status=5)
    assert said == "far.csv: none of the 400 keys in column 'id' is one of the 400 of main.csv"
    (folder / "classes.csv").write_text(text.replace("p_eel", "p_fox"))
    assert error_of(xent, "main.csv", "classes.csv") == "classes.csv: has the classes cat, dog, fox, and the base cat, dog, eel"
    (folder / "range.csv").write_text(text.replace(text.splitlines()[9].rpartition(",")[2], "1.5"))
    assert error_of(xent, "main.csv", "range.csv", "--on", "id").startswith("range.csv: column 'p_eel', row 9: prediction 1.5 lies outside")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["main.csv"], "Missing argument"),
        (["main.csv", "pull.csv", "--ci", "95"], "--ci 95"),
        (["main.csv", "pull.csv", "--margin", "0"], "--margin"),
        (["main.csv", "pull.csv", "--baseline", "main.json"], "BASE is what is compared with"),
        (["main.csv", "pull.csv", "-o", "x.xyz"], "tells no format"),
        (["main.csv", "pull.csv", "-o", "main.csv"], "would replace what is read"),
        (["main.csv", "pull.csv", "-m", "nope"], "unknown metric"),
    ],
)
def test_wrong_usage(xent, models, args, said):
    assert said in error_of(xent, *args, status=2)


@pytest.mark.parametrize("key", [[], ["--on", "id"]])
def test_a_value_outside_the_domain_of_a_kernel_is_named(xent, folder, key):
    (folder / "a.csv").write_text("id,y,pred\n1,1,1\n2,1,1\n3,1,1\n")
    (folder / "b.csv").write_text("id,y,pred\n1,1,1\n2,1,1\n3,1,-2\n")
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        assert error_of(xent, *names, *key, "-m", "mean_poisson_deviance").startswith("b.csv: column 'pred', row 3: ")


def test_the_schema_is_printed_and_checked(xent, models, folder):
    printed = json.loads(xent("schema", "comparison").out)
    jsonschema.Draft202012Validator.check_schema(printed)
    xent(
        "compare",
        "main.csv",
        "pull.csv",
        "--by",
        "country",
        "-m",
        "confusion_matrix",
        "-m",
        "cce",
        "-o",
        "found.json",
        "--gate",
        "cce <= 1",
    )
    assert xent("schema", "comparison", "found.json").status == 0
    (folder / "other.json").write_text((folder / "found.json").read_text().replace('"margin"', '"margins"'))
    ended = xent("schema", "comparison", "other.json")
    assert ended.status == 3
    assert ended.err.startswith("xent: error: other.json: is no comparison of xent compare: it lacks 'margin'")
    assert xent("schema", "comparison", "main.csv").err.startswith("xent: error: main.csv: is no comparison in JSON")


@pytest.mark.parametrize("weighted", [False, True])
def test_the_rows_that_carry_the_change(xent, models, folder, weighted):
    y_true, base, candidate = models
    order = np.random.default_rng(3).permutation(COUNT)
    write(folder / "mixed.csv", y_true, candidate, order)
    weight = 0.5 + np.arange(COUNT) % 2 if weighted else np.ones(COUNT)
    options = ["--weight", "w"] if weighted else []
    adds = weight * (logs(y_true, candidate) - logs(y_true, base)) / weight.sum()
    for chunk in ("7", "100000"):
        found = compared(xent, "main.csv", "mixed.csv", "--on", "id", "--rows", "4", "--chunk-rows", chunk, *options)
        rows = found["candidates"][0]["rows"]
        assert rows["metric"] == "categorical_accuracy"
        found = compared(
            xent, "main.csv", "mixed.csv", "--on", "id", "--rows", "4", "--chunk-rows", chunk, "-m", "auc", "-m", "cce", *options
        )
        rows = found["candidates"][0]["rows"]
        assert rows["metric"] == "categorical_crossentropy"
        for name, sign in (("rising", -1), ("falling", 1)):
            expected = np.argsort(sign * adds)[:4]
            assert [row["row"] - 1 for row in rows[name]] == expected.tolist()
            for row, place in zip(rows[name], expected, strict=True):
                assert row["source"] == "main.csv"
                assert (row["candidate_source"], order[row["candidate_row"] - 1]) == ("mixed.csv", place)
                assert row["label"] == CLASSES[y_true[place]]
                assert row["base_prediction"] == base[place].tolist()
                assert row["prediction"] == candidate[place].tolist()
                assert row["base_value"] == pytest.approx(logs(y_true, base)[place], rel=1e-9)
                assert row["value"] == pytest.approx(logs(y_true, candidate)[place], rel=1e-9)
                assert row["contribution"] == pytest.approx(adds[place], rel=1e-9)
                assert row["weight"] == weight[place]


def test_rows_of_equal_change_stand_in_the_order_of_the_base(xent, folder):
    (folder / "a.csv").write_text("id,y,pred\n" + "".join(f"{row},0,0\n" for row in range(50)))
    (folder / "b.csv").write_text("id,y,pred\n" + "".join(f"{row},0,{row % 2}\n" for row in range(50))[::1])
    for options in ([], ["--chunk-rows", "3"], ["--on", "id"], ["--on", "id", "--threads", "1"]):
        rows = compared(xent, "a.csv", "b.csv", "-m", "mae", "--rows", "5", *options)["candidates"][0]["rows"]
        assert [row["row"] for row in rows["rising"]] == [2, 4, 6, 8, 10]
        assert rows["falling"] == []
    assert compared(xent, "a.csv", "b.csv", "-m", "mae", "--rows", "0")["candidates"][0]["rows"] is None
    assert compared(xent, "a.csv", "b.csv", "-m", "r2_score")["candidates"][0]["rows"] is None


def test_slices_by_what_they_add(xent, models):
    found = compared(xent, "main.csv", "pull.csv", "-m", "cce", "--by", "country", "--weight", "w")
    adds = {one["slice"]["country"]: one["contribution"] for one in found["slices"]}
    assert sum(adds.values()) == pytest.approx(found["differences"][0]["difference"], rel=1e-9)
    table = xent("compare", "main.csv", "pull.csv", "-m", "cce", "--by", "country", "--weight", "w", "-f", "table").out
    shown = [line.split("country=")[1][:2] for line in table.splitlines() if "country=" in line]
    assert shown == sorted(adds, key=lambda country: -abs(adds[country]))


def test_weights_that_are_all_0(xent, folder):
    (folder / "a.csv").write_text("y,pred,w,g\n1,0.5,0,a\n0,0.25,0,b\n")
    (folder / "b.csv").write_text("y,pred,w,g\n1,0.75,0,a\n0,0.5,0,b\n")
    found = compared(xent, "a.csv", "b.csv", "--weight", "w", "-m", "mse", "-m", "roc_auc", "--by", "g")
    assert {one["difference"] for one in found["differences"]} == {"nan"}
    assert {one["finding"] for one in (*found["differences"], *found["slices"])} == {"none"}


def test_the_level_of_gates(xent, models, folder):
    y_true, base, _ = models
    gate = "delta(cce) <= 0.2 decide=proven-ok confidence=0.9"
    found = compared(xent, "main.csv", "pull.csv", "-m", "cce", "--gate", gate)
    assert found["level"] == 0.9
    # Of several candidates a gate judges the first alone.
    write(folder / "same.csv", y_true, base)
    several = compared(xent, "main.csv", "pull.csv", "same.csv", "-m", "cce", "--gate", gate)
    assert several["differences"][0]["ci"]["level"] == pytest.approx(0.95)
    ends = [[one["gates"][0]["ci"][end] for end in ("level", "low", "high")] for one in (found, several)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
    said = "the gate accuracy >= 0.8 decide=proven-ok: comparing gives intervals of changes alone, as of delta(accuracy)"
    assert said in error_of(xent, "main.csv", "pull.csv", "--gate", "accuracy >= 0.8 decide=proven-ok", status=2)


def test_no_room_for_partitions(xent, models, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_pairs, "PARTITION_BYTES", 1000)
    monkeypatch.setattr(np, "save", full)
    assert error_of(xent, "main.csv", "pull.csv", "--on", "id").endswith(": No space left on device")
