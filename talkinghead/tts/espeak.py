"""espeak-ng: about a hundred languages, robotic, small, and exact about when each phone sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from talkinghead.core.errors import InputError
from talkinghead.tts.engines import Engine, SpokenText, spoken_sentences
from talkinghead.tts.espeak_process import say
from talkinghead.tts.scripts import check_script

DEFAULT_VOICE = "en-us"


@dataclass(frozen=True)
class EspeakEngine(Engine):
    """espeak-ng: about a hundred languages. `voice`: a language ("de", "en-us"), with a variant if wanted ("en-us+f3").

    `words_per_minute` 80..450; `pitch` 0..100.
    """

    voice: str = DEFAULT_VOICE
    words_per_minute: int = 165
    pitch: int = 50

    def speak(self, text: str) -> SpokenText:
        # The library reads a C string: a NUL would end it.
        text = text.replace("\0", " ").strip()
        if not text:
            raise InputError("there is no text to speak")
        (spoken,) = self._say([text])
        return spoken

    def stream(self, text: str) -> Iterator[SpokenText]:
        return self._say(spoken_sentences(text.replace("\0", " ")))

    def _say(self, texts: list[str]) -> Iterator[SpokenText]:
        voice = espeak_voice(self.voice)
        for text in texts:
            check_script(text, voice)
        for text, spoken in zip(texts, say(texts, voice, self.words_per_minute, self.pitch), strict=True):
            if not spoken.phones:
                raise InputError(f"there is nothing in the text {text[:40]!r} that the voice {voice} can speak")
            yield spoken


@lru_cache(maxsize=1)
def espeak_voices() -> dict[str, str]:
    """Every name of a language ("de", "german", "en-gb") -> espeak-ng's voice; empty where its data is the system's."""
    try:
        import espeakng_loader
    except ImportError:
        return {}
    voices: dict[str, str] = {}
    others: dict[str, str] = {}
    for path in sorted((Path(espeakng_loader.get_data_path()) / "lang").rglob("*")):
        if path.is_file():
            voices[path.name.lower()] = path.name.lower()
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                kind, _, rest = line.strip().partition(" ")
                if rest.split() and kind in ("name", "language"):
                    # "name English (Great Britain)", "language en-gb  2"
                    name = rest.partition("(")[0].strip() if kind == "name" else rest.split()[0]
                    others.setdefault(name.lower(), path.name.lower())
    return others | voices


@lru_cache(maxsize=1)
def espeak_languages() -> dict[str, str]:
    """Every voice ("de") and the English name of its language; empty where espeak-ng's data is the system's."""
    try:
        import espeakng_loader
    except ImportError:
        return {}
    found = {}
    for path in sorted((Path(espeakng_loader.get_data_path()) / "lang").rglob("*")):
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            names = [line.split(maxsplit=1)[1].strip() for line in lines if line.startswith("name ")]
            found[path.name.lower()] = names[0] if names else path.name
    return dict(sorted(found.items()))


def espeak_voice(name: str) -> str:
    """espeak-ng's own name of a voice that people may call by its language, its region or its English name.

    Raises:
        InputError: there is none.
    """
    known = espeak_voices()
    language, plus, variant = name.strip().partition("+")
    asked = language.lower().replace("_", "-")
    # "fr-fr" is "fr": a region that has no voice of its own takes its language's.
    voice = known.get(asked) or known.get(asked.partition("-")[0])
    if voice is None and known:
        near = get_close_matches(asked, known, n=6, cutoff=0.5) or ["en-us", "de", "es", "fr", "it"]
        raise InputError(f"espeak-ng has no voice {name!r}: try {', '.join(near)}, or another language's code")
    return (voice or language) + plus + variant
