"""HTTP with a time within which headers are there: uvicorn bounds how long a connection idles, and no more."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def patient_protocol(patience_s: float) -> type[asyncio.Protocol]:
    """uvicorn's protocol, which leaves a client whose headers are not there `patience_s` after their begin."""

    class PatientProtocol(H11Protocol):  # type: ignore[misc]
        leaving: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.leaving = self.loop.call_later(patience_s, self.leave)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
                self.stay()
            elif self.leaving is None:  # the headers of a further request have begun
                self.leaving = self.loop.call_later(patience_s, self.leave)

        def connection_lost(self, exc: Exception | None) -> None:
            self.stay()
            super().connection_lost(exc)

        def stay(self) -> None:
            if self.leaving is not None:
                self.leaving.cancel()
                self.leaving = None

        def leave(self) -> None:
            self.leaving = None
            if not self.transport.is_closing():
                self.transport.write(_TOO_SLOW)
                self.transport.close()

    return PatientProtocol
