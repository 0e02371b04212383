"""The worked examples of the Keras documentation, through the command line, from CSV, Parquet and NPY."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

ONE_HOT = ([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
INDEX = ([1, 2], ONE_HOT[1])
EVENTS = ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
LOGITS = ([[0, 1], [0, 0]], [[-18.6, 0.51], [2.94, -12.8]])
FLAT_LOGITS = ([0, 1, 0, 0], [-18.6, 0.51, 2.94, -12.8])

FOCAL = "binary_focal_crossentropy:from_logits=true,"
BALANCED = ",apply_class_balancing=true"

EXAMPLES = [
    ("categorical_crossentropy", ONE_HOT, None, 1.1769392),
    ("categorical_crossentropy", ONE_HOT, [0.3, 0.7], 1.6271976),
    ("categorical_crossentropy:reduction=sum_over_batch_size", ONE_HOT, [0.3, 0.7], 0.8135988),
    ("categorical_crossentropy:reduction=sum", ONE_HOT, None, 2.354),
    ("categorical_crossentropy:reduction=none", ONE_HOT, None, [0.0513, 2.303]),
    ("sparse_categorical_crossentropy", INDEX, None, 1.1769392),
    ("sparse_categorical_crossentropy", INDEX, [0.3, 0.7], 1.6271976),
    ("sparse_categorical_crossentropy:reduction=mean", INDEX, [0.3, 0.7], 0.8135988),
    ("sparse_categorical_crossentropy:reduction=sum", INDEX, None, 2.354),
    ("sparse_categorical_crossentropy:reduction=none", INDEX, None, [0.0513, 2.303]),
    ("categorical_crossentropy", INDEX, None, 1.1769392),
    ("binary_crossentropy", EVENTS, None, 0.81492424),
    ("binary_crossentropy", EVENTS, [1.0, 0.0], 0.9162905),
    ("binary_crossentropy:from_logits=true", LOGITS, None, 0.8654),
    ("binary_crossentropy:from_logits=true", FLAT_LOGITS, None, 0.8654),
    ("binary_crossentropy:from_logits=true,reduction=mean", LOGITS, [0.8, 0.2], 0.243),
    ("binary_crossentropy:from_logits=true,reduction=sum", LOGITS, None, 1.730),
    ("binary_crossentropy:from_logits=true,reduction=none", LOGITS, None, [0.235, 1.496]),
    (FOCAL + "gamma=2", FLAT_LOGITS, None, 0.691),
    (FOCAL + "gamma=2" + BALANCED, FLAT_LOGITS, None, 0.51),
    (FOCAL + "gamma=3", LOGITS, None, 0.647),
    (FOCAL + "gamma=3" + BALANCED, LOGITS, None, 0.482),
    (FOCAL + "gamma=3,reduction=mean", LOGITS, [0.8, 0.2], 0.133),
    (FOCAL + "gamma=3,reduction=mean" + BALANCED, LOGITS, [0.8, 0.2], 0.097),
    (FOCAL + "gamma=4,reduction=sum", LOGITS, None, 1.222),
    (FOCAL + "gamma=4,reduction=sum" + BALANCED, LOGITS, None, 0.914),
    (FOCAL + "gamma=5,reduction=none", LOGITS, None, [0.0017, 1.1561]),
    (FOCAL + "gamma=5,reduction=none" + BALANCED, LOGITS, None, [0.0004, 0.8670]),
    ("categorical_focal_crossentropy", ONE_HOT, None, 0.23315276),
    ("categorical_focal_crossentropy:reduction=mean", ONE_HOT, [0.3, 0.7], 0.1632),
    ("categorical_focal_crossentropy:reduction=sum", ONE_HOT, None, 0.46631),
    ("categorical_focal_crossentropy:reduction=none", ONE_HOT, None, [3.2058331e-05, 4.6627346e-01]),
]


def write(folder, form, y_true, y_pred, weight):
    """The file of this form, and the options that read it."""
    y_true, y_pred = np.array(y_true), np.array(y_pred)
    options = ["--weight", "w"] if weight else []
    if form == "npy":
        np.savez(folder / "a.npz", y_true=y_true, y_pred=y_pred, **({"w": np.array(weight)} if weight else {}))
        np.save(folder / "p.npy", y_pred)
        np.save(folder / "y.npy", y_true)
        # NPY has no place for weights; an archive of NPY arrays has.
        return [str(folder / "a.npz"), *options] if weight else [str(folder / "p.npy"), "--labels", str(folder / "y.npy")]
    columns = {"w": weight} if weight else {}
    for name, values in (("label", y_true), ("p", y_pred)):
        columns |= {name: values} if values.ndim == 1 else {f"{name}_{k}": values[:, k] for k in range(values.shape[1])}
    options += ["--label", "label*", "--pred", "p*"]
    (pa.csv.write_csv if form == "csv" else pq.write_table)(pa.table(columns), folder / f"a.{form}")
    return [str(folder / f"a.{form}"), *options]


def close(found, expected):
    """Whether the page shows this number: pages cut digits off as often as they round."""
    text = f"{expected:.8g}"
    digits = len(text.partition("e")[0].partition(".")[2])
    unit = 10.0 ** (-digits + (int(text.partition("e")[2]) if "e" in text else 0))
    return found == pytest.approx(expected, abs=max(1.01 * unit, 1e-6 if digits >= 7 else 0.0))


@pytest.mark.parametrize("form", ["csv", "parquet", "npy"])
def test_examples(xent, tmp_path, form):
    wrong = []
    for number, (metric, (y_true, y_pred), weight, expected) in enumerate(EXAMPLES):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = xent("eval", *write(folder, form, y_true, y_pred, weight), "-m", metric, "-q")
        if done.status:
            wrong.append((metric, done.err))
            continue
        found = json.loads(done.out)
        pairs = zip(found, expected, strict=True) if isinstance(expected, list) else [(found, expected)]
        if not all(close(one, other) for one, other in pairs):
            wrong.append((metric, weight, found, expected))
    assert not wrong
