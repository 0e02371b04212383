"""CTC against the sum over every alignment, written down one by one."""

import itertools
import math
import os

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np
import pytest

from xent.core.errors import DataError, DomainError
from xent.core.losses import ctc as module
from xent.core.losses.ctc import CTC, ctc


def spelled(alignment):
    """What an alignment spells: repetitions merged, then blanks dropped."""
    return tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol)


def brute_force(label, logits):
    """-ln of the sum of the probabilities of all alignments that spell the label."""
    frames, classes = logits.shape
    probabilities = [[math.exp(x) / math.fsum(math.exp(z) for z in row) for x in row] for row in logits.tolist()]
    likely = math.fsum(
        math.prod(probabilities[frame][symbol] for frame, symbol in enumerate(alignment))
        for alignment in itertools.product(range(classes), repeat=frames)
        if spelled(alignment) == tuple(label)
    )
    return -math.log(likely) if likely else math.inf


@pytest.mark.parametrize("frames", [1, 2, 4, 6])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_label_has_the_probability_of_its_alignments(frames, classes):
    rng = np.random.default_rng(frames * 10 + classes)
    labels = [label for length in range(4) for label in itertools.product(range(1, classes), repeat=length)]
    padded = np.array([[*label, *[0] * (3 - len(label))] for label in labels])
    logits = rng.standard_normal((len(labels), frames, classes)) * 3
    expected = [brute_force(label, scores) for label, scores in zip(labels, logits, strict=True)]
    assert math.inf in expected or frames >= 5
    assert ctc(padded, logits) == pytest.approx(expected, rel=1e-12)


def test_the_probabilities_of_all_labels_add_up_to_one():
    logits = np.random.default_rng(0).standard_normal((4, 3)) * 2
    labels = [label for length in range(5) for label in itertools.product((1, 2), repeat=length)]
    padded = np.array([[*label, *[0] * (4 - len(label))] for label in labels])
    values = ctc(padded, np.broadcast_to(logits, (len(labels), 4, 3)))
    assert math.fsum(np.exp(-values)) == pytest.approx(1.0, rel=1e-12)


def test_zeros_inside_a_label_are_what_keras_makes_of_them():
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(0, 4, (200, 5)), rng.standard_normal((200, 11, 4)).astype(np.float32)
    assert ((labels[:, :-1] == 0) & (labels[:, 1:] != 0)).any()
    assert ctc(labels, logits) == pytest.approx(np.asarray(keras.losses.ctc(labels, logits)), rel=1e-4)


def test_no_alignment_costs_infinity():
    logits = np.zeros((3, 2, 4))
    values = ctc([[1, 1, 0], [1, 2, 3], [1, 2, 0]], logits)
    assert values[:2].tolist() == [math.inf, math.inf]
    assert values[2] == pytest.approx(math.log(16))
    assert float(CTC()([[1, 1, 0], [1, 2, 3], [1, 2, 0]], logits)) == math.inf
    assert ctc([[0], [1]], np.zeros((2, 0, 3))).tolist() == [0.0, math.inf]


def test_logits_are_not_normalised_before():
    rng = np.random.default_rng(2)
    labels, logits = rng.integers(1, 5, (6, 3)), rng.standard_normal((6, 8, 5))
    assert ctc(labels, logits + 100.0) == pytest.approx(ctc(labels, logits), rel=1e-9)
    assert np.isfinite(ctc(labels, logits * 1e4)).all()


def test_pieces_give_the_bits_of_the_whole(monkeypatch):
    rng = np.random.default_rng(3)
    labels, logits = rng.integers(0, 5, (17, 4)), rng.standard_normal((17, 9, 5))
    whole = ctc(labels, logits)
    monkeypatch.setattr(module, "_VALUES", 100)
    assert ctc(labels, logits).tolist() == whole.tolist()


def test_the_class_reduces_and_weighs():
    logits = np.random.default_rng(4).standard_normal((2, 3, 3))
    labels = np.array([[1, 2], [2, 0]])
    first, second = brute_force([1, 2], logits[0]), brute_force([2], logits[1])
    assert float(CTC()(labels, logits)) == pytest.approx((first + second) / 2)
    assert float(CTC(reduction="sum")(labels, logits, sample_weight=[2.0, 1.0])) == pytest.approx(2 * first + second)
    assert CTC(reduction=None)(labels.astype(float), logits) == pytest.approx([first, second])


def test_agrees_with_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    labels, logits = rng.integers(1, 6, (8, 5)), rng.standard_normal((8, 20, 6))
    logs = torch.log_softmax(torch.tensor(logits), dim=-1).transpose(0, 1)
    lengths = torch.full((8,), 20), torch.full((8,), 5)
    expected = torch.nn.functional.ctc_loss(logs, torch.tensor(labels), *lengths, blank=0, reduction="none")
    assert ctc(labels, logits) == pytest.approx(expected.numpy(), rel=1e-10)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match=r"y_pred\.shape=\(2, 3\)"):
        ctc([[1], [1]], np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"y_true\.shape=\(1, 1\)"):
        ctc([[1]], np.zeros((2, 3, 4)))
    for label in (4, -1, 1.5):
        with pytest.raises(DomainError, match=f"label {label} is not a class index from 0 to 3") as caught:
            ctc([[1, 1], [1, label]], np.zeros((2, 3, 4)))
        assert (caught.value.role, caught.value.row, caught.value.column) == ("y_true", 1, 1)
