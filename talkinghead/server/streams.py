"""`WS /v1/avatars/{id}/stream`: what a client sends to its talker, and what the talker answers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json

import numpy as np
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.core.types import Floats
from talkinghead.media.resample import as_floats
from talkinghead.server.avatars import KeptAvatar
from talkinghead.server.limits import Limits
from talkinghead.server.orders import obey
from talkinghead.server.protocol import FORMATS, Start, read_start
from talkinghead.server.talker import Event, Talker

# Messages that wait for a client at most; the talker waits where it takes them more slowly than they are made.
_WAITING = 64
_ENDING_S = 10.0
_GOING_AWAY, _POLICY, _TOO_SLOW = 1001, 1008, 1013


class Streaming:
    """One WebSocket, from its first message to its end."""

    def __init__(self, socket: WebSocket, kept: KeptAvatar, limits: Limits) -> None:
        self._socket, self._kept, self._limits = socket, kept, limits
        self._out: asyncio.Queue[bytes | Event] = asyncio.Queue(_WAITING)
        self._loop = asyncio.get_running_loop()
        self._gone = self.client_left = False
        self.talker: Talker | None = None

    async def start(self) -> Start:
        """Wait for the first message.

        Raises:
            InputError: it is another, or does not come.
            WebSocketDisconnect: the client has gone.
        """
        try:
            first = await asyncio.wait_for(self._socket.receive_text(), self._limits.patience_s)
        except TimeoutError:
            raise InputError(f"no first message came within {self._limits.patience_s} s") from None
        except KeyError:
            raise InputError('the first message is text: {"type": "start", "video": "jpeg"}') from None
        return read_start(first)

    async def run(self, start: Start) -> None:
        """Talk until either side ends."""
        talker = self.talker = Talker(self._kept, start, self._send, self._limits.waiting_s)
        talker.thread.start()
        hearing = asyncio.create_task(self._hear(talker, start))
        speaking = asyncio.create_task(self._speak())
        try:
            await asyncio.wait((hearing, speaking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gone = True
            talker.close()
            for task in (hearing, speaking):
                task.cancel()
            await asyncio.gather(hearing, speaking, return_exceptions=True)
            await asyncio.to_thread(talker.join, _ENDING_S)

    def _send(self, message: bytes | Event) -> None:
        """From the talker's threads: wait for room.

        Raises:
            ConnectionError: the client has gone, or takes nothing any more.
        """
        if self._gone:
            raise ConnectionError("the client has gone")
        waiting = asyncio.run_coroutine_threadsafe(self._out.put(message), self._loop)
        for _ in range(10 * self._limits.patience_s):
            try:
                waiting.result(0.1)
            except concurrent.futures.TimeoutError:
                if self._gone:
                    break
            else:
                return
        waiting.cancel()
        self._gone = True
        raise ConnectionError("the client takes nothing")

    async def _speak(self) -> None:
        while message := await self._out.get():
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_text(json.dumps(message))

    async def _hear(self, talker: Talker, start: Start) -> None:
        while True:
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                message = {"type": "websocket.disconnect"}
            if message["type"] == "websocket.disconnect":
                self.client_left = True
                return
            try:
                if message.get("bytes") is not None:
                    talker.mouth.hear(_samples(message["bytes"], start.format))
                else:
                    obey(talker, message.get("text") or "", self._limits)
            except TalkingHeadError as error:
                await self._out.put({"type": "error", "message": str(error)})


def _samples(data: bytes, kind: str) -> Floats:
    """Samples (n,) of a binary message.

    Raises:
        InputError: they are not whole, or not finite.
    """
    code = np.dtype(FORMATS[kind])
    if len(data) % code.itemsize:
        raise InputError(f"a message of {len(data)} bytes is no whole number of samples ({kind})")
    return as_floats(np.frombuffer(data, code).astype(code.newbyteorder("=")))
