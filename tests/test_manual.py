"""The reference that is made from the program: all of it is there, and every program that reads it can."""

from __future__ import annotations

import pkgutil
import re
import shutil
import subprocess

import pytest

import xent.core.metrics
from manual import commands, completions, man_pages, pages
from xent.cli import exits
from xent.cli.app import COMMANDS
from xent.cli.completion_command import SHELLS
from xent.core.table import table

MAN_PAGES = man_pages.man_pages()


def test_there_is_a_man_page_for_every_command():
    assert set(MAN_PAGES) == {"xent.1", *(f"xent-{name}.1" for name in COMMANDS)}


def test_man_tells_every_exit_status():
    known = {getattr(exits, name) for name in dir(exits) if re.fullmatch("[A-Z]+", name) and isinstance(getattr(exits, name), int)}
    assert set(man_pages.EXIT_STATUSES) == known


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
@pytest.mark.parametrize("name", MAN_PAGES)
def test_man_pages_are_read_without_a_warning_and_show_all(name):
    wide = ["-rLL=2000n", "-P-cbou"]  # So that no line is broken, and no letter is doubled to look bold.
    shown = subprocess.run(["groff", "-man", "-ww", "-Tutf8", *wide], input=MAN_PAGES[name], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    text = " ".join(shown.stdout.split())
    (command,) = [one for one in [commands.program(), *commands.commands()] if f"{one.path.replace(' ', '-')}.1" == name]
    wanted = [command.usage, *command.paragraphs, *command.examples, *(piece for option in command.options for piece in option)]
    for piece in wanted:
        assert " ".join(piece.split()) in text


def test_a_sign_of_troff_is_only_a_sign():
    assert man_pages._escaped(".so it's \\n-1") == r"\&.so it\(aqs \en\-1"


def test_every_metric_is_in_one_family_and_on_the_page():
    rows = [row for family in pages.families().values() for row in family]
    assert sorted(row.name for row in rows) == sorted(table())
    page = pages.metrics_page()
    for row in rows:
        section = re.search(rf"^### {row.name}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)[1]
        assert f"](#{row.name})" in page
        assert all(f"`{parameter}`" in section for parameter in (*row.parameters, *row.aliases))
        assert f"-m {row.name}" in section or f"-m '{row.name}" in section


def test_families_name_modules_that_there_are():
    modules = [module for family in pages.FAMILIES.values() for module in family]
    assert len(modules) == len(set(modules))
    assert set(modules) <= {module.name for module in pkgutil.iter_modules(xent.core.metrics.__path__)}


def test_every_command_and_option_is_on_the_page():
    page = pages.commands_page()
    for command in commands.commands():
        section = re.search(rf"^## {command.path}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]
        assert all(f"| `{words}` |" in section for words, _ in command.options)
        assert all(f"\n{example}\n" in section for example in command.examples)


@pytest.mark.parametrize("page", [pages.metrics_page(), pages.commands_page()], ids=["metrics", "commands"])
def test_no_text_breaks_a_table(page):
    """Every line of a table has as many cells as the one above it."""
    for above, line in zip(page.splitlines(), page.splitlines()[1:], strict=False):
        if above.startswith("|") and line.startswith("|"):
            bars = [len(re.findall(r"(?<!\\)\|", re.sub("`[^`]*`", "", text))) for text in (above, line)]
            assert bars[0] == bars[1], line


def test_the_wheel_has_the_scripts_that_the_command_prints(capsys):
    from xent.cli.app import app

    for shell in SHELLS:
        assert app.run(["completion", shell]) == 0
        assert completions.completions()[completions.PLACES[shell]] == capsys.readouterr().out
