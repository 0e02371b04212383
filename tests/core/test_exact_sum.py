"""`ExactSum` against Python's rationals: whatever the values, the chunks and the groups."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.core.exact import ExactSum
from xent.core.grids import lowest_bit
from xent.core.groups import Groups

finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(-1e3, 1e3)
tiny = st.floats(-1e-300, 1e-300) | st.sampled_from([5e-324, -5e-324, 2.2250738585072014e-308, 0.0, -0.0])
huge = st.floats(1e290, 1.7e308) | st.floats(-1.7e308, -1e290)
columns = st.lists(finite) | st.lists(ordinary) | st.lists(tiny) | st.lists(huge) | st.lists(ordinary | tiny | huge)
any_float = st.floats(allow_nan=True, allow_infinity=True)


def rounded_once(total: Fraction) -> float:
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def exactly(values) -> Fraction:
    return sum(map(Fraction, values), Fraction(0))


def bits(total: ExactSum) -> str:
    return json.dumps(total.to_json())


def total_of(values) -> ExactSum:
    return ExactSum.of(np.array(values, dtype=np.float64))


@given(columns)
def test_the_sum_is_the_rational_sum_rounded_once(values):
    assert total_of(values).to_float()[0] == rounded_once(exactly(values))


@given(st.lists(ordinary))
def test_the_sum_is_that_of_fsum(values):
    assert total_of(values).to_float()[0] == math.fsum(values)


@given(columns)
def test_no_bit_is_lost(values):
    (units,) = total_of(values).units
    assert Fraction(units, 2**1074) == exactly(values)


@given(columns, columns)
def test_the_quotient_is_rounded_once(values, weights):
    denominator = exactly(weights)
    quotient = (total_of(values) / total_of(weights))[0]
    if denominator == 0:
        assert math.isnan(quotient)
    else:
        assert quotient == rounded_once(exactly(values) / denominator)


@given(columns, st.data())
def test_neither_chunks_nor_order_change_a_bit(values, data):
    shuffled = data.draw(st.permutations(values))
    cut = data.draw(st.integers(0, len(values)))
    assert bits(total_of(shuffled[cut:]) + total_of(shuffled[:cut])) == bits(total_of(values))


@given(columns, columns)
def test_what_was_added_can_be_taken_back(values, others):
    assert bits(total_of(values + others) - total_of(others)) == bits(total_of(values))


@given(st.lists(st.tuples(any_float, st.integers(0, 3)), max_size=30))
def test_groups_are_sums_of_their_rows(rows):
    values = np.array([value for value, _ in rows])
    codes = np.array([code for _, code in rows], dtype=np.intp)
    total = ExactSum.of(values, Groups(codes, 4))
    for group in range(4):
        assert bits(total.take(group)) == bits(ExactSum.of(values[codes == group]))


@given(st.lists(any_float))
def test_nan_and_infinities_do_what_they_do_in_a_sum(values):
    total = total_of(values).to_float()[0]
    special = sum((value for value in values if not math.isfinite(value)), 0.0)
    if all(map(math.isfinite, values)):
        assert total == rounded_once(exactly(values))
    else:
        assert repr(float(total)) == repr(special).replace("-nan", "nan")


@given(st.lists(any_float), st.lists(any_float))
def test_json_keeps_every_bit(values, others):
    total = total_of(values)
    returned = ExactSum.from_json(json.loads(bits(total)))
    assert bits(returned) == bits(total)
    assert bits(returned + total_of(others)) == bits(total_of(values + others))


@given(columns)
def test_zero_is_neutral(values):
    total = total_of(values)
    assert bits(ExactSum.zero() + total) == bits(total) == bits(total + ExactSum.zero())


@pytest.mark.parametrize("rows", [1, 2, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 100_000, 200_000])
@pytest.mark.parametrize("scale", [0, 30, 300, 1000])
def test_long_columns_of_any_scale(rows, scale):
    """The sizes lie about those of the blocks that `exact` works in, and the exponents spread over up to 2**scale."""
    random = np.random.default_rng(rows + scale)
    values = random.standard_normal(rows) * np.exp2(random.integers(-scale, scale + 1, rows) * min(1.0, 900 / max(scale, 1)))
    exact = exactly(values.tolist()) if rows < 1000 or scale < 300 else None
    total = ExactSum.of(values)
    assert total.to_float()[0] == math.fsum(values.tolist())
    if exact is not None:
        assert Fraction(total.units[0], 2**1074) == exact
    codes = random.integers(0, 3, rows)
    by_group = ExactSum.of(values, Groups(codes, 3))
    assert by_group.to_float().tolist() == [math.fsum(values[codes == group].tolist()) for group in range(3)]
    assert bits(by_group.take(0) + by_group.take(1) + by_group.take(2)) == bits(total)


def test_equal_values_at_the_edge_of_the_grid():
    """A block of the largest values that one grid takes: their sum is the one that comes nearest to overflowing it."""
    largest = np.nextafter(1.0, 0.0)
    for value in (largest, -largest, 1.0, -1.0, 2.0**970, -(2.0**970), 2.0**971, 2.0**-900):
        values = np.full(1 << 16, value)
        assert Fraction(ExactSum.of(values).units[0], 2**1074) == Fraction(value) * (1 << 16)
        codes = np.zeros(1 << 16, dtype=np.intp)
        assert Fraction(ExactSum.of(values, Groups(codes, 2)).units[0], 2**1074) == Fraction(value) * (1 << 16)


def test_a_float_sum_would_have_lost_it():
    assert total_of([1e16, 1.0, -1e16]).to_float()[0] == 1.0
    assert total_of([1e308, 1e308, -1e308, 5e-324, -1e308]).to_float()[0] == 5e-324


def test_a_sum_beyond_the_largest_float_is_infinite_and_comes_back():
    total = total_of([1.7e308, 1.7e308])
    assert total.to_float()[0] == math.inf
    assert (total + total_of([-1.7e308])).to_float()[0] == 1.7e308
    assert (total / ExactSum.of_integers(np.array([2])))[0] == 1.7e308


def test_nothing_sums_to_zero_and_has_no_mean():
    assert total_of([]).to_float()[0] == 0.0
    assert math.isnan((total_of([]) / total_of([]))[0])
    assert math.isnan((total_of([1.0]) / total_of([]))[0])


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        ([math.inf], [1.0], math.inf),
        ([math.inf], [-1.0], -math.inf),
        ([-math.inf, 3.0], [2.0], -math.inf),
        ([math.inf, -math.inf], [1.0], math.nan),
        ([math.inf], [0.0], math.nan),
        ([1.0], [math.inf], math.nan),
        ([1.0], [math.nan], math.nan),
        ([math.nan], [1.0], math.nan),
    ],
)
def test_quotients_of_what_is_not_finite(numerator, denominator, quotient):
    assert repr(float((total_of(numerator) / total_of(denominator))[0])) == repr(quotient)


def test_integers_beyond_two_to_the_53rd():
    counts = np.array([2**62 + 1, 3])
    total = ExactSum.of_integers(counts)
    assert [unit >> 1074 for unit in total.units] == counts.tolist()


def test_float32_columns_count_as_their_float64_values():
    values = np.array([0.1, 0.2, 16777216.0, 1.0], dtype=np.float32)
    assert ExactSum.of(values).to_float()[0] == math.fsum(values.astype(np.float64).tolist())


def test_strided_columns():
    values = np.arange(20, dtype=np.float64).reshape(10, 2) / 3
    assert bits(ExactSum.of(values[::-1, 1])) == bits(total_of(values[:, 1].tolist()))


@given(st.lists(st.lists(st.tuples(st.floats(0, 2**20, width=32), st.integers(0, 2)), max_size=8), max_size=8), st.randoms())
def test_small_sums_of_unlike_steps_are_put_together_exactly(chunks, random):
    """float32 values of a chunk are multiples of one step, which differs from chunk to chunk."""
    random.shuffle(chunks)
    total = ExactSum.zero(3)
    for rows in chunks:
        values = np.array([value for value, _ in rows], dtype=np.float32)
        total = total + ExactSum.of(values, Groups(np.array([code for _, code in rows], dtype=np.intp), 3))
    expected = [exactly(value for rows in chunks for value, code in rows if code == group) for group in range(3)]
    assert [Fraction(units, 2**1074) for units in total.units] == expected
    joined = total.regrouped(np.array([1, 0, 1]), 2)
    assert [Fraction(units, 2**1074) for units in joined.units] == [expected[1], expected[0] + expected[2]]


def test_small_sums_grow_beyond_an_int64():
    total = ExactSum.of(np.array([0.75, 1.5], dtype=np.float32), Groups(np.array([0, 1]), 2))
    for _ in range(100):
        total = total + total
    assert [Fraction(units, 2**1074) for units in total.units] == [Fraction(3, 4) * 2**100, Fraction(3, 2) * 2**100]
    many = ExactSum.of(np.full(8, 1.5, dtype=np.float32), Groups(np.arange(8), 8))
    for _ in range(30):
        many = many + many
    assert Fraction(many.regrouped(np.zeros(8, dtype=np.intp), 1).units[0], 2**1074) == 12 * 2**30


@given(st.lists(st.sampled_from([0.0, -0.0, 5e-324, 1e-310, 2.0**-60, 0.75, 3.0]), min_size=1), st.sampled_from(["f8", "f4", "f2"]))
def test_all_values_are_multiples_of_the_lowest_bit(values, kind):
    column = np.array(values, dtype=kind)
    lowest = lowest_bit(column, float(column.min()))
    if lowest == -math.inf:
        assert not column.any()
    else:
        assert all((Fraction(value) / Fraction(2) ** int(lowest)).denominator == 1 for value in column.tolist())
