"""How many streams a machine draws in time, by what a frame of an avatar takes."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import cast

import pytest
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.capacity import Capacity
from talkinghead.server.limits import Limits, RefusedError


def kept(frame_s: float) -> KeptAvatar:
    """An avatar of which nothing is asked but what its frames take."""
    return cast(KeptAvatar, SimpleNamespace(frame_s=frame_s, users=0))


def of_two_cores(monkeypatch: pytest.MonkeyPatch, **limits: int) -> Capacity:
    monkeypatch.setattr("sys.platform", "elsewhere")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return Capacity(Limits(**limits))


def test_streams_are_taken_while_the_measured_cost_of_all_is_less_than_three_quarters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capacity, face = of_two_cores(monkeypatch), kept(0.02)  # half a core at 25 frames/s: three are one core and a half
    with ExitStack() as streams:
        for _ in range(3):
            streams.enter_context(capacity.session(face))
        assert (capacity.sessions, face.users, round(capacity.used, 9)) == (3, 3, 1.0)
        assert "one more would not be drawn in time" in (capacity.refusal(face) or "")
        with pytest.raises(RefusedError, match="3 streams run") as caught, capacity.session(face):
            pass
        assert (caught.value.status, caught.value.retry_after_s) == (429, 5)
        assert capacity.refusal(face, fps=0.0) is None
    assert (capacity.sessions, face.users, capacity.used) == (0, 0, 0.0)
    assert capacity.refusal(face) is None


def test_one_stream_alone_is_taken_however_slow_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = of_two_cores(monkeypatch)
    with capacity.session(kept(1.0)):
        assert capacity.refusal(kept(0.001)) is not None
    assert capacity.refusal(kept(1.0)) is None


def test_a_number_that_was_given_stands_above_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = of_two_cores(monkeypatch, sessions=2)
    with capacity.session(kept(1.0)), capacity.session(kept(1.0)):
        assert capacity.refusal(kept(0.0)) == "2 streams run, and no more may"
