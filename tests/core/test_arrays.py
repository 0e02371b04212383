"""Sums over classes have one order of addition, whatever the layout; ranks are aligned as Keras aligns them."""

import numpy as np
import pytest

from xent.core.arrays import align, as_rows, classes_last, mean_classes, put_class, require_same_shape, sum_classes, take_class
from xent.core.batch import Batch, Stack
from xent.core.errors import DataError

WIDTHS = [
    1,
    2,
    3,
    7,
    8,
    9,
    10,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    100,
    127,
    128,
    129,
    136,
    137,
    255,
    256,
    257,
    1000,
    1001,
    5000,
    8192,
    8193,
    9001,
]


def scores(rows, width, dtype=np.float64):
    random = np.random.default_rng(rows * 10_007 + width)
    return (random.standard_normal((rows, width)) * np.exp2(random.integers(-9, 9, (rows, width)))).astype(dtype)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_a_sum_over_classes_has_the_same_bits_in_every_layout(width, dtype):
    matrix = scores(13, width, dtype)
    expected = [np.add.reduce(np.ascontiguousarray(row, dtype=np.float64)) for row in matrix]
    padded = np.zeros((26, width + 3), dtype=dtype)
    padded[::2, 2 : width + 2] = matrix
    layouts = {
        "rows": matrix,
        "columns": np.asfortranarray(matrix),
        "view": padded[::2, 2 : width + 2],
        "backwards": np.ascontiguousarray(matrix[:, ::-1])[:, ::-1],
        "float64": matrix.astype(np.float64),
        "float64 columns": np.asfortranarray(matrix.astype(np.float64)),
        "stack": Stack(tuple(np.ascontiguousarray(column) for column in matrix.T))[0:13],
    }
    for name, layout in layouts.items():
        assert sum_classes(layout).tolist() == expected, name
        assert mean_classes(layout).tolist() == [total / width for total in expected], name


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_a_sum_over_classes_does_not_depend_on_the_other_rows(width, dtype):
    matrix = scores(11, width, dtype)
    whole = sum_classes(matrix)
    for rows in (1, 2, 3, 5):
        for layout in (matrix, np.asfortranarray(matrix)):
            parts = [sum_classes(layout[start : start + rows]) for start in range(0, 11, rows)]
            assert np.concatenate(parts).tolist() == whole.tolist()


@pytest.mark.parametrize("width", [1, 3, 8, 33, 129, 300])
def test_more_axes_sum_as_rows_do(width):
    block = scores(24, width)
    expected = sum_classes(block).tolist()
    assert sum_classes(block.reshape(4, 6, width)).reshape(-1).tolist() == expected
    assert sum_classes(block.reshape(2, 3, 4, width)).reshape(-1).tolist() == expected
    turned = np.ascontiguousarray(np.moveaxis(block.reshape(4, 6, width), -1, 1))
    assert sum_classes(np.moveaxis(turned, 1, -1)).reshape(-1).tolist() == expected
    assert [sum_classes(row).item() for row in block] == expected


def test_a_narrow_type_is_summed_in_float64():
    assert sum_classes(np.array([[1.0, 1e-10]], dtype=np.float32)).tolist() == [1.0 + np.float64(np.float32(1e-10))]
    assert sum_classes(np.array([[60000.0, 60000.0]], dtype=np.float16)).tolist() == [120000.0]
    assert sum_classes(np.array([[True, True, False]])).tolist() == [2.0]
    assert sum_classes(np.array([[200, 100]], dtype=np.uint8)).tolist() == [300.0]


def test_a_sum_leaves_its_argument_alone():
    for width in (1, 3, 20, 40, 200):
        for matrix in (scores(5, width), np.asfortranarray(scores(5, width))):
            before = matrix.copy()
            sum_classes(matrix)
            assert (matrix == before).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_value_of_a_class(order):
    matrix = np.array(scores(9, 4), order=order)
    index = np.array([0, 3, 2, 1, 0, 0, 3, 2, 1])
    assert take_class(matrix, index).tolist() == [matrix[row, index[row]] for row in range(9)]
    assert take_class(matrix[:1], index[:1]).tolist() == [matrix[0, 0]]
    put_class(matrix, index, np.arange(9.0))
    assert [matrix[row, index[row]] for row in range(9)] == list(range(9))


def test_the_value_of_a_class_beyond_matrices():
    block = scores(6, 5).reshape(2, 3, 5)
    index = np.array([[0, 4, 2], [1, 1, 3]])
    for layout in (block, np.moveaxis(np.ascontiguousarray(np.moveaxis(block, -1, 1)), 1, -1)):
        taken = take_class(layout, index)
        assert taken.tolist() == [[block[i, j, index[i, j]] for j in range(3)] for i in range(2)]


# Shapes from Keras's `squeeze_or_expand_to_same_rank` (inventory, section 1.1).
@pytest.mark.parametrize(
    ("one", "other", "aligned"),
    [
        ((3,), (3, 1), ((3, 1), (3, 1))),
        ((3, 1), (3,), ((3, 1), (3, 1))),
        ((3, 2), (3, 2, 1), ((3, 2), (3, 2))),
        ((3, 2, 1), (3, 2), ((3, 2), (3, 2))),
        ((3,), (3, 2), ((3,), (3, 2))),
        ((3, 2), (3,), ((3, 2), (3,))),
        ((3,), (3, 1, 1), ((3,), (3, 1, 1))),
        ((3, 1), (3, 1), ((3, 1), (3, 1))),
        ((), (3,), ((), (3,))),
        ((2, 3, 4, 1), (2, 3, 4), ((2, 3, 4), (2, 3, 4))),
    ],
)
def test_alignment(one, other, aligned):
    assert tuple(array.shape for array in align(np.zeros(one), np.zeros(other))) == aligned


def test_vectors_become_columns():
    assert as_rows(np.zeros(3)).shape == (3, 1)
    assert as_rows(np.zeros((3, 2))).shape == (3, 2)


def test_unlike_shapes_are_refused_by_name():
    with pytest.raises(DataError, match=r"y_true.shape=\(2, 3\), y_pred.shape=\(2, 4\)"):
        require_same_shape(np.zeros((2, 3)), np.zeros((2, 4)))


def test_classes_move_to_the_end():
    block = scores(6, 4).reshape(2, 3, 4)
    assert classes_last(block, 1).shape == (2, 4, 3)
    assert classes_last(block, -1) is block
    assert classes_last(block, 2) is block
    for axis in (3, -4, True):
        with pytest.raises(DataError, match="out of range"):
            classes_last(block, axis)


def test_blocks_are_the_rows_in_order():
    rows = (1 << 16) + 7
    batch = Batch(np.arange(rows), np.arange(rows) / rows, np.ones(rows), origin=(3, 100))
    blocks = list(batch.blocks())
    assert len(blocks) > 1
    assert np.concatenate([block.y_true for block in blocks]).tolist() == list(range(rows))
    assert [block.place(0) for block in blocks] == [(3, 100 + int(block.y_true[0])) for block in blocks]


def test_some_rows_of_columns_side_by_side():
    stack = Stack((np.arange(5.0), np.arange(5.0) * 10)).at(np.array([True, False, True, True, False]))
    assert stack.shape == (3, 2)
    assert stack[1:3].tolist() == [[2.0, 20.0], [3.0, 30.0]]


def test_a_partner_is_picked_like_its_batch():
    batch, mask = Batch(np.arange(4), np.arange(4.0)), np.array([True, False, True, True])
    batch.partner = Batch(np.arange(4), np.arange(4.0) * 10)
    assert batch.at(mask).partner.y_pred.tolist() == [0.0, 20.0, 30.0]
    assert batch.part(1, 3).partner.y_pred.tolist() == [10.0, 20.0]
