"""Something to read aloud: sentences found on the machine, and pseudo-words in a language's own script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from pathlib import Path

import numpy as np

_FORTUNES = Path("/usr/share/games/fortunes")
_DEBIAN_REFERENCE = Path("/usr/share/debian-reference")
_LONGEST_BYTES = 4_000_000
_LAUGH_SHARE = 0.02
_ENGLISH = re.compile(r"\b(the|of|to|and|is|you|that|with|for|are|have|was|not)\b", re.I)

# Consonants and vowels of generated syllables: sound coverage matters, meaning does not.
_LATIN = (
    [
        "b",
        "c",
        "d",
        "f",
        "g",
        "h",
        "j",
        "k",
        "l",
        "m",
        "n",
        "p",
        "r",
        "s",
        "t",
        "v",
        "w",
        "z",
        "ch",
        "sh",
        "br",
        "pl",
        "tr",
        "st",
        "m",
        "b",
        "p",
    ],
    ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ou"],
)
_SCRIPTS: dict[str, tuple[list[str], list[str]]] = {
    "ar": (list("بتثجحخدذرزسشصضطعغفقكلمنهوي"), ["َ", "ِ", "ُ", "َا", "ِي", "ُو"]),
    "fa": (list("بتجچخدرزسشغفقکگلمنهوی"), ["َ", "ِ", "ُ", "ا", "ی", "و"]),
    "ru": (list("бвгджзклмнпрстфхцчш"), list("аеиоуыэюя")),
    "uk": (list("бвгджзклмнпрстфхцчш"), list("аеиоуіїюя")),
    "el": (list("βγδζθκλμνπρστφχψ"), ["α", "ε", "ι", "ο", "ου", "ει"]),
    "hi": (list("कखगचजटडतदनपफबभमयरलवशसह"), ["ा", "ि", "ी", "ु", "े", "ो", ""]),
    "te": (list("కఖగఘచజటడణతదనపఫబభమయరలళవశసహ"), ["ా", "ి", "ీ", "ు", "ూ", "ె", "ే", "ై", "ొ", "ో", "ౌ", "", ""]),
    "fi": (
        ["h", "j", "k", "kk", "l", "ll", "m", "mm", "n", "nk", "p", "pp", "r", "s", "t", "tt", "v", "d", "f", "b"],
        ["a", "aa", "e", "ee", "i", "ii", "o", "u", "uu", "y", "yy", "ä", "ää", "ö", "ai", "uo", "yö", "ie", "öy"],
    ),
    "ca": (
        ["b", "c", "ç", "d", "f", "g", "j", "l", "ll", "m", "n", "ny", "p", "r", "rr", "s", "t", "tx", "v", "x", "z",
         "br", "pl", "tr", "qu", "m", "b", "p"],
        ["a", "e", "i", "o", "u", "à", "è", "é", "ò", "ó", "ú", "ai", "eu", "ou"],
    ),
    "ja": (list("かきくさしたとなにはふまみもらろぱばわ"), ["", "", "あ", "い", "う", "ん"]),
    "ko": ([], []),
}  # fmt: skip
_SCRIPTS["mr"] = ([*_SCRIPTS["hi"][0], "ळ", "ण", "झ"], _SCRIPTS["hi"][1])
_LAUGHS = {"hi": "हा हि हे हो", "mr": "हा हि हे हो", "te": "హా హి హే హో", "ru": "ха хи хе хо"}
_OPEN = frozenset({"ja", "hi", "mr", "te"})  # written without a final consonant here


def _clean(text: str) -> list[str]:
    """Sentences of 20 to 160 characters that a voice can read."""
    text = re.sub(r"<(script|style|pre)\b.*?</\1>|<[^>]+>|[*_`|#~^\\{}\[\]]", " ", text, flags=re.S)
    text = re.sub(r"\s+", " ", unescape(text))
    parts = re.split(r"(?<=[.!?])\s+|\s--\s", text)
    return [part.strip() for part in parts if 20 <= len(part.strip()) <= 160 and not re.search(r"[/@=<>]|\d{4}", part)]


def sentences(language: str, folder: Path | None = None) -> tuple[str, ...]:
    """Sentences in a language: `<language>*.txt` of `folder`, else Debian's fortunes and manuals where installed."""
    return _sentences(language.split("-")[0], folder)


@lru_cache(maxsize=64)
def _sentences(code: str, folder: Path | None) -> tuple[str, ...]:
    if folder is not None:
        paths = sorted(folder.glob(f"{code}*.txt"))
    else:
        fortunes = _FORTUNES if code == "en" else _FORTUNES / code
        paths = sorted(p for p in fortunes.glob("*") if p.is_file() and not p.suffix and p.name != "ascii-art")
        paths += sorted(_DEBIAN_REFERENCE.glob(f"ch*.{code}.html"))
    found: dict[str, None] = {}
    for path in paths:
        text = path.read_bytes()[:_LONGEST_BYTES].decode("utf-8", "ignore")
        found.update(dict.fromkeys(_clean(text.replace("\n%\n", " \n"))))
    # Other languages' fortunes lie in the same folder as the English ones.
    return tuple(found) if code != "en" else tuple(text for text in found if _ENGLISH.search(text))


def pseudo_sentence(language: str, rng: np.random.Generator) -> str:
    """Five to twelve made-up words in the language's script."""
    code = language.split("-")[0]
    words = []
    for _ in range(int(rng.integers(5, 13))):
        words.append("".join(_syllable(code, rng) for _ in range(int(rng.integers(1, 4)))))
        if rng.random() < 0.12:
            words[-1] += ","
    return " ".join(words) + "."


def _syllable(code: str, rng: np.random.Generator) -> str:
    if code == "ko":
        return chr(
            0xAC00 + int(rng.integers(19)) * 588 + int(rng.integers(21)) * 28 + int(rng.choice([0, 0, 4, 8, 16]))
        )
    consonants, vowels = _SCRIPTS.get(code, _LATIN)
    syllable = _pick(consonants, rng) + _pick(vowels, rng)
    if code not in _OPEN and rng.random() < 0.3:
        syllable += _pick(consonants, rng)[-1]
    return syllable


def _pick(items: Sequence[str], rng: np.random.Generator) -> str:
    return items[int(rng.integers(len(items)))]


def a_text(language: str, rng: np.random.Generator, folder: Path | None = None) -> str:
    """One to three sentences to read."""
    if rng.random() < _LAUGH_SHARE:
        laughs = _LAUGHS.get(language, "ha hi he ho").split()
        return " ".join([_pick(laughs, rng)] * int(rng.integers(3, 9))) + "!"
    known = sentences(language, folder)
    count = int(rng.integers(1, 4))
    if len(known) < 50 or rng.random() < 0.15:
        return " ".join(pseudo_sentence(language, rng) for _ in range(count))
    return " ".join(_pick(known, rng) for _ in range(count))
