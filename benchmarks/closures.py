"""Do lips close where they must? Measured on rendered frames with the face mesh.

    python benchmarks/closures.py [--sentences] [--emotion NAME] [PICTURE ...]

Each picture (default: both example portraits) speaks `examples/speech.wav`, whose phones stand in
`examples/speech.json`; with `--sentences` also those of `evaluation.probes`, of which the engines tell the phones
(espeak-ng in eight languages, and flite where it is installed; minutes). Counted are the frames nearest to the centres
of /p b m/ and the frames within silences (200 ms after their beginning), and how many of them the mesh sees closed
(inner-lip gap under `selfcheck.OPEN_ABOVE` of the distance between the outer eye corners).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

import talkinghead
from audio2motion.evaluation.closures import silence_around, single_sounds
from audio2motion.evaluation.probes import RATE_HZ, known_speech
from talkinghead.quality import frame_meter
from talkinghead.quality.selfcheck import OPEN_ABOVE

EXAMPLES = Path(__file__).parents[1] / "examples"
SETTLE_S = 0.2


class Speech(NamedTuple):
    """A recording, in seconds the centres of its p b m and of its open vowels, (begin, end) of its silences."""

    name: str
    audio: Path
    closures: list[float]
    vowels: list[float]
    silences: list[tuple[float, float]]


def example() -> Speech:
    phones = json.loads((EXAMPLES / "speech.json").read_text())["phones"]
    open_vowels = ("aa", "ae", "ah", "ao", "aw", "ay", "eh", "ow")
    return Speech(
        "example",
        EXAMPLES / "speech.wav",
        [(begin + end) / 2 for phone, begin, end in phones if phone in ("p", "b", "m")],
        [(begin + end) / 2 for phone, begin, end in phones if phone in open_vowels],
        [(begin + SETTLE_S, end) for phone, begin, end in phones if phone == "pau" and end - begin > SETTLE_S],
    )


def sentences(folder: Path) -> Iterator[Speech]:
    """The sentences of `audio2motion.evaluation.probes`, as files in `folder`."""
    for speech in known_speech():
        audio = folder / f"{speech.name.replace(' ', '-')}.wav"
        soundfile.write(audio, speech.samples, RATE_HZ)
        sounds = list(single_sounds(speech.phones))
        closures = [(begin + end) / 2 for _, contact, begin, end in sounds if contact == "lips"]
        vowels = [(begin + end) / 2 for viseme, _, begin, end in sounds if viseme in ("a", "e")]
        until_s, from_s = silence_around(speech)
        silences = [(0.0, until_s), (from_s, len(speech.samples) / RATE_HZ)]
        yield Speech(speech.name.split()[0], audio, closures, vowels, silences)


def openings(picture: Path, audio: Path, emotion: str) -> tuple[npt.NDArray[np.float64], float]:
    """(T,) inner-lip gaps of the drawn frames, and the frame rate."""
    clip = talkinghead.speak(picture, audio, emotion=emotion)
    return frame_meter.openings(frame.drawn for frame in clip.pictures()), float(clip.fps)


def row(picture: Path, speeches: list[Speech], emotion: str) -> str:
    """A line of the table: what one picture does in speeches of one kind."""
    shut, still, wide = [], [], []
    for speech in speeches:
        gaps, fps = openings(picture, speech.audio, emotion)
        at = [np.clip(np.round(np.array(times) * fps).astype(int), 0, len(gaps) - 1)
              for times in (speech.closures, speech.vowels)]  # fmt: skip
        shut.append(gaps[at[0]] < OPEN_ABOVE)
        wide.append(gaps[at[1]])
        still += [gaps[int(np.ceil(begin * fps)) : int(end * fps)] < OPEN_ABOVE for begin, end in speech.silences]
    counts = [f"{part.sum()} of {len(part)}" for part in (np.concatenate(shut), np.concatenate(still))]
    return f"| {picture.name} | {speeches[0].name} | {' | '.join(counts)} | {np.nanmedian(np.concatenate(wide)):.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--sentences", action="store_true")
    parser.add_argument("--emotion", default="neutral", help="NAME[=0..1], with which everything is said")
    options = parser.parse_args()
    print("| picture | speech | /p b m/ closed | silent frames closed | gap at open vowels (median) |")
    print("|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        speeches = [example(), *(sentences(Path(folder)) if options.sentences else ())]
        for picture in options.pictures or [EXAMPLES / "grace_hopper.jpg", EXAMPLES / "astronaut.png"]:
            for name in dict.fromkeys(speech.name for speech in speeches):
                print(row(picture, [speech for speech in speeches if speech.name == name], options.emotion), flush=True)


if __name__ == "__main__":
    main()
