"""The metric table: names, aliases, and what every row says about its metric."""

import doctest
import inspect
import json

import pytest

from xent import metrics
from xent.core.errors import UnknownNameError, UsageError
from xent.core.loss import snake_case
from xent.core.metric import Metric
from xent.core.table import row_of, table
from xent.core.views import VIEWS

from_every_row = pytest.mark.parametrize("row", table().values(), ids=lambda row: row.name)


def test_the_table_is_in_alphabetical_order():
    assert list(table()) == sorted(table())
    assert {
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "kl_divergence",
        "poisson",
    } <= table().keys()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("binary_crosentropy", "unknown metric 'binary_crosentropy'; did you mean 'binary_crossentropy'"),
        ("BinaryCrosentropy", "did you mean 'binary_crossentropy'"),
        ("kldiv", "did you mean 'kl"),
        ("qqqqqq", "unknown metric 'qqqqqq'; none of the "),
        ("", "unknown metric ''; none of the "),
    ],
)
def test_an_unknown_name_offers_the_nearest(name, message):
    with pytest.raises(UnknownNameError) as caught:
        row_of(name)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_no_more_than_three_names_are_offered():
    error = UnknownNameError("metric", "loss", ["lossa", "lossb", "lossc", "lossd", "losse"])
    assert str(error).count("'loss") == 1 + 3


@from_every_row
def test_a_metric_answers_to_all_its_names_in_any_case(row):
    for name in (row.name, *row.aliases, row.cls.__name__):
        for spelling in (name, name.lower(), name.upper(), name.title()):
            assert row_of(spelling) is row


@from_every_row
def test_a_metric_answers_to_the_snake_case_that_keras_makes_of_its_class(row):
    """`keras.metrics.get` knows `io_u` and `f_beta_score` (inventory, section 9)."""
    assert row_of(snake_case(row.cls.__name__)) is row


def test_no_name_means_two_metrics():
    names = [name.lower() for row in table().values() for name in {row.name, *row.aliases, row.cls.__name__.lower()}]
    assert len(names) == len(set(names))


@from_every_row
def test_a_row_is_complete(row):
    assert issubclass(row.cls, Metric)
    assert row.cls.row is row
    assert row.name == row.name.lower()
    assert row.direction in ("lower", "higher", "none")
    assert row.inputs in VIEWS
    assert row.memory
    assert row.formula.strip() == row.formula != ""
    assert row.source.strip() == row.source != ""
    low, _, high = row.range[1:-1].partition(", ")
    assert row.range[0] in "[("
    assert row.range[-1] in "])"
    assert float(low) < (float(high) if high != "1/q" else 2)


@from_every_row
def test_a_class_documents_itself(row):
    text = inspect.getdoc(row.cls)
    assert text is not None
    assert text is not inspect.getdoc(Metric)
    assert row.summary == text.splitlines()[0]
    assert row.summary.endswith(".")
    assert "Source: " in text
    for name in row.parameters:
        assert name in text, f"{name} is not documented"
    examples = doctest.DocTestParser().get_examples(text)
    assert examples, "there is no example to run"


@from_every_row
def test_parameters_are_attributes_and_json(row):
    example = {name: default for name, default in row.parameters.items() if default is not inspect.Parameter.empty}
    if len(example) < len(row.parameters):
        with pytest.raises((TypeError, UsageError)):
            row.cls()
        return
    metric = row.cls()
    assert metric.parameters().keys() == example.keys()
    assert json.loads(json.dumps(metric.get_config())) == metric.get_config()
    assert row.cls.from_config(metric.get_config()).get_config() == metric.get_config()
    assert repr(metric) == f"{row.cls.__name__}()"
    assert (metric.name, metric.dtype) == (inspect.signature(row.cls).parameters["name"].default or row.name, None)


# The names of `xent.metrics`.


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("bce", "BinaryCrossentropy"),
        ("BCE", "BinaryCrossentropy"),
        ("binary_crossentropy", "BinaryCrossentropy"),
        ("BinaryCrossentropy", "BinaryCrossentropy"),
        ("kld", "KLDivergence"),
        ("kl_divergence", "KLDivergence"),
        ("poisson", "Poisson"),
        ("Poisson", "Poisson"),
        ("categorical_focal_crossentropy", "CategoricalFocalCrossentropy"),
    ],
)
def test_names_give_instances(name, cls):
    metric = metrics.get(name)
    assert type(metric) is getattr(metrics, cls)
    assert type(metrics.get(type(metric))) is type(metric)
    assert metrics.get(metric) is metric


def test_configurations_give_instances():
    metric = metrics.CategoricalCrossentropy(label_smoothing=0.1, name="mine", convention="torch")
    plain = json.loads(json.dumps(metrics.serialize(metric)))
    assert set(plain) == {"class_name", "config"}
    for made in (metrics.get(plain), metrics.deserialize(plain)):
        assert made.get_config() == metric.get_config()
    assert metrics.deserialize({"class_name": "Poisson"}).get_config() == metrics.Poisson().get_config()


def test_metrics_of_ones_own():
    class Mine(metrics.Poisson):
        pass

    plain = metrics.serialize(Mine())
    assert type(metrics.deserialize(plain, {"Mine": Mine})) is Mine
    with pytest.raises(UnknownNameError):
        metrics.deserialize(plain)


def test_what_is_no_metric():
    assert metrics.get(None) is None
    with pytest.raises(UnknownNameError, match="did you mean"):
        metrics.get("binary_crosentropy")
    with pytest.raises(UsageError, match="this is no metric"):
        metrics.get(3)
    with pytest.raises(UsageError, match="this describes no metric"):
        metrics.deserialize({})
    with pytest.raises(UsageError, match="this is no metric"):
        metrics.serialize("mse")
    with pytest.raises(UsageError, match=r"Poisson cannot be made of \{'rate': 1\}"):
        metrics.get({"class_name": "Poisson", "config": {"rate": 1}})
