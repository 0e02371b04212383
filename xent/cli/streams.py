"""Standard output, which holds the result and nothing else."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from xent.core.errors import DataError


def emit(content: str | bytes) -> None:
    """Writes text or bytes to standard output. Where the reader has gone away, that is the end of the matter and no error.

    Raises
    ------
    DataError
        The output cannot be written, as on a full disk.
    """
    out = sys.stdout
    if out is None:
        return
    try:
        if isinstance(content, bytes):
            out.buffer.write(content)
        else:
            _write_text(out, content)
        out.flush()
    except BrokenPipeError:
        abandon_stdout()
    except OSError as error:
        abandon_stdout()
        raise DataError(f"cannot write to standard output: {error.strerror or error}") from error


def _write_text(out: TextIO, text: str) -> None:
    try:
        out.write(text)
    except UnicodeEncodeError:
        # A terminal of another encoding shows the rest, and escapes what it has no sign for.
        out.write(text.encode(out.encoding, "backslashreplace").decode(out.encoding))


def abandon_stdout() -> None:
    """Sends what is still buffered nowhere, so that the interpreter does not complain about it while it shuts down."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
