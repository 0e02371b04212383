"""A seeded fuzzer without guidance, for where atheris is not installed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)


def mutations(seeds: Sequence[bytes], words: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """The seeds, and then without end what becomes of them by a few random changes each."""
    random_ = random.Random(seed)  # Nothing is kept secret with it.
    yield from seeds
    while True:
        data = bytearray(random_.choice(seeds))
        for _ in range(1 << random_.randrange(4)):
            _change(data, seeds, words, random_)
        yield bytes(data)


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
