"""Elements of a page. They are built as a tree and written by the standard library, so that no text is ever escaped by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

_SEAMS = re.compile(r"(?<=[_/.,=])(?=[^_/.,=])")

Child = ET.Element | str | None


def element(tag: str, *children: Child, **attributes: object) -> ET.Element:
    r"""An element. Underscores in the names of attributes are hyphens, or stand at the end of a word of Python's; None is left out.

    Text from outside goes through `xent.io.escaping.named` first, which leaves no control character in it.

    >>> written(element("td", "a < b", class_="number", data_sort='"'))
    '<td class="number" data-sort="&quot;">a &lt; b</td>'
    """
    pairs = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    made = ET.Element(tag, {name: str(value) for name, value in pairs if value is not None})
    last: ET.Element | None = None
    for child in children:
        if isinstance(child, ET.Element):
            made.append(child)
            last = child
        elif child is not None and last is None:
            made.text = (made.text or "") + child
        elif child is not None and last is not None:
            last.tail = (last.tail or "") + child
    return made


def written(made: ET.Element) -> str:
    """The text of an element."""
    return ET.tostring(made, encoding="unicode", method="html")


def breakable(text: str) -> Iterator[Child]:
    """A name that may be broken where its parts meet, such as after an underscore.

    >>> written(element("p", *breakable("roc_auc")))
    '<p>roc_<wbr>auc</p>'
    """
    first, *others = _SEAMS.split(text)
    yield first
    for part in others:
        yield from (element("wbr"), part)
