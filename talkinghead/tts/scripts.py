"""In which letters a text is written, and which a voice of espeak-ng reads: others it spells out by their names."""

from __future__ import annotations

import unicodedata
from collections import Counter

from talkinghead.core.errors import InputError

# The beginnings of Unicode's names of letters, and the voices that read them; the first is what is suggested.
_VOICES: dict[str, tuple[str, ...]] = {
    "CYRILLIC": ("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "tt", "ba", "cv", "nog"),
    "GREEK": ("el", "grc"),
    "HEBREW": ("he",),
    "ARABIC": ("ar", "fa", "ur", "ug", "sd"),
    "CJK": ("cmn", "yue", "hak", "ja"),
    "BOPOMOFO": ("cmn",),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "HANGUL": ("ko",),
    "DEVANAGARI": ("hi", "mr", "ne", "kok"),
    "BENGALI": ("bn", "as", "bpy"),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "ORIYA": ("or",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "SINHALA": ("si",),
    "THAI": ("th",),
    "MYANMAR": ("my", "shn"),
    "GEORGIAN": ("ka",),
    "ARMENIAN": ("hy", "hyw"),
    "ETHIOPIC": ("am", "ti"),
    "CHEROKEE": ("chr",),
}


def script_of(text: str) -> str | None:
    """The script of most letters of a text ("LATIN", "CYRILLIC"); None where it has no letters."""
    letters = (unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha())
    found = Counter(name for name in letters if name)
    return found.most_common(1)[0][0] if found else None


def check_script(text: str, voice: str) -> None:
    """Whether a voice of espeak-ng reads a text's letters; Latin ones all voices read.

    Raises:
        InputError: it would spell them out one by one.
    """
    script = script_of(text)
    if script is None or script in ("LATIN", "FULLWIDTH", "MASCULINE", "FEMININE"):
        return
    language = voice.lower().partition("+")[0].partition("-")[0]
    readers = _VOICES.get(script, ())
    if language in readers:
        return
    what = f"the text is in {script.capitalize()} letters, which the voice {voice} spells out one by one"
    if readers:
        raise InputError(f"{what}: name its language, such as --voice {readers[0]}")
    raise InputError(f"{what}: name a program that speaks it with --tts-command")
