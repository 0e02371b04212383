"""What goes wrong with stores and servers: whether it may pass, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from xent.core.errors import DataError, UsageError, XentError
from xent.io.escaping import shortened
from xent.io.tables import first_line
from xent.io.urls import shown

_TRY_AGAIN = (408, 425, 429)
"""Statuses of HTTP below 500 that pass."""

_GOOGLE_STATUS = re.compile(r"google::cloud::Status\((.*?)(?: error_info=\{.*)?\)$")

_LONGEST_REASON = 320
"""Characters of what a store says is wrong; libraries tell what they tried as well, at any length."""


def is_transient(error: BaseException) -> bool:
    """Whether the same may succeed later: a server that is overloaded or restarts, a connection that was cut, no answer in time."""
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        return is_transient(error.__cause__)  # fsspec says so of whatever kept it from asking a server of HTTP.
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        return status >= 500 or status in _TRY_AGAIN
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError | ValueError):
        return False
    return isinstance(error, OSError | EOFError) or type(error).__module__.startswith("aiohttp")


@contextmanager
def as_data_errors(url: str, tries: int = 1) -> Iterator[None]:
    """Turns what the libraries raise into a `DataError` that names the object and says what a person can do something about."""
    try:
        yield
    except XentError:
        raise
    except ImportError as error:  # There are builds of pyarrow without some of the stores.
        raise UsageError(f"{shown(url)}: {first_line(error)}") from error
    except Exception as error:  # Every file system raises its own.
        tried = f" (tried {tries} times)" if tries > 1 and is_transient(error) else ""
        raise DataError(f"{shown(url)}: {_reason(error)}{tried}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        return _reason(error.__cause__)
    status, message = getattr(error, "status", None), getattr(error, "message", "")
    if isinstance(status, int) and status:
        return shortened(f"the server answers {status} {message}".rstrip(), _LONGEST_REASON)
    if isinstance(error, FileNotFoundError):
        return "no such object"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # Google's client repeats all it said in an appendix; that of others ends in what the network said.
    return shortened(_GOOGLE_STATUS.sub(r"\1", first_line(error)), _LONGEST_REASON)
