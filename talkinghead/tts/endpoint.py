"""Servers that speak as OpenAI's does: `POST {url}/audio/speech`. Many that run at home do, too."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import IO

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts.engines import Engine, SpokenText, joined, spoken_sentences
from talkinghead.tts.wav import WavStream

KEY = "OPENAI_API_KEY"
DEFAULT_URL = "https://api.openai.com/v1"
# What such servers mean by "pcm" where they do not say another rate.
_PCM_RATE_HZ = 24_000
_PIECE_BYTES = 1 << 14
_PATIENCE_S = 60.0


class _StayHere(urllib.request.HTTPRedirectHandler):
    """The key is for the server that was named, and for no other."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True)
class EndpointEngine(Engine):
    """A server's `voice`, by its `model`; the key is what the environment variable OPENAI_API_KEY holds, if anything.

    `url` is what stands before `/audio/speech`. Sound is given while it still arrives.
    """

    url: str = DEFAULT_URL
    voice: str = "alloy"
    model: str = "tts-1"

    def speak(self, text: str) -> SpokenText:
        return joined(self.stream(text))

    def stream(self, text: str) -> Iterator[SpokenText]:
        if not re.match(r"https?://[^/\s]+", self.url):
            raise InputError(f"{self.url!r} is not an address: name one such as {DEFAULT_URL}")
        for sentence in spoken_sentences(text):
            yield from self._one(sentence)

    def _one(self, sentence: str) -> Iterator[SpokenText]:
        try:
            with self._answer(sentence) as answer:
                kind = answer.headers.get("Content-Type", "")
                stream = WavStream(self.url, _pcm_rate(kind))
                while data := answer.read1(_PIECE_BYTES):
                    if len(samples := stream.push(data)):
                        yield SpokenText(samples, stream.rate_hz)
                stream.finish()
        except urllib.error.HTTPError as error:
            with error:
                raise DependencyError(f"{self._at()} does not speak: {error.code} {_said(error)}") from None
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise DependencyError(f"{self._at()} cannot be reached ({reason}): check --tts-url") from None

    def _answer(self, sentence: str) -> http.client.HTTPResponse:
        asked = {"model": self.model, "voice": self.voice, "input": sentence, "response_format": "wav"}
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._at(), json.dumps(asked).encode(), headers)
        answer: http.client.HTTPResponse = urllib.request.build_opener(_StayHere).open(request, timeout=_PATIENCE_S)
        return answer

    def _at(self) -> str:
        return f"{self.url.rstrip('/')}/audio/speech"


def _pcm_rate(kind: str) -> int | None:
    """Samples per second of an answer without a header, of a content type; None where it must have one."""
    if not re.match(r"audio/(pcm|l16|x-raw)|application/octet-stream", kind, re.I):
        return None
    rate = re.search(r"rate=(\d+)", kind)
    return int(rate[1]) if rate else _PCM_RATE_HZ


def _said(error: urllib.error.HTTPError) -> str:
    """What a server says of an error, in one line."""
    text = error.read(2000).decode("utf-8", "replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["error"]["message"]
    said = " ".join(str(text).split())[:200] or str(error.reason)
    return f"({said})" + (f": check the key in {KEY}" if error.code in (401, 403) else "")
