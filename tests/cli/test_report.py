"""`xent report`: what stands on the page, in which sizes, and that names from files stay names."""

import html.parser
import json
import re

import numpy as np
import pytest

MOST_BYTES = 1_500_000

NAMES = [
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "' onmouseover='window.pwned=1",
    "\x1b[31mred\x07\x00\x7f",
    "\u2028\u2029\u202eabc\ufeff",
    "javascript:window.pwned=1",
    "]]> <!-- --> &lt;b&gt; &amp; {{7*7}} ${7*7}",
    "x" * 10_000,
    "a " * 5_000,
]
HOSTILE = (
    "report", "<img src=x onerror=window.pwned=1>.csv", "--label", NAMES[0], "--pred", NAMES[2], "--by", NAMES[3], "--key", NAMES[8],
    "-m", '"><script>window.pwned=1</script>=bce', "-m", "accuracy", "--gate", "rows >= 1",
)  # fmt: skip
HOSTILE_CLASSES = (
    "report", "classes.npz", "--classes", "@classes.txt", "-m", "cce", "-m", "f1_score:average=none", "-m", "confusion_matrix",
    "-m", "</script><script>window.pwned=1</script>=reliability_curve:class_id=0",
)  # fmt: skip


def hostile_sources(folder):
    """A file whose name, columns and slices are all made to do harm, and one whose classes are."""
    import csv

    classes = [name for name in NAMES if len(name.splitlines()) == 1]
    (folder / "classes.txt").write_text("\n".join(classes))
    rng = np.random.default_rng(0)
    rows = {"y_true": rng.integers(0, len(classes), 99), "y_pred": rng.dirichlet(np.ones(len(classes)), 99)}
    np.savez(folder / "classes.npz", **rows)

    with (folder / HOSTILE[1]).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([NAMES[0], NAMES[2], NAMES[3], NAMES[8]])
        for number in range(200):
            name = NAMES[number % len(NAMES)].replace("\x00", "")
            writer.writerow([number % 2, (number * 37 % 101) / 101, name, name])


class Reader(html.parser.HTMLParser):
    """Tags with their attributes, and the texts of the cells of each table."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data


def found(tables, first):
    """The rows of the table whose first header is so called, without the header."""
    return next(table[1:] for table in tables if table and table[0][0] == first)


@pytest.fixture
def scores(folder):
    lines = [f"{i},{i % 3 % 2},{(i * 37 % 101) / 101},{'ab'[i % 2]}" for i in range(300)]
    (folder / "preds.csv").write_text("id,label,score,team\n" + "\n".join(lines) + "\n")
    return "preds.csv"


def test_the_page_holds_the_numbers_of_the_result(xent, scores, folder):
    arguments = [scores, "--by", "team", "--ci", "0.95", "-m", "bce", "-m", "accuracy", "--gate", "accuracy[team=*] >= 0.4"]
    assert xent("report", *arguments, "--key", "id", "-o", "report.html").status == 0
    result = json.loads(xent("eval", *arguments, "-m", "roc_curve", "-f", "json").out)
    text = (folder / "report.html").read_text()
    page = Reader(text)
    assert page.open == []
    values = {metric["name"]: metric for metric in result["metrics"]}
    metrics = {row[0]: row for row in found(page.tables, "metric")}
    for name in ("binary_crossentropy", "accuracy"):
        assert metrics[name][1] == f"{values[name]['value']:.6g}"
        assert metrics[name][2] == f"[{values[name]['ci']['low']:.4g}, {values[name]['ci']['high']:.4g}]"
    slices = {row[0]: row for row in found(page.tables, "team")}
    scalars = [metric for metric in result["slices"] if metric["name"] != "roc_curve"]
    assert len(scalars) == 4
    for metric in scalars:
        place = 3 + ["binary_crossentropy", "accuracy"].index(metric["name"])
        assert slices[metric["slice"]["team"]][place].startswith(f"{metric['value']:.6g}")
    assert "verdict: pass (2 passed)" in text
    roc = next(table[1:] for table in page.tables if table[0] == ["threshold", "false positive rate", "true positive rate"])
    assert roc == [[f"{number:.6g}" for number in row] for row in values["roc_curve"]["value"]]


def test_slices_show_their_losses(xent, folder):
    rows = [("low", 0.001)] * 9 + [("high", 10.0)] * 9 + [("none", 0.0)]
    (folder / "teams.csv").write_text("label,prediction,team\n" + "".join(f"0.5,{0.5 + loss},{team}\n" for team, loss in rows))
    arguments = ["teams.csv", "--label", "label", "--pred", "prediction", "--by", "team", "-m", "mae", "--nan", "propagate"]
    assert xent("report", *arguments, "-o", "report.html").status == 0
    text = (folder / "report.html").read_text()
    # 14 cells of 2**-10 to 2**4; what is 0 lies in the first of them.
    lowest, highest = "most often from 0.00098 to 0.002", "most often from 8 to 16"
    assert re.findall('class="glyph shape"[^>]* role="img" aria-label="([^"]*)"', text) == [highest, lowest, lowest]
    assert "losses of rows: mean_absolute_error, 0.00098 to 16 on a logarithmic axis" in text
    xent("eval", *arguments, "-o", "result.json", "-q")
    xent("report", "result.json", "-o", "saved.html")
    assert "glyph shape" not in (folder / "saved.html").read_text()


def test_the_worst_rows_are_those_of_top(xent, scores, folder):
    xent("report", scores, "-m", "bce", "--key", "id", "--worst", "7", "-o", "report.html")
    top = json.loads(xent("top", scores, "-m", "bce", "--key", "id", "-n", "7", "-f", "json").out)
    rows = found(Reader((folder / "report.html").read_text()).tables, "rank")
    assert [(row[1], row[2]) for row in rows] == [(str(row["row"]), row["keys"]["id"]) for row in top["rows"]]
    assert [row[-1] for row in rows] == [f"{row['loss']:.6g}" for row in top["rows"]]


@pytest.mark.parametrize("options", [(), ("--by", "team")])
def test_one_pass_gives_what_several_give(xent, scores, folder, options):
    """Also over a pipe, which can be read only once."""
    data = (folder / scores).read_bytes()
    assert xent("report", scores, *options, "-o", "file.html").status == 0
    assert xent("report", "-", "--input-format", "csv", *options, "-o", "pipe.html", stdin=data).status == 0
    from_file, from_pipe = ((folder / name).read_text() for name in ("file.html", "pipe.html"))
    assert from_pipe.replace("standard input", scores) == from_file.replace("preds.<wbr>csv", scores)


def test_a_saved_result_is_the_page_of_eval(xent, scores, folder):
    xent("eval", scores, "-m", "bce", "-m", "roc_curve", "-m", "confusion_matrix", "-o", "r.json", "-o", "eval.html", "--state", "r.state")
    for saved in ("r.json", "r.state"):
        assert xent("report", saved, "-o", "report.html").status == 0
        assert (folder / "report.html").read_text() == (folder / "eval.html").read_text()
    assert xent("report", "-", stdin=(folder / "r.json").read_bytes()).out == (folder / "eval.html").read_text()
    assert (
        xent("eval", scores, "-m", "bce", "-m", "roc_curve", "-m", "confusion_matrix", "-f", "html").out
        == (folder / "eval.html").read_text()
    )


def test_gates_decide_the_exit_status(xent, scores, folder):
    assert xent("report", scores, "--gate", "bce <= 0.0001", "-o", "report.html").status == 1
    assert "verdict: fail" in (folder / "report.html").read_text()
    xent("eval", scores, "-m", "bce", "-o", "r.json")
    assert xent("report", "r.json", "--gate", "bce <= 0.0001", "-o", "report.html").status == 1


def test_a_comparison_shows_both_models(xent, scores, folder):
    rows = (folder / scores).read_text().splitlines()
    better = [f"{i},{label},{0.9 if label == '1' else 0.1},{team}" for i, label, _, team in (row.split(",") for row in rows[1:])]
    (folder / "better.csv").write_text("\n".join([rows[0], *better]) + "\n")
    ended = xent("compare", scores, "better.csv", "-m", "bce", "--by", "team", "-o", "c.json", "-o", "c.html")
    assert ended.status == 0, ended.err
    assert xent("report", "c.json").out == (folder / "c.html").read_text()
    assert xent("report", "c.json", "--gate", "delta(bce) <= 0", "-o", "report.html").status == 0
    comparison = json.loads((folder / "c.json").read_text())
    text = (folder / "report.html").read_text()
    page = Reader(text)
    whole, parts = (table[1:] for table in page.tables if "finding" in [name for row in table[:1] for name in row])
    only = comparison["differences"][0]
    numbers = [f"{only[key]:.6g}" for key in ("base_value", "value", "difference")]
    assert whole[0][:6] == ["binary_crossentropy", "better", *numbers, f"[{only['ci']['low']:.4g}, {only['ci']['high']:.4g}]"]
    assert sorted(row[1] for row in parts) == ["team=a", "team=b"]
    assert [row[1] for row in parts] == [
        f"team={one['slice']['team']}" for one in sorted(comparison["slices"], key=lambda one: one["contribution"])
    ]
    rows = comparison["candidates"][0]["rows"]
    shown = [table[1:] for table in page.tables if table[0] == ["row", "label", "base", "candidate", "adds"]]
    expected = [[str(row["row"]) for row in rows[way]] for way in ("rising", "falling") if rows[way]]
    assert [[row[0] for row in table] for table in shown] == expected
    assert "verdict: pass (1 passed)" in text
    assert xent("schema", "comparison", "c.json").status == 0


def test_a_comparison_that_was_changed_is_refused(xent, scores, folder):
    xent("compare", scores, scores, "-m", "bce", "-o", "c.json")
    broken = json.loads((folder / "c.json").read_text())
    broken["differences"][0]["finding"] = "wonderful"
    (folder / "c.json").write_text(json.dumps(broken))
    ended = xent("report", "c.json", "-o", "report.html")
    assert ended.status == 3
    assert ended.err.startswith("xent: error: c.json: is no comparison of xent compare: differences[0].finding")


@pytest.mark.parametrize("arguments", [HOSTILE, HOSTILE_CLASSES], ids=["columns", "classes"])
def test_names_that_mean_harm_stay_names(xent, folder, arguments):
    hostile_sources(folder)
    ended = xent(*arguments, "-o", "report.html")
    assert ended.status == 0, ended.err
    text = (folder / "report.html").read_bytes().decode()
    page = Reader(text)
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert {tag for tag, _ in page.tags} & {"img", "iframe", "object", "link", "base", "form", "a"} <= {"a"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")], (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ufeff]", text)
    assert "x" * 200 not in text
    assert len(text) < MOST_BYTES


def test_the_page_says_what_may_run(xent, scores, folder):
    xent("report", scores, "-o", "report.html")
    page = Reader((folder / "report.html").read_text())
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy")
    digest = "'sha256-[A-Za-z0-9+/=]{44}'"
    assert re.fullmatch(f"default-src 'none'; style-src {digest}; script-src {digest}; base-uri 'none'; form-action 'none'", policy)


def test_the_page_can_be_read_to_somebody(xent, scores, folder):
    xent("report", scores, "--by", "team", "-o", "report.html")
    text = (folder / "report.html").read_text()
    page = Reader(text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") > 5
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all((one.get("role") == "img" and one["aria-label"]) or one.get("aria-hidden") == "true" for one in pictures)
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    targets = [attributes["href"][1:] for tag, attributes in page.tags if tag == "a"]
    assert set(targets) <= set(names)
    assert dict(page.tags)["html"]["lang"] == "en"


def test_the_size_does_not_grow_without_bound(xent, folder):
    """A thousand classes, as many slices as there may be with names as long as they may be, every score another one."""
    rows, classes = 3000, 300
    rng = np.random.default_rng(0)
    name = "<&>\"'" * 50
    np.savez(folder / "p.npz", y_true=rng.integers(0, classes, rows), y_pred=rng.dirichlet(np.ones(classes), rows))
    assert xent("report", "p.npz", "-m", "cce", "-m", "f1_score:average=none", "-o", "classes.html").status == 0
    lines = [f"{name}{i % 1000},{i % 2},{rng.random()}" for i in range(rows)]
    (folder / "slices.csv").write_text("team,label,score\n" + "\n".join(line.replace('"', "&") for line in lines) + "\n")
    many = [argument for number in range(30) for argument in ("-m", f"{name[:40]}{number}=bce")]
    ended = xent(
        "report",
        "slices.csv",
        "--by",
        "team",
        "--key",
        "team",
        "--worst",
        "1000",
        *many,
        "-m",
        "roc_curve:points=none",
        "-o",
        "slices.html",
    )
    assert ended.status == 0, ended.err
    for page in ("classes.html", "slices.html"):
        assert (folder / page).stat().st_size < MOST_BYTES
    assert "more are left out here, the result in JSON has all" in (folder / "slices.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["r.json", "--by", "team", "-o", "o.html"], 2, "--by is for data, and this is what an earlier run left"),
        (["preds.csv", "-o", "preds.csv"], 2, "--output 'preds.csv' would replace what is read"),
        (["preds.csv", "-o", "nowhere/o.html"], 2, "there is no such folder"),
        (["nothing.csv", "-o", "o.html"], 3, "nothing.csv"),
        (["other.json", "-o", "o.html"], 3, "is no result of xent eval"),
    ],
)
def test_what_is_wrong_is_said(xent, scores, folder, arguments, status, message):
    xent("eval", scores, "-m", "bce", "-o", "r.json")
    (folder / "other.json").write_text("{}")
    ended = xent("report", *arguments)
    assert ended.status == status
    assert message in ended.err
    assert not (folder / "o.html").exists()
