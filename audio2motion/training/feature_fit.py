"""Solving for the lips as linear functions of speech features: ridge regression, whose result no chance is in.

A larger head on these features learns synthesised speech, not people: convolutions and a recurrent layer follow people
less well than this does. Two of the encoder's layers are solved for each by itself, and lips are the mean of what they
tell: that follows people better than either, or than one regression on both. On a corpus of people's clips the same
regression starts from the heads that there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from audio2motion.config import SAMPLES_PER_FRAME, FeatureConfig, ModelConfig
from audio2motion.corpus.build import CorpusInfo, StoredTake, read_takes
from audio2motion.errors import Audio2MotionError
from audio2motion.network.ends import ENDING, WARM_UP, mirrored
from audio2motion.network.feature_lips import FeatureHead, taps
from audio2motion.network.layout import MOONSHINE_SIZE, channels, feature_layers, feature_places
from audio2motion.network.lip_postprocessor import CLOSURE_DELAY, GAP_CHANNELS
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.network.moonshine import Moonshine
from audio2motion.network.protocol import Floats
from audio2motion.phones import VISEMES
from audio2motion.training.ridge import Sums, apart, together
from audio2motion.training.settings import FitConfig

_SILENCE, _BILABIAL = VISEMES.index("silence"), VISEMES.index("p b m")
_SPREADING = ("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight")
_ABOUT_SPEECH = 10  # steps about a sound from which is learnt: what lips do in silence is voice activity's to say
_AFTER_END = 16000  # samples that follow a take, so that the windows over its end are whole
_SOUND, _AROUND = 2, 32  # standard deviations in steps over which the level of a sound and of those about it is known
_QUIETEST, _LOUDEST = 1e-7, 1.5  # power under which all is as quiet; tens of dB above or below which no more is told


def take_features(
    encoder: Moonshine, samples: Floats, count: int, low_latency: bool, layers: tuple[int, ...] = (3,)
) -> Floats:
    """Features (count, layers * 288) of a recording (N,) as a stream hears it, with what it takes for what was before
    and after."""
    before = 0 if low_latency else WARM_UP
    begin, end = mirrored(samples[:before][::-1], before)[::-1], mirrored(samples[-ENDING:], _AFTER_END)
    sound = np.concatenate([begin, samples, end])
    steps, _ = encoder.push(sound, encoder.start(low_latency, layers))
    return steps[before // SAMPLES_PER_FRAME :][:count]


class _Lesson(NamedTuple):
    """What is taught of a corpus's channels (n,): steps by which each leads its sound, by what it is multiplied, and
    the logarithm of how much more of it there is for each 10 dB of a sound's `stress`."""

    leads: list[int]
    scales: Floats
    louder: Floats


def _lesson(config: ModelConfig, fit: FitConfig, measured: bool) -> _Lesson:
    if measured:
        same = np.ones(channels(config), np.float32)
        return _Lesson([0] * channels(config), same, 0 * same)
    names = config.channels if config.output == "blendshapes" else ("",) * channels(config)
    leads = [fit.lead if name in GAP_CHANNELS or not name else fit.shape_lead for name in names]
    scales = np.array([fit.spread if name in _SPREADING else 1 for name in names], np.float32)
    louder = np.array([-fit.loudness if name in GAP_CHANNELS else 0 for name in names], np.float32)
    return _Lesson(leads, scales, louder)


def stress(samples: Floats, count: int) -> Floats:
    """(count,) tens of decibels by which the sound (N,) at each step is louder than what is about it."""
    half = SAMPLES_PER_FRAME // 2
    padded = np.pad(samples, (half, (count + 1) * SAMPLES_PER_FRAME))[: count * SAMPLES_PER_FRAME].astype(np.float64)
    power = np.square(padded).reshape(count, SAMPLES_PER_FRAME).mean(1)
    now, about = (np.log10(gaussian_filter1d(power, width) + _QUIETEST) for width in (_SOUND, _AROUND))
    return np.asarray((now - about).clip(-_LOUDEST, _LOUDEST), np.float32)


def _rows(
    encoder: Moonshine, take: StoredTake, lesson: _Lesson, config: FeatureConfig, low_latency: bool
) -> tuple[list[Floats], Floats]:
    """What a take teaches: features (T, places * 288) of every layer, and lips (T, channels) and whether there is a p,
    b or m."""
    samples, motion, visemes = take
    count, now = len(motion), np.arange(len(motion))
    places, layers = feature_places(config, low_latency), feature_layers(config, low_latency)
    features = take_features(encoder, samples, count, low_latency, layers)
    features = np.pad(features, ((-places[0], max(places[-1], 0)), (0, 0)), mode="edge")
    later = [np.minimum(now + lead, count - 1) for lead in lesson.leads]
    motion = motion * np.exp(stress(samples, count)[:, None] * lesson.louder)
    lips = np.stack([motion[at, channel] for channel, at in enumerate(later)], 1) * lesson.scales
    spoken = np.convolve(visemes != _SILENCE, np.ones(2 * _ABOUT_SPEECH + 1))[_ABOUT_SPEECH:-_ABOUT_SPEECH] > 0.5
    closed = np.convolve(visemes == _BILABIAL, np.ones(3))[1:-1] > 0.5  # give or take a step
    said = np.column_stack([lips, closed[np.minimum(now + CLOSURE_DELAY, count - 1)]]).astype(np.float32)
    used = np.isfinite(lips).all(1) & spoken
    apart = np.split(features, len(layers), 1)
    return [taps(layer, places, count)[used] for layer in apart], said[used]


def _linear(model: SpeechMotionModel, low_latency: bool) -> torch.nn.Linear:
    head = model.feature_heads[int(low_latency)]
    assert isinstance(head, torch.nn.Linear)
    return head


def _shares(config: ModelConfig, fit: FitConfig, layers: int) -> Floats:
    """(channels + 1, layers) with sums of 1: which layer tells how much of each channel, and of a p, b or m."""
    names = config.channels if config.output == "blendshapes" else ("",) * channels(config)
    second = [fit.second_share if name in GAP_CHANNELS else 0.5 for name in names]
    shares = np.array([*second, 0.0], np.float32)  # a p, b or m is told by the last layer alone
    return np.stack([shares, 1 - shares], 1) if layers == 2 else np.ones((len(shares), 1), np.float32)


def _solved(sums: Sums, fit: FitConfig, start: FeatureHead, config: ModelConfig, movements: int | None) -> FeatureHead:
    """Shapes change slowly and are told by less, so that they take a larger penalty."""
    near, far = sums.solve(fit.penalty, start), sums.solve(fit.penalty * fit.shape_penalty, start)
    shapes = [name not in GAP_CHANNELS for name in config.channels] if config.output == "blendshapes" else []
    kept = np.array([*shapes, *[False] * (len(start.bias) - len(shapes))])
    head = FeatureHead(np.where(kept[:, None], far.weight, near.weight), np.where(kept, far.bias, near.bias))
    return sums.principal(head, movements) if movements is not None else head


def _featured(model: SpeechMotionModel) -> SpeechMotionModel:
    """The same model with heads for features, which tell nothing yet where it had none."""
    if model.config.features is not None:
        return model
    other = SpeechMotionModel(replace(model.config, features=FeatureConfig()), encoder_weights=False)
    other.load_state_dict({**other.state_dict(), **model.state_dict()})
    return other


class _Heard(NamedTuple):
    """A take, whether its lips are `measured` ones, and whether it is heard `again`, at another speed."""

    take: StoredTake
    measured: bool
    again: bool


def _takes(corpora: Sequence[Path], fit: FitConfig, low_latency: bool) -> Iterator[_Heard]:
    """Of each corpus takes until they are `hours` long together, and between them those that are heard again."""
    speeds = itertools.cycle(fit.speeds)
    for folder in corpora:
        left, measured = fit.hours * 3600, CorpusInfo.read(folder).seed is None
        for take in read_takes(folder):
            if left <= 0:
                break
            left -= len(take.samples) / 16000
            yield _Heard(take, measured, again=False)
            if fit.speeds and not measured and not low_latency:
                yield _Heard(take.played(next(speeds)), measured, again=True)


def _fit_head(
    corpora: Sequence[Path], start: FeatureHead, model: ModelConfig, config: FitConfig, low_latency: bool
) -> tuple[FeatureHead, float]:
    """The head for one latency, solved from where it starts, and the minutes of speech that it learnt from."""
    features, encoder, kinds, once = model.features, Moonshine.load(), set(), 0.0
    assert features is not None
    places, layers = len(feature_places(features, low_latency)), len(feature_layers(features, low_latency))
    sums = [Sums(places * MOONSHINE_SIZE, channels(model) + 1) for _ in range(layers)]
    for take, measured, again in _takes(corpora, config, low_latency):
        kinds.add(measured)
        told, said = _rows(encoder, take, _lesson(model, config, measured), features, low_latency)
        once += 0 if again else len(said)
        for layer, x in zip(sums, told):
            layer.add(x, said)
    if not once:
        raise Audio2MotionError(f"{corpora[0]} holds no speech whose lips are known")
    config = replace(config, penalty=config.penalty * sums[0].rows / once)
    shares = _shares(model, config, layers)
    movements = None if True in kinds or model.output == "expression" else config.movements
    starts = apart(start, places, shares)
    head = together([_solved(s, config, at, model, movements) for s, at in zip(sums, starts)], places, shares)
    if False not in kinds:  # of clips it is not known what is said: closures stay as they are
        head.weight[-1], head.bias[-1] = start.weight[-1], start.bias[-1]
    return head, sums[0].rows / 3000


def fit_features(
    corpora: Sequence[Path],
    init: Path,
    out: Path,
    config: FitConfig,
    report: Callable[[str], None] = print,
) -> Path:
    """Write the checkpoint `init` into `out` with heads for speech features solved on corpora; returns `out`.

    Raises Audio2MotionError where a corpus moves other channels than the checkpoint, or teaches nothing.
    """
    model = _featured(load_model(init))
    for folder in corpora:
        if model.config.output == "blendshapes" and CorpusInfo.read(folder).channels != model.config.channels:
            raise Audio2MotionError(f"{folder} moves other channels than {init}: they must be the same")
    linears = [_linear(model, low_latency) for low_latency in (False, True)]

    def fitted(low_latency: bool) -> tuple[FeatureHead, float]:
        linear = linears[low_latency]
        start = FeatureHead(linear.weight.detach().numpy(), linear.bias.detach().numpy())
        return _fit_head(corpora, start, model.config, config, low_latency)

    with ThreadPoolExecutor(2) as threads:  # the encoder and the sums, which take the time, let other threads run
        heads = list(threads.map(fitted, (False, True)))
    for low_latency, linear, (head, minutes) in zip((False, True), linears, heads):
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(head.weight))
            linear.bias.copy_(torch.from_numpy(head.bias))
        report(f"{'low latency' if low_latency else 'default'}: {minutes:.1f} minutes of speech")
    save_model(model, out)
    return out
