"""The shapes of the losses of slices: against histograms of NumPy, whose edges are the ends of the cells."""

import math

import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.groups import Groups
from xent.core.loss_shapes import BEYOND, CELLS, LossAxis, ShapedTally
from xent.core.table import row_of

RANDOM = np.random.default_rng(16)


def tally_of(y, p, weights=None, slices=None, parts=1, name="mean_absolute_error", **options):
    """A tally of rows in slices, put together from parts that were measured apart."""
    loss = row_of(name).cls()
    slices = np.zeros(len(y), dtype=np.intp) if slices is None else slices
    total = None
    for rows in np.array_split(RANDOM.permutation(len(y)), parts):
        tally = ShapedTally([loss], loss=loss, **options)
        groups = Groups(slices[rows], int(slices.max()) + 1, (np.arange(slices.max() + 1),))
        tally.update(Batch(y[rows], p[rows], None if weights is None else weights[rows], groups))
        if total is not None:
            tally.merge(total)
        total = tally
    return total


def shapes_of(tally):
    """The axis, the shape of all rows, and those of the slices."""
    need = tally.shape_need()
    whole, parts = tally.total().states[need], tally.slices[0]
    axis = LossAxis.of(whole)
    return axis, axis.shape(whole), [axis.shape(parts.states[need], group) for group in range(parts.groups)]


def counted(losses, weights, axis):
    """NumPy's histogram, with what lies beyond in the first and the last cell."""
    ends = np.array(axis.ends)
    middles = (ends[:-1] + ends[1:]) / 2
    return np.histogram(np.clip(losses, middles[0], middles[-1]), ends, weights=weights)[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_shapes_are_histograms(count, weighted):
    slices = RANDOM.integers(0, count, 5000)
    losses = RANDOM.lognormal(0.1 * slices, 2.0)
    weights = RANDOM.gamma(2.0, size=5000) if weighted else None
    axis, whole, parts = shapes_of(tally_of(np.zeros(5000), losses, weights, slices))
    assert axis.is_logarithmic
    assert whole == pytest.approx(counted(losses, weights, axis), rel=1e-12)
    for number, part in enumerate(parts):
        mine = slices == number
        assert part == pytest.approx(counted(losses[mine], None if weights is None else weights[mine], axis), rel=1e-12)


def test_the_axis_leaves_few_rows_beyond_its_ends():
    losses = np.append(RANDOM.lognormal(0.0, 2.0, 9990), [1e-15] * 5 + [1e15] * 5)
    axis, _, _ = shapes_of(tally_of(np.zeros(10_000), losses))
    assert CELLS / 2 < len(axis.ends) - 1 <= CELLS
    steps = np.diff(np.log(axis.ends))
    assert steps == pytest.approx(steps[0])
    # A cell more than needed would show less than there is room for; a bin is an eighth of a doubling wide.
    for beyond, whole in ((losses < axis.ends[0], losses < axis.ends[0] * 2**0.125), (losses > axis.ends[-1], losses > axis.ends[-2])):
        assert beyond.mean() <= BEYOND < whole.mean()


@pytest.mark.parametrize("weighted", [False, True])
def test_parts_make_no_difference(weighted):
    slices = RANDOM.integers(0, 300, 4000)
    y, p = RANDOM.normal(size=(2, 4000))
    weights = RANDOM.gamma(2.0, size=4000) if weighted else None
    once = shapes_of(tally_of(y, p, weights, slices))
    assert once == shapes_of(tally_of(y, p, weights, slices, parts=13))


def test_losses_that_may_be_negative_have_a_linear_axis():
    y, p = RANDOM.poisson(9.0, 3000).astype(float), RANDOM.gamma(9.0, size=3000)
    losses = p - y * np.log(p)
    assert (losses < 0).mean() > BEYOND
    axis, whole, _ = shapes_of(tally_of(y, p, name="poisson"))
    assert not axis.is_logarithmic
    assert np.diff(axis.ends) == pytest.approx((axis.ends[-1] - axis.ends[0]) / CELLS)
    # A bin lies in the cell of its middle, so what is on the wrong side of an end is nearer to it than a bin is wide.
    for end, seen in zip(axis.ends[1:-1], np.cumsum(whole), strict=False):
        near = abs(end) * (2**0.125 - 1)
        assert (losses < end - near).sum() <= seen <= (losses < end + near).sum()


def test_zero_the_infinite_and_what_is_no_number():
    losses = np.array([0.0, 0.0, 0.001, 1.0, 1.0, 1.0, np.inf, np.nan, 5.0])
    axis, whole, _ = shapes_of(tally_of(np.zeros(9), losses, np.append(np.ones(8), 0.0), nan="propagate"))
    assert whole == (3.0, *[0.0] * (len(whole) - 2), 4.0)
    assert axis.fullest(whole) == axis.ends[-2:]


def test_one_row_fills_one_cell():
    axis, whole, _ = shapes_of(tally_of(np.zeros(1), np.array([3.0])))
    assert whole == (1.0,)
    assert axis.ends[0] <= 3.0 < axis.ends[1]


@pytest.mark.parametrize("losses", [[0.0, 0.0], [math.nan], [math.inf]])
def test_without_losses_there_is_no_axis(losses):
    tally = tally_of(np.zeros(len(losses)), np.array(losses), nan="propagate")
    assert LossAxis.of(tally.total().states[tally.shape_need()]) is None


def test_the_memory_of_a_slice_is_a_few_kilobytes():
    slices = np.repeat(np.arange(200), 1000)
    tally = tally_of(np.zeros(200_000), RANDOM.lognormal(0.0, 2.0, 200_000), slices=slices)
    run = tally.slices[0].states[tally.shape_need()].cells.compact()
    assert run.weights is None
    assert (run.codes.nbytes + run.counts.nbytes) / 200 < 4096
