"""Gates from arguments to exit status, with `xent eval` and `xent gate`.

The file has 3 rows with the scores 0.75, 0.25 and 0.5 for the labels 1, 0 and 1: the accuracy at 0.5 (which counts as 0) is 2/3, the
binary cross-entropy -(2 ln 0.75 + ln 0.5) / 3 = 0.4228...
"""

import json
import math
import time

import jsonschema
import pytest
from click.testing import CliRunner

from xent.cli.app import app
from xent.cli.configuration import ConfiguredCommand, key_of
from xent.cli.evaluate import command as eval_command
from xent.io.config_schema import CONFIG
from xent.io.schema import RESULT

BCE = -(2 * math.log(0.75) + math.log(0.5)) / 3


@pytest.fixture
def saved(xent, binary, folder):
    """A result of two metrics, never judged."""
    ended = xent("eval", binary, "-m", "bce", "-m", "acc=binary_accuracy", "-q", "-o", "saved.json")
    assert ended.status == 0, ended.err
    return "saved.json"


def with_interval(folder, low, high):
    """The saved result with an interval of the accuracy."""
    plain = json.loads((folder / "saved.json").read_text())
    plain["metrics"][1]["ci"] = {"level": 0.95, "low": low, "high": high, "method": "wilson"}
    (folder / "interval.json").write_text(json.dumps(plain))
    return "interval.json"


PAIRS = [
    (0, "pass", ["bce <= 0.43"]),
    (0, "pass", ["bce <= 0.43", "acc >= 60%", "rows == 3", "clipped == 0", "weight_sum == 3"]),
    (1, "fail", ["bce <= 0.42"]),
    (1, "fail", ["acc >= 0.6", "bce <= 0.42"]),
    (1, "fail", ["acc[country=*] >= 0", "bce <= 0.42"]),
    (5, "fail", ["acc[country=*] >= 0"]),
    (5, "fail", ["acc >= 0 min_rows=4"]),
    (0, "pass", ["bce <= 0.42 severity=warn"]),
    (0, "none", ["acc[country=*] >= 0 severity=warn", "bce <= 0.42 min_rows=9 severity=warn"]),
    (0, "pass", ["acc[country=*] >= 0 severity=warn", "bce <= 1"]),
]


@pytest.mark.parametrize(("status", "verdict", "gates"), PAIRS, ids=[" & ".join(gates) for _, _, gates in PAIRS])
def test_eval_and_gate_agree_on_verdict_and_status(xent, binary, saved, status, verdict, gates):
    flags = [part for gate in gates for part in ("--gate", gate)]
    evaluated = xent("eval", binary, "-m", "bce", "-m", "acc=binary_accuracy", *flags)
    judged = xent("gate", saved, *flags)
    assert (evaluated.status, judged.status) == (status, status), evaluated.err
    assert evaluated.out == judged.out
    plain = json.loads(judged.out)
    jsonschema.Draft202012Validator(RESULT).validate(plain)
    assert plain["verdict"] == verdict
    assert len(plain["gates"]) == len(gates)
    told = [line for line in judged.err.splitlines() if "gate " in line]
    assert len(told) == sum(gate["outcome"] != "pass" for gate in plain["gates"])
    assert "error:" not in judged.err


def test_a_record_says_all_about_a_gate(xent, saved):
    (gate,) = json.loads(xent("gate", saved, "--gate", "acc >= 70% min_rows=2").out)["gates"]
    assert gate == {
        "gate": "acc >= 0.7 min_rows=2", "metric": "acc", "of": "value", "slice": None, "op": ">=", "threshold": 0.7, "value": 2 / 3,
        "candidate": 2 / 3, "baseline": None, "ci": None, "count": 3, "decide": "point", "confidence": None, "min_rows": 2,
        "severity": "error", "outcome": "fail", "reason": "0.6666667 is not >= 0.7",
    }  # fmt: skip


@pytest.mark.parametrize(("policy", "status"), [((), 0), (("--inconclusive", "pass"), 0), (("--inconclusive", "fail"), 4)])
@pytest.mark.parametrize("decide", ["proven-ok", "proven-bad"])
def test_an_inconclusive_gate(xent, saved, folder, policy, status, decide):
    ended = xent("gate", with_interval(folder, 0.5, 0.8), "--gate", f"acc >= 0.6 decide={decide}", *policy)
    assert (ended.status, json.loads(ended.out)["verdict"]) == (status, "inconclusive")
    assert xent("gate", with_interval(folder, 0.5, 0.55), "--gate", f"acc >= 0.6 decide={decide}", *policy).status == 1
    assert xent("gate", with_interval(folder, 0.61, 0.8), "--gate", f"acc >= 0.6 decide={decide}", *policy).status == 0


def test_metrics_of_gates_are_measured_too(xent, binary):
    plain = json.loads(xent("eval", binary, "-m", "bce", "--gate", "mse <= 1", "--gate", "mse >= 0").out)
    assert [metric["name"] for metric in plain["metrics"]] == ["binary_crossentropy", "mean_squared_error"]
    defaults = json.loads(xent("eval", binary).out)["metrics"]
    assert [metric["name"] for metric in json.loads(xent("eval", binary, "--gate", "mse <= 1").out)["metrics"]] == [
        *(metric["name"] for metric in defaults),
        "mean_squared_error",
    ]


@pytest.mark.parametrize("command", ["eval", "gate"])
def test_baselines(xent, folder, binary, saved, command):
    (folder / "worse.csv").write_text("y,score\n1,0.75\n0,0.5\n1,0.5\n")
    (folder / "other.csv").write_text("y,score\n1,0.75\n1,0.5\n1,0.5\n")
    for name in ("worse", "other"):
        xent("eval", f"{name}.csv", "-m", "bce", "-q", "-o", f"{name}.json")
    xent("eval", binary, "-m", "bce:label_smoothing=0.1", "-q", "-o", "smooth.json")

    def run(gate, baseline, *more):
        source = (binary, "-m", "bce") if command == "eval" else (saved,)
        return xent(command, *source, "--gate", gate, "--baseline", baseline, *more)

    worse = -(math.log(0.75) + 2 * math.log(0.5)) / 3
    ended = run("delta(bce) <= -0.1", "worse.json")
    assert ended.status == 0, ended.err
    (gate,) = json.loads(ended.out)["gates"]
    assert [gate[key] for key in ("value", "candidate", "baseline")] == pytest.approx([BCE - worse, BCE, worse], rel=1e-14)
    assert run("rel(bce) <= -30%", "worse.json").status == 1
    for baseline, said in (("other.json", "digest"), ("smooth.json", "label_smoothing:0.1")):
        ended = run("delta(bce) <= 5", baseline)
        assert (ended.status, ended.out) == (3, "")
        assert said in ended.err
        assert run("delta(bce) <= 5", baseline, "--allow-different-data").status == 0
    ended = run("delta(bce) <= 5", "missing.json")
    assert (ended.status, ended.out) == (3, "")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--gate", "bce =< 1"], "expected one of"),
        (["--gate", "bec <= 1"], "'bce'?"),
        (["--gate", "delta(bce) <= 1"], "--baseline FILE"),
        (["--config", "none.toml"], "no such file"),
        (["--inconclusive", "maybe", "--gate", "bce <= 1"], "--inconclusive"),
    ],
)
@pytest.mark.parametrize("source", [["eval", "missing.csv"], ["eval", "missing.csv", "-m", "bce"], ["gate", "saved.json"]])
def test_wrong_questions_are_refused_before_any_data_are_read(xent, saved, source, args, said):
    ended = xent(*source, *args)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_gate_without_gates(xent, saved):
    ended = xent("gate", saved)
    assert (ended.status, ended.out) == (2, "")
    assert xent("gate", saved, "--gate", "acc >= 0.7", "-o", "judged.json", "-q").out == "fail\n"
    again = xent("gate", "judged.json", "-q")
    assert (again.status, again.out) == (1, "fail\n")
    assert xent("gate", "judged.json", "-q", "--gate", "acc >= 0.6").status == 0


def test_a_forged_verdict_is_not_believed(xent, saved, folder):
    xent("gate", saved, "--gate", "acc >= 0.7", "-o", "judged.json", "-q")
    text = (folder / "judged.json").read_text().replace('"verdict": "fail"', '"verdict": "pass"')
    (folder / "judged.json").write_text(text)
    assert xent("gate", "judged.json", "-q").status == 1


def test_a_result_from_a_pipe(xent, saved, folder):
    ended = xent("gate", "-", "--gate", "acc >= 0.6", "-q", stdin=(folder / saved).read_bytes())
    assert (ended.status, ended.out) == (0, "pass\n")


def test_the_result_is_not_written_over(xent, saved):
    ended = xent("gate", saved, "--gate", "acc >= 0.6", "-o", saved)
    assert ended.status == 2
    assert "would replace what is read" in ended.err


def test_gate_loads_no_library_and_is_quick(process, saved, xent):
    code = ("gate", saved, "--gate", "accuracy >= 0.8 severity=warn", "--gate", "bce <= 1", "-f", "markdown")
    begin = time.perf_counter()
    out, err = process(*code, env={"PYTHONPROFILEIMPORTTIME": "1"}).communicate(timeout=60)
    assert time.perf_counter() - begin < 5, "a limit that only a hang would reach; the modules below are what keeps it quick"
    assert b"verdict: pass" in out
    loaded = {line.rpartition("|")[2].strip() for line in err.decode().splitlines() if line.startswith("import time:")}
    assert "xent.core.judging" in loaded
    assert not loaded & {"numpy", "pandas", "pyarrow", "rich", "jsonschema"}


def write(folder, text, name="xent.toml"):
    (folder / name).write_text(text)


def test_gates_and_defaults_from_a_file(xent, binary, folder):
    write(folder, 'metric = ["bce", "acc=binary_accuracy"]\nformat = "json"\n[[gate]]\nmetric = "acc"\nmin = 0.7\nmax = 1\n')
    ended = xent("eval", binary)
    plain = json.loads(ended.out)
    assert ended.status == 1
    assert [gate["gate"] for gate in plain["gates"]] == ["acc <= 1", "acc >= 0.7"]
    assert [metric["name"] for metric in plain["metrics"]] == ["binary_crossentropy", "binary_accuracy"]
    flagged = json.loads(xent("eval", binary, "-m", "mse", "--gate", "rows > 2").out)
    assert [metric["name"] for metric in flagged["metrics"]] == ["mean_squared_error"]
    assert [gate["gate"] for gate in flagged["gates"]] == ["rows > 2"]


def test_flags_win_over_variables_and_those_over_the_file(xent, folder, monkeypatch):
    (folder / "two.csv").write_text("a,b,c,score\n1,0,1,0.75\n0,1,1,0.25\n")
    write(folder, 'label = "a"\nmetric = "binary_accuracy"\nquiet = true')
    assert xent("eval", "two.csv").out == "1.0\n"
    monkeypatch.setenv("XENT_LABEL", "b")
    assert xent("eval", "two.csv").out == "0.0\n"
    assert xent("eval", "two.csv", "--label", "c").out == "0.5\n"
    monkeypatch.setenv("XENT_GATE", "binary_accuracy >= 0.5; rows > 1")
    assert xent("eval", "two.csv").status == 1
    assert xent("eval", "two.csv", "--gate", "rows > 0").status == 0
    monkeypatch.setenv("XENT_METRIC", "bce mse")
    assert len(xent("eval", "two.csv", "--gate", "rows > 0").out.splitlines()) == 2


def test_where_the_file_is_looked_for(xent, saved, folder):
    write(folder, '[project]\nname = "x"\n[tool.xent]\ngate = ["acc >= 0.7"]\n', "pyproject.toml")
    assert xent("gate", saved).status == 1
    write(folder, 'gate = ["acc >= 0.6"]')
    assert xent("gate", saved).status == 0
    write(folder, 'gate = ["acc >= 0.65", "acc >= 0.9"]', "other.toml")
    assert xent("gate", saved, "--config", "other.toml").status == 1
    assert xent("gate", saved, "--config", "pyproject.toml").status == 1


def test_a_pyproject_of_others_is_none_of_our_business(xent, saved, folder):
    write(folder, "[broken", "pyproject.toml")
    assert xent("gate", saved, "--gate", "acc >= 0.6").status == 0


def test_gates_of_a_file_in_full(xent, folder, binary):
    xent("eval", binary, "-m", "bce", "-q", "-o", "main.json")
    write(
        folder,
        """
        baseline = "main.json"
        inconclusive = "fail"
        [[gate]]
        metric = "bce"
        max_increase = 0.005
        max_decrease = "2%"
        severity = "warn"
        [[gate]]
        metric = "bce"
        max = "50%"
        slices = ["country", "country=de,device=*"]
        min_rows = 10
        decide = "proven-bad"
        confidence = 0.9
        """,
    )
    ended = xent("eval", binary, "-m", "bce", "-f", "json")
    gates = json.loads(ended.out)["gates"]
    assert [gate["gate"] for gate in gates] == [
        "delta(bce) <= 0.005 severity=warn",
        "rel(bce) >= -2% severity=warn",
        "bce[country=*] <= 0.5 decide=proven-bad confidence=0.9 min_rows=10",
        "bce[country=de,device=*] <= 0.5 decide=proven-bad confidence=0.9 min_rows=10",
    ]
    assert [gate["severity"] for gate in gates] == ["warn", "warn", "error", "error"]
    assert [(gate["min_rows"], gate["decide"], gate["confidence"]) for gate in gates[2:]] == [(10, "proven-bad", 0.9)] * 2
    assert ended.status == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrc = 'bce'", "unknown key 'metrc'; did you mean 'metric'"),
        ("from-logits = true", "did you mean 'from_logits'"),
        ("from_logits = 1", "from_logits must be true or false, not 1"),
        ("metric = 5", "metric must be text or a list, not 5"),
        ("threads = 0", "threads must be at least 1"),
        ("nan = 'ignore'", "nan must be one of error, skip, propagate"),
        ("[[gate]]\nmetrc = 'bce'\nmax = 1", "lacks 'metric'"),
        ("[[gate]]\nmetric = 'bce'\nmaxx = 1", "gate[0]: unknown key 'maxx'; did you mean 'max'"),
        ("[[gate]]\nmetric = 'bce'", "needs one of max, min"),
        ("[[gate]]\nmetric = 'bce'\nmax = 'low'", "'low' is no number"),
        ("[[gate]]\nmetric = 'bce'\nmax_increase = -1", "must not be negative"),
        ("[[gate]]\nmetric = 'bce'\nmax = 1\nslices = []", "empty list"),
        ("[[gate]]\nmetric = 'bce'\nmax = 1\nslices = ['a]']", "expected the end of the slices"),
        ("[[gate]]\nmetric = 'bce'\nmax = nan", "NaN"),
        ("gate = ['bce']", "gate[0]: cannot read the gate 'bce'"),
        ("gate = 'bce < 1'", "gate must be a list"),
        ("metric = ", "is no TOML"),
    ],
)
def test_a_wrong_file_is_refused(xent, binary, folder, text, said):
    write(folder, text)
    ended = xent("eval", binary)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: xent.toml: ")
    assert said in ended.err


def test_the_file_can_set_every_option():
    assert isinstance(eval_command, ConfiguredCommand)
    keys = {key_of(option) for option in eval_command.params if option.param_type_name == "option"}
    assert keys - {"config"} == set(CONFIG["properties"])


def test_the_schema_of_the_file_takes_what_xent_takes():
    validator = jsonschema.Draft202012Validator(CONFIG)
    jsonschema.Draft202012Validator.check_schema(CONFIG)
    validator.validate({"metric": ["bce"], "gate": ["bce < 1", {"metric": "bce", "max": "2%", "slices": ["a"]}], "nan": "skip"})
    for wrong in ({"metrc": 1}, {"gate": [{"max": 1}]}, {"threads": 0}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


def test_completion_and_help_read_no_file(folder):
    (folder / "xent.toml").write_text("nonsense = 1")
    for command in ("eval", "gate"):
        ended = CliRunner().invoke(app, [command, "--help"])
        assert ended.exit_code == 0
        assert "--config" in ended.stdout


def test_a_gate_that_lacks_an_interval_or_a_slice_says_what_gives_it(xent, folder):
    (folder / "one.csv").write_text("y,score,country\n1,0.5,de\n")
    ended = xent("eval", "one.csv", "-q", "--ci", "0.95", "--gate", "bce <= 1 decide=proven-ok")
    assert (ended.status, "the result has none; --ci gives it where the rows are enough" in ended.err) == (5, True)
    ended = xent("eval", "one.csv", "-q", "--gate", "bce[country=*] <= 1")
    assert (ended.status, ended.err.endswith("there is no slice country=*; --by country makes them\n")) == (5, True)
    ended = xent("eval", "one.csv", "-q", "--by", "country", "--gate", "bce[country=fr] <= 1")
    assert (ended.status, ended.err.endswith("there is no slice country=fr\n")) == (5, True)
