"""The mistakes that `python -m mutants` makes."""

import pytest

from mutants.mistakes import Module, sample

SOURCE = """
LIMIT = 3

def inner(values, limit: int = 4):
    assert values is not None
    total = 0
    for value in values:
        if value < limit and value:
            total += min(value, 2)
    return total

class Holder:
    @staticmethod
    def last(pairs):
        return [b for a, b in zip(pairs, pairs[1:], strict=False)]
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    return Module(path, "module.py")


def found(module, number, call):
    """What a call gives where that mistake was made."""
    names = {}
    exec(module.code(number), names)
    return eval(call, names)


def test_mistakes_and_what_they_do(module):
    """On 1, 4 and 0 below the limit of 4, minimum 2: 1. Import, annotations, assertions and `strict` stay as they are."""
    shown = {(one.old, one.new): found(module, one.number, "inner([1, 4, 0])") for one in module.mutants if one.line < 12}
    assert shown == {
        ("0", "1"): 2,
        ("0", "-1"): 0,
        ("value < limit", "value <= limit"): 3,
        ("value < limit", "value >= limit"): 2,
        ("value < limit and value", "value < limit or value"): 3,
        ("if value < limit and value:", "if not (value < limit and value):"): 2,
        ("total += min(value, 2)", "total -= min(value, 2)"): -1,
        ("total += min(value, 2)", "pass"): 0,
        ("min(value, 2)", "value"): 1,
        ("min(value, 2)", "max(value, 2)"): 2,
        ("min(value, 2)", "min(value, 3)"): 1,
        ("min(value, 2)", "min(value, 1)"): 1,
        ("return total", "return None"): None,
    }
    assert {(one.old, one.new) for one in module.mutants if one.line > 12} == {
        ("return [b for a, b in zip(pairs, pairs[1:], strict=False)]", "return None"),
        ("zip(pairs, pairs[1:], strict=False)", "pairs"),
        ("1:", "2:"),
        ("1:", "0:"),
    }


def test_no_mistake_stays(module):
    for one in module.mutants:
        module.code(one.number)
    assert found(module, None, "inner([1, 4, 0]), Holder.last([5, 6, 7])") == (1, [6, 7])


def test_a_statement_ends_where_its_body_begins(module):
    extents = {one.old: module.extents[one.number] for one in module.mutants}
    assert extents["value < limit"] == range(8, 9)
    assert extents["return total"] == range(10, 11)


def test_a_larger_sample_holds_the_smaller(module, tmp_path):
    path = tmp_path / "other.py"
    path.write_text("def add(a, b):\n    return a + b\n")
    modules = [module, Module(path, "other.py")]
    few, many = (sample(modules, count, seed=1) for count in (7, 14))
    assert len(few) == 7
    assert {(one.module, one.number) for _, one in few} < {(one.module, one.number) for _, one in many}
    assert few != sample(modules, 7, seed=2)
