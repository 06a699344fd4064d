"""Ctrl-C while a command opens its inputs.

Libraries are being imported then, in two threads: an interrupt can be swallowed there, or leave an import's lock held
for ever. Nothing has been written yet, so that the process simply ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from talkinghead.core.temporary import remove_all

_PATIENCE_S = 2.0
STOPPED = 130


def _stop(terminal: int | None, number: int, frame: FrameType | None) -> None:
    if terminal is not None:
        os.write(terminal, b"talkinghead: stopped\n")
    # Should removing what is temporary hang, the process ends all the same.
    watch = threading.Timer(_PATIENCE_S, os._exit, (STOPPED,))
    watch.daemon = True
    watch.start()
    try:
        remove_all()
    finally:
        os._exit(STOPPED)


@contextmanager
def stop_at_once() -> Iterator[None]:
    """While the block runs, Ctrl-C ends the process at once; where it is ignored, it stays ignored."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    terminal = _copy_of_stderr()
    signal.signal(signal.SIGINT, partial(_stop, terminal))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if terminal is not None:
            os.close(terminal)


def _copy_of_stderr() -> int | None:
    try:
        return os.dup(sys.stderr.fileno())
    except (OSError, AttributeError, ValueError):  # there is none, or it is no file
        return None
