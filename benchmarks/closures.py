"""Do lips close where they must? Measured on rendered frames with the face mesh.

    python benchmarks/closures.py [PICTURE ...]

Each picture (default: both example portraits) speaks `examples/speech.wav`, whose phones stand in
`examples/speech.json`. Counted are the frames nearest to the centres of /p b m/ and the frames within pauses (200 ms
after their beginning), and how many of them the mesh sees closed (inner-lip gap under `selfcheck.OPEN_ABOVE` of the
distance between the outer eye corners).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import talkinghead
from talkinghead.frame_meter import FrameMeter
from talkinghead.selfcheck import OPEN_ABOVE

EXAMPLES = Path(__file__).parents[1] / "examples"
SETTLE_S = 0.2


def openings(picture: Path) -> tuple[np.ndarray, float]:
    """(T,) inner-lip gaps of the drawn frames, and the frame rate."""
    clip = talkinghead.speak(picture, EXAMPLES / "speech.wav")
    meter = FrameMeter()
    gaps = [meter.measure(frame.pixels, frame.portrait, None).opening for frame in clip.drawn()]
    meter.close()
    return np.array(gaps), float(clip.fps)


def main(pictures: list[str]) -> None:
    phones = json.loads((EXAMPLES / "speech.json").read_text())["phones"]
    closures = [(begin + end) / 2 for phone, begin, end in phones if phone in ("p", "b", "m")]
    pauses = [(begin + SETTLE_S, end) for phone, begin, end in phones if phone == "pau" and end - begin > SETTLE_S]
    print("| picture | /p b m/ closed | silent frames closed | widest gap | gap at vowels (median) |")
    print("|---|---|---|---|---|")
    for picture in map(Path, pictures):
        gaps, fps = openings(picture)
        at = np.clip(np.round(np.array(closures) * fps).astype(int), 0, len(gaps) - 1)
        silent = np.zeros(len(gaps), bool)
        for begin, end in pauses:
            silent[int(np.ceil(begin * fps)) : int(end * fps)] = True
        vowels = [(b + e) / 2 for phone, b, e in phones if phone in ("aa", "ae", "ah", "ao", "aw", "ay", "eh", "ow")]
        wide = gaps[np.clip(np.round(np.array(vowels) * fps).astype(int), 0, len(gaps) - 1)]
        shut, still = gaps[at] < OPEN_ABOVE, gaps[silent] < OPEN_ABOVE
        print(f"| {picture.name} | {shut.sum()} of {len(shut)} | {still.sum()} of {len(still)} | "
              f"{np.nanmax(gaps):.3f} | {np.nanmedian(wide):.3f} |")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:] or [str(EXAMPLES / "grace_hopper.jpg"), str(EXAMPLES / "astronaut.png")])
