"""Each shard is made in a process of its own; what happens to one is told, and the pool goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from audio2motion.corpus.processes import afresh
from audio2motion.errors import Audio2MotionError

_kept: list[int] = []
# espeak-ng seeds the breath of some voices by the clock.
_SAID = """
from audio2motion.corpus.espeak import Espeak
print([float(abs(Espeak().say("Ana geldi.", voice).samples).sum()) for voice in ("tr+f3", "it+f2")])
"""


def _prepare() -> None:
    _kept.append(-1)


def _remember(number: int) -> int:
    _kept.append(number)
    return len(_kept)


def _fail(number: int) -> int:
    raise Audio2MotionError(f"no voice for shard {number}")


def _vanish(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_one_leaves_nothing_for_the_next() -> None:
    kept = 2 if sys.platform == "linux" else 1  # elsewhere nothing is prepared
    with afresh(_remember, 1, _prepare) as (pool, work):
        assert pool.map(work, range(3), chunksize=1) == [kept] * 3
    assert not _kept


def test_what_one_raises_is_raised() -> None:
    with afresh(_fail, 1, _prepare) as (pool, work), pytest.raises(Audio2MotionError, match="no voice for shard 4"):
        pool.map(work, [4])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process that is killed is waited for in vain")
def test_one_that_is_killed_is_told_and_others_go_on() -> None:
    with afresh(_vanish, 1, _prepare) as (pool, work):
        with pytest.raises(Audio2MotionError, match=r"shard 1 was ended \(exit code -9\).*the same command goes on"):
            pool.apply(work, (1,))
        assert pool.apply(work, (2,)) == 2


def test_a_voice_breathes_alike_in_every_process() -> None:
    said = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", _SAID], capture_output=True, text=True, check=True)
        said.append(done.stdout)
        time.sleep(1.1)  # the clock goes on by a second
    assert said[0] == said[1]
