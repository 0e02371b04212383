"""A baseline may be a result or a state, and what is in the file tells which."""

import json
import math

import pytest

BCE = -(2 * math.log(0.75) + math.log(0.5)) / 3
WORSE = -(math.log(0.75) + 2 * math.log(0.5)) / 3
"""Of the rows of `binary`, and of the same with 0.5 as the second score."""


@pytest.fixture
def main(xent, folder, binary):
    (folder / "worse.csv").write_text("y,score\n1,0.75\n0,0.5\n1,0.5\n")
    ended = xent("eval", "worse.csv", "-m", "bce", "--by", "y", "-q", "-o", "main.json", "--state", "main.state")
    assert ended.status == 0, ended.err


@pytest.mark.parametrize("gate", ["delta(bce) <= -0.1", "rel(bce) <= -30%", "delta(bce[y=*]) <= 0", "rel(rows) == 0"])
@pytest.mark.parametrize("command", ["eval", "gate"])
def test_a_state_judges_as_its_result_does(xent, main, binary, command, gate):
    xent("eval", binary, "-m", "bce", "--by", "y", "-q", "-o", "pull.json")
    source = (binary, "-m", "bce", "--by", "y") if command == "eval" else ("pull.json",)
    by_result, by_state = (xent(command, *source, "--gate", gate, "--baseline", name) for name in ("main.json", "main.state"))
    assert by_state.out == by_result.out
    assert by_state.status == by_result.status == (1 if gate.startswith("rel(bce)") else 0)
    if gate.startswith("delta(bce) "):
        assert json.loads(by_state.out)["gates"][0]["value"] == pytest.approx(BCE - WORSE, rel=1e-13)


def test_content_and_not_the_name_tells(xent, main, binary, folder):
    (folder / "main.state").rename(folder / "renamed.json")
    (folder / "main.json").rename(folder / "renamed.state")
    # As another program writes it again: another order, other spaces, another name of the file.
    state = json.loads((folder / "renamed.json").read_text())
    (folder / "again.txt").write_text(json.dumps(dict(reversed(state.items())), indent=1))
    for name in ("renamed.json", "renamed.state", "again.txt"):
        assert xent("eval", binary, "-m", "bce", "--gate", "delta(bce) <= 0", "--baseline", name, "-q").status == 0


def test_gate_judges_a_state_too(xent, main):
    ended = xent("gate", "main.state", "--gate", "bce <= 0.5", "--gate", "bce[y=1] <= 0.5", "-q")
    assert (ended.status, ended.out) == (1, "fail\n")
    assert f"{WORSE:.7g} is not <= 0.5" in ended.err


def test_a_result_that_only_looks_like_a_state_is_a_result(xent, folder, binary):
    (folder / "kinds.csv").write_text("y,score,kind\n1,0.75,state\n0,0.25,state\n1,0.5,other\n")
    xent("eval", "kinds.csv", "-m", "bce", "--by", "kind", "-q", "-o", "kinds.json")
    assert '"kind": "state"' in (folder / "kinds.json").read_text()
    assert xent("eval", binary, "-m", "bce", "--gate", "delta(bce) == 0", "--baseline", "kinds.json", "-q").status == 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace('"rows":3', '"rows":4'), "is damaged"),
        (lambda text: text.replace('"schema_version":1', '"schema_version":9'), "was written by xent"),
        (lambda text: text[: len(text) // 2], "is no result in JSON"),
        (lambda text: text.replace('"kind":"state"', '"kind":"stats"'), "is no result of xent eval"),
    ],
)
@pytest.mark.parametrize("source", [("eval", "missing.csv"), ("gate", "main.json")])
def test_a_state_that_is_not_sound_is_refused(xent, main, folder, source, spoil, said):
    text = (folder / "main.state").read_text()
    assert spoil(text) != text
    (folder / "main.state").write_text(spoil(text))
    ended = xent(*source, "--gate", "delta(bce) <= 1", "--baseline", "main.state")
    assert (ended.status, ended.out) == (3, "")
    assert said in ended.err
    assert "main.state" in ended.err


def test_a_state_of_other_data_is_refused(xent, main, folder):
    (folder / "other.csv").write_text("y,score\n1,0.75\n1,0.5\n1,0.5\n")
    options = ("eval", "other.csv", "-m", "bce", "--gate", "delta(bce) <= 9", "--baseline", "main.state", "-q")
    ended = xent(*options)
    assert (ended.status, ended.out) == (3, "")
    assert "digest" in ended.err
    assert xent(*options, "--allow-different-data").status == 0


def test_judging_a_result_by_a_result_needs_no_numpy(process, main):
    words = ("gate", "main.json", "--baseline", "main.json", "--gate", "delta(bce) == 0", "-q")
    out, err = process(*words, env={"PYTHONPROFILEIMPORTTIME": "1"}).communicate(timeout=60)
    assert out == b"pass\n"
    loaded = {line.rpartition("|")[2].strip() for line in err.decode().splitlines() if line.startswith("import time:")}
    assert not loaded & {"numpy", "pandas", "pyarrow", "xent.io.state_file"}
