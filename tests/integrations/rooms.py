"""Rooms without a server: LiveKit's own tracks, and byte streams and calls that go from one room to the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc


@dataclass
class Publication:
    """A published track."""

    kind: int

    async def wait_for_subscription(self) -> None:
        """At once."""


@dataclass
class Info:
    """What a stream's reader knows."""

    attributes: dict[str, str]
    stream_id: str = "stream"


@dataclass
class Stream:
    """Both ends of a byte stream."""

    info: Info
    chunks: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def write(self, data: bytes) -> None:
        await self.chunks.put(data)

    async def aclose(self) -> None:
        await self.chunks.put(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if (chunk := await self.chunks.get()) is None:
            raise StopAsyncIteration
        return chunk


class Participant:
    """The room's own participant; what it sends reaches `other`, the room of the one it talks to."""

    def __init__(self, room: Room, identity: str) -> None:
        self.identity, self._room = identity, room
        self.kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        self.state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        self.tracks: dict[int, Any] = {}
        self.track_publications: dict[str, Publication] = {}
        self._rpc_handlers: dict[str, Callable[[rtc.RpcInvocationData], str]] = {}

    async def publish_track(self, track: Any, options: Any) -> Publication:
        self.tracks[track.kind] = track
        publication = self.track_publications[str(track.kind)] = Publication(track.kind)
        self._room.emit("local_track_published", publication, track)
        if self._room.other is not None:
            self._room.other.emit("track_published", publication, self)
        return publication

    def register_rpc_method(self, method: str, handler: Callable[[rtc.RpcInvocationData], str]) -> None:
        self._rpc_handlers[method] = handler

    async def perform_rpc(self, *, destination_identity: str, method: str, payload: str) -> str:
        assert self._room.other is not None
        called = self._room.other.local_participant
        assert called.identity == destination_identity
        if method not in called._rpc_handlers:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, method)
        return called._rpc_handlers[method](rtc.RpcInvocationData("1", self.identity, payload, 10.0))

    async def stream_bytes(
        self, name: str, *, topic: str, destination_identities: list[str], attributes: dict[str, str]
    ) -> Stream:
        assert self._room.other is not None
        stream = Stream(Info(attributes))
        self._room.other.handlers[topic](stream, self.identity)
        return stream


class Room(rtc.EventEmitter[str]):
    """A room in which one is, or with `other` two are."""

    name = "room"

    def __init__(self, identity: str, other: Room | None = None) -> None:
        super().__init__()
        self.local_participant = Participant(self, identity)
        self.handlers: dict[str, Callable[[Stream, str], None]] = {}
        self.other = other
        if other is not None:
            other.other = self

    @property
    def remote_participants(self) -> dict[str, Participant]:
        return {} if self.other is None else {self.other.local_participant.identity: self.other.local_participant}

    def isconnected(self) -> bool:
        return True

    def register_byte_stream_handler(self, topic: str, handler: Callable[[Stream, str], None]) -> None:
        self.handlers[topic] = handler
