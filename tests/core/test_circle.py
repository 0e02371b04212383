"""Circle loss against its formula, pair by pair."""

import math

import numpy as np
import pytest

from xent.core.errors import DataError
from xent.core.losses import circle as module
from xent.core.losses.circle import Circle, circle


def embeddings(seed, count=9, width=4):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, width))
    return rng.integers(0, 3, count), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pair_by_pair(labels, vectors, ref_labels, ref_vectors, remove_diagonal, gamma, margin):
    values = []
    for i, (label, vector) in enumerate(zip(labels, vectors, strict=True)):
        towards, apart = 0.0, 0.0
        for j, (other, reference) in enumerate(zip(ref_labels, ref_vectors, strict=True)):
            distance = max(1.0 - math.fsum(a * b for a, b in zip(vector, reference, strict=True)), 0.0)
            if label == other:
                if i != j or not remove_diagonal:
                    towards += math.exp(-gamma * (margin + distance) * (margin - distance))
            else:
                apart += math.exp(gamma * max(1 + margin - distance, 0.0) * (1 - margin - distance))
        values.append(math.log1p(towards * apart))
    return values


@pytest.mark.parametrize("remove_diagonal", [True, False])
@pytest.mark.parametrize(("gamma", "margin"), [(80.0, 0.4), (5.0, 0.25), (1.0, 0.0)])
@pytest.mark.parametrize("seed", range(3))
def test_every_value_is_the_formula(seed, gamma, margin, remove_diagonal):
    labels, vectors = embeddings(seed)
    expected = pair_by_pair(labels, vectors, labels, vectors, remove_diagonal, gamma, margin)
    assert circle(labels, vectors, None, None, remove_diagonal, gamma, margin) == pytest.approx(expected, rel=1e-9)
    loss = Circle(gamma, margin, remove_diagonal)
    counted = [value for value in expected if value > 0]
    assert float(loss(labels, vectors)) == pytest.approx(sum(counted) / len(counted), rel=1e-9)
    assert float(loss(labels[:, None], vectors)) == pytest.approx(sum(counted) / len(counted), rel=1e-9)


def test_references_stand_in_for_the_batch():
    labels, vectors = embeddings(4)
    ref_labels, ref_vectors = embeddings(5, count=6)
    for remove_diagonal in (True, False):
        expected = pair_by_pair(labels, vectors, ref_labels, ref_vectors, remove_diagonal, 10.0, 0.3)
        found = circle(labels, vectors, ref_labels, ref_vectors, remove_diagonal, 10.0, 0.3)
        assert found == pytest.approx(expected, rel=1e-9)


def test_pieces_give_the_values_of_the_whole(monkeypatch):
    labels, vectors = embeddings(6, count=20)
    whole = circle(labels, vectors)
    monkeypatch.setattr(module, "_PAIRS", 60)
    assert circle(labels, vectors) == pytest.approx(whole, rel=1e-9)


def test_rows_without_a_positive_or_a_negative_do_not_count():
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    value = circle([0, 0, 1], vectors, gamma=1.0)
    assert value[2] == 0.0
    # By hand: distances 0.4 to the positive; 1 and 0.2 to the negative.
    expected = [math.log1p(math.exp(-0.16)), math.log1p(math.exp(0.48))]
    assert value[:2] == pytest.approx(expected)
    assert float(Circle(gamma=1.0)([0, 0, 1], vectors)) == pytest.approx(sum(expected) / 2)
    assert float(Circle(gamma=1.0, reduction="sum")([0, 0, 1], vectors)) == pytest.approx(sum(expected))
    weighted = Circle(gamma=1.0)([0, 0, 1], vectors, sample_weight=[3.0, 1.0, 9.0])
    assert float(weighted) == pytest.approx((3 * expected[0] + expected[1]) / 2)
    assert float(Circle()([0, 0], vectors[:2])) == 0.0
    assert float(Circle()([0, 1], vectors[:2])) == 0.0


def test_a_large_scale_does_not_overflow():
    labels, vectors = embeddings(8)
    values = circle(labels, vectors, gamma=1e5)
    assert np.isfinite(values).all()
    assert values.max() > 1e3


def test_labels_and_embeddings_must_fit():
    with pytest.raises(DataError, match="one label for each embedding"):
        circle([0, 1], np.eye(3))
    with pytest.raises(DataError, match="one label for each embedding"):
        circle([0, 1, 2], np.eye(3), [0], np.eye(3))
    with pytest.raises(DataError, match="length 3 cannot be compared"):
        circle([0, 1, 2], np.eye(3), [0], np.ones((1, 2)))
