"""How the program ends: by Ctrl-C, SIGTERM or SIGHUP while a command opens its inputs, and at its last line.

While inputs are opened, libraries are being imported in two threads: an interrupt can be swallowed there, or leave an
import's lock held for ever. Nothing has been written yet, so that the process simply ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from talkinghead.core.signals import end_at_once, ending_signals, exit_code, hears
from talkinghead.core.temporary import remove_all

_PATIENCE_S = 2.0


def _stop(terminal: int | None, number: int, frame: FrameType | None) -> None:
    if terminal is not None:
        os.write(terminal, b"talkinghead: stopped\n")
    # Should removing what is temporary hang, the process ends all the same.
    watch = threading.Timer(_PATIENCE_S, os._exit, (exit_code(number),))
    watch.daemon = True
    watch.start()
    end_at_once(exit_code(number))


@contextmanager
def stop_at_once() -> Iterator[None]:
    """While the block runs, these signals end the process at once; one that is ignored stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = [signal.SIGINT] if signal.getsignal(signal.SIGINT) is signal.default_int_handler else []
    numbers = [*interrupt, *(number for number in ending_signals() if hears(number))]
    heard = {number: signal.getsignal(number) for number in numbers}
    terminal = _copy_of_stderr()
    for number in heard:
        signal.signal(number, partial(_stop, terminal))
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
        if terminal is not None:
            os.close(terminal)


@contextmanager
def whole_program() -> Iterator[None]:
    """The block is all that this process does.

    An interrupt can come between a file's making and the line that would remove it, so that what is temporary goes
    here once more. It can also leave threads that still compute. The interpreter's end would tear these down amid
    OpenCV or ONNX Runtime, and C++ answers that by aborting the process ("terminate called without an active
    exception"): where there are any, the process ends without it.
    """
    try:
        yield
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        if isinstance(code, int) and any(thread.daemon for thread in threading.enumerate()):
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody reads on, or there is none
                    stream.flush()
            end_at_once(code)
        remove_all()
        raise


def _copy_of_stderr() -> int | None:
    try:
        return os.dup(sys.stderr.fileno())
    except (OSError, AttributeError, ValueError):  # there is none, or it is no file
        return None
