"""Work done by several processes, which do not wait for each other's interpreter as threads do.

NumPy lets go of the interpreter's lock for a few microseconds at a time, and threads queue to have it back: two of them lose a fifth of
their time so, and eight most of it. Processes are forked, so nothing that is open or imported has to be sent to them; what they have found
comes back through a pipe.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from xent.io.dealing import Deal, Divisible, Token
from xent.io.parcels import Parcels

_Item = TypeVar("_Item")

WATCHER = "xent-signals"
"""The name of the thread that waits for signals while a command runs. It holds nothing that a copy of this process would miss."""

_TICK = 100
"""Milliseconds between two looks at what others have done, and at whether they are still there."""


def may_fork() -> bool:
    """Whether this process can be copied: it runs a command, and has no thread that could hold anything that the copy would wait for.

    Programs of others may have what does not bear being copied. Arrow has threads that Python does not see, and is prepared for forks.
    """
    threads = {thread.name for thread in threading.enumerate()}
    return sys.platform == "linux" and threads == {threading.main_thread().name, WATCHER}


class Counter:
    """A count that several processes add to and this one shows.

    Parameters
    ----------
    processes : how many there are
    show : called with what was added since it was called last; None shows nothing
    """

    def __init__(self, processes: int, show: Callable[[int], None] | None) -> None:
        # Memory that a fork does not copy.
        self._counts = memoryview(mmap.mmap(-1, 8 * processes)).cast("q")
        self._show, self._shown = show, 0
        self.place = 0

    def add(self, count: int) -> None:
        """Adds to it, in any process."""
        self._counts[self.place] += count
        if not self.place:
            self.look()

    def look(self) -> None:
        """Shows what was added, by whomever."""
        total = sum(self._counts)
        if self._show is not None and total != self._shown:
            self._show(total - self._shown)
        self._shown = total

    def take_back(self) -> None:
        """Takes away what was shown."""
        if self._show is not None:
            self._show(-self._shown)


class _Lost(Exception):
    """A process has ended before it has said what it found."""


class _Child:
    """A process that was forked, and what it has sent so far."""

    def __init__(self, pid: int, reader: int) -> None:
        self.reader = reader
        self.sent = bytearray()
        self.has_ended = False
        self._pid = pid

    def listen(self) -> None:
        """Takes what it sends next."""
        text = os.read(self.reader, 1 << 20)
        self.sent += text
        self.has_ended = not text

    def end(self) -> None:
        """Ends it, if it has not ended."""
        os.close(self.reader)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


class _Crew(Generic[_Item]):
    """The process that evaluates and those that are forked from it.

    Parameters
    ----------
    deal, consume, outcome, counter : as in `work_apart`
    """

    def __init__(self, deal: Deal[_Item], consume: Callable[[_Item], None], outcome: Callable[[], object], counter: Counter) -> None:
        self._deal, self._consume, self._outcome, self._counter = deal, consume, outcome, counter
        self._parcels = Parcels(outcome())
        self._children: list[_Child] = []

    def grow(self) -> bool:
        """Forks another process, which begins to work; tells whether the system allows it."""
        reader, writer = os.pipe()
        parent = os.getpid()
        # Between the fork and the first lines of the child an interruption would be handled by both.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        try:
            with warnings.catch_warnings():
                # Python warns where there are other threads; those that there are here are known.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if not pid:
                self._counter.place = len(self._children) + 1
                self._work_as_child(writer, parent)
            self._children.append(_Child(pid, reader))
        except OSError:
            os.close(reader)
            return False
        finally:
            os.close(writer)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return True

    def _work_as_child(self, writer: int, parent: int) -> NoReturn:
        """All that a forked process does. It ends by itself where its parent has."""
        try:
            # Whoever interrupts, interrupts the parent, which ends the others.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTIONS)
            poll = select.poll()
            poll.register(self._deal.reader, select.POLLIN)

            def wait() -> None:
                poll.poll(_TICK)
                end_with_parent()

            def end_with_parent() -> None:
                if os.getppid() != parent:
                    os._exit(1)

            try:
                for item in self._deal.items(wait):
                    end_with_parent()
                    self._consume(item)
                answer = self._parcels.pack((True, self._outcome()))
            except Exception:  # noqa: BLE001  # The parent will meet it, too.
                answer = self._parcels.pack((False, tuple(self._deal.held)))
                self._deal.stop(wait)
            with open(writer, "wb", closefd=False) as file:
                file.writelines(answer)
        finally:
            os._exit(0)

    def work(self) -> tuple[Token, Exception] | None:
        """Works in this process; returns where and how it failed, if it did."""
        try:
            for item in self._deal.items(lambda: self._listen(self._deal.reader)):
                self._consume(item)
        except _Lost:
            raise
        except Exception as error:  # noqa: BLE001  # Raised by whoever knows whether another process has met an earlier one.
            self._deal.stop(lambda: self._listen(self._deal.reader))
            return self._deal.held, error
        return None

    def answers(self) -> tuple[list[Any], list[Token]]:
        """The outcomes of the others that have any, and where the others have failed.

        Raises
        ------
        _Lost
            One has neither.
        """
        while not all(child.has_ended for child in self._children):
            self._listen()
        outcomes, failures = [], []
        for child in self._children:
            try:
                has_worked, answer = self._parcels.unpack(child.sent)
            except EOFError as error:
                raise _Lost from error  # It was ended while it sent this.
            if has_worked:
                outcomes.append(answer)
            else:
                failures.append(Token(*answer))
        return outcomes, failures

    def _listen(self, *readers: int) -> None:
        """Waits, not for long, until another process sends something or one of these can be read.

        Raises
        ------
        _Lost
            One has ended without a word. If it held the token, nobody else will get it.
        """
        talking = {child.reader: child for child in self._children if not child.has_ended}
        poll = select.poll()
        for reader in (*talking, *readers):
            poll.register(reader, select.POLLIN)
        for reader, _ in poll.poll(_TICK):
            if reader in talking:
                talking[reader].listen()
                if talking[reader].has_ended and not talking[reader].sent:
                    raise _Lost
        self._counter.look()

    def end(self) -> None:
        """Ends all other processes."""
        for child in self._children:
            child.end()


_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def work_apart(
    parts: Sequence[Divisible[_Item]],
    processes: int,
    consume: Callable[[_Item], None],
    outcome: Callable[[], object],
    counter: Counter,
) -> list[Any] | None:
    """Gives every item of all parts to `consume`, in this process or in one that is forked from it.

    Parameters
    ----------
    parts : what there is to do
    processes : how many there are, this one included
    consume : called with an item
    outcome : gives what a process has made of its items, and before the work what it makes of none
    counter : looked at while this process waits for others

    Returns
    -------
    The outcomes of the others. None where a process was lost, and what it had done with it: then it is all to be done again.

    Raises
    ------
    The first error that `consume` or a part raised, in the order of the rows.
    """
    deal = Deal(parts)
    crew = _Crew(deal, consume, outcome, counter)
    try:
        while processes > 1 and crew.grow():
            processes -= 1
        failure = crew.work()
        outcomes, failures = crew.answers()
        if failure is not None and all(failure[0] < other for other in failures):
            raise failure[1]
        if not failures:
            return outcomes
        # An error keeps its meaning and its place in the process that raises it, so this one goes to meet it.
        item = deal.again(min(failures))
        if item is not None:
            consume(item)
    except _Lost:
        pass
    finally:
        crew.end()
        deal.close()
    return None
