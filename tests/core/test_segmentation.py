"""Dice, Tversky and Lovász-Softmax against their formulas in exact arithmetic, Keras's documentation and scikit-learn."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from xent.core.errors import DataError, DomainError, UsageError
from xent.core.losses.segmentation import Dice, LovaszSoftmax, Tversky, dice, lovasz_softmax, tversky

EPSILON = Fraction(1, 10**7)

DOCUMENTED = (
    np.array([[[[1.0], [1.0]], [[0.0], [0.0]]], [[[1.0], [1.0]], [[0.0], [0.0]]]]),
    np.array([[[[0.0], [1.0]], [[0.0], [1.0]]], [[[0.4], [0.0]], [[0.0], [0.9]]]]),
)


def exactly(values):
    return [Fraction(float(value)) for value in np.ravel(values)]


def exact_tversky(y_true, y_pred, alpha, beta):
    pairs = list(zip(exactly(y_true), exactly(y_pred), strict=True))
    overlap = sum(y * p for y, p in pairs)
    wrong = sum((1 - y) * p for y, p in pairs) * Fraction(alpha)
    missed = sum(y * (1 - p) for y, p in pairs) * Fraction(beta)
    return float(1 - overlap / (overlap + wrong + missed + EPSILON))


def exact_dice(y_true, y_pred):
    y, p = exactly(y_true), exactly(y_pred)
    return float(1 - 2 * sum(a * b for a, b in zip(y, p, strict=True)) / (sum(y) + sum(p) + EPSILON))


def choquet(errors, members):
    """The Lovász extension of |wrong| / |members or wrong| by its other definition: the integral over thresholds of the set function."""
    errors = exactly(errors)
    total, lower = Fraction(0), Fraction(0)
    for threshold in sorted({error for error in errors if error}):
        wrong = {place for place, error in enumerate(errors) if error >= threshold}
        union = wrong | {place for place, member in enumerate(members) if member}
        total += (threshold - lower) * Fraction(len(wrong), len(union))
        lower = threshold
    return total


def exact_lovasz(labels, scores, classes):
    width = scores.shape[-1]
    if classes == "present":
        classes = sorted(set(labels.tolist()))
    elif classes == "all":
        classes = range(width)
    losses = []
    for number in classes:
        members = labels == number
        losses.append(choquet(np.abs(members - scores[:, number]), members))
    return float(sum(losses) / len(losses))


def segmentation(seed, shape=(3, 4, 5), width=4):
    rng = np.random.default_rng(seed)
    # Multiples of 1/64, so that errors tie now and then and 1 - p is exact.
    return rng.integers(0, width, shape), rng.integers(0, 65, (*shape, width)) / 64


def test_dice_gives_the_values_of_kerass_documentation():
    assert dice(*DOCUMENTED, axis=(1, 2, 3)) == pytest.approx([0.5, 0.75757575], abs=1e-7)
    assert float(dice(*DOCUMENTED)) == pytest.approx(0.6164384, abs=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_dice_and_tversky_are_their_formulas(seed):
    rng = np.random.default_rng(seed)
    y, p = rng.random((2, 3, 4)), rng.random((2, 3, 4))
    alpha, beta = rng.random(2)
    assert float(dice(y, p)) == pytest.approx(exact_dice(y, p), rel=1e-12)
    assert dice(y, p, axis=(1, 2)) == pytest.approx([exact_dice(a, b) for a, b in zip(y, p, strict=True)], rel=1e-12)
    assert float(tversky(y, p, alpha, beta)) == pytest.approx(exact_tversky(y, p, alpha, beta), rel=1e-12)
    by_row = [[exact_tversky(c, d, alpha, beta) for c, d in zip(a, b, strict=True)] for a, b in zip(y, p, strict=True)]
    assert tversky(y, p, alpha, beta, axis=-1) == pytest.approx(np.array(by_row), rel=1e-12)


def test_tverskys_alpha_weighs_false_positives_and_beta_false_negatives():
    claimed_wrongly = ([1.0, 0.0], [1.0, 1.0])
    missed = ([1.0, 1.0], [1.0, 0.0])
    assert float(tversky(*claimed_wrongly, alpha=3.0, beta=0.0)) == pytest.approx(0.75, abs=1e-7)
    assert float(tversky(*claimed_wrongly, alpha=0.0, beta=3.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(tversky(*missed, alpha=0.0, beta=3.0)) == pytest.approx(0.75, abs=1e-7)
    assert float(tversky(*missed, alpha=3.0, beta=0.0)) == pytest.approx(0.0, abs=1e-6)


def test_two_empty_masks_are_the_worst_value():
    assert float(dice(np.zeros(4), np.zeros(4))) == 1.0
    assert float(tversky(np.zeros(4), np.zeros(4))) == 1.0


@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_over_batch_size", "mean_with_sample_weight", "none", None])
@pytest.mark.parametrize("loss", [Dice, Tversky])
def test_a_loss_of_one_number_ignores_the_reduction(loss, reduction):
    whole = loss(reduction=reduction)
    value = whole(*DOCUMENTED)
    assert np.shape(value) == ()
    assert float(value) == pytest.approx(0.6164384, abs=1e-7)
    assert float(whole(*DOCUMENTED, sample_weight=3.0)) == pytest.approx(3 * 0.6164384, abs=3e-7)


def test_vector_weights_scale_a_loss_of_one_number():
    weight = np.array([1.0, 2.0])
    expected = {"sum": 3.0, "mean": 1.5, "mean_with_sample_weight": 1.0}
    for reduction, factor in expected.items():
        value = Dice(reduction=reduction)(*DOCUMENTED, sample_weight=weight)
        assert float(value) == pytest.approx(factor * 0.6164384, abs=3e-7)


def test_masks_along_axes_are_weighted_and_averaged():
    value = Dice(axis=(1, 2, 3))(*DOCUMENTED, sample_weight=[1.0, 0.0])
    assert float(value) == pytest.approx(0.25, abs=1e-7)


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"y_true\.shape=\(2, 3\)"):
        dice(np.zeros((2, 3)), np.zeros((3, 2)))


@pytest.mark.parametrize("axis", [3, (0, 0), (0, -2), True, (1, 7)])
def test_axes_that_do_not_exist_are_refused(axis):
    with pytest.raises(DataError, match="axis"):
        tversky(np.zeros((2, 3)), np.zeros((2, 3)), axis=axis)


@pytest.mark.parametrize("classes", ["present", "all", [2], [0, 3]])
@pytest.mark.parametrize("seed", range(5))
def test_lovasz_is_the_choquet_integral_of_the_jaccard_loss(seed, classes):
    labels, scores = segmentation(seed)
    labels[labels == 1] = 0
    expected = exact_lovasz(labels.ravel(), scores.reshape(-1, 4), classes)
    assert float(lovasz_softmax(labels, scores, classes)) == pytest.approx(expected, rel=1e-12)
    by_image = [exact_lovasz(y.ravel(), p.reshape(-1, 4), classes) for y, p in zip(labels, scores, strict=True)]
    assert lovasz_softmax(labels, scores, classes, per_image=True) == pytest.approx(by_image, rel=1e-12)
    assert float(LovaszSoftmax(classes, per_image=True)(labels, scores)) == pytest.approx(sum(by_image) / 3, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_lovasz_of_hard_predictions_is_one_minus_mean_iou(seed):
    rng = np.random.default_rng(seed)
    labels, guesses = rng.integers(0, 4, (2, 50))
    iou = jaccard_score(labels, guesses, labels=np.unique(labels), average="macro")
    assert float(lovasz_softmax(labels, np.eye(4)[guesses])) == pytest.approx(1.0 - iou, rel=1e-12)


def test_ignored_pixels_are_as_if_they_were_not_there():
    labels, scores = segmentation(7)
    labels[0] = 255
    labels[1, :2] = 255
    kept = labels != 255
    alone = exact_lovasz(labels[kept], scores[kept], "present")
    assert float(lovasz_softmax(labels, scores, ignore=255)) == pytest.approx(alone, rel=1e-12)
    by_image = [exact_lovasz(labels[image][kept[image]], scores[image][kept[image]], "present") for image in (1, 2)]
    values = lovasz_softmax(labels, scores, per_image=True, ignore=255)
    assert np.isnan(values[0])
    assert values[1:] == pytest.approx(by_image, rel=1e-12)
    # An image without a pixel that counts does not enter the mean.
    loss = LovaszSoftmax(per_image=True, ignore=255)
    assert float(loss(labels, scores)) == pytest.approx(sum(by_image) / 2, rel=1e-12)
    assert np.isnan(lovasz_softmax([255], [[0.5, 0.5]], ignore=255))
    assert np.isnan(lovasz_softmax([255], [[0.5, 0.5]], classes="all", ignore=255))


def test_lovasz_takes_labels_with_a_trailing_axis():
    labels, scores = segmentation(1)
    assert lovasz_softmax(labels[..., None], scores) == lovasz_softmax(labels, scores)
    loss = LovaszSoftmax(per_image=True, ignore=0)
    assert loss(labels[..., None], scores) == loss(labels, scores)


def test_lovasz_refuses_what_it_cannot_use():
    with pytest.raises(UsageError, match="'some'"):
        lovasz_softmax([0], [[0.5, 0.5]], classes="some")
    with pytest.raises(UsageError, match="from 0 to 1"):
        lovasz_softmax([0], [[0.5, 0.5]], classes=[0, 2])
    with pytest.raises(UsageError, match="from 0 to 1"):
        lovasz_softmax([0], [[0.5, 0.5]], classes=[])
    with pytest.raises(DomainError, match="label 2 "):
        lovasz_softmax([2], [[0.5, 0.5]])
    with pytest.raises(DataError, match=r"y_true\.shape=\(2,\)"):
        lovasz_softmax([0, 1], [[0.5, 0.5]])


def test_configurations_make_the_same_loss_again():
    for loss in (Dice(axis=(1, 2)), Tversky(0.3, 0.7, axis=-1), LovaszSoftmax([0, 1], True, 255)):
        again = type(loss).from_config(loss.get_config())
        assert again.get_config() == loss.get_config()
