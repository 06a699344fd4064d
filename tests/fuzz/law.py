"""The law of readers: one returns, or raises one error of the project's tree with one line; within a time and a memory,
and nothing stays on the disk."""

from __future__ import annotations

import contextlib
import faulthandler
import resource
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from audio2motion.errors import Audio2MotionError
from talkinghead.core.errors import TalkingHeadError
from tests.fuzz.readers import Reader

LONGEST_S, HANGS_S = 5.0, 60
MOST_BYTES = 700 << 20
_ROOT = Path(__file__).parents[2]
_LENGTHS = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80",
            b"\xff\xff", b"\x00\x10\x00\x00", b"\x01", b"\x00", b"\x80", b"\xff" * 8)  # fmt: skip
# An edit: (what is done, where from the beginning or, where negative, from the end, how long, which bytes).
Edit = tuple[str, int, int, bytes]


@dataclass(frozen=True)
class Fault:
    """What broke the law: `where` tells faults apart, `data` is the smallest file that does it."""

    reader: str
    where: str
    what: str
    data: bytes


class BrokenLawError(Exception):
    """A reader took too long or too much, left something, or said it badly."""


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """A file with damage done to it."""
    for kind, place, length, new in edits:
        at = place % (len(data) + 1)
        if kind == "flip":
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << length % 8)]) + data[at + 1 :] if data else data
        elif kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        elif kind == "cut":
            data = data[:at]
        elif kind == "drop":
            data = data[:at] + data[at + length :]
        elif kind == "repeat":
            data = data[:at] + data[at : at + length] * 3 + data[at + length :]
    return data


def cases(reader: Reader) -> st.SearchStrategy[bytes]:
    """Damaged seeds, two seeds spliced, and bytes of no kind."""
    place = st.one_of(st.integers(0, 63), st.integers(0, 1 << 16), st.integers(-40, -1))
    new = st.one_of(st.sampled_from((*_LENGTHS, *(token.encode("utf-8", "surrogatepass") for token in reader.tokens))),
                    st.binary(min_size=1, max_size=4))  # fmt: skip
    kinds = ("flip", "set", "set", "insert", "cut", "drop", "repeat")
    edit = st.tuples(st.sampled_from(kinds), place, st.integers(1, 300), new)
    some = st.lists(edit, min_size=1, max_size=5)
    known = st.sampled_from(reader.seeds())
    spliced = st.builds(lambda one, two, at, of: one[: at % (len(one) + 1)] + two[of % (len(two) + 1) :], known, known,
                        place, place)  # fmt: skip
    damaged = st.builds(edited, known, some)
    more = [] if reader.odd is None else [reader.odd(), reader.odd()]
    return st.one_of(damaged, damaged, *more, st.builds(edited, spliced, some), st.binary(max_size=300))


class Law:
    """Holds readers to it; `folder` is a place of its own, in which the process's temporary files lie, too."""

    def __init__(self, folder: Path, limits: bool = True) -> None:
        self._folder, self._limits = folder, limits
        self._temporary = Path(tempfile.gettempdir())
        (folder / "in").mkdir(exist_ok=True)

    def hold(self, reader: Reader, data: bytes) -> None:
        """One case.

        Raises:
            BrokenLawError: the reader took too long or too much, left something, or said it badly.
            Exception: whatever else the reader raised.
        """
        path = self._folder / "in" / f"input{reader.suffix}"
        for other in path.parent.iterdir():  # of another reader
            if other != path:
                other.unlink()
        path.write_bytes(data)
        (self._folder / "case").write_bytes(data)  # for what ends this process
        before, begin = _memory(), _computed_s()
        try:
            with _hears_hangs(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's remarks on what it reads all the same
                warnings.simplefilter("error", RuntimeWarning)  # a computation gone wrong
                reader.read(path)
        except Exception as error:
            if not _is_ours(error):
                raise
            said = str(error)
            if not said.strip() or (len(said.splitlines()) > 1 and b"\n" not in data):
                raise BrokenLawError(f"says {said!r}") from error
        took = _computed_s() - begin
        if took > LONGEST_S:
            raise BrokenLawError(f"took {took:.1f} s")
        if _memory() - before > MOST_BYTES:
            raise BrokenLawError(f"took {(_memory() - before) >> 20} MB")
        left = [*self._temporary.iterdir(), *(file for file in path.parent.iterdir() if file != path)]
        if left:
            for file in left:
                with contextlib.suppress(OSError):
                    file.unlink()
            raise BrokenLawError(f"left {[file.name for file in left]}")
        if path.read_bytes() != data:
            raise BrokenLawError("changed its input")


def faults(
    reader: Reader, law: Law, number: int, first: int | None = 0, say: Callable[[str], None] = print
) -> list[Fault]:
    """Hold a reader to the law in `number` cases: each different fault once, with its smallest file."""
    found: dict[str, Fault] = {}

    def try_one(data: bytes) -> None:
        try:
            law.hold(reader, data)
        except Exception as error:
            place = where(error)
            if place not in found:
                say(f"{reader.name}: {place}: {str(error)[:300]}")
            if place not in found or len(data) < len(found[place].data):
                found[place] = Fault(reader.name, place, "".join(traceback.format_exception(error)), data)

    run = settings(max_examples=number, database=None, deadline=None, phases=(Phase.generate,),
                   suppress_health_check=list(HealthCheck))(given(cases(reader))(try_one))  # fmt: skip
    (run if first is None else seed(first)(run))()
    return list(found.values())


def _is_ours(error: BaseException) -> bool:
    if isinstance(error, TalkingHeadError | Audio2MotionError):
        return True
    return type(error).__module__ == "talkinghead.server.limits"


def where(error: BaseException) -> str:
    """The kind of the error and the line of this project that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(_ROOT) and "/tests/" not in f.filename]
    place = f"{Path(own[-1].filename).relative_to(_ROOT)}:{own[-1].lineno}" if own else str(error)[:20]
    return f"{type(error).__name__} at {place}"


def _computed_s() -> float:
    """The processor's time of this process and of its children: others may use this machine, too."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _memory() -> int:
    """The most that this process, or one of its children, has ever taken, in bytes."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * 1024


@contextlib.contextmanager
def _hears_hangs() -> Iterator[None]:
    """What never ends, ends this process, and says where it was."""
    faulthandler.dump_traceback_later(HANGS_S, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
