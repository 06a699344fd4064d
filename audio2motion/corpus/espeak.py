"""espeak-ng through its C library: speech together with the exact time of every phoneme.

The library and its data come from the package espeakng-loader, else from the system's libespeak-ng. The library
has one global state, so a process holds one `Espeak` at a time.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio2motion.errors import Audio2MotionError
from audio2motion.phones import Phone

Floats = npt.NDArray[np.float32]

_PHONEME_EVENTS, _IPA_NAMES, _NO_EXIT = 0x0001, 0x0002, 0x8000
_SYNCHRONOUS, _CHARS_UTF8, _END_PAUSE = 2, 1, 0x1000
_EVENT_END, _EVENT_PHONEME = 0, 7
_RATE, _VOLUME, _PITCH, _PITCH_RANGE = 1, 2, 3, 4

# espeak-ng reports a stop at its release; its closure, which the lips show, comes before.
_STOPS = frozenset("pbtdkɡgqʔʈɖcɟ")
_CLOSURE_S, _EARLY_S = 0.045, 0.008


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Speech:
    """`samples` mono float32 at `rate_hz`; `phones` (IPA label, start, end) in seconds, silences left out."""

    samples: Floats
    rate_hz: int
    phones: list[Phone]


def _locate() -> tuple[str, str | None]:
    """Path of the library, and of its data where it is not the system's."""
    try:
        import espeakng_loader

        return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    except ImportError:
        found = ctypes.util.find_library("espeak-ng")
        if found is None:
            raise Audio2MotionError(
                "espeak-ng is not installed: pip install espeakng-loader, or install the system's libespeak-ng"
            ) from None
        return found, None


class Espeak:
    """One initialised espeak-ng library."""

    def __init__(self) -> None:
        path, data = _locate()
        try:
            self._lib = ctypes.CDLL(path)
        except OSError as error:
            raise Audio2MotionError(f"espeak-ng's library {path} cannot be loaded: {error}") from error
        # The data's parent folder is what espeak_Initialize wants.
        folder = str(Path(data).parent).encode() if data else None
        options = _PHONEME_EVENTS | _IPA_NAMES | _NO_EXIT
        self.rate_hz = int(self._lib.espeak_Initialize(_SYNCHRONOUS, 0, folder, options))
        if self.rate_hz <= 0:
            raise Audio2MotionError(f"espeak-ng cannot read its voices in {data or 'the system data folder'}")
        self._chunks: list[npt.NDArray[np.int16]] = []
        self._events: list[tuple[str, int]] = []
        self._callback = _Callback(self._receive)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            self._chunks.append(np.ctypeslib.as_array(wav, (count,)).copy())
        i = 0
        while events[i].type != _EVENT_END:
            if events[i].type == _EVENT_PHONEME:
                # The field is not terminated when all eight bytes are used.
                raw = ctypes.string_at(ctypes.addressof(events[i].id), 8).split(b"\0")[0]
                self._events.append((raw.decode("utf-8", "ignore"), int(events[i].sample)))
            i += 1
        return 0

    def say(
        self,
        text: str,
        voice: str = "en-us",
        *,
        words_per_minute: int = 165,
        pitch: int = 50,
        pitch_range: int = 50,
    ) -> Speech:
        """Speak `text`. `voice`: a language or voice of espeak-ng, with an optional variant ("de", "en-us+f3").

        `pitch`, `pitch_range` 0..100. Raises Audio2MotionError for a voice that does not exist.
        """
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise Audio2MotionError(f"espeak-ng has no voice {voice!r}: `espeak-ng --voices` lists them")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_PITCH_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(parameter, int(value), 0)
        self._chunks, self._events = [], []
        data = text.encode("utf-8") + b"\0"
        if hasattr(self._lib, "espeak_ng_SetRandSeed"):  # else the breath in some voices is the clock's
            self._lib.espeak_ng_SetRandSeed(ctypes.c_long(zlib.crc32(data)))
        flags = _CHARS_UTF8 | _END_PAUSE
        if self._lib.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, flags, None, None) != 0:
            raise Audio2MotionError(f"espeak-ng could not speak the text {text[:40]!r}")
        pcm = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        samples = pcm.astype(np.float32) / 32768.0
        return Speech(samples, self.rate_hz, self._phones(len(samples)))

    def _phones(self, total: int) -> list[Phone]:
        """Events to phones: each lasts until the next; stops move back to their closure."""
        events = [(name, at / self.rate_hz) for name, at in self._events]
        ends = [*(at for _, at in events[1:]), total / self.rate_hz]
        starts: list[float] = []
        for i, (name, at) in enumerate(events):
            start = at - _EARLY_S
            if i and name[:1] in _STOPS and events[i - 1][0]:
                start -= min(_CLOSURE_S, max(0.0, at - events[i - 1][1]) / 2)
            elif name[:1] in _STOPS:
                start -= _CLOSURE_S
            starts.append(max(start, starts[-1] if starts else 0.0, 0.0))
        stops = [*starts[1:], max(ends[-1], starts[-1]) if starts else 0.0]
        return [
            (name, start, max(stop, start))
            for (name, _), start, stop in zip(events, starts, stops)
            if name.strip("_: ")
        ]


@lru_cache(maxsize=1)
def shared_espeak() -> Espeak:
    """The process's one library."""
    return Espeak()
