"""How many streams a machine draws in time, by what a frame of an avatar takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket

from talkinghead.avatar import Avatar
from talkinghead.core.settings import Settings
from talkinghead.server.app import Server
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.capacity import SERVING_S, USABLE, Capacity, Wanted
from talkinghead.server.drawing import measure_drawing
from talkinghead.server.encoding import EncodingCost, cost_of, measure_encoding
from talkinghead.server.jobs import Jobs
from talkinghead.server.limits import Limits, RefusedError
from talkinghead.server.trial import Taken, described
from tests.server.conftest import File, running


def kept(frame_s: float) -> KeptAvatar:
    """An avatar of which nothing is asked but its size and what drawing and serving its frames takes."""
    return cast(KeptAvatar, SimpleNamespace(frame_s=frame_s - SERVING_S, size_px=(512, 256), users=0))


def of_two_cores(monkeypatch: pytest.MonkeyPatch, **limits: int) -> Capacity:
    monkeypatch.setattr("sys.platform", "elsewhere")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return Capacity(Limits(**limits))


def test_streams_are_taken_while_the_measured_cost_of_all_is_less_than_what_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capacity, face = of_two_cores(monkeypatch), kept(2 * USABLE / 3 / 25)  # three take all that may be used
    capacity.usable_cores += 1e-9
    with ExitStack() as streams:
        for _ in range(3):
            streams.enter_context(capacity.session(face))
        assert (capacity.sessions, face.users, round(capacity.used, 6)) == (3, 3, 1.0)
        assert "one more would not be drawn in time" in (capacity.refusal(face) or "")
        with pytest.raises(RefusedError, match="3 streams run") as caught, capacity.session(face):
            pass
        assert (caught.value.status, caught.value.retry_after_s) == (429, 5)
        assert capacity.refusal(face, Wanted(fps=0.0)) is None
    assert (capacity.sessions, face.users, capacity.used) == (0, 0, 0.0)
    assert capacity.refusal(face) is None


def test_encoding_counts_by_kind_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity, face = of_two_cores(monkeypatch), kept(0.01)
    capacity.learn({"jpeg": EncodingCost(0.001), "call": EncodingCost(0.002, 1e-7)})
    expected = {
        Wanted(): 25 * 0.011,
        Wanted("jpeg", 64, 50.0): 50 * 0.011,
        Wanted("call"): 25 * (0.012 + 1e-7 * 512 * 256),
        Wanted("call", 256): 25 * (0.012 + 1e-7 * 256 * 128),
        Wanted("call", 4096): 25 * (0.012 + 1e-7 * 512 * 256),  # nothing is drawn larger than it is
        Wanted("fmp4"): 25 * 0.01,  # not measured
    }
    for wanted, cost in expected.items():
        assert capacity.cost(face.frame_s, face.size_px, wanted) == pytest.approx(cost), wanted


def test_a_stream_that_wants_more_than_there_is_stays_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity, face = of_two_cores(monkeypatch), kept(0.01)
    with capacity.session(kept(1.0)):  # alone, however dear
        pass
    with capacity.session(face) as first, capacity.session(face) as second:
        first.become(Wanted(fps=60.0))
        assert capacity.used * capacity.usable_cores == pytest.approx(0.6 + 0.25)
        with pytest.raises(RefusedError, match="1 streams run: one more would not be drawn in time"):
            second.become(Wanted(fps=61.0))
        assert capacity.used * capacity.usable_cores == pytest.approx(0.6 + 0.25)
        second.become(Wanted(fps=1.0))
    assert capacity.used == 0.0


def test_one_stream_alone_is_taken_however_slow_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = of_two_cores(monkeypatch)
    with capacity.session(kept(1.0)) as place:
        assert capacity.refusal(kept(0.001)) is not None
        place.become(Wanted(fps=60.0))
    assert capacity.refusal(kept(1.0)) is None


def test_a_number_that_was_given_stands_above_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = of_two_cores(monkeypatch, sessions=2)
    with capacity.session(kept(1.0)), capacity.session(kept(1.0)) as place:
        assert capacity.refusal(kept(0.0)) == "2 streams run, and no more may"
        place.become(Wanted(fps=60.0))
        assert capacity.used == 1.0


def test_a_cost_grows_with_pixels_and_is_never_negative() -> None:
    grown = cost_of(((100, 100), 0.002), ((200, 100), 0.003))
    assert grown.frame_s((100, 50)) == pytest.approx(0.0015)
    assert grown.frame_s((400, 100)) == pytest.approx(0.005)
    assert cost_of(((100, 100), 0.003), ((200, 100), 0.002)) == EncodingCost(0.003, 0.0)
    assert cost_of(((100, 100), 0.001), ((200, 100), 0.003)).frame_s((10, 10)) > 0


def test_every_kind_is_measured_on_what_is_drawn(examples: Path) -> None:
    drawn = measure_drawing(Avatar(examples / "astronaut.png", motion_model="embedded", max_side=128))
    assert drawn.size_px == (128, 128)
    assert drawn.frame_s > 0
    found = measure_encoding(drawn.frames, [(64, 64), (128, 128)])
    calls = {"call"} if find_spec("aiortc") else set()
    assert found.keys() == {"jpeg", "fmp4"} | calls
    assert all(cost.frame_s((128, 128)) > 0 for cost in found.values()), found
    assert measure_encoding(drawn.frames, [(64, 64), (128, 128)], lambda: False) == {}


def test_what_is_taken_is_said_in_a_line() -> None:
    taken = [Taken((512, 512), 0.01, {"jpeg": 2, "fmp4": 2, "call": 1}),
             Taken((256, 256), 0.01, {"jpeg": 3, "fmp4": 3, "call": 2})]  # fmt: skip
    assert described(taken) == "2 streams of 512x512, 3 of 256x256 at 25 frames/s (fmp4: 2, 3; calls: 1, 2)"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Server]:
    server = Server(Limits(), Settings(max_side=128), Jobs(tmp_path / "state", Limits()), lambda line: None)
    yield server
    asyncio.run(server.close())


def test_a_socket_whose_first_message_wants_too_much_is_told_to_try_later(shared: Server, examples: Path) -> None:
    face = shared.avatars.add(examples / "astronaut.png", shared.avatars.settings)
    sent: list[MutableMapping[str, Any]] = []
    said = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": '{"type": "start", "fps": 60}'}]

    async def receive() -> MutableMapping[str, Any]:
        return said.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    with shared.capacity.session(face, Wanted(fps=1.0)):
        shared.capacity.usable_cores = 1.5 * shared.capacity.cost(face.frame_s, face.size_px, Wanted())
        asyncio.run(shared.stream(WebSocket({"type": "websocket"}, receive, send), face.id))
        assert shared.capacity.sessions == 1
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    told = json.loads(sent[1]["text"])
    assert told == {"type": "error", "message": "1 streams run: one more would not be drawn in time"}
    assert sent[2]["code"] == 1013


@pytest.mark.slow
@pytest.mark.network
def test_a_server_that_is_told_nothing_says_what_it_takes_the_machine_to_draw(tmp_path: Path, picture: File) -> None:
    with running(tmp_path / "server", "--sessions", "0") as client:
        # An avatar waits for the trial, so that nothing is measured beside it.
        assert client.post("/v1/avatars", picture=picture, max_side="128")[0] == 201
        health = json.loads(client.ask("GET", "/healthz")[1])
        sizes = {one["size"]: one for one in health["capacity"]["streams"]}
        assert sizes.keys() == {"512x512", "256x256"}
        assert all(one["jpeg"] >= 1 and one["fmp4"] >= 1 and one["frame_ms"] > 0 for one in sizes.values())
        number = sizes["512x512"]["jpeg"]
        line = f'talkinghead_capacity_streams{{kind="jpeg",size="512x512"}} {number}'
        assert line in client.ask("GET", "/metrics")[1].decode().splitlines()
        said = client.end()
    assert f"this machine is taken to draw {number} stream" in said
