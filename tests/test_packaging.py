"""What is shipped, and what it needs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import xent
from manual.completions import completions
from manual.man_pages import man_pages

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = {"click", "numpy", "pandas", "pyarrow", "rich"}
ENGINES = {"dask", "distributed", "ray"}  # What `--engine` names; imported when it does, and never required.
REMOTE = {"aiohttp", "fsspec"}  # The extra `remote`.
PLOTS = {"matplotlib"}  # The extra `plots`.


def test_dependencies_are_exactly_five():
    assert sorted(re.match(r"[\w-]+", requirement)[0] for requirement in PROJECT["dependencies"]) == sorted(DEPENDENCIES)


def test_nothing_else_is_imported():
    imported = {}
    for path in (ROOT / "xent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            imported.update({name.partition(".")[0]: path.name for name in names})
    known = sys.stdlib_module_names | DEPENDENCIES | ENGINES | REMOTE | PLOTS | {"xent"}
    foreign = {name: where for name, where in imported.items() if name not in known}
    assert foreign == {}


def test_license_is_the_whole_apache_license():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert [int(number) for number in re.findall(r"^   (\d)\. ", text, re.MULTILINE)] == list(range(1, 10))
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[?([^\]\s]+)", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert xent.__version__ in headings


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_ci_script_can_be_run():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    subprocess.run([bash, "-n", str(script)], check=True)


@pytest.mark.heavy
def test_wheel_holds_the_package_and_its_manual_and_nothing_else(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"xent_eval-{xent.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        # Those of extras go on with a condition.
        requirements = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", archive.read(metadata).decode(), re.MULTILINE)
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "xent").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    info = metadata.partition("/")[0]
    facts = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    data = info.replace(".dist-info", ".data/data")
    shared = {f"{data}/{place}" for place in (*completions(), *(f"share/man/man1/{name}" for name in man_pages()))}
    assert names - sources == facts | shared
    assert sources <= names
    assert "xent/py.typed" in names
    assert sorted(requirements) == sorted(DEPENDENCIES)
