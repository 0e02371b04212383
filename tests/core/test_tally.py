"""The accumulator of a run: missing values and their places, fingerprints of the data, errors with their row, and health."""

import itertools
import json
import struct

import numpy as np
import pytest

from xent import metrics
from xent.core import digest
from xent.core.batch import Batch, Stack
from xent.core.errors import DataError, DomainError, NotProbabilityError, UsageError
from xent.core.groups import Groups
from xent.core.reduced import MEAN
from xent.core.tally import Place, Tally, signature

NAN = float("nan")
LARGE = (1 << 15) + 20


def event_rows(count, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 2, count).astype(float), random.random(count), random.random(count)


def tally(*made, **options):
    return Tally(list(made) or [metrics.BinaryCrossentropy()], **options)


def fed(batch, *made, **options):
    one = tally(*made, **options)
    one.update(batch)
    return one


def mean(y, p, w=1.0):
    """The weighted mean of -(y ln p + (1 - y) ln(1 - p)), by NumPy."""
    w = np.broadcast_to(w, y.shape)
    return -(w * np.log(np.where(y == 1, p, 1 - p))).sum() / w.sum()


# Missing values.


@pytest.mark.parametrize("role", ["y_true", "y_pred", "sample_weight"])
@pytest.mark.parametrize("policy", ["error", "skip"])
def test_rows_with_a_missing_value_are_dropped(role, policy):
    y, p, w = event_rows(10)
    kept = np.ones(10, dtype=bool)
    kept[[2, 7]] = False
    rows = {"y_true": y.copy(), "y_pred": p.copy(), "sample_weight": w.copy()}
    rows[role][~kept] = NAN
    one = fed(Batch(*rows.values()), nan=policy)
    assert one.results()[0].value == pytest.approx(mean(y[kept], p[kept], w[kept]), rel=1e-14)
    assert (one.rows, one.rows_dropped, one.results()[0].count) == (10, 2, 8)
    assert one.missing == (Place(0, 2, role, 0) if policy == "error" else None)
    assert repr(one.results()) == repr(fed(Batch(y[kept], p[kept], w[kept])).results())
    assert one.digest == fed(Batch(y[kept], p[kept], w[kept])).digest


@pytest.mark.parametrize("role", ["y_true", "y_pred", "sample_weight"])
def test_missing_values_propagate_if_asked(role):
    y, p, w = event_rows(5)
    rows = {"y_true": y, "y_pred": p, "sample_weight": w}
    rows[role][3] = NAN
    one = fed(Batch(*rows.values()), nan="propagate")
    assert np.isnan(one.results()[0].value)
    assert (one.rows, one.rows_dropped, one.missing, one.results()[0].count) == (5, 0, None, 5)


def test_the_first_missing_value_has_its_source_row_and_column():
    scores = np.full((LARGE, 3), 1 / 3)
    scores[LARGE - 2, 1] = NAN
    scores[LARGE - 1, 0] = NAN
    index = np.zeros(LARGE, dtype=int)
    one = fed(Batch(index, scores, origin=(4, 1000)), metrics.CategoricalCrossentropy())
    assert one.missing == Place(4, 1000 + LARGE - 2, "y_pred", 1)
    assert one.rows_dropped == 2
    earlier = fed(Batch(index[:3], np.where(np.arange(9).reshape(3, 3) == 5, NAN, 0.3), origin=(2, 7)), metrics.CategoricalCrossentropy())
    assert earlier.missing == Place(2, 8, "y_pred", 2)
    one.merge(earlier)
    assert one.missing == Place(2, 8, "y_pred", 2)
    assert one.rows_dropped == 3
    for origin in ((1, 5), (2, 0)):
        one.update(Batch(index[:3], np.full((3, 3), NAN), origin=origin))
    assert one.missing == Place(1, 5, "y_pred", 0)


def test_missing_values_of_a_stack_and_its_slices():
    columns = Stack((np.array([0.5, NAN, 0.25, 0.5]), np.array([0.5, 0.5, 0.75, 0.5], dtype=np.float32)))
    batch = Batch(np.array([0, 1, 1, 0]), columns, None, Groups(np.array([0, 0, 1, 1]), 2))
    one = fed(batch, metrics.CategoricalCrossentropy(), groups=2, nan="skip")
    assert [one.results(group)[0].count for group in (0, 1)] == [1, 2]
    assert one.results(0)[0].value == pytest.approx(np.log(2))
    assert one.results(1)[0].value == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)


def test_single_events_in_a_column_are_those_of_a_vector():
    y, p, w = event_rows(50)
    shapes = itertools.product((y, y[:, None]), (p, p[:, None]))
    assert len({repr(fed(Batch(labels, scores, w)).results()[0].value) for labels, scores in shapes}) == 1


def test_labels_of_single_events_lie_within_0_and_1():
    for label in (-0.5, 1.5):
        with pytest.raises(DomainError, match=rf"label {label} lies outside \[0, 1\]") as caught:
            fed(Batch(np.array([0.0, label, 1.0]), np.full(3, 0.5), origin=(1, 10)))
        assert (caught.value.role, caught.value.source, caught.value.row) == ("y_true", 1, 11)


def test_nothing_but_missing_rows():
    one = fed(Batch(np.array([1.0, 0.0]), np.array([NAN, NAN])), nan="skip")
    assert (one.rows, one.rows_dropped) == (2, 2)
    assert np.isnan(one.results()[0].value)
    assert one.results()[0].count == 0


# The fingerprint of labels and weights.


def fingerprint(y, w=None, chunks=None, classes=None, p=None):
    one = Tally([], classes=classes)
    p = np.full(len(y), 0.5) if p is None else p
    for rows in [slice(None)] if chunks is None else chunks:
        one.update(Batch(y[rows], p[rows], None if w is None else w[rows]))
    return digest.text(one.digest)


def test_the_fingerprint_is_what_it_was():
    """In Python's integers: saved results are compared by it, so it must not change between versions."""

    def bits(number):
        return int.from_bytes(struct.pack("<d", number), "little")

    def of_row(label, weight):
        hashed = (bits(label) ^ bits(label) >> 32) * 0x9E3779B97F4A7C15 + bits(weight) * 0xBF58476D1CE4E5B9
        return ((hashed % 2**64) ^ (hashed % 2**64) >> 32) * 0x94D049BB133111EB % 2**64

    # From 4096 on, hashes are not looked up.
    several = [0, 1, 5, 7, 4095, 4096], [0, 1, 5, 4095, 4096, 70_000]
    for labels, weights in itertools.product(several, (None, [1.0, 0.5, 2.0, 3.0, 1.0, 0.0])):
        rows = [of_row(label, weight) for label, weight in zip(labels, weights or [1.0] * 6, strict=True)]
        expected = sum(rows) % 2**64, sum(row * row for row in rows) % 2**64
        for kind in (np.int64, np.float64):
            batch = Batch(np.array(labels, dtype=kind), np.zeros(6), None if weights is None else np.array(weights))
            assert digest.digest_of(batch) == expected


def test_the_fingerprint_depends_neither_on_order_nor_on_chunks_nor_on_predictions():
    random = np.random.default_rng(1)
    labels = [random.integers(0, 5, 50), random.normal(0, 1, 50), random.dirichlet(np.ones(3), 50), np.eye(3)[random.integers(0, 3, 50)]]
    for y, w in itertools.product(labels, [None, random.random(50)]):
        whole = fingerprint(y, w)
        order = random.permutation(50)
        assert fingerprint(y[order], None if w is None else w[order]) == whole
        assert fingerprint(y, w, [slice(0, 1), slice(1, 20), slice(20, 20), slice(20, 50)]) == whole
        assert fingerprint(y, w, p=random.random(50)) == whole


def test_one_hot_rows_are_the_class_they_name():
    index = np.random.default_rng(2).integers(0, 4, 60)
    weight = np.random.default_rng(3).random(60)
    for w in (None, weight):
        whole = fingerprint(index, w)
        for kind in (float, np.float32, np.int8, bool):
            assert fingerprint(np.eye(4, dtype=kind)[index], w) == whole
        for kind in (np.int8, np.uint64, np.float32, float):
            assert fingerprint(index.astype(kind), w) == whole
    assert fingerprint(index, np.ones(60)) == fingerprint(index)


def test_names_are_what_is_hashed_where_there_are_names():
    index = np.random.default_rng(4).integers(0, 3, 40)
    whole = fingerprint(index, classes=("cat", "dog", "eel"))
    renumbered = np.array([2, 0, 1])[index]
    assert fingerprint(renumbered, classes=("dog", "eel", "cat")) == whole
    assert fingerprint(np.eye(3)[index], classes=("cat", "dog", "eel")) == whole
    assert fingerprint(index, classes=("dog", "cat", "eel")) != whole
    # Numbers as names are numbers.
    assert fingerprint(index, classes=("0", "1", "2")) == fingerprint(index)


def test_other_data_has_another_fingerprint():
    y = np.array([0, 1, 2, 0, 1])
    w = np.array([1.0, 2.0, 1.0, 1.0, 1.0])
    soft = np.array([[0.25, 0.75], [0.5, 0.5]])
    prints = [
        fingerprint(y),
        fingerprint(y[:4]),
        fingerprint(np.array([0, 1, 2, 0, 2])),
        fingerprint(np.concatenate([y, y])),
        fingerprint(y, w),
        fingerprint(y, w[::-1].copy()),
        fingerprint(y[:0]),
        fingerprint(soft),
        fingerprint(soft[:, ::-1].copy()),
        fingerprint(soft + 1e-15),
        fingerprint(np.array([0.0, 0.0])),
        fingerprint(np.array([0.0, 0.0, 0.0])),
    ]
    assert len(set(prints)) == len(prints)


# Errors.


@pytest.mark.parametrize(
    ("role", "kind", "value", "words"),
    [
        ("y_true", DomainError, 2.0, "label 2.0 lies outside \\[0, 1\\]"),
        ("y_pred", NotProbabilityError, 1.3, "prediction 1.3 lies outside \\[0, 1\\]"),
        ("y_pred", NotProbabilityError, -5.0, "prediction -5.0 lies outside \\[0, 1\\]"),
        ("y_pred", NotProbabilityError, np.inf, "prediction inf lies outside \\[0, 1\\]"),
        ("sample_weight", DomainError, -1.0, "weight -1.0 is not a finite number of at least 0"),
        ("sample_weight", DomainError, np.inf, "weight inf is not a finite number of at least 0"),
    ],
)
@pytest.mark.parametrize("row", [0, 5, LARGE - 1])
def test_a_value_outside_its_domain_has_its_row(role, kind, value, words, row):
    y, p, w = event_rows(LARGE)
    rows = {"y_true": y, "y_pred": p, "sample_weight": w}
    rows[role][row:] = value
    # Rows dropped before it must not move it.
    rows["y_pred"][: min(row, 3)] = NAN
    with pytest.raises(kind, match=words) as caught:
        fed(Batch(*rows.values(), origin=(3, 500)), nan="skip")
    assert (caught.value.source, caught.value.row, caught.value.role) == (3, 500 + row, role)


def test_a_value_outside_its_domain_has_its_column():
    scores = np.full((6, 4), 0.25)
    scores[4, 2] = 7.0
    with pytest.raises(NotProbabilityError, match=r"7\.0") as caught:
        fed(Batch(np.zeros(6, dtype=int), scores), metrics.CategoricalCrossentropy())
    assert (caught.value.row, caught.value.column) == (4, 2)
    with pytest.raises(DomainError, match="label 4 is not a class index from 0 to 3") as caught:
        fed(Batch(np.array([0, 3, 4]), np.full((3, 4), 0.25)), metrics.CategoricalCrossentropy())
    assert (caught.value.row, caught.value.role) == (2, "y_true")


def test_rounding_is_no_logit():
    one = fed(Batch(np.array([1.0, 0.0]), np.array([1.0000001, -1e-8])))
    assert one.results()[0].value == pytest.approx(1e-7, rel=1e-6)


def test_labels_and_predictions_that_do_not_fit():
    with pytest.raises(DataError, match="for several classes take a categorical metric"):
        fed(Batch(np.zeros(3), np.full((3, 4), 0.25)))
    with pytest.raises(DataError, match="labels and predictions do not fit"):
        fed(Batch(np.zeros((3, 2)), np.full((3, 4), 0.25)), metrics.CategoricalCrossentropy())


# Health.


def test_health_counts_what_the_convention_did():
    scores = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.2, 0.2], [1.0, 0.5], [0.9999999999, 1e-10]])
    index = np.array([0, 1, 1, 0, 1, 1])
    made = [metrics.CategoricalCrossentropy(), metrics.CategoricalCrossentropy(convention="exact"), metrics.BinaryCrossentropy()]
    keras, exact, binary = fed(Batch(index, scores), *made).results()
    # Rows 1, 2 and 5 are clipped; 3 and 4 do not sum to 1.
    assert (keras.health.clipped, keras.health.renormalised) == (3, 2)
    assert keras.health.max_sum_error == pytest.approx(0.6)
    assert keras.health.exact_value == exact.value == np.inf
    assert (exact.health.clipped, exact.health.renormalised, exact.health.max_sum_error) == (0, 0, keras.health.max_sum_error)
    # One event a row: the probability of class 1, of which 0, 1 and 1e-10 are clipped.
    assert (binary.health.clipped, binary.health.renormalised) == (3, 0)


def test_health_of_slices_and_the_exact_value():
    scores = np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.5]])
    batch = Batch(np.array([0, 0, 1]), scores, None, Groups(np.array([0, 0, 1]), 2))
    one = fed(batch, metrics.CategoricalCrossentropy(), groups=2)
    first, second = (one.results(group)[0] for group in range(2))
    assert (first.health.clipped, first.health.renormalised, first.health.max_sum_error) == (1, 0, 0.0)
    assert (second.health.clipped, second.health.renormalised, second.health.max_sum_error) == (0, 1, 0.25)
    assert first.health.exact_value == pytest.approx(np.log(2) / 2, rel=1e-15)
    assert second.health.exact_value == pytest.approx(np.log(2), rel=1e-15)
    assert second.value == pytest.approx(np.log(1.5), rel=1e-15)


def test_smoothed_labels_meet_every_probability():
    scores = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    plain, smoothed = fed(
        Batch(np.array([0, 0, 2]), scores), metrics.CategoricalCrossentropy(), metrics.CategoricalCrossentropy(label_smoothing=0.1)
    ).results()
    assert (plain.health.clipped, smoothed.health.clipped) == (1, 2)


def test_ignored_rows_have_no_health():
    index = np.array([-1, 0, 1])
    scores = np.array([[3.0, 0.0], [0.5, 0.5], [0.25, 0.25]]) / np.array([[3.0], [1.0], [1.0]])
    (result,) = fed(Batch(index, scores), metrics.SparseCategoricalCrossentropy(ignore_class=-1)).results()
    assert (result.health.clipped, result.health.renormalised, result.health.max_sum_error) == (0, 1, 0.5)
    assert result.count == 2


def test_logits_have_nothing_done_to_them():
    made = metrics.CategoricalCrossentropy(from_logits=True), metrics.BinaryCrossentropy(from_logits=True)
    for result in fed(Batch(np.array([0, 1]), np.array([[1e4, -1e4], [3.0, 4.0]])), *made).results():
        assert (result.health.clipped, result.health.renormalised, result.health.max_sum_error) == (0, 0, 0.0)
        assert result.health.exact_value == result.value


# Sharing, merging, signatures.


def test_equal_needs_share_one_state():
    """Sparse and categorical cross-entropy do the same to a file; so does the exact value that the health of one reports."""
    one = tally(
        metrics.CategoricalCrossentropy(), metrics.SparseCategoricalCrossentropy(), metrics.CategoricalCrossentropy(convention="exact")
    )
    one.update(Batch(np.array([0, 1]), np.array([[0.5, 0.5], [0.25, 0.75]])))
    # The values of keras and exact, and the health of both.
    assert len(one.states) == 4
    first, second, _ = one.results()
    assert first.value == second.value


def test_tallies_of_other_metrics_or_options_do_not_merge():
    one = tally()
    for other in (
        tally(metrics.CategoricalCrossentropy()),
        tally(metrics.BinaryCrossentropy(label_smoothing=0.1)),
        tally(groups=2),
        tally(nan="skip"),
        tally(classes=("a", "b")),
        tally(from_logits=True),
    ):
        with pytest.raises(UsageError, match="cannot merge tallies"):
            one.merge(other)


def test_the_sum_of_the_weights_is_exact():
    w = np.array([1e16, 1.0, 1.0])
    one = fed(Batch(np.array([0.0, 1.0, 1.0]), np.full(3, 0.5), w))
    assert one.weights.to_float().tolist() == [1e16 + 2]
    assert fed(Batch(np.zeros(3), np.full(3, 0.5))).weights.to_float().tolist() == [3.0]


def test_signatures_name_every_parameter():
    assert signature(metrics.KLDivergence()) == "kl_divergence|convention:keras"
    one = signature(metrics.CategoricalFocalCrossentropy(alpha=[0.25, 0.75], gamma=3.0))
    name, *parameters = one.split("|")
    assert name == "categorical_focal_crossentropy"
    assert parameters == ["alpha:[0.25, 0.75]", "axis:-1", "from_logits:false", "gamma:3", "label_smoothing:0", f"reduction:{MEAN}"]
    assert signature(metrics.CategoricalFocalCrossentropy(gamma=3)) == signature(metrics.CategoricalFocalCrossentropy(gamma=3.0))


def test_a_metric_may_have_a_name_of_its_own():
    one = fed(Batch(np.array([1.0]), np.array([0.5])), metrics.BinaryCrossentropy(name="mine"), metrics.BinaryCrossentropy())
    assert [(result.name, result.label) for result in one.results()] == [("binary_crossentropy", "mine"), ("binary_crossentropy", None)]


def test_logits_become_probabilities_for_metrics_that_know_none():
    logits = np.array([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    one = fed(Batch(np.array([0, 1]), logits), metrics.KLDivergence(), from_logits=True)
    other = fed(Batch(np.array([0, 1]), shares), metrics.KLDivergence())
    assert one.results()[0].value == pytest.approx(other.results()[0].value, rel=1e-14)


# The class API beside it.


def test_weights_of_every_legal_shape_mean_what_keras_says():
    """Values (2, 3): weights of fewer axes meet values averaged over the others (inventory, section 1.5)."""
    random = np.random.default_rng(6)
    y, p = random.integers(0, 2, (2, 3, 4)).astype(float), random.random((2, 3, 4))
    values = -np.log(np.where(y == 1, p, 1 - p)).mean(axis=-1)
    for shape in [(), (1,), (2,), (2, 1), (1, 3), (2, 3), (2, 3, 1)]:
        w = random.random(shape)
        full = np.broadcast_to(w[:, None] if shape == (2,) else w[..., 0] if len(shape) == 3 else w, (2, 3))
        metric = metrics.BinaryCrossentropy()
        assert metric(y, p, w) == pytest.approx((values * full).sum() / full.sum(), rel=1e-13), shape
    for shape in [(3,), (2, 2), (2, 3, 4), (3, 2)]:
        with pytest.raises(DataError, match="sample_weight cannot be broadcast"):
            metrics.BinaryCrossentropy().update_state(y, p, np.ones(shape))


def test_one_weight_for_all_rows_is_their_mean():
    y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.5], [0.4], [0.3]])
    for weight in (2.0, [2.0], [[2.0]], [2.0, 2.0, 2.0]):
        assert metrics.BinaryCrossentropy()(y, p, weight) == pytest.approx(mean(y[:, 0], p[:, 0]), rel=1e-15)


def test_an_infinite_value_of_weight_zero_is_nan_without_a_warning():
    exact = metrics.BinaryCrossentropy(convention="exact")
    assert np.isnan(exact([[1.0], [1.0]], [[0.0], [0.5]], [0.0, 1.0]))
    assert np.isnan(exact([[[1.0]], [[1.0]]], [[[0.0]], [[0.5]]], [0.0, 1.0]))


def test_metrics_of_other_parameters_do_not_merge():
    one = metrics.BinaryCrossentropy()
    for other in (
        metrics.BinaryCrossentropy(from_logits=True),
        metrics.BinaryCrossentropy(dtype="float32"),
        metrics.BinaryFocalCrossentropy(),
        metrics.BinaryCrossentropy(convention="exact"),
    ):
        with pytest.raises(UsageError, match="cannot merge"):
            one.merge_state([metrics.BinaryCrossentropy(), other])
    assert np.isnan(one.result())


def test_float32_is_a_type_to_compute_in():
    metric = metrics.BinaryCrossentropy(dtype="float32")
    # -ln(1 - float32(1 - 1e-7)), and not -ln 1e-7 = 16.118.
    assert metric([[0.0]], [[1.0]]) == pytest.approx(15.942385, abs=2e-6)
    assert metrics.BinaryCrossentropy.from_state(json.loads(json.dumps(metric.get_state()))).dtype == "float32"


def test_the_state_of_another_class_is_refused():
    with pytest.raises(DataError, match="this is the state of a Poisson, not of a KLDivergence"):
        metrics.KLDivergence.from_state(metrics.Poisson().get_state())
    state = metrics.Poisson()
    state.update_state([[1.0]], [[1.0]])
    plain = state.get_state()
    plain["state"]["kind"] = "Object"
    with pytest.raises(DataError, match="unknown kind of state 'Object'"):
        metrics.Poisson.from_state(plain)
