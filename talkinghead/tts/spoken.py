"""A text, spoken: its sound, its phones, and the emotions that its tags name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from talkinghead.core.emotions import EmotionCue
from talkinghead.media.sound import Sound, SpokenSound
from talkinghead.tts.engines import SpeechEngine
from talkinghead.tts.opening import Chosen, Voice, choose
from talkinghead.tts.tags import has_tags, speak_tagged, without_tags
from talkinghead.tts.telling import Piece, Telling


@dataclass(frozen=True)
class Spoken:
    """A `sound` of `rate_hz` and the emotions' `cues` in it.

    `pieces` gives it from its beginning with its phones, as often as needed; None where they are not known.
    `duration_s`: None while it is still being spoken. `note`: a few words for people about the voice.
    """

    sound: Sound
    rate_hz: int
    pieces: Callable[[], Iterator[Piece]] | None
    cues: Sequence[EmotionCue]
    duration_s: float | None
    note: str


def spoken_text(text: str, voice: str | Voice | SpeechEngine | None) -> Spoken:
    """A text, spoken by `voice` or whatever suits its language; without tags sentence by sentence, while it is used.

    Raises:
        InputError: there is nothing in it to speak, or a tag in it names no emotion.
        DependencyError: the engine is missing or fails.
    """
    named = Voice(voice) if isinstance(voice, str) else voice
    bare = without_tags(text)
    chosen = choose(bare, named) if named is None or isinstance(named, Voice) else Chosen(named, "")
    note = f"; {chosen.note}" if chosen.note else ""
    if not has_tags(text):
        telling = Telling(chosen.engine, text)
        sound, pieces = telling.sound, telling.pieces if telling.knows_phones else None
        return Spoken(sound, sound.rate_hz, pieces, (), sound.duration_s if sound.has_ended else None, note)
    # When each emotion begins is known once all of it is spoken.
    speech, cues = speak_tagged(chosen.engine, text)
    whole = (speech.samples, speech.phones or [])
    told = None if speech.phones is None else lambda: iter([whole])
    return Spoken(SpokenSound(speech.samples, speech.rate_hz), speech.rate_hz, told, cues, speech.duration_s, note)
