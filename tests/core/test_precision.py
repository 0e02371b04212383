"""The floating-point type in force."""

import numpy as np
import pytest

from xent.core.errors import UsageError
from xent.core.metrics.means import Mean
from xent.core.precision import as_float, computing_in, floatx


@pytest.mark.parametrize("inside", [None, "float32"])
def test_no_type_is_the_one_in_force(inside):
    with computing_in("float32"):
        with computing_in(inside):
            assert as_float([1.5]).dtype == np.float32
        assert floatx() == "float32"
    assert floatx() == "float64"


def test_the_type_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), computing_in("float32"):
        raise ZeroDivisionError
    assert floatx() == "float64"


@pytest.mark.parametrize("name", ["int32", "float128x", "complex64"])
def test_types_that_are_refused(name):
    with pytest.raises(UsageError), computing_in(name):
        pass
    assert floatx() == "float64"


def test_a_metric_knows_its_type_by_name():
    for given in (np.float32, np.dtype("float32"), "single", "f4"):
        assert Mean(dtype=given).get_config()["dtype"] == "float32"
