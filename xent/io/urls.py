"""URLs as text: what they are made of, and how they are shown without what is nobody's business.

A signed query and a password open the object they belong to, and messages, results and states are kept and passed on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HIDDEN = "***"
"""What stands in place of a query or of who logs in."""

_NAMES_A_PLACE = ("abfs", "abfss", "gs", "gcs", "sftp", "ssh")
"""Schemes whose `name@host` holds no secret: a container, `anonymous`, or the user whose key another program keeps."""

_SIGNS = str.maketrans("", "", "+.-")
"""What may stand in the name of a scheme besides letters and digits."""

_IN_TEXT = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`{|}]*[^\s\"'<>`{|}.,:;)]"
"""A URL in a sentence; what ends the sentence is not its end."""


class Url(NamedTuple):
    """The parts of a URL: `scheme://login@host/path?query`. Nothing is decoded."""

    scheme: str
    login: str
    host: str
    path: str
    query: str

    @property
    def gives_credentials(self) -> bool:
        """Whether somebody could log in with what stands before the host."""
        return self.is_cut_off or (bool(self.login) and (":" in self.login or self.scheme not in _NAMES_A_PLACE))

    @property
    def is_cut_off(self) -> bool:
        """Whether the host is none, but the begin of a password that holds what should have been percent-encoded."""
        _, colon, port = self.host.rpartition(":")
        return bool(colon) and not port.isdigit() and not self.host.endswith("]")

    def with_path(self, path: str) -> str:
        """The URL of another object of the same host, with the same query."""
        return f"{self.scheme}://{self.login and self.login + '@'}{self.host}{path}{self.query and '?' + self.query}"

    def __str__(self) -> str:
        return self.with_path(self.path)


def is_url(name: str) -> bool:
    """Whether a source is a URL.

    >>> is_url("s3://bucket/a.parquet"), is_url("folder/a.parquet")
    (True, False)
    """
    scheme, colon, _ = name.partition("://")
    return bool(colon) and scheme.isascii() and scheme[:1].isalpha() and scheme.translate(_SIGNS).isalnum()


def parsed(url: str) -> Url:
    """The parts of a URL.

    >>> parsed("abfss://container@account/day=3/a.csv?enable_tls=true")
    Url(scheme='abfss', login='container', host='account', path='/day=3/a.csv', query='enable_tls=true')
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    place, slash, path = rest.partition("/")
    login, _, host = place.rpartition("@")
    return Url(scheme.lower(), login, host, slash + path, query)


def path_of(source: str) -> str:
    """The names of folders and file of a source, without host and query.

    >>> path_of("https://host/day=3/a.csv?signature=of/me")
    '/day=3/a.csv'
    >>> path_of("day=3/a.csv")
    'day=3/a.csv'
    """
    return parsed(source).path if is_url(source) else source


def shown(source: str) -> str:
    """A source as it may be shown: of a URL neither the query nor who logs in.

    >>> shown("https://ann:secret@host/a.csv?signature=abc")
    'https://***@host/a.csv?***'
    >>> shown("what?.csv")
    'what?.csv'
    """
    if not is_url(source):
        return source
    url = parsed(source)
    if url.is_cut_off:
        return f"{url.scheme}://{HIDDEN}"
    return str(url._replace(login=HIDDEN if url.gives_credentials else url.login, query=url.query and HIDDEN))


def scrubbed(text: str) -> str:
    """A text with every URL in it as it may be shown; the messages of libraries quote them whole.

    >>> scrubbed("403, url='https://host/a.csv?signature=abc'")
    "403, url='https://host/a.csv?***'"
    """
    return re.sub(_IN_TEXT, lambda found: shown(found[0]), text) if "://" in text else text
