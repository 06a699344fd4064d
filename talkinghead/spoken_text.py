"""A text as what drives a face: spoken first, its lips from its phones or from its sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from talkinghead.core.emotions import EmotionCue
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.opening import SpeechModel
from talkinghead.drivers.speech import EMBEDDED
from talkinghead.media.sound import Sound

if TYPE_CHECKING:
    from talkinghead.tts.engines import SpeechEngine
    from talkinghead.tts.opening import Voice


@dataclass(frozen=True)
class SpokenText:
    """What `driving` moves, the `sound` that belongs to it, and the emotions' `cues` in it.

    `duration_s`: None while it is still being spoken. `note`: a few words for people about the voice.
    """

    driving: Driving[Any]
    sound: Sound
    cues: Sequence[EmotionCue]
    duration_s: float | None
    note: str


def spoken_text(
    text: str, voice: str | Voice | SpeechEngine | None, model: SpeechModel, fps: Fraction, seed: int
) -> SpokenText:
    """A text, spoken by `voice` or whatever suits its language.

    Lips follow its phones where the engine tells them and `model` is the embedded one; else `model` hears the sound. A
    text without tags is spoken sentence by sentence while it is drawn.

    Raises:
        InputError: there is nothing in it to speak, or a tag in it names no emotion.
        DependencyError: the engine is missing or fails.
    """
    from talkinghead.tts.opening import Chosen, Voice, choose
    from talkinghead.tts.tags import has_tags, without_tags

    named = Voice(voice) if isinstance(voice, str) else voice
    bare = without_tags(text)
    chosen = choose(bare, named) if named is None or isinstance(named, Voice) else Chosen(named, "")
    note = f"; {chosen.note}" if chosen.note else ""
    tell = _tagged if has_tags(text) else _told
    return tell(text, chosen.engine, model, fps, seed, note)


def _told(text: str, engine: SpeechEngine, model: SpeechModel, fps: Fraction, seed: int, note: str) -> SpokenText:
    from talkinghead.tts.telling import Telling

    telling = Telling(engine, text)
    if telling.knows_phones and model.name == EMBEDDED:
        from talkinghead.drivers.phonemes import told

        driving: Driving[Any] = told(telling.pieces, telling.sound, fps, seed=seed)
    else:
        driving = model.driving(telling.sound, fps, seed=seed)
    duration_s = telling.sound.duration_s if telling.sound.has_ended else None
    return SpokenText(driving, telling.sound, (), duration_s, note)


def _tagged(text: str, engine: SpeechEngine, model: SpeechModel, fps: Fraction, seed: int, note: str) -> SpokenText:
    """With emotions in it: when each begins is known once all of it is spoken."""
    from talkinghead.media.sound import SpokenSound
    from talkinghead.tts.tags import speak_tagged

    speech, cues = speak_tagged(engine, text)
    sound = SpokenSound(speech.samples, speech.rate_hz)
    if speech.phones is not None and model.name == EMBEDDED:
        from talkinghead.drivers.phonemes import spoken

        driving: Driving[Any] = spoken(speech.phones, speech.samples, speech.rate_hz, fps, seed=seed)
    else:
        driving = model.driving(sound, fps, seed=seed)
    return SpokenText(driving, sound, cues, sound.duration_s, note)
