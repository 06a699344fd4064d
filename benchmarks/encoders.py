"""Which speech encoder's features tell lips best: the same linear head, solved on the same corpus, on people's clips.

    python benchmarks/encoders.py CLIPS CORPUS [--encoder FOLDER ...] [--hours .5] [--low-latency] [--json FILE]

CLIPS is a folder as `audio2motion evaluate` takes it, CORPUS one of `audio2motion corpus`. Moonshine's features, as the
embedded model hears them, stand beside those of each FOLDER, a Wav2Vec2 checkpoint of transformers: its last layer, and
where it has a read-out of frames (`audio2motion distil`) what that tells. All run over a stream's windows. Shown are
correlations of opening and width at zero lag, smoothed alike (50 ms), as means over the first half of the clips (every
second of a tier, by name), over the second and over all: choose by the first, report the second. `cosine`: how far a
read-out agrees with Moonshine on these people, both freed of their mean and spread per feature.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import nn

from audio2motion.arkit import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from audio2motion.config import SAMPLES_PER_FRAME, EncoderConfig, FeatureConfig
from audio2motion.corpus.build import StoredTake, read_takes
from audio2motion.evaluation.clips import Clip, read_clips
from audio2motion.evaluation.metrics import Trace, correlation
from audio2motion.network.layout import feature_places
from audio2motion.network.moonshine import Moonshine
from audio2motion.network.pretrained import PretrainedEncoder
from audio2motion.network.protocol import Floats
from audio2motion.targets import LIP_BLENDSHAPES, opening_of, width_of
from audio2motion.training.feature_fit import take_features

Hear = Callable[[Floats, int], Floats]  # samples (n,), steps -> features (steps, size) at 50 Hz
PENALTIES = (1e4, 3e4, 1e5, 3e5)
SMOOTHED = 2.5  # steps
LEAD = 2  # steps by which lips lead their sound
ABOUT_SPEECH = 10  # steps about speech that are learnt from


@dataclass(frozen=True)
class Score:
    """What one encoder reaches with one penalty: (first half, second half, all), and by tier."""

    encoder: str
    penalty: float
    opening: tuple[float, float, float]
    width: tuple[float, float, float]
    tiers: dict[str, float]


def moonshine(low_latency: bool) -> Hear:
    encoder = Moonshine.load()
    return lambda samples, count: take_features(encoder, samples, count, low_latency)


def wav2vec2(folder: Path, low_latency: bool, read_out: nn.Linear | None) -> Hear:
    """A checkpoint's last layer over windows as long as Moonshine's, or what its read-out tells of it."""
    windows = {"block_s": 0.12, "context_s": 0.5, "look_ahead_s": 0.08} if low_latency else {
        "block_s": 0.48, "context_s": 1.0, "look_ahead_s": 0.22}  # fmt: skip
    encoder = PretrainedEncoder(EncoderConfig(name=str(folder), **windows)).eval()
    after = (encoder.block + encoder.look_ahead + 2) * SAMPLES_PER_FRAME

    @torch.inference_mode()
    def hear(samples: Floats, count: int) -> Floats:
        sound = torch.from_numpy(np.concatenate([samples, np.zeros(after, np.float32)]))[None]
        steps = encoder(sound, encoder.start())[0].steps[0, :count]
        return np.asarray(steps if read_out is None else read_out(steps), np.float32)

    return hear


def read_out_of(folder: Path) -> nn.Linear | None:
    """The read-out of frames that a checkpoint has, if any."""
    from transformers import AutoConfig, Wav2Vec2ForAudioFrameClassification

    if "Wav2Vec2ForAudioFrameClassification" not in (AutoConfig.from_pretrained(folder).architectures or ()):
        return None
    linear = Wav2Vec2ForAudioFrameClassification.from_pretrained(folder).classifier
    assert isinstance(linear, nn.Linear)
    return linear


def taps(features: Floats, places: tuple[int, ...]) -> Floats:
    """Features (T, size) at places about each step, as (T, places * size)."""
    at = np.arange(len(features))[:, None] + np.array(places)
    return features[at.clip(0, len(features) - 1)].reshape(len(features), -1)


class Regression:
    """Ridge regression from taps to the corpus's lips, in speech and about it."""

    def __init__(self, takes: list[StoredTake], hear: Hear, places: tuple[int, ...]) -> None:
        self.squares, self.products = np.zeros(()), np.zeros(())
        for samples, motion, visemes in takes:
            later = np.minimum(np.arange(len(motion)) + LEAD, len(motion) - 1)
            spoken = np.convolve(visemes[later] > 0, np.ones(2 * ABOUT_SPEECH + 1))[ABOUT_SPEECH:-ABOUT_SPEECH] > 0.5
            used = np.isfinite(motion[later]).all(1) & spoken
            x = taps(hear(samples, len(motion)), places)[used].astype(np.float64)
            x = np.concatenate([x, np.ones((len(x), 1))], 1)
            self.squares, self.products = self.squares + x.T @ x, self.products + x.T @ motion[later][used]

    def solve(self, penalty: float) -> tuple[Floats, Floats]:
        """Weight (inputs, channels) and bias (channels,)."""
        rows = self.squares[-1, -1]
        mean, target = self.squares[-1, :-1] / rows, self.products[-1] / rows
        centred = self.squares[:-1, :-1] - rows * np.outer(mean, mean)
        spread = np.sqrt(np.diag(centred) / rows) + 1e-6
        scaled = centred / np.outer(spread, spread) + penalty * np.eye(len(spread))
        left = (self.products[:-1] - rows * np.outer(mean, target)) / spread[:, None]
        weight = np.linalg.solve(scaled, left) / spread[:, None]
        return weight.astype(np.float32), (target - mean @ weight).astype(np.float32)


def in_first_half(clips: list[Clip]) -> list[bool]:
    """Every second clip of a tier, by name."""
    seen: dict[str, int] = {}
    found = []
    for clip in clips:
        found.append(seen.get(clip.tier, 0) % 2 == 0)
        seen[clip.tier] = seen.get(clip.tier, 0) + 1
    return found


def follow(lips: Floats, channels: list[int], clip: Clip) -> tuple[float, float]:
    """r of opening and width with a clip's mouth at zero lag."""
    blendshapes = np.zeros((len(lips), len(BLENDSHAPE_NAMES)), np.float32)
    blendshapes[:, channels] = gaussian_filter1d(lips, SMOOTHED, axis=0, mode="nearest")
    pairs = ((opening_of(blendshapes), clip.aperture), (width_of(blendshapes), clip.width))
    opening, width = (correlation(Trace(np.asarray(told, np.float64), 50).at(measured.times_s), measured.values)
                      for told, measured in pairs)  # fmt: skip
    return opening, width


def scores(name: str, hear: Hear, takes: list[StoredTake], clips: list[Clip], places: tuple[int, ...]) -> list[Score]:
    """What an encoder reaches with each penalty."""
    channels = [BLENDSHAPE_INDEX[channel] for channel in LIP_BLENDSHAPES]
    regression, half = Regression(takes, hear, places), np.array(in_first_half(clips))
    heard = [taps(hear(clip.samples, len(clip.samples) // SAMPLES_PER_FRAME), places) for clip in clips]
    tiers = np.array([clip.tier for clip in clips])
    found = []
    for penalty in PENALTIES:
        weight, bias = regression.solve(penalty)
        r = np.array([follow(x @ weight + bias, channels, clip) for x, clip in zip(heard, clips)])
        opening, width = ((float(np.nanmean(one[half])), float(np.nanmean(one[~half])), float(np.nanmean(one)))
                          for one in r.T)  # fmt: skip
        by_tier = {str(tier): float(np.nanmean(r[tiers == tier, 0])) for tier in sorted(set(tiers))}
        found.append(Score(name, penalty, opening, width, by_tier))
    return found


def agreement(told: Hear, wanted: Hear, clips: list[Clip]) -> float:
    """Mean cosine between two encoders' features on clips, both freed of the latter's mean and spread."""
    pairs = [(told(c.samples, n), wanted(c.samples, n)) for c in clips for n in [len(c.samples) // SAMPLES_PER_FRAME]]
    a, b = (np.concatenate(parts) for parts in zip(*pairs))
    mean, spread = b.mean(0), b.std(0) + 1e-6
    a, b = (a - mean) / spread, (b - mean) / spread
    return float(((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-9)).mean())


def some_takes(corpus: Path, hours: float) -> list[StoredTake]:
    takes, left = [], hours * 3600
    for take in read_takes(corpus):
        if left <= 0:
            break
        takes.append(take)
        left -= len(take.samples) / 16000
    return takes


def line(score: Score) -> str:
    halves = [" ".join(f"{value:.3f}" for value in values) for values in (score.opening, score.width)]
    tiers = ", ".join(f"{tier} {value:.2f}" for tier, value in score.tiers.items())
    return f"{score.encoder:>24} penalty {score.penalty:7.0f}  opening {halves[0]}  width {halves[1]}  ({tiers})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--encoder", type=Path, action="append", default=[])
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--low-latency", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    clips, takes, low = read_clips(asked.clips), some_takes(asked.corpus, asked.hours), asked.low_latency
    places, teacher = feature_places(FeatureConfig(), low), moonshine(low)
    encoders: dict[str, Hear] = {"moonshine": teacher}
    cosines: dict[str, float] = {}
    for folder in asked.encoder:
        encoders[f"{folder.name} last layer"] = wav2vec2(folder, low, None)
        if (linear := read_out_of(folder)) is not None:
            encoders[f"{folder.name} read-out"] = wav2vec2(folder, low, linear)
            cosines[folder.name] = agreement(encoders[f"{folder.name} read-out"], teacher, clips)
            print(f"{folder.name}: cosine {cosines[folder.name]:.3f}", flush=True)
    found: list[Score] = []
    for name, hear in encoders.items():
        found += scores(name, hear, takes, clips, places)
        print("\n".join(map(line, found[-len(PENALTIES) :])), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({"cosine": cosines, "scores": [asdict(s) for s in found]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
