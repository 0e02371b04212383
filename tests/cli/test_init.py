"""`xent init`: the configuration it writes is one, and `xent eval` runs with it."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from xent.io.config_schema import CONFIG

SAMPLES = Path(__file__).parents[2] / "sample_data"

SOURCES = [
    ("breast_cancer.csv", []),
    ("breast_cancer.parquet", ["--weight", "weight", "--where", "weight > 0.5"]),
    ("diabetes.csv", []),
    ("digits.csv", []),
    ("digits_list.parquet", []),
    ("digits_logits.parquet", []),
    ("digits_pred.npy", ["--labels", str(SAMPLES / "digits_labels.npy")]),
]


def uncommented(text):
    """The same with its gates; the one on changes needs a baseline."""
    return re.sub(r"^# (\[\[gate\]\]|metric = .*|min = .*|max = .*|max_increase = .*|max_decrease = .*)$", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "options"), SOURCES, ids=[name for name, _ in SOURCES])
def test_eval_runs_with_what_is_written(xent, folder, name, options):
    source = str(SAMPLES / name)
    ended = xent("init", source, *options)
    assert (ended.status, ended.out, ended.err) == (0, "", "xent: wrote xent.toml\n")
    text = (folder / "xent.toml").read_text()
    settings = tomllib.loads(text)
    jsonschema.Draft202012Validator(CONFIG).validate(settings)
    assert "gate" not in settings
    assert xent("schema", "config", "xent.toml").status == 0
    evaluated = xent("eval", source, "-f", "json", "-o", "main.json")
    assert evaluated.status == 0, evaluated.err
    plain = json.loads(evaluated.out)
    assert [metric["name"] for metric in plain["metrics"]] == settings["metric"]
    # Without a configuration and options spelt out, the same comes out.
    (folder / "xent.toml").unlink()
    logits = ["--from-logits"] if "logits" in name else []
    assert json.loads(xent("eval", source, *options, *logits).out)["metrics"] == plain["metrics"]
    for metric in plain["metrics"]:
        assert f'"{metric["name"]}",  # {metric["value"]:.7g}, {metric["direction"]} is better\n' in text
    (folder / "xent.toml").write_text(uncommented(text))
    gated = xent("eval", source, "--baseline", "main.json", "-q")
    assert gated.status == 0, gated.err
    settings = tomllib.loads((folder / "xent.toml").read_text())
    assert [gate["metric"] for gate in settings["gate"]] == ["rows", settings["metric"][0], settings["metric"][0]]


def test_logits_gaps_and_hints(xent, folder):
    (folder / "gaps.csv").write_text("y,score,w\n1,2.5,1\n0,-1.5,1\n,0.5,1\n0,0.25,2\n")
    settings = tomllib.loads(xent("init", "gaps.csv", "--stdout").out)
    assert (settings["nan"], settings["from_logits"], settings["label"], settings["pred"]) == ("skip", True, "y", "score")
    assert "# column 'w' may hold weights" in xent("init", "gaps.csv", "--stdout").out


def test_the_bounds_are_those_that_the_value_meets(xent, folder):
    (folder / "reg.csv").write_text("y_true,y_pred\n" + "".join(f"{value},{value - 123.45}\n" for value in range(50)))
    text = xent("init", "reg.csv", "--stdout").out
    assert '# metric = "mean_absolute_error"\n# max = 130\n' in text


@pytest.mark.parametrize("output", [["--stdout"], ["-o", "-"]])
def test_printed_and_not_written(xent, binary, folder, output):
    (folder / "xent.toml").write_text("quiet = true\n")
    ended = xent("init", binary, *output)
    assert (ended.status, ended.err) == (0, "")
    assert tomllib.loads(ended.out)["label"] == "y"
    assert (folder / "xent.toml").read_text() == "quiet = true\n"


def test_a_file_is_replaced_only_by_force(xent, binary, folder):
    (folder / "xent.toml").write_text("quiet = true\n")
    ended = xent("init", binary)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: 'xent.toml' is there already; --force replaces it")
    assert (folder / "xent.toml").read_text() == "quiet = true\n"
    assert xent("init", binary, "--force").status == 0
    assert "label" in tomllib.loads((folder / "xent.toml").read_text())
    assert xent("init", binary, "--output", "other.toml").status == 0
    assert (folder / "other.toml").read_bytes() == (folder / "xent.toml").read_bytes()
    ended = xent("init", binary, "--output", "none/xent.toml")
    assert (ended.status, {path.name for path in folder.iterdir()}) == (3, {"binary.csv", "other.toml", "xent.toml"})


def test_without_a_source_all_is_comment(xent, binary, folder):
    assert xent("init").status == 0
    text = (folder / "xent.toml").read_text()
    assert tomllib.loads(text) == {}
    assert xent("eval", binary, "-q").status == 0
    assert tomllib.loads(re.sub("^# (?=[a-z_]+ = |\\[)", "", text, flags=re.MULTILINE)).keys() <= CONFIG["properties"].keys()
    ended = xent("init", "--label", "y", "--stdout")
    assert (ended.status, ended.out) == (2, "")


def test_names_are_data(xent, folder):
    nasty = 'it\'s "a" \\ p]\x7f\u2028é'
    (folder / 'a\n[x] = "y".csv').write_text(f'the label,"{nasty.replace(chr(34), chr(34) * 2)}"\n1,0.5\n0,0.25\n', encoding="utf-8")
    ended = xent("init", 'a\n[x] = "y".csv', "--label", "the label", "--pred", nasty)
    assert ended.status == 0, ended.err
    settings = tomllib.loads((folder / "xent.toml").read_text(encoding="utf-8"))
    assert (settings["label"], settings["pred"]) == ("the label", nasty)
    assert set(settings) == {"metric", "label", "pred"}
    assert xent("eval", 'a\n[x] = "y".csv', "-q").status == 0


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("label,p_a,p_b,score\n0,0.5,0.5,7\n1,0.25,0.75,9\n", 3, "which columns are the prediction?"),
        ("label,p_a,p_b\na,0.5,0.5\nc,0.25,0.75\n", 3, "'c'"),
        ("y,score\n", 5, "no rows"),
    ],
)
def test_what_cannot_be_evaluated_gets_no_configuration(xent, folder, content, status, said):
    (folder / "preds.csv").write_text(content)
    ended = xent("init", "preds.csv")
    assert (ended.status, ended.out, [path.name for path in folder.iterdir()]) == (status, "", ["preds.csv"])
    assert said in ended.err


def test_a_pipe_is_refused(xent):
    ended = xent("init", "-", "--input-format", "csv", stdin=b"y,score\n1,0.5\n")
    assert (ended.status, ended.out) == (2, "")
    assert "name a file" in ended.err


def test_class_names_that_options_give(xent, folder):
    np.save(folder / "p.npy", np.array([[0.25, 0.75], [0.5, 0.5]]))
    (folder / "y.csv").write_text("label\ndog\ncat\n")
    assert xent("init", "p.npy", "--labels", "y.csv", "--classes", "cat,dog").status == 0
    assert tomllib.loads((folder / "xent.toml").read_text())["classes"] == "cat,dog"
    assert xent("eval", "p.npy", "-q").status == 0
