"""What all tests share."""

import gc


def pytest_collection_finish(session):
    """Leaves what is there before the first test out of garbage collection.

    The tests and the packages that they import are millions of objects, none of which goes away. To look through them again and again took
    most of the time of some tests.
    """
    gc.collect()
    gc.freeze()
