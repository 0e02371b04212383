"""Names from outside, made safe to print: a file, a column or a class may be called anything."""

from __future__ import annotations

MOST_CHARACTERS = 160
"""Where there is little room, a name that is longer is shortened."""


def printable(text: str) -> str:
    r"""`text` with everything that is not a printable character written as a Python escape.

    Control characters could move the cursor or rewrite the line, bidirectional marks could reorder it, and half a surrogate pair (a
    file name that is not UTF-8) cannot be printed at all.

    >>> printable("a\x1b[31mb\n\u202ec")
    'a\\x1b[31mb\\n\\u202ec'
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def shortened(text: str, most: int) -> str:
    """`text` with at most `most` characters; of a longer one the beginning and the end.

    >>> shortened("a name of many letters", 15)
    'a name ... ters'
    """
    if len(text) <= most:
        return text
    mark = " ... "
    last = (most - len(mark)) // 2 - 1
    return text[: most - len(mark) - last] + mark + text[-last:]


def named(text: str, most: int = MOST_CHARACTERS) -> str:
    r"""`text` as it can be printed, and shortened where it is long.

    >>> named("a\x1b\u2028"), len(named("x" * 10_000))
    ('a\\x1b\\u2028', 160)
    """
    return shortened(printable(text), most)
