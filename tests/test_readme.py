"""What README and the docs show is what happens: every command and every line of Python in them is run."""

from __future__ import annotations

import doctest
import math
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STORIES = {"tutorial.md"}
"""Pages whose commands follow one another in one folder. In all others, a block begins in a folder of its own."""


def blocks(language: str) -> list:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        matches = list(re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
        if page.name in STORIES and matches:
            found.append(pytest.param("".join(match[1] for match in matches), id=page.name))
            continue
        for match in matches:
            line = text[: match.start()].count("\n") + 1
            found.append(pytest.param(match[1], id=f"{page.name}:{line}"))
    return found


def test_pages_have_examples():
    assert len(blocks("console")) >= 3
    assert len(blocks("python")) >= 1


def same(shown: str, expected: str) -> bool:
    """Whether two texts are equal but for the last digits of numbers, in which processors differ: logarithms may by one bit."""
    number = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e-?\d+)?")
    if number.sub("#", shown) != number.sub("#", expected):
        return False
    pairs = zip(number.findall(shown), number.findall(expected), strict=True)
    return all(math.isclose(float(one), float(other), rel_tol=1e-12) for one, other in pairs)


@pytest.mark.parametrize("block", blocks("console"))
def test_console(block, tmp_path):
    """Commands run in a shell beside the sample data; what they print, errors after the output, is what the page shows."""
    if "| jq" in block and shutil.which("jq") is None:
        pytest.skip("no jq")
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    program = tmp_path / "bin" / "xent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m xent "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        # A file that a page shows is written by the page: `cat > FILE <<'EOF'`.
        end = "\nEOF\n" if "<<'EOF'" in part.partition("\n")[0] else "\n"
        command, _, expected = part.partition(end)
        command += end.rstrip("\n")
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
        errors = done.stderr if done.returncode else ""
        assert same(done.stdout + errors, expected), f"$ {command}\n{done.stdout}{errors}"


@pytest.mark.parametrize("block", blocks("python"))
def test_python(block, monkeypatch):
    monkeypatch.chdir(ROOT)
    source = block if ">>>" in block else textwrap.indent(block, "")
    if ">>>" not in block:
        exec(compile(source, "<page>", "exec"), {})
        return
    test = doctest.DocTestParser().get_doctest(source, {}, "page", None, 0)
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert result.failed == 0
