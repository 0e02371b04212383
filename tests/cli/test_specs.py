"""Metrics written as text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.core.errors import UnknownNameError, UsageError
from xent.core.specs import parse_spec, parse_value


@pytest.mark.parametrize(
    ("text", "label", "name", "parameters"),
    [
        ("categorical_crossentropy", None, "categorical_crossentropy", {}),
        ("BCE", None, "binary_crossentropy", {}),
        ("CategoricalCrossentropy", None, "categorical_crossentropy", {}),
        ("bce:from_logits=true,label_smoothing=1e-1", None, "binary_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
        (" soft = cce : axis = -1 ", "soft", "categorical_crossentropy", {"axis": -1}),
        ("scce:ignore_class=none", None, "sparse_categorical_crossentropy", {"ignore_class": None}),
        ("categorical_focal_crossentropy:alpha=[.25;.5]", None, "categorical_focal_crossentropy", {"alpha": [0.25, 0.5]}),
        (
            "categorical_focal_crossentropy:alpha=[.25,.5],gamma=3",
            None,
            "categorical_focal_crossentropy",
            {"alpha": [0.25, 0.5], "gamma": 3},
        ),
    ],
)
def test_what_is_read(text, label, name, parameters):
    spec = parse_spec(text)
    assert (spec.label, spec.row.name, dict(spec.parameters)) == (label, name, parameters)
    metric = spec.build()
    assert metric.name == (label or name)
    assert {key: metric.parameters()[key] for key in parameters} == parameters


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot read the metric ''"),
        ("=cce", "cannot read the metric '=cce'"),
        ("cce, acc", "the metric 'cce, acc' is more than one; name each by itself, as in -m cce -m acc"),
        ("cce:", "cannot read the metric 'cce:'"),
        ("cce:axis", "cannot read 'axis' in the metric 'cce:axis'"),
        ("cce:axis=", "cannot read 'axis='"),
        ("cce:axis=1,", "cannot read ''"),
        ("cce:axis=1,axis=2", "sets 'axis' twice"),
        ("categorical_focal_crossentropy:alpha=[1,2", "brackets do not match"),
    ],
)
def test_what_cannot_be_read(text, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        parse_spec(text)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'categorical_crossentropy'"):
        parse_spec("categorical_crosentropy")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cce:smooth=1", "has no parameter 'smooth'; it takes from_logits, label_smoothing, axis, convention"),
        ("cce:label_smoothing=much", "label_smoothing must be a number, not 'much'"),
        ("cce:label_smoothing=true", "label_smoothing must be a number, not True"),
        ("cce:label_smoothing=2", r"label_smoothing must lie in \[0, 1\]"),
        ("cce:from_logits=1", "from_logits must be true or false, not 1"),
        ("scce:ignore_class=1.5", "ignore_class must be an integer or none, not 1.5"),
        ("cce:axis=0.5", "axis must be an integer, not 0.5"),
        ("cce:convention=kears", "did you mean 'keras'"),
        ("categorical_focal_crossentropy:alpha=[a;b]", r"alpha must be a number or a list of numbers such as \[0.25;0.75\]"),
        ("io_u:num_classes=3,target_class_ids=[0;0.5]", r"target_class_ids must be a list of integers such as \[0;1\], not \[0, 0.5\]"),
        ("io_u:num_classes=3", "io_u needs the parameter 'target_class_ids'"),
        ("cce:name=x", "has no parameter 'name'"),
    ],
)
def test_a_wrong_parameter_is_wrong_usage(text, said):
    with pytest.raises(UsageError, match=said):
        parse_spec(text).build()


@given(st.one_of(st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False)))
def test_values_are_read_as_python_writes_them(value):
    read = parse_value(str(value))
    assert (type(read), read) == (type(value), value)


@given(st.text())
def test_no_text_ends_in_anything_but_a_usage_error(text):
    for spec in (text, f"cce:{text}", f"{text}=cce", f"cce:axis={text}"):
        try:
            parse_spec(spec).build()
        except UsageError:
            continue
