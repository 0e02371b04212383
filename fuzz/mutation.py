"""A seeded fuzzer without guidance, for where atheris is not installed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Change = Callable[[bytes, random.Random], bytes]
"""Makes another input of one that has a structure, such that it still has one."""

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)


_VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    0.5,
    -0.0,
    1e308,
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    10**400,
    "",
    "inf",
    "nan",
    "0",
    "x",
    [],
    {},
    [[]],
    [0],
)


def mutations(seeds: Sequence[bytes], words: Sequence[bytes], seed: int, change: Change | None = None) -> Iterator[bytes]:
    """The seeds, and then without end what becomes of them by a few random changes each, or by `change` every second time."""
    random_ = random.Random(seed)  # Nothing is kept secret with it.
    yield from seeds
    while True:
        chosen = random_.choice(seeds)
        if change is not None and random_.randrange(2):
            yield change(chosen, random_)
            continue
        data = bytearray(chosen)
        for _ in range(1 << random_.randrange(4)):
            _change(data, seeds, words, random_)
        yield bytes(data)


def change_json(data: bytes, random_: random.Random) -> bytes:
    """What becomes of a document of JSON by a few random changes of its values and names."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(1 << random_.randrange(3)):
        places = list(_places(value))
        if places:
            _change_value(*random_.choice(places), places, random_)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and dictionary with every index or name in it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _change_value(inside: Any, key: Any, places: Sequence[tuple[Any, Any]], random_: random.Random) -> None:
    old = inside[key]
    match random_.randrange(8):
        case 0:
            del inside[key]
        case 1:
            other, at = random_.choice(places)
            inside[key] = copy.deepcopy(other[at])
        case 2 if isinstance(inside, dict):
            inside[random_.choice([*inside, "", "x", key + "x"])] = inside.pop(key)
        case 2:
            inside[key:key] = [copy.deepcopy(old)] * random_.choice((1, 2, 100))
        case 3 | 4 if isinstance(old, int | float):
            inside[key] = random_.choice((old + 1, -old, old * 2, str(old)[:1000], [old], not old))
        case 3 | 4 if isinstance(old, str) and old:
            at = random_.randrange(len(old))
            inside[key] = random_.choice((old[:at], old[at:], old * 2, old[:at] + random_.choice("A/=\0\ud800 9") + old[at + 1 :], [old]))
        case 3 | 4 if isinstance(old, list):
            random_.shuffle(old)
        case _:
            inside[key] = copy.deepcopy(random_.choice(_VALUES))


def _change(data: bytearray, seeds: Sequence[bytes], words: Sequence[bytes], random_: random.Random) -> None:
    at = random_.randrange(len(data) + 1)
    length = random_.choice((1, 2, 4, 8, random_.randrange(1, 65)))
    match random_.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << random_.randrange(8)
        case 1 if at < len(data):
            data[at] = random_.randrange(256)
        case 2:
            del data[at : at + length]
        case 3:
            data[at:at] = random_.randbytes(length)
        case 4:
            data[at:at] = data[at : at + length] * random_.choice((1, 2, 100))
        case 5:
            width = random_.choice((1, 2, 4, 8))
            number = random_.choice(_NUMBERS) % (1 << 8 * width)
            data[at : at + width] = number.to_bytes(width, random_.choice(("little", "big")))
        case 6:
            other = random_.choice(seeds)
            start = random_.randrange(len(other) + 1)
            data[at : at + length] = other[start : start + length]
        case 7 if words:
            data[at : at + random_.choice((0, 0, length))] = random_.choice(words)
        case _:
            del data[random_.randrange(len(data) + 1) :]
