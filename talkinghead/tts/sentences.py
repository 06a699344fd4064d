"""A text cut into sentences, so that the first can be heard before the last is spoken."""

from __future__ import annotations

import re

# Beyond this many characters nobody wants to wait: a sentence is cut at a comma, else at a space.
LONGEST = 300
# What a cut looks at beyond itself.
_SEEN_AHEAD = 8
_PARAGRAPH = re.compile(r"\n\s*\n")
_CLOSERS = "\"'”’»)\\]」』"
_END = re.compile(rf"(?<=[.!?…؟।॥])[{_CLOSERS}]*\s+|(?<=[。！？])[{_CLOSERS}]*\s*")
# Words before a full stop that end no sentence; a letter alone (J. S. Bach) and a short number (3. Mai) do not, either.
_ABBREVIATIONS = frozenset((
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "no", "vol", "inc", "ltd", "co",
    "fig", "approx", "dept", "est", "u.s", "z.b", "d.h", "bzw", "usw", "ca", "nr", "str", "hr", "fr", "m", "mme",
    "mlle", "sra", "srta", "ud", "art", "p.ej", "sig", "dott", "ing",
))  # fmt: skip
_CLAUSE = re.compile(r"(?<=[,;:、，；：—])\s*|\s+(?=[–—-]\s)")


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with something to say in it; line breaks alone end none, empty lines do.

    Together they hold every letter and digit of the text. Empty where it has none.
    """
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        found += _of_paragraph(" ".join(paragraph.split()))
    spoken: list[str] = []
    for part in found:
        if any(letter.isalnum() for letter in part):
            spoken.append(part)
        elif spoken:
            spoken[-1] += f" {part}"
    return spoken


def _of_paragraph(text: str) -> list[str]:
    parts, begin = [], 0
    for end in _END.finditer(text):
        if end.end() > begin and _ends(text[begin : end.start()], text[end.end() : end.end() + 1]):
            parts.append(text[begin : end.end()].strip())
            begin = end.end()
    parts.append(text[begin:].strip())
    return [piece for part in parts if part for piece in _shortened(part)]


def _ends(before: str, after: str) -> bool:
    """Whether a sentence ends between these two."""
    if not before.endswith("."):
        return True
    word = before[:-1].rpartition(" ")[2].lstrip("(\"'“„«").lower()
    if after.islower() or word in _ABBREVIATIONS:
        return False
    return not (len(word) == 1 and word.isalpha()) and not (word.isdigit() and len(word) <= 2)


def _shortened(sentence: str) -> list[str]:
    """A sentence in pieces of at most `LONGEST` characters where it can be cut at all."""
    pieces = []
    while len(sentence) > LONGEST:
        near = sentence[: LONGEST + _SEEN_AHEAD]  # all of it, again for each piece, would take a novel's time
        cuts = [cut.end() for cut in _CLAUSE.finditer(near) if 0 < cut.end() <= LONGEST]
        at = cuts[-1] if cuts and cuts[-1] >= LONGEST // 4 else sentence.rfind(" ", 0, LONGEST)
        if at <= 0:
            at = LONGEST
        pieces.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [*pieces, sentence] if sentence else pieces
