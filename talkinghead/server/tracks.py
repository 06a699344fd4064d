"""A call's two tracks out of one timeline, and the caller's own track into a talker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler, VideoFrame

from talkinghead.core.types import Floats, Frame
from talkinghead.media.fitting import scaled
from talkinghead.realtime.sounds import Sound
from talkinghead.server.listening import Listening
from talkinghead.server.timeline import RATE_HZ, Timeline

_VIDEO_HZ = 90_000
_PIECE = RATE_HZ // 50


class PictureTrack(MediaStreamTrack):  # type: ignore[misc]
    """The timeline's frames, each when it is due."""

    kind = "video"

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    async def recv(self) -> VideoFrame:
        """The next frame."""
        shown = await self._timeline.next_frame()
        frame = VideoFrame.from_ndarray(shown.pixels, format="rgb24")
        frame.pts, frame.time_base = round(shown.at_s * _VIDEO_HZ), Fraction(1, _VIDEO_HZ)
        return frame


class VoiceTrack(MediaStreamTrack):  # type: ignore[misc]
    """The timeline's sound, in pieces of 20 ms without a gap."""

    kind = "audio"

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline, self._at = timeline, -1

    async def recv(self) -> AudioFrame:
        """The next piece."""
        if self._at < 0:
            self._at = round(self._timeline.now_s * RATE_HZ)
        samples = await self._timeline.next_sound(self._at, _PIECE)
        pcm = np.rint(np.clip(samples, -1, 1) * 32_767).astype(np.int16)
        frame = AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._at, Fraction(1, RATE_HZ)
        self._at += _PIECE
        return frame


class TimelineShow:
    """Where a talker puts what it draws: from its thread into the event loop's timeline."""

    def __init__(
        self, timeline: Timeline, loop: asyncio.AbstractEventLoop, size_px: tuple[int, int], all_sound: bool
    ) -> None:
        self._timeline, self._loop = timeline, loop
        self._size_px, self._all_sound, self._samples = size_px, all_sound, 0

    def show(self, frames: list[Frame], sound: list[Sound]) -> None:
        """Frames and the sound beneath them.

        Raises:
            ConnectionError: the server is ending.
        """
        heard = [one.samples if one.is_own or self._all_sound else np.zeros_like(one.samples) for one in sound]
        samples = np.concatenate(heard) if heard else np.zeros(0, np.float32)
        shown = [(frame.time_s, scaled(frame.pixels, self._size_px)) for frame in frames]
        at_s = self._samples / RATE_HZ
        self._samples += len(samples)
        try:
            self._loop.call_soon_threadsafe(self._timeline.put, shown, at_s, samples)
        except RuntimeError:  # the loop is closed
            raise ConnectionError("the server is ending") from None

    def finish(self) -> None:
        """The timeline plays out by itself."""

    def close(self) -> None:
        """Nothing is held here."""


async def listen(track: MediaStreamTrack, heard: Callable[[Floats], None]) -> None:
    """Give `heard` what is spoken on a caller's track, (n,) at RATE_HZ, until it ends."""
    resampler = AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    listening = Listening()
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        for piece in resampler.resample(frame):
            samples = np.array(piece.to_ndarray()[0], np.float32)
            for spoken in listening.push(samples, len(samples) / RATE_HZ):
                heard(spoken)
