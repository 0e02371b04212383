"""All commands: help, examples, the lists they take from other places, and what they cost to start."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import click
import pytest

from xent import __version__
from xent.cli.app import COMMANDS, app
from xent.cli.completion_command import SHELLS
from xent.cli.evaluate import CONVENTIONS
from xent.cli.metrics_command import INPUTS
from xent.cli.options import INPUT_FORMATS
from xent.core.conventions import CONVENTIONS as KNOWN_CONVENTIONS
from xent.core.table import Inputs, table
from xent.io.readers import READERS

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "pyarrow", "pandas", "rich")
UNNEEDED = (*HEAVY, "importlib.metadata", "xent.core", "xent.io", "asyncio", "json")


def commands():
    return {name: app.get_command(click.Context(app), name) for name in COMMANDS}


def test_help_lists_every_command_with_its_own_summary(xent):
    ended = xent("--help")
    assert (ended.status, ended.err) == (0, "")
    for name, command in commands().items():
        assert f"\n  {name} " in ended.out
        assert command.short_help == COMMANDS[name][1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_for_everything(xent, name):
    ended = xent(name, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: xent {name}")
    command = commands()[name]
    assert command.help
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))
    assert command.examples
    for example in command.examples:
        assert f"\n  {example}\n" in ended.out


@pytest.mark.parametrize(("name", "example"), [(name, example) for name, command in commands().items() for example in command.examples])
def test_every_example_is_a_command_that_can_be_parsed(name, example):
    words = shlex.split(example.split(" | ")[-1].split(" > ")[0].split(" >> ")[0])
    assert words[:2] == ["xent", name]
    command = commands()[name]
    command.make_parser(click.Context(command)).parse_args(words[2:])


def test_lists_of_choices_are_those_of_the_tables():
    assert set(INPUT_FORMATS) == set(READERS)
    assert set(INPUTS) == set(get_args(Inputs))
    assert set(CONVENTIONS) == set(KNOWN_CONVENTIONS)


def test_version(xent):
    ended = xent("--version")
    assert (ended.status, ended.out, ended.err) == (0, f"xent {__version__}\n", "")


def loaded_after(args):
    code = (
        "import sys; from xent.cli.app import app; sys.stdout = open('/dev/null', 'w'); status = app.run(sys.argv[1:]); "
        "print(status, *sys.modules, file=sys.stderr)"
    )
    # Where coverage is measured, the measuring loads modules too.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run([sys.executable, "-c", code, *args], env=env, capture_output=True, text=True, check=True)
    status, *modules = ended.stderr.split()
    assert status == "0"
    return set(modules)


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["metrics"],
        ["metrics", "cce"],
        ["metrics", "-f", "json"],
        ["eval", "--help"],
        ["gate", "--help"],
        ["schema"],
        ["schema", "config"],
        ["schema", "config", str(ROOT / "pyproject.toml")],
        ["completion", "zsh"],
    ],
)
def test_what_reads_no_data_imports_nothing_heavy(args):
    assert not loaded_after(args) & set(HEAVY)


@pytest.mark.parametrize("args", [["--help"], ["--version"]])
def test_help_and_version_cost_no_more_than_click(args):
    modules = loaded_after(args)
    assert not modules & set(UNNEEDED)
    assert {name for name in modules if name.startswith("xent")} == {"xent", "xent.cli", "xent.cli.app", "xent.cli.exits"}


def test_metrics_lists_the_table(xent):
    lines = xent("metrics").out.splitlines()
    for row, line in zip(table().values(), lines, strict=False):
        assert line.split()[0] == row.name
        assert row.summary in line


@pytest.mark.parametrize("name", table())
def test_every_metric_is_described(xent, name):
    row = table()[name]
    ended = xent("metrics", name)
    assert ended.status == 0
    assert ended.out.splitlines()[:2] == [name, row.summary]
    text = " ".join(ended.out.split())
    for fact in (row.formula, row.source, row.range, row.memory, *row.aliases, *row.parameters):
        assert " ".join(str(fact).split()) in text
    plain = json.loads(xent("metrics", name, "--format", "json").out)
    assert plain["name"] == name
    assert [parameter["name"] for parameter in plain["parameters"]] == list(row.parameters)
    assert all(parameter["meaning"] for parameter in plain["parameters"]), "every parameter has a line in the docstring"


@pytest.mark.parametrize("name", table())
def test_the_example_of_every_metric_can_be_parsed(xent, name):
    from xent.core.specs import parse_spec

    words = shlex.split(json.loads(xent("metrics", name, "-f", "json").out)["example"])
    eval_command = commands()["eval"]
    options, _, _ = eval_command.make_parser(click.Context(eval_command)).parse_args(words[2:])
    (spec,) = options["metrics"]
    assert parse_spec(spec).build().row.name == name


def test_an_alias_describes_its_metric(xent):
    assert xent("metrics", "bce").out == xent("metrics", "binary_crossentropy").out


def test_an_unknown_metric(xent):
    ended = xent("metrics", "binary_crosentropy")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: unknown metric 'binary_crosentropy'; did you mean 'binary_crossentropy'")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_call_back(xent, shell):
    ended = xent("completion", shell)
    assert ended.status == 0
    assert "_XENT_COMPLETE" in ended.out


@pytest.mark.parametrize(
    ("words", "current", "expected"),
    [
        ("xent", "", "eval"),
        ("xent eval -m", "categorical_cross", "categorical_crossentropy"),
        ("xent metrics", "binary_c", "binary_crossentropy"),
    ],
)
def test_completion(process, words, current, expected):
    env = {"_XENT_COMPLETE": "bash_complete", "COMP_WORDS": f"{words} {current}", "COMP_CWORD": str(len(words.split()))}
    out, err = process(env=env).communicate(timeout=60)
    assert f"plain,{expected}" in out.decode().splitlines()
    assert err == b""
