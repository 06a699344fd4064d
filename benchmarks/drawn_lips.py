"""How well drawn lips follow people: the rendered mouth, measured again, against the mouth of the person who spoke.

    python benchmarks/drawn_lips.py CLIPS [--low-latency] [--json FILE] [PICTURE ...]

CLIPS is a folder of clips as `audio2motion evaluate` reads them. Each picture (default: both example portraits) speaks
every clip's sound with the embedded models; the face mesh measures the gap between the inner lips in what was drawn.
Printed are correlations with the person's gap at zero lag, means over the clips of each kind: of what the speech model
predicts, of what is drawn, and of the drawn with the predicted; and how many times as far as the person's the drawn
gap goes (standard deviations).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from audio2motion import Predictor
from audio2motion.corpus.video import SAMPLE_RATE_HZ
from audio2motion.evaluation.clips import Clip, read_clips
from audio2motion.evaluation.closures import RATE_HZ
from audio2motion.evaluation.evaluate import as_mouth
from audio2motion.evaluation.metrics import Trace, correlation
from audio2motion.targets import opening_of
from talkinghead import Avatar
from talkinghead.quality.frame_meter import openings

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass
class Row:
    """What one picture does with one clip."""

    picture: str
    clip: str
    tier: str
    predicted: float
    drawn: float
    kept: float
    size: float


def drawn_gaps(avatar: Avatar, clip: Clip, low_latency: bool) -> Trace:
    """Inner-lip gaps of the frames that are drawn for a clip's sound, in distances of the outer eye corners."""
    with avatar.session(rate_hz=SAMPLE_RATE_HZ, low_latency=low_latency) as session:
        frames = [*session.push_audio(clip.samples), *session.finish()]
        return Trace(openings(frame.drawn for frame in frames), float(session.fps))


def row(picture: Path, avatar: Avatar, clip: Clip, predicted: Trace, low_latency: bool) -> Row:
    drawn = drawn_gaps(avatar, clip, low_latency)
    times, person = clip.aperture.times_s, clip.aperture.values
    at = drawn.at(times)
    known = np.isfinite(at) & np.isfinite(person)
    return Row(
        picture.name, clip.name, clip.tier, correlation(predicted.at(times), person), correlation(at, person),
        correlation(at, predicted.at(times)), float(at[known].std() / person[known].std()),
    )  # fmt: skip


def means(rows: list[Row], tiers: Iterable[str]) -> str:
    """The table: a line for each picture and kind of clip, and one for all."""
    lines = ["| picture | clips | predicted | drawn | drawn with predicted | size |", "|---|---|---|---|---|---|"]
    for picture in dict.fromkeys(one.picture for one in rows):
        for tier in ("all", *tiers):
            some = [one for one in rows if one.picture == picture and tier in ("all", one.tier)]
            figures = np.mean([(one.predicted, one.drawn, one.kept, one.size) for one in some], axis=0)
            lines.append(f"| {picture} | {tier}, {len(some)} | {' | '.join(f'{value:.3f}' for value in figures)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--low-latency", action="store_true")
    parser.add_argument("--json", type=Path, help="where the figures of each clip go")
    options = parser.parse_args()
    clips = read_clips(options.clips)
    mouth = as_mouth(Predictor.load(), low_latency=options.low_latency)
    predicted = [Trace(opening_of(mouth(clip.samples)).astype(np.float64), RATE_HZ) for clip in clips]
    rows = []
    for picture in options.pictures or [EXAMPLES / "grace_hopper.jpg", EXAMPLES / "astronaut.png"]:
        avatar = Avatar(picture, renderer="warp")
        rows += [row(picture, avatar, *pair, options.low_latency) for pair in zip(clips, predicted, strict=True)]
    print(means(rows, dict.fromkeys(clip.tier for clip in clips)))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
