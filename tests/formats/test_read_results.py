"""Results read back from JSON: the same values, and one clear error for everything that is none."""

import json
import math

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from xent.cli.app import app
from xent.core.errors import DataError
from xent.core.gates import parse_gate
from xent.core.judging import judge
from xent.core.result import DataReport, HealthReport, Interval, MetricResult, Result
from xent.io.exporters import export
from xent.io.results import parse_result

FULL = Result(
    "9.9",
    DataReport(("a\x1b.csv", "b"), 3, 1, math.inf, 2, {"label": "y", "pred": ["p", "q"], "weight": None}, "d", ("x", "y")),
    (
        MetricResult("accuracy", 0.1 + 0.2, {"a": [0.5]}, 3, "higher", "s", "mine", Interval(0.95, -math.inf, 1.0, "w"), 0.5),
        MetricResult("precision", [[1, math.inf], [0.5, 2]], {}, 3, "none", "t", health=HealthReport(1, 2, 0.5, math.inf)),
    ),
    (MetricResult("accuracy", 0.25, {}, 1, "higher", "s", "mine", slice={"country": "dé\n"}),),
)
JUDGED = judge(FULL, [parse_gate(text) for text in ("mine > -inf", "mine[country=*] > 1", "mine >= 0 decide=proven-ok", "mse < 1")])


@pytest.mark.parametrize("result", [FULL, JUDGED])
def test_what_was_written_is_read_back(result):
    assert parse_result(export(result, "json").encode(), "x") == result


def test_nan_is_read_back():
    nan = FULL._replace(metrics=(MetricResult("accuracy", math.nan, {}, 0, "higher", "s"),))
    assert math.isnan(parse_result(export(nan, "json").encode(), "x").metrics[0].value)


def spoiled(change):
    plain = json.loads(export(JUDGED, "json"))
    change(plain)
    return json.dumps(plain).encode()


HOSTILE = {
    "empty": (b"", "no result in JSON"),
    "not JSON": (b"name,value\nbce,0.5\n", "in line 1, column 1"),
    "not UTF-8": (b'{"xent": "\xff"}', "not UTF-8 at byte 10"),
    "binary": (bytes(range(256)), "not UTF-8"),
    "a list": (b"[]", "must be an object"),
    "an object of nothing": (b"{}", "lacks 'schema_version'"),
    "cut": (export(JUDGED, "json").encode()[:-50], "no result in JSON"),
    "deep": (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deep"),
    "deep value": (spoiled(lambda plain: None).replace(b"0.25", b"[" * 900 + b"1" + b"]" * 900), "nested too deep"),
    "NaN as a word": (spoiled(lambda plain: None).replace(b"0.25", b"NaN"), "NaN is no JSON"),
    "Infinity as a word": (spoiled(lambda plain: None).replace(b"0.25", b"-Infinity"), "-Infinity is no JSON"),
    "a float too large": (spoiled(lambda plain: None).replace(b"0.25", b"1e999"), "out of range"),
    "an integer too large": (spoiled(lambda plain: None).replace(b"0.25", b"9" * 5000), "out of range"),
    "a key twice": (b'{"xent": "1", "xent": "2"}', "the key 'xent' twice"),
    "of the future": (spoiled(lambda plain: plain.update(schema_version=2)), "use a newer xent"),
    "version true": (spoiled(lambda plain: plain.update(schema_version=True)), "schema_version must be 1"),
    "an unknown key": (spoiled(lambda plain: plain.update(metric=[])), "did you mean 'metrics'"),
    "a value of text": (spoiled(lambda plain: plain["metrics"][0].update(value="low")), "metrics[0].value must be"),
    "a value of nothing": (spoiled(lambda plain: plain["metrics"][0].update(value=None)), "metrics[0].value must be"),
    "a value that is true": (spoiled(lambda plain: plain["metrics"][0].update(value=True)), "metrics[0].value must be"),
    "a negative count": (spoiled(lambda plain: plain["metrics"][0].update(count=-1)), "metrics[0].count must be at least 0, not -1"),
    "a slice of numbers": (
        spoiled(lambda plain: plain["slices"][0].update(slice={"a": 1})),
        "slices[0].slice.a must be text or nothing, not 1",
    ),
    "an outcome": (spoiled(lambda plain: plain["gates"][0].update(outcome="passed")), "gates[0].outcome must be one of pass"),
    "a gate without": (spoiled(lambda plain: plain["gates"][0].pop("severity")), "gates[0] lacks 'severity'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_result_is_one_clear_error(name, tmp_path):
    content, said = HOSTILE[name]
    (tmp_path / "r.json").write_bytes(content)
    ended = CliRunner().invoke(app, ["gate", str(tmp_path / "r.json"), "--gate", "mine > 0"])
    assert (ended.exit_code, ended.stdout) == (3, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("xent: error: ")
    assert "r.json: " in line
    assert said in line
    assert "internal error" not in line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


PLAIN = json.loads(export(JUDGED, "json"))


@given(st.sampled_from([path for path in paths(PLAIN) if path]), JSON)
def test_any_value_at_any_place_is_read_or_refused(path, value):
    plain = json.loads(json.dumps(PLAIN))
    inner = plain
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    try:
        result = parse_result(json.dumps(plain).encode(), "x")
    except DataError:
        return
    judge(result, [parse_gate(text) for text in ("rows > 0", "clipped > 0", "rows[*] > 0")])
    for form in ("json", "csv", "markdown", "junit", "github"):
        export(result, form)
