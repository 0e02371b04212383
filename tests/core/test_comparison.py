"""One metric under several conventions: which rows differ, and what is shown of them."""

import math

import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.comparison import Comparison
from xent.core.metrics.crossentropy import BinaryCrossentropy


def test_what_is_shown_of_a_row():
    """A label that is a whole number is shown as one; -ln 1e-7 is what Keras's clip leaves of infinity."""
    found = Comparison([BinaryCrossentropy(), BinaryCrossentropy(convention="exact")])
    found.update(Batch(np.array([1.0, 1.0, 0.5]), np.array([0.5, 0.0, 1.0]), origin=(2, 10)))
    same, gap = found.gaps
    assert (same.rows, same.first, same.largest) == (0, None, None)
    assert gap.rows == 2
    assert gap.first == gap.largest
    assert (gap.first.place, gap.first.prediction, gap.first.value) == ((2, 11), 0.0, math.inf)
    assert gap.first.baseline == pytest.approx(-math.log(1e-7), rel=1e-12)
    assert repr(gap.first.label) == "1"
    found = Comparison([BinaryCrossentropy(), BinaryCrossentropy(convention="exact")])
    found.update(Batch(np.array([0.5]), np.array([1.0])))
    assert repr(found.gaps[1].first.label) == "0.5"
