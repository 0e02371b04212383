"""What ends the program, and with which status.

0 done · 1 a gate or a law failed · 2 wrong usage or configuration · 3 the data cannot be used · 4 a gate is inconclusive
5 nothing was evaluated · 130 interrupted · 143 terminated
"""

from __future__ import annotations

import os
import sys

DONE = 0
FAILED = 1
USAGE = 2
DATA = 3
INCONCLUSIVE = 4
NOTHING = 5
INTERRUPTED = 130
TERMINATED = 143

_LONGEST_LINE = 1000

_NO_ROOM = ("failed to map segment from shared object", "cannot allocate memory", "Cannot allocate memory", "can't start new thread")
"""What the loader of libraries, the system and Python say where memory lacks, each in an error of another kind."""


def report(error: BaseException) -> int:
    """Says on standard error what went wrong, in one or two lines, and returns the exit status that it means."""
    if os.environ.get("XENT_DEBUG", "0") not in ("", "0"):
        import traceback

        from xent.io.urls import scrubbed

        sys.stderr.write(scrubbed("".join(traceback.format_exception(error))))
    status, text = _verdict(error)
    say(f"error: {text}")
    return status


def say(text: str) -> None:
    """One message on standard error, `xent: text`. A second line is indented, so that no name can forge a message."""
    from xent.io.escaping import printable, shortened
    from xent.io.urls import scrubbed

    # A name or a value in it may be of any length; both ends of the line tell what it is about.
    lines = scrubbed(text.strip()).partition("\n")[::2]
    first, second = (shortened(printable(line.strip()), _LONGEST_LINE) for line in lines)
    message = f"xent: {first}\n" + (f"  {second}\n" if second else "")
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(message.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(sys.stderr.encoding or "utf-8"))
        sys.stderr.flush()
    except OSError:
        # Nobody listens; the exit status still tells.
        return


def _verdict(error: BaseException) -> tuple[int, str]:
    import click

    from xent.core.errors import NothingEvaluated, UsageError, XentError

    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED, "interrupted"
    if isinstance(error, SystemExit):
        return (TERMINATED, "terminated") if error.code == TERMINATED else (USAGE, str(error.code))
    if isinstance(error, click.UsageError):
        hint = f"\nsee {error.ctx.command_path} --help" if error.ctx is not None else ""
        return USAGE, _one_line(error.format_message()) + hint
    if isinstance(error, UsageError | click.ClickException):
        return USAGE, str(error)
    if isinstance(error, NothingEvaluated):
        return NOTHING, str(error)
    if isinstance(error, XentError):
        return DATA, str(error) + _advice(error)
    if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_ROOM):
        return DATA, "out of memory; a smaller --chunk-rows or fewer --threads need less"
    if isinstance(error, OSError):
        place = "" if error.filename is None else f"{error.filename!r}: "
        return DATA, f"{place}{error.strerror or _one_line(str(error))}"
    if type(error).__module__.startswith("pyarrow"):
        return DATA, _one_line(str(error))
    return DATA, f"internal error: {type(error).__name__}: {_one_line(str(error))}\nplease report it; XENT_DEBUG=1 shows where it happened"


def _advice(error: BaseException) -> str:
    """What to do about predictions that are no probabilities; `io` re-raises such an error with the place that it found."""
    from xent.core.errors import NotProbabilityError

    if isinstance(error, NotProbabilityError) or isinstance(error.__cause__, NotProbabilityError):
        return "\nif these are logits, pass --from-logits; if percentages, divide them by 100"
    return ""


def _one_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else ""
