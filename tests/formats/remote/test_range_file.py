"""A file whose bytes are fetched is like any other, and fetches what it should."""

from __future__ import annotations

import io
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.io import range_file
from xent.io.range_file import RangeFile

CONTENT = bytes(range(256)) * 256

places = st.integers(0, len(CONTENT))
stretches = st.lists(st.tuples(places, places).map(sorted).map(tuple), max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(range_file, "BLOCK", 1000)
        patch.setattr(range_file, "_LEAST_BLOCK", 300)
        patch.setattr(range_file, "_GAP", 10)
        patch.setattr(range_file, "_IN_FLIGHT", 8000)
        yield


class Source:
    def __init__(self):
        self.asked = []

    def __call__(self, start, stop):
        assert 0 <= start < stop <= len(CONTENT)
        self.asked.append((start, stop))
        return CONTENT[start:stop]


@settings(deadline=None, max_examples=200)
@given(lanes=st.none() | stretches, reads=st.lists(st.tuples(places, st.integers(0, 5000)), max_size=20))
def test_any_read_gives_the_bytes_of_the_place(lanes, reads):
    with RangeFile(Source(), len(CONTENT), lanes) as file:
        for place, count in reads:
            file.seek(place)
            assert file.read(count) == CONTENT[place : place + count]
            assert file.tell() == min(place + count, len(CONTENT))


@settings(deadline=None, max_examples=200)
@given(cuts=st.sets(places, min_size=2, max_size=12), chosen=st.lists(st.booleans(), min_size=11, max_size=11))
def test_lanes_read_side_by_side_cost_their_bytes_and_no_others(cuts, chosen):
    """As the columns of a row group are read: each in order, some bytes of every one in turn. Many lie beside each other."""
    source = Source()
    lanes = [lane for lane, wanted in zip(pairwise(sorted(cuts)), chosen, strict=False) if wanted]
    with RangeFile(source, len(CONTENT), lanes) as file:
        for step in range(0, len(CONTENT), 500):
            for start, stop in lanes:
                file.seek(start + step)
                wanted = max(0, min(500, stop - start - step))
                assert file.read(wanted) == CONTENT[start + step : start + step + wanted]
    wanted = sum(stop - start for start, stop in lanes)
    assert wanted <= sum(stop - start for start, stop in source.asked) <= wanted + 10 * len(lanes)


def test_the_whole_is_read_once_and_ahead():
    source = Source()
    with RangeFile(source, len(CONTENT)) as file:
        assert b"".join(iter(lambda: file.read(777), b"")) == CONTENT
    assert sum(stop - start for start, stop in source.asked) == len(CONTENT)


def test_a_look_fetches_a_block_and_not_those_behind_it():
    source = Source()
    with RangeFile(source, len(CONTENT)) as file:
        file.seek(-100, io.SEEK_END)
        file.read(50)
        file.seek(0)
        file.read(4)
    assert sum(stop - start for start, stop in source.asked) <= 2000


def test_what_is_held_is_bounded():
    """However slow the one who reads, no more is fetched than a few blocks ahead of him."""
    source = Source()
    with RangeFile(source, len(CONTENT), [(0, len(CONTENT))]) as file:
        file.read(10)
        time.sleep(0.1)
        assert 1000 < sum(stop - start for start, stop in source.asked) <= 8000


def test_blocks_are_fetched_beside_each_other():
    together = threading.Barrier(4, timeout=10)

    def fetch(start, stop):
        together.wait()
        return CONTENT[start:stop]

    with RangeFile(fetch, 4000, [(0, 4000)]) as file:
        assert file.read(4000) == CONTENT[:4000]


def test_an_error_comes_out_where_its_bytes_are_read():
    def fetch(start, stop):
        if start >= 2000:
            raise OSError("gone")
        return CONTENT[start:stop]

    with RangeFile(fetch, 4000, [(0, 4000)]) as file:
        assert file.read(1500) == CONTENT[:1500]
        with pytest.raises(OSError, match="gone"):
            file.read(1500)
