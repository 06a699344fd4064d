"""Sound that arrives as bytes, in pieces of any length: a WAV stream, or samples without a header."""

from __future__ import annotations

import struct

import numpy as np

from talkinghead.core.errors import DependencyError
from talkinghead.core.types import Floats

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KINDS = {(_PCM, 16): ("<i2", 2.0**15), (_PCM, 32): ("<i4", 2.0**31), (_FLOAT, 32): ("<f4", 1.0)}
_RIFF_BYTES, _CHUNK_BYTES, _FORMAT_BYTES = 12, 8, 16
_LONGEST_FORMAT = 40
_LONGEST_HEAD = 1 << 20


class WavStream:
    """Bytes in, mono float32 out; channels are mixed. `rate_hz` is known once sound has come out.

    - `name`: who sends it, for messages; `raw_rate_hz`: what has no header is mono samples of 16 bits at this rate.
    """

    def __init__(self, name: str, raw_rate_hz: int | None = None) -> None:
        self.rate_hz = raw_rate_hz or 0
        self._name, self._raw = name, raw_rate_hz is not None
        self._waiting = bytearray()
        self._kind: tuple[str, float] | None = None
        self._pending: tuple[str, float] | None = None  # what the header says, before the sound begins
        self._channels, self._left, self._heard = 1, None, False  # type: tuple[int, int | None, bool]

    def push(self, data: bytes) -> Floats:
        """The samples (n,) that these bytes complete.

        Raises:
            DependencyError: it is no such sound.
        """
        self._waiting += data
        if self._kind is None and not self._read_head():
            return np.zeros(0, np.float32)
        assert self._kind is not None
        code, scale = self._kind
        size = np.dtype(code).itemsize * self._channels
        there = len(self._waiting) if self._left is None else min(self._left, len(self._waiting))
        whole = there - there % size
        body = bytes(self._waiting[:whole])
        del self._waiting[:whole]
        if self._left is not None:
            self._left -= whole
        self._heard |= whole > 0
        with np.errstate(over="ignore", invalid="ignore"):
            samples = np.frombuffer(body, code).astype(np.float32).reshape(-1, self._channels).mean(axis=1) / scale
        if not np.isfinite(samples).all():
            raise DependencyError(f"{self._name} sent samples that are not finite numbers")
        return np.asarray(samples, np.float32)

    def finish(self) -> None:
        """That was all.

        Raises:
            DependencyError: there was no sound.
        """
        if not self._heard:
            raise DependencyError(f"{self._name} sent no sound")

    def _read_head(self) -> bool:
        """Whether the header is read; what comes after it waits."""
        data = self._waiting
        if len(data) < _RIFF_BYTES:
            return False
        if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
            if not self._raw:
                raise DependencyError(f"{self._name} sent something else than WAV: let it answer with wav or pcm")
            self._kind = _KINDS[_PCM, 16]
            return True
        at = _RIFF_BYTES
        while len(data) >= at + _CHUNK_BYTES:
            tag, (length,) = bytes(data[at : at + 4]), struct.unpack_from("<I", data, at + 4)
            body = at + _CHUNK_BYTES
            if tag == b"data":
                return self._begin(body, length)
            if tag == b"fmt ":
                if len(data) < body + min(length, _LONGEST_FORMAT):
                    return False
                self._read_format(bytes(data[body : body + min(length, _LONGEST_FORMAT)]))
            at = body + length + length % 2
            if at > _LONGEST_HEAD:
                raise DependencyError(f"{self._name} sent a WAV header without end")
        return False

    def _read_format(self, body: bytes) -> None:
        if len(body) < _FORMAT_BYTES:
            raise DependencyError(f"{self._name} sent WAV whose format is cut off")
        code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
        if code == _EXTENSIBLE and len(body) >= 26:
            (code,) = struct.unpack_from("<H", body, 24)
        if (code, bits) not in _KINDS or not channels or not rate_hz:
            raise DependencyError(f"{self._name} sent WAV of a kind that is not known here ({code}, {bits} bits)")
        self._pending, self._channels, self.rate_hz = _KINDS[code, bits], channels, rate_hz

    def _begin(self, body: int, length: int) -> bool:
        if self._pending is None:
            raise DependencyError(f"{self._name} sent WAV without its format")
        del self._waiting[:body]
        # Streams that do not know how long they are declare nothing, or as much as fits.
        self._kind, self._left = self._pending, None if length in (0, 0xFFFFFFFF, 0x7FFFFFFF) else length
        return True
