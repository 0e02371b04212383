"""The shape of the house, read from the syntax tree: arrows only point down, and importing costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import xent

PACKAGE = Path(xent.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 420

LAYERS = {"core": 0, "io": 1, "cli": 2}
"""A module imports from its own layer and from those below. The modules beside the layers are the face of all of them."""

PACKAGES = {
    "core": {"numpy"},
    "io": {"numpy", "pandas", "pyarrow", "fsspec", "aiohttp", "distributed", "ray", "matplotlib"},
    "cli": {"click", "rich"},
}
"""What each layer may import that is neither the standard library nor xent."""

LIGHT = ["numpy", "pandas", "pyarrow", "rich", "click"]


def name_of(path):
    return str(path.relative_to(PACKAGE.parent))


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def layer_of(parts):
    """The layer of a module given as the parts of its name after `xent`; None for the face."""
    return parts[0] if parts and parts[0] in LAYERS else None


def imports(path):
    """The modules that a module names in its imports, those inside functions and type-checking blocks too."""
    here = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = [*here[: len(here) - node.level], *([node.module] if node.module else [])] if node.level else [node.module]
            base = ".".join(prefix)
            yield base
            # `from xent import io` names a module too.
            yield from (f"{base}.{alias.name}" for alias in node.names if base == "xent")


@every_module
def test_arrows_only_point_down(path):
    layer = layer_of(path.relative_to(PACKAGE).with_suffix("").parts)
    if layer is None:
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] != "xent" or module == "xent":
            continue
        target = layer_of(parts[1:])
        if target is None:
            assert parts[1] == "__version__", f"{name_of(path)} imports {module}, which stands above it"
        else:
            assert LAYERS[target] <= LAYERS[layer], f"{name_of(path)} imports {module}, which stands above it"


@every_module
def test_a_layer_imports_only_its_packages(path):
    layer = layer_of(path.relative_to(PACKAGE).with_suffix("").parts)
    foreign = {module.partition(".")[0] for module in imports(path)} - set(sys.stdlib_module_names) - {"xent"}
    allowed = set().union(*PACKAGES.values()) if layer is None else PACKAGES[layer]
    assert foreign <= allowed


def test_rich_has_one_door():
    """Only `cli` draws, and `core` and `io` know nothing of a terminal."""
    for path in MODULES:
        if any(module.partition(".")[0] in ("rich", "click") for module in imports(path)):
            assert layer_of(path.relative_to(PACKAGE).with_suffix("").parts) in ("cli", None), name_of(path)


@every_module
def test_no_module_is_named_like_one_of_the_standard_library(path):
    # `xent.io` is the one exception: DESIGN says why it has to be inside the package.
    names = set(path.relative_to(PACKAGE).with_suffix("").parts) - {"__init__", "__main__"}
    assert names & set(sys.stdlib_module_names) <= {"io"}
    assert not names & {"utils", "helpers", "base", "common", "misc"}


@every_module
def test_no_module_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_no_package_of_tests_shadows_the_standard_library():
    for folder in Path(__file__).parent.rglob("*/"):
        assert not (folder / "__init__.py").exists() or folder.name not in sys.stdlib_module_names


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
        env={"PYTHONPATH": str(PACKAGE.parent)},
    )


@pytest.mark.parametrize(
    "statement",
    [
        "import xent",
        "import xent.metrics",
        "import xent.losses",
        "import xent.__main__",
        "from xent import metrics; metrics.BinaryCrossentropy",
        "from xent.core.table import table; [row.summary + str(row.parameters) for row in table().values()]",
        "import xent; xent.__version__; dir(xent)",
    ],
)
def test_importing_loads_no_package(statement):
    code = f"import sys\n{statement}\nprint(*sorted(set({LIGHT!r}) & set(sys.modules)))"
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(done.stdout.split())
    assert loaded <= ({"click"} if "__main__" in statement else set())


def modules_of(layer):
    return [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in (PACKAGE / layer).rglob("*.py")
    ]


def test_no_module_of_core_touches_numpy_while_it_is_imported():
    code = "\n    ".join(
        [
            f"import importlib, sys\nfor name in {modules_of('core')!r}:",
            "importlib.import_module(name)",
            "assert 'numpy' not in sys.modules, name",
        ]
    )
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_face_has_every_family():
    """Each module of metrics and of losses lists its public names, and all of them are names of `xent.metrics` and `xent.losses`."""
    for kind in ("metrics", "losses"):
        face = getattr(xent, kind)
        for path in sorted((PACKAGE / "core" / kind).glob("*.py")):
            if path.stem == "__init__":
                continue
            module = __import__(f"xent.core.{kind}.{path.stem}", fromlist=["__all__"])
            missing = [name for name in module.__all__ if getattr(face, name, None) is not getattr(module, name)]
            assert not missing, f"xent.{kind} lacks what {path.name} offers"
