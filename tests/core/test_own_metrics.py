"""Metrics of other people: from files that are named, and from the entry points of installed packages."""

import importlib.metadata
import math
import sys

import pytest

import xent
from xent import metrics
from xent.core.errors import UnknownNameError, UsageError
from xent.core.metric import Metric
from xent.core.own_metrics import installed
from xent.core.specs import parse_spec, row_named
from xent.core.table import metric, row_of, table

SOURCE = '''
import numpy as np
from xent.core import derived
from xent.core.metric import MeanMetric, MeanOf
from xent.core.table import metric

def cubes(batch, *, factor):
    return factor * np.abs(batch.derive(derived.predictions) - batch.derive(derived.labels)) ** 3

@metric("{name}", direction="lower", range="[0, inf)", inputs="values", formula="a |p - y|^3", source="here"{more})
class {cls}(MeanMetric):
    """Mean cubed error."""

    def __init__(self, name: str | None = None, dtype: str | None = None, factor: float = 1.0) -> None:
        super().__init__(name, dtype)
        self.factor = factor
        self.lift = MeanOf.make(cubes, factor=factor)
'''


def source(name="mean_cubed_error", cls="Cubed", more=""):
    return SOURCE.format(name=name, cls=cls, more=more)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with `cubed.py` and three rows whose mean cubed error is (8 + 1 + 0) / 3."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cubed.py").write_text(source())
    (tmp_path / "rows.csv").write_text("y,pred\n1,3\n2,1\n5,5\n")
    return tmp_path


def test_a_class_in_a_file(folder):
    result = xent.evaluate("rows.csv", ["./cubed.py:Cubed", "twice=cubed.py:Cubed:factor=2", f"far={folder}/cubed.py:Cubed:factor=0.5"])
    assert [(one.name, one.label, one.value) for one in result.metrics] == [
        ("mean_cubed_error", None, 3.0),
        ("mean_cubed_error", "twice", 6.0),
        ("mean_cubed_error", "far", 1.5),
    ]
    assert result.metrics[1].signature == "mean_cubed_error|factor:2"
    assert not list(folder.rglob("*.pyc")), "a compiled copy would litter, and might be run when it is old"


def test_a_path_may_hold_what_specs_are_parted_by(folder):
    (folder / "a=b").mkdir()
    (folder / "a=b" / "x:y.py").write_text(source())
    spec = parse_spec("l = ./a=b/x:y.py:Cubed:factor=2")
    assert (spec.label, spec.row.cls.__name__, spec.parameters) == ("l", "Cubed", {"factor": 2})


def test_a_file_is_run_once_for_a_text(folder):
    first = row_named("./cubed.py:Cubed")
    assert row_named(str(folder / "cubed.py") + ":Cubed") is first
    (folder / "cubed.py").write_text(source().replace("factor *", "0 *"))
    assert row_named("./cubed.py:Cubed") is not first
    assert xent.evaluate("rows.csv", ["./cubed.py:Cubed"]).metrics[0].value == 0.0


def test_its_parameters_are_checked_like_others(folder):
    for spec, said in [
        ("./cubed.py:Cubed:scale=1", "mean_cubed_error has no parameter 'scale'; it takes factor"),
        ("./cubed.py:Cubed:factor=big", "mean_cubed_error: factor must be a number, not 'big'"),
    ]:
        with pytest.raises(UsageError) as caught:
            parse_spec(spec).build()
        assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "spec", "said"),
    [
        (None, "./none.py:Cubed", "./none.py: No such file or directory"),
        ("", "./own.py", "./own.py: name the class; there is none, since no class is decorated with xent.core.table.metric"),
        (source(), "./own.py:", "./own.py: name the class; there is ./own.py:Cubed"),
        (source(), "./own.py:Cube", "./own.py has no metric 'Cube'; it has ./own.py:Cubed"),
        (source(), "./own.py:cubes", "./own.py:cubes is no subclass of xent.core.metric.Metric"),
        ("class Mine: pass", "./own.py:Mine", "./own.py:Mine is no subclass of xent.core.metric.Metric"),
        (source(), "./own.py:MeanMetric", "./own.py:MeanMetric has no row of its own; decorate the class with xent.core.table.metric"),
        (
            "from xent.metrics import Poisson",
            "./own.py:Poisson",
            "./own.py:Poisson only imports xent.core.metrics.divergence.Poisson; ask for it where it is defined",
        ),
        (
            "from xent.metrics import Poisson\nclass Mine(Poisson): pass",
            "./own.py:Mine",
            "./own.py:Mine has no row of its own; decorate the class with xent.core.table.metric",
        ),
        ("1 +", "./own.py:X", "./own.py cannot be loaded: SyntaxError: invalid syntax (own.py, line 1)"),
        ("raise RuntimeError('no\\nluck')", "./own.py:X", "./own.py cannot be loaded: RuntimeError: no"),
        ("import sys; sys.exit()", "./own.py:X", "./own.py cannot be loaded: SystemExit"),
        (source(name="mse"), "./own.py:Cubed", "./own.py cannot be loaded: the metric name 'mse' is taken by xent's 'mean_squared_error'"),
        (source(cls="Recall"), "./own.py:Recall", "./own.py cannot be loaded: the metric name 'Recall' is taken by xent's 'recall'"),
        (
            source(more=", aliases=('BCE',)"),
            "./own.py:Cubed",
            "./own.py cannot be loaded: the metric name 'BCE' is taken by xent's 'binary_crossentropy'",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(folder, text, spec, said):
    if text is not None:
        (folder / "own.py").write_text(text)
    before = set(sys.modules)
    with pytest.raises(UsageError) as caught:
        parse_spec(spec)
    assert str(caught.value) == said
    if "cannot be loaded" in said:
        assert not [name for name in set(sys.modules) - before if name.startswith("own")]


def test_only_a_spec_runs_a_file(folder):
    """A configuration or a state comes from who knows where: it must not be able to name a file to run."""
    (folder / "trap.py").write_text("from pathlib import Path\nPath('sprung').touch()\n")
    for look_up in (row_of, metrics.get, lambda name: metrics.deserialize({"class_name": name})):
        with pytest.raises(UnknownNameError):
            look_up("./trap.py:Trap")
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(("word", "value"), [("direction", "up"), ("inputs", "images")])
def test_a_row_is_checked(word, value):
    facts = {"direction": "lower", "inputs": "values", "range": "[0, 1]", "formula": "f", "source": "s"} | {word: value}
    with pytest.raises(UsageError, match=f"the metric 'odd': {word} must be one of .*, not '{value}'"):
        metric("odd", **facts)(type("Odd", (Metric,), {}))


def test_the_table_holds_xents_own_alone(folder):
    before = dict(table())
    row_named("./cubed.py:Cubed")
    table.cache_clear()
    assert dict(table()) == before
    with pytest.raises(UnknownNameError):
        row_of("mean_cubed_error")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package of some name whose entry points and modules are given."""
    installed.cache_clear()

    def install(name, points, **modules):
        place = tmp_path / "site" / name
        info = place / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[xent.metrics]\n" + "".join(f"{key} = {value}\n" for key, value in points.items()))
        for module, text in modules.items():
            (place / f"{module}.py").write_text(text)
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(str(place))
        installed.cache_clear()

    yield install
    installed.cache_clear()


def test_a_package_brings_a_class_or_a_module(package):
    package(
        "theirs",
        {"cubed": "their_one:Cubed", "many": "their_many"},
        their_one=source(),
        their_many=source("fourth", "Fourth") + source("fifth", "Fifth", ", aliases=('5th',)"),
    )
    assert [row.name for row in installed().rows] == ["fifth", "fourth", "mean_cubed_error"]
    assert installed().faults == ()
    for name in ("mean_cubed_error", "CUBED", "5th"):
        assert row_of(name) in installed().rows
    spec = parse_spec("mean_cubed_error:factor=2").build()
    assert math.isclose(spec([[1.0]], [[3.0]]), 16.0)
    assert type(metrics.get("Fourth")).__name__ == "Fourth"
    with pytest.raises(UnknownNameError, match="did you mean 'fourth'"):
        row_of("forth")


def test_packages_are_looked_at_only_for_names_that_xent_lacks(package, monkeypatch):
    package("theirs", {"cubed": "their_trap"}, their_trap="raise RuntimeError('loaded')")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: pytest.fail("looked up"))
    for name in table():
        assert parse_spec(name).row is table()[name]


def test_a_broken_package_hides_no_other(package):
    package("good", {"cubed": "good_one:Cubed"}, good_one=source())
    package(
        "bad",
        {"a": "bad_one", "b": "bad_two:Nothing", "c": "bad_three:Cubed", "d": "bad_four", "e": "no_such_module"},
        bad_one="raise RuntimeError('no luck')",
        bad_two="",
        bad_three=source("mae"),
        bad_four="",
    )
    assert [row.name for row in installed().rows] == ["mean_cubed_error"]
    says = "the entry point '{}' of the package bad cannot be used: {}".format
    assert installed().faults == (
        says("a", "RuntimeError: no luck"),
        says("b", "AttributeError: module 'bad_two' has no attribute 'Nothing'"),
        says("c", "the metric name 'mae' is taken by xent's 'mean_absolute_error'"),
        says("d", "the module bad_four has no metric with a row; decorate the class with xent.core.table.metric"),
        says("e", "ModuleNotFoundError: No module named 'no_such_module'"),
    )
    assert row_of("mean_cubed_error").name == "mean_cubed_error"
    with pytest.raises(UsageError, match="unknown metric 'other', and the entry point 'a' of the package bad cannot be used"):
        row_of("other")


def test_two_packages_may_not_bring_one_name(package):
    package("one", {"first": "first_one:Cubed"}, first_one=source())
    package("two", {"second": "second_one:Other"}, second_one=source(cls="Other"))
    assert [row.cls.__module__ for row in installed().rows] == ["first_one"]
    assert installed().faults == (
        "the entry point 'second' of the package two cannot be used: the metric name 'mean_cubed_error' is taken by first_one.Cubed",
    )
