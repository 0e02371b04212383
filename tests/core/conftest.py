"""What tests of the mathematics share: Keras itself, the seed of hypothesis, and a way to ask for intervals."""

import os
import warnings

import numpy as np
import pytest
from hypothesis import settings

from xent.core.batch import Batch
from xent.core.groups import Groups
from xent.core.table import row_of
from xent.core.tally import Confidence, Tally

settings.register_profile("xent", derandomize=True, deadline=None)
settings.load_profile("xent")


@pytest.fixture(scope="session")
def keras():
    """Keras on its NumPy backend. It computes in float32, whatever it is given."""
    os.environ["KERAS_BACKEND"] = "numpy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

    return keras


@pytest.fixture(scope="module")
def coarse_grid():
    """Smooths calibration errors on a grid that is as good for a law, where values need not be near, and costs a hundredth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xent.core.metrics.smooth_calibration._GRID", 1 << 8)
        yield


@pytest.fixture(scope="session")
def sliced():
    """Measures a metric and its interval for every slice, as `xent eval --ci --by` does."""

    def sliced(name, y_true, y_pred, codes, weight=None, clusters=None, level=0.95, seed=0, **parameters):
        count = max(codes, default=0) + 1
        tally = Tally([row_of(name).cls(**parameters)], groups=count, confidence=Confidence(level, seed, clusters is not None))
        groups = Groups(np.asarray(codes, dtype=np.intp), count) if count > 1 else None
        keys = None if clusters is None else np.asarray(clusters, dtype=np.int64)
        y_true, y_pred, weight = (None if given is None else np.asarray(given) for given in (y_true, y_pred, weight))
        tally.update(Batch(y_true, y_pred, weight, groups, clusters=keys))
        return [tally.results(group)[0] for group in range(count)]

    return sliced


@pytest.fixture(scope="session")
def measured(sliced):
    """The same for all rows."""

    def measured(name, y_true, y_pred, weight=None, clusters=None, **options):
        (found,) = sliced(name, y_true, y_pred, np.zeros(len(y_pred), dtype=np.intp), weight, clusters, **options)
        return found

    return measured
