"""`POST /v1/avatars/{id}/webrtc`: calls. aiortc speaks WebRTC; here a call is tied to a talker."""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import ExitStack
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.core.types import Floats
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.capacity import Capacity, Wanted
from talkinghead.server.limits import Limits
from talkinghead.server.metrics import Metrics
from talkinghead.server.offers import Offer
from talkinghead.server.orders import obey
from talkinghead.server.talker import Event, Talker
from talkinghead.server.timeline import Timeline
from talkinghead.server.tracks import PictureTrack, TimelineShow, VoiceTrack, listen

_EVENTS_HELD = 64  # until the caller's channel is open
_ENDING_S = 10.0
_LAST_S = 0.3  # what the network and the caller's own buffer hold at the end
_BEHIND_S = 1.0  # of a caller's speech that waits; more would only come late


class Call:
    """One peer: from its offer to its end."""

    def __init__(self, kept: KeptAvatar, offer: Offer, limits: Limits) -> None:
        self._offer, self._limits = offer, limits
        self._loop = asyncio.get_running_loop()
        self._timeline = Timeline()
        # No server of others' is asked for this machine's address, which aiortc does where it is told nothing.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connected, self._ended = asyncio.Event(), asyncio.Event()
        self._channel: RTCDataChannel | None = None
        self._events: list[Event] = []
        self._hearing: set[asyncio.Task[None]] = set()
        self.talker = Talker(kept, offer.start, self._send, limits.waiting_s, self._show)
        self._peer.on("connectionstatechange", self._state_changed)
        self._peer.on("datachannel", self._channel_opened)
        self._peer.on("track", self._track_came)

    async def answer(self) -> dict[str, str]:
        """The answer to the offer.

        Raises:
            InputError: it cannot be answered, or asks for no picture.
        """
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(self._offer.sdp, "offer"))
            asked = {transceiver.kind for transceiver in self._peer.getTransceivers()}
            if "video" not in asked:
                raise InputError("the offer asks for no video: add a transceiver that receives some")
            self._peer.addTrack(PictureTrack(self._timeline))
            if "audio" in asked:
                self._peer.addTrack(VoiceTrack(self._timeline))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except InputError:
            raise
        except Exception as error:  # whatever a parser and a negotiation meet in what a stranger wrote
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"the offer's SDP cannot be answered: {said}") from None
        return {"type": self._peer.localDescription.type, "sdp": self._peer.localDescription.sdp}

    async def run(self) -> None:
        """Talk until either side ends; a caller who does not come is waited for as long as patience allows."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._connected.wait(), self._limits.patience_s)
        if self._connected.is_set() and not self._ended.is_set():
            self.talker.thread.start()
            await self._ended.wait()

    async def close(self) -> None:
        """Leave."""
        self._ended.set()
        self.talker.close()
        for task in self._hearing:
            task.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)
        await self._peer.close()
        if self.talker.thread.ident is not None:
            await asyncio.to_thread(self.talker.join, _ENDING_S)

    def _show(self, size_px: tuple[int, int]) -> TimelineShow:
        return TimelineShow(self._timeline, self._loop, size_px, self._offer.all_sound)

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._ended.set()
            self._connected.set()

    def _track_came(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            task = self._loop.create_task(listen(track, self._heard))
            self._hearing.add(task)
            task.add_done_callback(self._hearing.discard)

    def _heard(self, samples: Floats) -> None:
        # What a text says is not talked over: it would only wait behind it.
        mouth = self.talker.mouth
        if not mouth.has_text and mouth.waiting_s < _BEHIND_S and self._connected.is_set():
            mouth.hear(samples)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if self._channel is None:
            self._channel = channel
            channel.on("message", self._told)
            for event in self._events:
                self._tell(event)
            self._events.clear()

    def _told(self, message: str | bytes) -> None:
        try:
            if not isinstance(message, str):
                raise InputError("sound comes in the audio track; a message is JSON")
            obey(self.talker, message, self._limits)
        except TalkingHeadError as error:
            self._tell({"type": "error", "message": str(error)})

    def _send(self, message: bytes | Event) -> None:
        """From the talker's threads.

        Raises:
            ConnectionError: the caller has gone.
        """
        if self._ended.is_set() or isinstance(message, bytes):
            raise ConnectionError("the caller has gone")
        try:
            self._loop.call_soon_threadsafe(self._pass_on, message)
        except RuntimeError:  # the loop is closed
            raise ConnectionError("the server is ending") from None

    def _pass_on(self, event: Event) -> None:
        if not event:  # the last word: what is drawn is played out
            self._loop.call_later(self._timeline.left_s + _LAST_S, self._ended.set)
            return
        if event["type"] == "interrupted":
            self._timeline.restart(float(str(event["time"])))
        self._tell(event)

    def _tell(self, event: Event) -> None:
        if self._channel is None:
            self._events = [*self._events, event][-_EVENTS_HELD:]
        elif self._channel.readyState == "open":
            self._channel.send(json.dumps(event))


class Calls:
    """All calls of a server."""

    def __init__(self, capacity: Capacity, limits: Limits, metrics: Metrics) -> None:
        self._capacity, self._limits, self._metrics = capacity, limits, metrics
        self._running: dict[asyncio.Task[None], Call] = {}

    async def answer(self, kept: KeptAvatar, offer: Offer) -> dict[str, str]:
        """Answer an offer; the call then runs until it ends.

        Raises:
            RefusedError: there is no room for one more.
            InputError: the offer cannot be answered.
        """
        wanted = Wanted("call", offer.start.size_px, float(offer.start.fps))
        with ExitStack() as leaving:
            leaving.enter_context(self._capacity.session(kept, wanted))
            call = Call(kept, offer, self._limits)
            try:
                answer = await call.answer()
            except BaseException:
                await call.close()
                raise
            held = leaving.pop_all()
        task = asyncio.create_task(self._run(call, held))
        self._running[task] = call
        task.add_done_callback(lambda done: self._running.pop(done))
        self._metrics.add("sessions_total")
        return answer

    async def close(self) -> None:
        """End all of them."""
        tasks: list[Any] = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, call: Call, held: ExitStack) -> None:
        with held:
            try:
                await call.run()
            finally:
                await call.close()
                self._metrics.add("frames_total", call.talker.frames)
