"""How the network is laid out and what hears how far: what PyTorch's network and its ONNX graph share.

Imports neither of the two.
"""

from __future__ import annotations

from typing import NamedTuple

from audio2motion.config import (
    MOTION_RATE_HZ,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    EncoderConfig,
    FeatureConfig,
    ModelConfig,
)

# Log-mel features: one frame every 10 ms, which sees 12.5 ms each way.
HOP = SAMPLE_RATE_HZ // 100
WINDOW = 400
REACH = WINDOW // 2  # samples that a frame sees after its own time
# Feature encoder: three convolutions over frames, to 50 steps a second.
KERNEL, STRIDES = 5, (1, 2, 1)
AHEAD = 8  # log-mel frames after its own that a step sees
# Voice activity: causal dilated convolutions, which hear 62 steps back.
VOICE_SIZE, VOICE_KERNEL, VOICE_DILATIONS = 48, 3, (1, 2, 4, 8, 16)
N_EXPRESSION = 63  # LivePortrait's keypoint deltas
# A hub model's convolutions see so many samples for one step, and a window has so many beyond its last step.
HUB_WINDOW, HUB_MARGIN = 400, 80
# Moonshine's frames, one every 24 ms: the samples of one, and the one in their middle that is its time.
MOONSHINE_HOP, MOONSHINE_WINDOW, MOONSHINE_CENTRE = 384, 895, 447
MOONSHINE_SIZE = 288  # features of a frame in a layer
assert SAMPLES_PER_FRAME * 6 == MOONSHINE_HOP * 5


class MoonshineWindows(NamedTuple):
    """Frames of a window: `past` ones, which it knows from earlier windows, `block` new ones that come out of it, and
    `ahead`; the first window gives `first`, so that blocks end where the blocks of a stream do."""

    first: int
    block: int
    past: int
    ahead: int

    def next_end(self, frames: int) -> int:
        """How many frames have come out after the window that follows when `frames` have."""
        return frames + self.block if frames else self.first


def moonshine_windows(low_latency: bool) -> MoonshineWindows:
    """Half a second at a time, or an eighth."""
    return MoonshineWindows(1, 5, 42, 3) if low_latency else MoonshineWindows(9, 20, 42, 9)


def feature_places(features: FeatureConfig, low_latency: bool) -> tuple[int, ...]:
    """Steps, counted from a step's own, whose features tell its lips."""
    return features.low_latency_places if low_latency else features.places


def feature_layers(features: FeatureConfig, low_latency: bool) -> tuple[int, ...]:
    """The encoder's layers that tell lips."""
    return features.low_latency_layers if low_latency else features.layers


def feature_inputs(features: FeatureConfig, low_latency: bool) -> int:
    """How many numbers tell a step's lips: at every place, of every layer."""
    return len(feature_places(features, low_latency)) * len(feature_layers(features, low_latency)) * MOONSHINE_SIZE


def feature_reach(features: FeatureConfig, low_latency: bool) -> int:
    """Samples after a step's time that its lips' features hear; the block of the encoder's window is not counted."""
    # A step may lie before the frame that is centred after it.
    frames = moonshine_windows(low_latency).ahead + 1
    reach = frames * MOONSHINE_HOP + MOONSHINE_WINDOW - MOONSHINE_CENTRE
    return reach + feature_places(features, low_latency)[-1] * SAMPLES_PER_FRAME


def places(look_ahead: int) -> tuple[int, ...]:
    """Places from 0 to `look_ahead`: 0, 1, 2, 4, 7, 11, ... A burst is told by the next step, a word by later ones."""
    near = (1 + k * (k + 1) // 2 for k in range(look_ahead))
    return tuple(sorted({0, look_ahead, *(place for place in near if place < look_ahead)}))


def settle_frames(config: EncoderConfig) -> int:
    """Log-mel frames that are heard ahead to tell level and colour, where there is time."""
    return 0 if config.pretrained else round(100 * config.settle_s)


def hub_steps(config: EncoderConfig) -> tuple[int, int, int]:
    """Steps of a pretrained encoder's block, of the context before it and of what is heard after it."""
    block, context = max(1, round(config.block_s * MOTION_RATE_HZ)), round(config.context_s * MOTION_RATE_HZ)
    return block, context, round(config.look_ahead_s * MOTION_RATE_HZ)


def encoder_reach(config: EncoderConfig) -> int:
    """Samples after a step's time that the encoder must know before the step comes out, without settling."""
    if not config.pretrained:
        return AHEAD * HOP + REACH
    block, _, ahead = hub_steps(config)
    return (block + ahead) * SAMPLES_PER_FRAME + HUB_WINDOW


def look_ahead_s(config: ModelConfig, low_latency: bool = False) -> float:
    """Sound that must be known after a step's time before its motion comes out."""
    frames = config.low_latency_look_ahead if low_latency else config.look_ahead
    settle = 0 if low_latency else settle_frames(config.encoder) * HOP
    heard = frames * SAMPLES_PER_FRAME + encoder_reach(config.encoder) + settle
    if config.features is not None:
        heard = max(heard, feature_reach(config.features, low_latency))
    return heard / config.sample_rate_hz


def samples_for(config: ModelConfig, steps: int, low_latency: bool) -> int:
    """How many samples must have been heard for so many steps to come out, the block of features with them."""
    heard = round(look_ahead_s(config, low_latency) * config.sample_rate_hz) + steps * SAMPLES_PER_FRAME
    if config.features is None:
        return heard
    windows = moonshine_windows(low_latency)
    last = steps - 1 + feature_places(config.features, low_latency)[-1]
    frames = (last * SAMPLES_PER_FRAME - MOONSHINE_CENTRE) // MOONSHINE_HOP + 2
    end = windows.first + max(0, -(-(frames - windows.first) // windows.block)) * windows.block
    return max(heard, (end + windows.ahead - 1) * MOONSHINE_HOP + MOONSHINE_WINDOW)


def block_samples(config: ModelConfig, low_latency: bool) -> tuple[int, int]:
    """Samples of a stream's first block, and of those after it: as many as it takes for one window of features.

    In low latency the first block is as short as a first motion allows.
    """
    windows = moonshine_windows(low_latency)
    block = windows.block * MOONSHINE_HOP
    if not low_latency:
        return block, block
    if config.features is None:
        return round(look_ahead_s(config, low_latency) * config.sample_rate_hz), 4 * SAMPLES_PER_FRAME
    return (windows.first + windows.ahead - 1) * MOONSHINE_HOP + MOONSHINE_WINDOW, block


def channels(config: ModelConfig) -> int:
    """How many numbers a step of motion has."""
    return N_EXPRESSION if config.output == "expression" else len(config.channels)
