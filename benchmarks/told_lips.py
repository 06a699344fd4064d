"""Do lips close at p, b and m when a text is streamed, as they do when it is drawn into a file?

    python benchmarks/told_lips.py [--hibari] [--frames FOLDER] [PICTURE ...]

Each picture (default: both example portraits) says two sentences in each of five languages in espeak-ng's voices, with
`--hibari` English in hibari's too: in a file (`Avatar.speak`), and through a session of low latency, pushed 40 ms at
a time after half a second of silence, as the server does: once with the phones and once without. Counted are the drawn
frames nearest to the centres of /p b m/ whose lips the mesh sees closed (inner-lip gap under `selfcheck.OPEN_ABOVE` of
the distance between the outer eye corners), the frames of the 200 ms that end each text, and the gap at open vowels.
`--frames`: the frames at every closure, as PNGs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.evaluation.closures import single_sounds
from talkinghead import Avatar
from talkinghead.core.types import Frame
from talkinghead.drivers.phone_track import PhoneTrack
from talkinghead.media.image_writing import write_image
from talkinghead.quality.frame_meter import openings
from talkinghead.quality.selfcheck import OPEN_ABOVE
from talkinghead.tts.engines import Engine, SpokenText, at_rate
from talkinghead.tts.espeak import EspeakEngine
from talkinghead.tts.hibari import HibariEngine

EXAMPLES = Path(__file__).parents[1] / "examples"
RATE_HZ, FPS, STEP = 16_000, 25, 640
TEXTS = {
    "en-us": "Peter Piper picked a peck of pickled peppers. Maybe my mother bought blue berries by the market.",
    "de": "Mein Papa pumpt am Montag immer die Pumpe. Ab morgen haben wir bunte Blumen im Baum.",
    "fr": "Bonjour, je m'appelle Pierre et j'habite à Bordeaux. Peux-tu parler plus bas, maman?",
    "es": "Buenos días, me llamo Pablo y vivo en Barcelona. El perro bebe mucha agua por la mañana.",
    "it": "Buongiorno, mi chiamo Paolo e abito a Bologna. La mamma prepara una buona pasta per il papà.",
}


class Said(NamedTuple):
    """A text, its engine, its pieces; in seconds the centres of its closures and of its open vowels, and its length."""

    text: str
    engine: Engine
    pieces: list[SpokenText]
    closures: npt.NDArray[np.float64]
    vowels: npt.NDArray[np.float64]
    length_s: float


def said(text: str, engine: Engine) -> Said:
    pieces, closures, vowels, at_s = list(engine.stream(text)), [], [], 0.0
    for piece in pieces:
        for viseme, contact, begin, end in single_sounds(piece.phones or []):
            if contact == "lips":
                closures.append(at_s + (begin + end) / 2)
            elif viseme in ("a", "e"):
                vowels.append(at_s + (begin + end) / 2)
        at_s += piece.duration_s
    return Said(text, engine, pieces, np.array(closures), np.array(vowels), at_s)


def streamed(avatar: Avatar, pieces: list[SpokenText], with_phones: bool) -> Iterator[Frame]:
    """The frames from the first piece on."""
    with avatar.session(rate_hz=RATE_HZ, low_latency=True) as session:
        frames = session.idle(0.48)
        begin = round(session.time_s * FPS)
        for piece in pieces:
            samples = at_rate(piece, RATE_HZ)
            track = PhoneTrack.of(piece.phones or [], samples, RATE_HZ) if with_phones else None
            for at in range(0, len(samples), STEP):
                frames += session.push_audio(samples[at : at + STEP], None if at else track)
        yield from (frames + session.finish())[begin:]


class Counts:
    """What was seen of several texts, drawn in one way."""

    def __init__(self, frames: Path | None) -> None:
        self._frames = frames
        self._closures: list[bool] = []
        self._ends: list[bool] = []
        self._vowels: list[float] = []

    def add(self, drawn: Iterable[Frame], text: Said, name: str) -> None:
        pictures = list(drawn)
        gaps = openings(frame.drawn for frame in pictures)
        at, open_at = (np.minimum(np.round(times * FPS).astype(int), len(gaps) - 1)
                       for times in (text.closures, text.vowels))  # fmt: skip
        self._closures += (gaps[at] < OPEN_ABOVE).tolist()
        self._ends += (gaps[round(text.length_s * FPS) - 5 :] < OPEN_ABOVE).tolist()
        self._vowels += gaps[open_at].tolist()
        if self._frames is not None:
            for number in at:
                write_image(self._frames / f"{name}-{number:03}.png", pictures[number].drawn.pixels, force=True)

    def row(self) -> str:
        counts = [f"{sum(seen)} of {len(seen)}" for seen in (self._closures, self._ends)]
        return " | ".join([*counts, f"{np.nanmedian(self._vowels):.3f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--hibari", action="store_true")
    parser.add_argument("--frames", type=Path)
    options = parser.parse_args()
    if options.frames is not None:
        options.frames.mkdir(parents=True, exist_ok=True)
    texts = {"espeak-ng": [said(text, EspeakEngine(voice)) for voice, text in TEXTS.items()]}
    if options.hibari:
        texts["hibari"] = [said(TEXTS["en-us"], HibariEngine())]
    print("| picture | voice | drawn | /p b m/ closed | last frames closed | gap at open vowels (median) |")
    print("|---|---|---|---|---|---|")
    for picture in options.pictures or [EXAMPLES / "grace_hopper.jpg", EXAMPLES / "astronaut.png"]:
        avatar = Avatar(picture)
        for voice, spoken in texts.items():
            for how in ("file", "stream, phones", "stream, sound"):
                counts = Counts(options.frames)
                for number, text in enumerate(spoken):
                    drawn = (
                        avatar.speak(text=text.text, voice=text.engine).pictures()
                        if how == "file"
                        else streamed(avatar, text.pieces, how == "stream, phones")
                    )
                    counts.add(drawn, text, f"{picture.stem}-{voice}-{number}-{how.replace(', ', '-')}")
                print(f"| {picture.name} | {voice} | {how} | {counts.row()} |", flush=True)


if __name__ == "__main__":
    main()
