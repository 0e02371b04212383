"""What tests of the mathematics share: Keras itself, and the seed of hypothesis."""

import os
import warnings

import pytest
from hypothesis import settings

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
