"""The GitHub action and the hooks of pre-commit: what their files say is run as their hosts run it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
SETUP, INSTALL, EVALUATE = ACTION["runs"]["steps"]

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")


def xent_in(folder):
    """A command `xent` in a folder, as an installation puts it there."""
    folder.mkdir(parents=True)
    program = folder / "xent"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} PYTHONSAFEPATH=1 exec {shlex.quote(sys.executable)} -m xent "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def job(tmp_path):
    """A checkout with predictions of four rows, three of them right, and a folder for temporary files."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "preds.csv").write_text("y,score,country\n1,0.75,de\n0,0.25,de\n1,0.25,fr\n1,0.75,fr\n")
    xent_in(tmp_path / "temp" / "xent-action" / "bin")
    return tmp_path


def run_step(job, step, contexts):
    """A step as the runner runs it: expressions are filled in, and the script is a file that bash reads."""

    def filled(text):
        return re.sub(r"\$\{\{ *(\S+?) *\}\}", lambda match: contexts[match[1]], text)

    script = job / "temp" / "step.sh"
    script.write_text(filled(step["run"]))
    env = {**os.environ, "RUNNER_TEMP": str(job / "temp"), "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_STEP_SUMMARY": str(job / "summary.md")}
    env |= {name: filled(value) for name, value in step["env"].items()}
    folder = job / "work" / filled(step.get("working-directory", "."))
    bash = [shutil.which("bash"), "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return subprocess.run(bash, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)


def evaluate(job, **inputs):
    known = {name: str(spec.get("default", "")) for name, spec in ACTION["inputs"].items()}
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    assert set(given) <= set(known)
    return run_step(job, EVALUATE, {f"inputs.{name}": value for name, value in {**known, **given}.items()})


def test_no_expression_stands_in_a_script():
    for step in (INSTALL, EVALUATE):
        assert "${{" not in step["run"], "what an expression puts into a script is run as a part of it"
        assert step["shell"] == "bash"


def test_every_input_is_explained_and_used():
    used = set(re.findall(r"inputs\.([a-z-]+)", yaml.safe_dump(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    assert all(spec["description"] for spec in ACTION["inputs"].values())
    assert [name for name, spec in ACTION["inputs"].items() if "default" not in spec] == ["sources"]
    assert SETUP["uses"].startswith("actions/setup-python@v")
    page = (ROOT / "docs" / "ci-gates.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in ACTION["inputs"])


def yaml_of_pages():
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            yield yaml.safe_load(block)


def steps_in(parsed):
    if isinstance(parsed, list):
        yield from parsed
    elif "jobs" in parsed:
        for job in parsed["jobs"].values():
            yield from job["steps"]


def test_pages_give_the_action_inputs_that_it_has():
    given = [step["with"] for parsed in yaml_of_pages() for step in steps_in(parsed) if step.get("uses") == "OWNER/xent@TAG"]
    assert len(given) >= 3
    for inputs in given:
        assert "sources" in inputs
        assert set(inputs) <= set(ACTION["inputs"])


@needs_bash
def test_gates_decide_the_status_and_fill_the_summary(job):
    done = evaluate(
        job, sources="preds.csv", gates="binary_accuracy >= 0.75\nrows >= 4\n", outputs="r.json\nr.gitlab.json", state="r.state"
    )
    assert done.returncode == 0, done.stderr
    assert "::notice title=binary_accuracy >= 0.75%3A passed::0.75 is >= 0.75" in done.stdout
    assert "**verdict: pass (2 passed)**" in (job / "summary.md").read_text()
    assert {path.name for path in (job / "work").iterdir()} == {"preds.csv", "r.json", "r.gitlab.json", "r.state"}
    done = evaluate(job, sources="preds.csv", gates="delta(bce) <= -1%", baseline="r.state", metrics="bce\nmse")
    assert done.returncode == 1
    assert done.stdout == "::error title=delta(bce) <= -0.01%3A failed::0 is not <= -0.01\n"
    assert (job / "summary.md").read_text().count("### xent\n") == 2


@needs_bash
@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        ({"sources": "preds.csv", "gates": "bce <= "}, 2),
        ({"sources": "missing.csv"}, 3),
        ({"sources": ""}, 2),
        ({"sources": "preds.csv", "gates": "binary_accuracy[shop=*] >= 0"}, 5),
        ({"sources": "../work/preds.csv", "config": "strict.toml"}, 1),
        ({"sources": "preds.csv", "working-directory": "../work", "args": "--by\ncountry\r\n--max-slices=1"}, 2),
        ({"sources": "preds.csv", "args": "--by\ncountry\n--quiet", "gates": "rows[country=*] == 2"}, 0),
    ],
)
def test_the_status_is_that_of_xent(job, inputs, status):
    (job / "work" / "strict.toml").write_text('gate = ["rows > 4"]\n')
    done = evaluate(job, **inputs)
    assert done.returncode == status, done.stderr


@needs_bash
def test_inputs_are_never_commands(job):
    attack = "$(touch hacked) `touch hacked` ; touch hacked # ' \" && touch hacked | \\"
    name = f"-{attack.replace('/', '')}*.csv"
    (job / "work" / "preds.csv").rename(job / "work" / f"./{name}")
    for inputs in (
        {"sources": name},
        {"sources": "x.csv", "gates": attack},
        {"sources": "x.csv", "metrics": attack},
        {"sources": "x.csv", "baseline": attack, "config": attack, "state": attack, "outputs": attack, "args": attack},
    ):
        done = evaluate(job, **inputs)
        assert (done.returncode == 0) == (inputs["sources"] == name), done.stderr
        assert "Traceback" not in done.stderr
        assert [path.name for path in (job / "work").iterdir()] == [name]


@pytest.mark.heavy
@needs_bash
def test_the_action_installs_what_it_runs(job):
    """Needs the network: pip builds the package."""
    shutil.rmtree(job / "temp" / "xent-action")
    done = run_step(job, INSTALL, {"steps.python.outputs.python-path": sys.executable})
    assert done.returncode == 0, done.stderr
    assert evaluate(job, sources="preds.csv", gates="binary_accuracy >= 0.75").returncode == 0


def run_hook(job, hook, *args, files=()):
    """A hook as pre-commit runs it: its entry, the arguments of whoever uses it, and the files that changed and that it asks for."""
    names = [name for name in files if re.search(hook["files"], name)] if hook.get("pass_filenames", True) else []
    bin_folder = job / "temp" / "xent-action" / "bin"
    env = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    command = [*shlex.split(hook["entry"]), *args, *names]
    return subprocess.run(command, cwd=job / "work", env=env, capture_output=True, text=True, timeout=60, check=False)


def test_hooks_say_what_pre_commit_needs():
    assert set(HOOKS) == {"xent-gate", "xent-config"}
    for hook in HOOKS.values():
        assert hook["language"] == "python"
        assert hook["name"]
        assert re.search(hook["files"], "models/xent.toml")
        assert not re.search(hook["files"], "models/notxent.toml.py")


def test_the_hook_that_judges(job):
    evaluate(job, sources="preds.csv", outputs="r.json", state="r.state")
    hook = HOOKS["xent-gate"]
    assert all(re.search(hook["files"], name) for name in ("results/r.json", "r.state", "pyproject.toml"))
    for saved in ("r.json", "r.state"):
        assert run_hook(job, hook, saved, "--gate", "binary_accuracy >= 0.75", files=["r.json", "xent.toml"]).returncode == 0
        assert run_hook(job, hook, saved, "--gate", "binary_accuracy >= 0.8", files=["r.json"]).returncode == 1
    (job / "work" / "xent.toml").write_text('gate = ["rows == 5"]\n')
    done = run_hook(job, hook, "r.json", files=["xent.toml"])
    assert (done.returncode, done.stdout) == (1, "fail\n")


def test_the_hook_that_checks_configurations(job):
    (job / "work" / "xent.toml").write_text('gate = ["rows == 5"]\n')
    done = run_hook(job, HOOKS["xent-config"], files=["xent.toml", "preds.csv", "notxent.toml"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (job / "work" / "more").mkdir()
    (job / "work" / "more" / "xent.toml").write_text('gate = ["rows = 5"]\n')
    done = run_hook(job, HOOKS["xent-config"], files=["xent.toml", "more/xent.toml"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("xent: error: more/xent.toml: gate[0]: cannot read the gate 'rows = 5'")
