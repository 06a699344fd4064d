"""Signals that ask a process to end: it unwinds, so that part files and children go, and ends with the signal's code.

Only programs of our own call `hear_ending_signals`, the command line and the workers of a batch; a library call never
touches signals.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

from talkinghead.core.temporary import remove_all

# Something may swallow the exception (a destructor, a callback): after this long the process ends all the same.
_PATIENCE_S = 10.0


class Stopped(KeyboardInterrupt):
    """The signal `number` asked this process to end; like Ctrl-C, it is no `Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What shells expect: 143 for SIGTERM, 129 for SIGHUP."""
        return exit_code(self.number)


def exit_code(number: int) -> int:
    """The exit code of a process that a signal has ended."""
    return 128 + number


def ending_signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, and SIGHUP where there is one: what init, schedulers and closed terminals send."""
    return (signal.SIGTERM,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)


def hear_ending_signals() -> None:
    """From now on they raise `Stopped` in the main thread, once; one that is ignored (nohup) stays ignored."""
    for number in ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def hears(number: signal.Signals) -> bool:
    """Whether nobody else has a say in what this signal does."""
    return signal.getsignal(number) in (signal.SIG_DFL, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    for other in ending_signals():
        if signal.getsignal(other) is _stop:
            signal.signal(other, signal.SIG_IGN)  # the way out is not to be interrupted
    watch = threading.Timer(_PATIENCE_S, end_at_once, (exit_code(number),))
    watch.daemon = True
    watch.start()
    raise Stopped(number)


def end_at_once(code: int) -> None:
    """End this process without unwinding; what is temporary goes."""
    try:
        remove_all()
    finally:
        os._exit(code)
