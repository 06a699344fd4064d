"""In which letters a text is written, and which voices read them: others spell them out by their names."""

from __future__ import annotations

import unicodedata
from collections import Counter

from talkinghead.core.errors import InputError

# The beginnings of Unicode's names of letters, and the languages written in them, as espeak-ng names its voices, the
# most common first.
SCRIPT_LANGUAGES: dict[str, tuple[str, ...]] = {
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
_LATIN = ("LATIN", "FULLWIDTH", "MASCULINE", "FEMININE")


def script_of(text: str) -> str | None:
    """The script of most letters of a text ("LATIN", "CYRILLIC"); None where it has no letters."""
    letters = (unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha())
    found = Counter(name for name in letters if name)
    return found.most_common(1)[0][0] if found else None


def reads_script(text: str, language: str) -> bool:
    """Whether a voice of a language reads a text's letters; Latin ones all voices read."""
    script = script_of(text)
    if script is None or script in _LATIN:
        return True
    return language.lower().partition("+")[0].partition("-")[0] in SCRIPT_LANGUAGES.get(script, ())


def check_script(text: str, voice: str, language: str | None = None) -> None:
    """Whether a `voice` of a `language`, by default espeak-ng's of that name, reads a text's letters.

    Raises:
        InputError: it would spell them out one by one; the message names the voices that can.
    """
    if reads_script(text, language or voice):
        return
    script = script_of(text) or ""
    readers = SCRIPT_LANGUAGES.get(script, ())
    what = f"the text is in {script.capitalize()} letters, which the voice {voice} cannot read"
    if readers:
        others = f" (or {', '.join(readers[1:])})" if len(readers) > 1 else ""
        raise InputError(f"{what}: name one that can, such as --voice {readers[0]}{others}")
    raise InputError(f"{what}: name a program that speaks it with --tts-command")
