"""What the lips do for each speech sound: IPA symbols to articulatory targets and viseme classes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

Phone = tuple[str, float, float]  # IPA label ("" or "_" for silence), start and end in seconds

# Classes of the auxiliary loss. Sounds in one class look alike on the lips.
VISEMES: tuple[str, ...] = (
    "silence", "p b m", "f v", "th", "t d n", "l", "s z", "sh", "r", "k g", "h", "w", "j",
    "a", "e", "i", "o", "u", "y", "schwa",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Articulation:
    """Lip targets of one speech sound, each 0..1 (1 = the most that speech does).

    `opening`: inner-lip gap, 1 = open a (calibrated on measured mouths); `parting`: share of the gap made by lips
    rather than by the jaw; `spread`, `pucker`, `funnel`: lip shape; `pull`: how strongly it insists on that shape (the
    lips of t or k do what their vowels want); `weight`: how strongly it insists on its opening; `tau_s`: how far
    its influence reaches; `contact`: "lips" (p b m) or "teeth" (f v) where the sound needs contact.
    """

    viseme: str
    opening: float
    parting: float = 0.3
    spread: float = 0.0
    pucker: float = 0.0
    funnel: float = 0.0
    pull: float = 0.2
    weight: float = 1.0
    tau_s: float = 0.075
    contact: str = ""
    vowel: bool = False


def _vowel(viseme: str, opening: float, parting: float, spread: float = 0.0, pucker: float = 0.0) -> Articulation:
    return Articulation(viseme, opening, parting, spread, pucker, pull=1.0, vowel=True)


REST = Articulation("silence", 0.0, 0.3, pull=1.0, tau_s=0.06)
PAUSE = Articulation("silence", 0.25, 0.3, pull=0.5, tau_s=0.05)
# A pause in which the recording is not silent: people breathe, hesitate and get ready, and their lips stay apart.
_MURMUR = Articulation("silence", 0.33, 0.3, pull=0.5, tau_s=0.06)

_LIPS = Articulation("p b m", 0.0, tau_s=0.03, pull=0.2, contact="lips")
_TEETH = Articulation("f v", 0.08, 0.6, spread=0.1, pull=0.3, contact="teeth")
_T = Articulation("t d n", 0.36, 0.6, spread=0.2)
_K = Articulation("k g", 0.48, 0.3, spread=0.15)
_S = Articulation("s z", 0.48, 1.0, spread=0.4, pull=0.6)
_SH = Articulation("sh", 0.5, 0.7, pucker=0.15, funnel=0.55, pull=1.0)
_R = Articulation("r", 0.36, 0.3, pucker=0.1, funnel=0.25, pull=0.5)
_H = Articulation("h", 0.5, 0.2, pull=0.1, weight=0.25)
_W = Articulation("w", 0.08, 0.1, pucker=0.9, pull=1.2)

_SOUNDS: dict[str, Articulation] = {}
BREATH, MURMUR = "breath", "murmur"  # labels beside IPA


def _add(symbols: str, sound: Articulation) -> None:
    _SOUNDS.update(dict.fromkeys(symbols.split(), sound))


_add("p b m ɓ ʘ ʙ", _LIPS)
_add("ɸ β", replace(_LIPS, opening=0.12, tau_s=0.075, contact=""))
_add("f v ɱ ⱱ", _TEETH)
_add("ʋ", replace(_TEETH, opening=0.15, contact=""))
_add("θ ð", Articulation("th", 0.38, 0.6, spread=0.15))
_add("t d n ɗ ʈ ɖ ɳ ǀ ǃ c ɟ ɲ ʄ ȵ ȶ ȡ", _T)
_add("l ɫ ɭ ʎ ʟ ɬ ɮ ɺ ǁ", Articulation("l", 0.42, 0.5, spread=0.15))
_add("s z ɕ ʑ", _S)
_add("ʃ ʒ ʂ ʐ ɧ", _SH)
_add("ɹ r ɾ ʀ ʁ ɽ ɻ", _R)
_add("k ɡ g ŋ x ɣ ɠ q ɢ ɴ χ ʛ ɰ ç ʝ", _K)
_add("h ɦ ʔ", _H)
_add("ħ ʕ ʜ ʢ", replace(_H, opening=0.6, weight=0.6))
_add("w ʍ", _W)
_add("ɥ", replace(_W, opening=0.12, pucker=0.8))
_add("j", Articulation("j", 0.5, 0.8, spread=0.55, pull=0.7))
_add("a ɑ ä", _vowel("a", 1.0, 0.0, spread=0.1))
_add("æ", _vowel("a", 0.92, 0.2, spread=0.3))
_add("ɐ", _vowel("a", 0.85, 0.0))
_add("ʌ", _vowel("a", 0.75, 0.1))
_add("ɒ", _vowel("o", 0.75, 0.0, pucker=0.2))
_add("ɛ", _vowel("e", 0.75, 0.4, spread=0.35))
_add("e", _vowel("e", 0.68, 0.5, spread=0.5))
_add("i", _vowel("i", 0.6, 0.8, spread=0.75))
_add("ɪ", _vowel("i", 0.55, 0.6, spread=0.45))
_add("ɨ ɯ", _vowel("i", 0.48, 0.6, spread=0.35))
_add("ɤ", _vowel("schwa", 0.45, 0.3))
_add("ə ɘ ɵ", _vowel("schwa", 0.25, 0.3))
_add("ɜ ɝ ɚ ɞ", replace(_vowel("schwa", 0.36, 0.3), funnel=0.15))
_add("ɔ", _vowel("o", 0.5, 0.0, pucker=0.45))
_add("o", _vowel("o", 0.4, 0.0, pucker=0.65))
_add("u", _vowel("u", 0.15, 0.0, pucker=0.85))
_add("ʊ", _vowel("u", 0.22, 0.0, pucker=0.55))
_add("ʉ", _vowel("u", 0.2, 0.1, pucker=0.65))
_add("y ʏ", _vowel("y", 0.22, 0.2, pucker=0.75))
_add("ø œ ɶ", _vowel("y", 0.4, 0.2, pucker=0.55))
_add("ᵻ", _vowel("i", 0.42, 0.5, spread=0.3))

_BREATH = Articulation("h", 0.28, 0.3, pull=0.3)
_LABELS = {BREATH: _BREATH, MURMUR: _MURMUR}
_UNKNOWN = Articulation("schwa", 0.36, 0.3, pull=0.1, weight=0.3)
_SILENCES = frozenset({"", "_", "_:", "pau", "sil", "sp", "spn", "#", "|", "‖"})


@lru_cache(maxsize=4096)
def articulations(ipa: str) -> tuple[Articulation, ...]:
    """The sounds in one IPA label, in order: "aɪ" is two, "tʃ" is two, "" or "_" is none (silence).

    Length, stress, tone and other diacritics are ignored; a letter that is not in the table is a weak neutral sound.
    """
    if ipa in _SILENCES:
        return ()
    if ipa in _LABELS:
        return (_LABELS[ipa],)
    sounds: list[Articulation] = []
    # espeak-ng marks a change of language as "(en)".
    for letter in unicodedata.normalize("NFD", re.sub(r"\([a-z-]*\)", "", ipa)):
        sound = _SOUNDS.get(letter)
        if sound is None and letter.isalpha() and unicodedata.category(letter) in ("Ll", "Lu", "Lo"):
            sound = _UNKNOWN
        if sound is not None:
            sounds.append(sound)
    return tuple(sounds) or (_UNKNOWN,)
