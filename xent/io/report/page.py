"""The page around the sections: one file with its own style and script and nothing else, which the page itself demands of the browser."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple
from xml.etree import ElementTree as ET

from xent.io.escaping import named
from xent.io.report.markup import Child, breakable, element, written


class Section(NamedTuple):
    """A part of the page: its title, by which it is found, and what stands in it."""

    title: str
    content: Sequence[ET.Element]

    @property
    def key(self) -> str:
        """What links call it."""
        return self.title.lower().replace(" ", "-")


def page(title: str, head: Sequence[Child], sections: Sequence[Section], foot: str) -> str:
    """The text of a page.

    Parameters
    ----------
    title : what the window is called
    head : what stands first, below the title
    sections : the parts, in their order
    foot : the last line
    """
    style, script = _asset("report.css"), _asset("report.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    links = [element("li", element("a", section.title, href=f"#{section.key}")) for section in sections]
    parts = [
        element("section", element("h2", section.title, id=f"{section.key}-title"), *section.content, id=section.key,
                aria_labelledby=f"{section.key}-title")
        for section in sections
    ]  # fmt: skip
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", named(title)),
            element("style", style),
        ),
        element(
            "body",
            element("header", element("h1", *breakable(named(title))), *head, element("nav", element("ul", *links), aria_label="Sections")),
            element("main", *parts),
            element("footer", foot),
            element("script", script),
        ),
        lang="en",
    )
    return f"<!doctype html>\n{written(document)}\n"


@functools.cache
def _asset(name: str) -> str:
    return files("xent.io.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the policy calls the one style or script that may be there."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
