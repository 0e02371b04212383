"""How items are dealt to processes, and how values come back, seen in one process; `tests/cli/test_processes.py` has several."""

import functools
import os
import pickle

import numpy as np
import pytest

from xent.io.dealing import START, Deal, takers
from xent.io.parcels import Parcels
from xent.io.processes import Counter, work_apart


class Words:
    """A part whose items are the words of a text; it can be divided unless it has a number of rows."""

    def __init__(self, text, rows=None):
        self.text, self.rows = text, rows

    def take(self, spot):
        offset, number = spot
        word, _, _ = self.text[offset:].partition(" ")
        if word == "bad":
            raise OSError("unreadable")
        return ((number, word), (offset + len(word) + 1, number + 1)) if word else None


def never():
    raise AssertionError("there is always a token")


def test_items_come_in_order_and_the_deal_tells_where_it_is():
    deal = Deal([Words(""), Words("a bc d"), Words(""), Words("e")])
    found = [(deal.held.item, deal.held.part, item) for item in deal.items(never)]
    assert found == [(0, 1, (0, "a")), (1, 1, (1, "bc")), (2, 1, (2, "d")), (3, 3, (0, "e"))]
    assert list(deal.items(never)) == []
    deal.close()


def test_an_item_can_be_had_again():
    deal = Deal([Words("a bc d")])
    items = deal.items(never)
    next(items), next(items)
    assert deal.again(deal.held) == (1, "bc")
    deal.close()


def test_nobody_has_another_item_when_it_was_stopped():
    deal = Deal([Words("a b c")])
    items = deal.items(never)
    next(items)
    deal.stop(never)
    assert list(items) == []
    assert deal.held.item == 0
    deal.close()


def test_an_item_that_cannot_be_read_is_the_last():
    deal = Deal([Words("a"), Words("b bad c")])
    items = deal.items(never)
    assert [next(items), next(items)] == [(0, "a"), (0, "b")]
    with pytest.raises(OSError, match="unreadable"):
        next(items)
    assert (deal.held.item, deal.held.part, deal.held.spot) == (2, 1, (2, 1))
    assert list(deal.items(never)) == []
    deal.close()


@pytest.mark.parametrize(
    ("rows", "most", "best"),
    [
        ([], 2, 1),
        ([5, 5], 1, 1),
        ([None], 2, 2),
        ([5], 2, 1),
        ([5, 5], 2, 2),
        ([5, 5, 5], 2, 2),
        ([100, 60], 2, 2),
        ([100, 45], 2, 1),
        ([100, 1, 1, 1], 2, 1),
        ([1, 1, 1, 100], 2, 1),
        ([None, 100], 2, 1),
        # Twice as fast as one is more than many threads are.
        ([5] * 9, 8, 8),
        ([5] * 4, 3, 3),
        ([5] * 5, 64, 5),
        ([10] * 50, 8, 8),
        ([100, 30, 30, 30], 8, 1),
    ],
)
def test_processes_come_where_they_have_about_as_much_to_do_each(rows, most, best):
    assert takers([Words("", count) for count in rows], most) == best


def sent(parcels, value):
    """What arrives of a value at the other end."""
    return bytearray(b"".join(parcels.pack(value)))


def test_functions_are_the_same_at_the_other_end():
    def local():
        pass

    partial = functools.partial(int, base=8)
    parcels = Parcels({"functions": [local, partial]})
    assert parcels.unpack(sent(parcels, {local: 1, partial: 2, "text": b"bytes"})) == {local: 1, partial: 2, "text": b"bytes"}
    with pytest.raises((pickle.PicklingError, AttributeError)):
        parcels.pack([lambda: None])


def test_arrays_arrive_as_they_are():
    parcels = Parcels([])
    values = [np.arange(5), np.zeros((3, 0)), np.array([1.5, np.nan], dtype=np.float32), np.arange(12).reshape(3, 4)[:, ::2], "text", 2**70]
    found = parcels.unpack(sent(parcels, values))
    for one, other in zip(found, values, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert all(array.flags.aligned and array.flags.writeable for array in found[:4])


def test_what_is_cut_off_is_not_taken_for_whole():
    parcels = Parcels([])
    whole = sent(parcels, ["a", 1.5, np.arange(100)])
    assert len(whole) > 800
    for end in range(len(whole)):
        with pytest.raises(EOFError):
            parcels.unpack(whole[:end])


def test_one_process_does_it_all_where_the_system_gives_no_more(monkeypatch):
    def refuse():
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    seen, shown = [], []
    counter = Counter(3, shown.append)

    def consume(item):
        seen.append(item)
        counter.add(2)

    before = os.dup(0)
    os.close(before)
    assert work_apart([Words("a b"), Words("c")], 3, consume, lambda: seen, counter) == []
    assert seen == [(0, "a"), (1, "b"), (0, "c")]
    assert shown == [2, 2, 2]
    counter.take_back()
    assert sum(shown) == 0
    # No pipe is left open: the lowest number that is free is what it was.
    after = os.dup(0)
    os.close(after)
    assert after == before


def test_its_own_error_is_raised_as_it_is(monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError, match="unreadable"):
        work_apart([Words("a bad")], 2, lambda item: None, list, Counter(2, None))
    with pytest.raises(ZeroDivisionError):
        work_apart([Words("a")], 2, lambda item: item[0] / 0, list, Counter(2, None))


def test_the_beginning_of_a_part_is_its_start():
    assert Words("a b").take(START) == ((0, "a"), (2, 1))
