"""Names from outside, made safe to print: a file, a column or a class may be called anything."""

from __future__ import annotations


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
