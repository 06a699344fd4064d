"""How the network is laid out and what hears how far: what PyTorch's network and its ONNX graph share.

Imports neither of the two.
"""

from __future__ import annotations

from audio2motion.config import MOTION_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, EncoderConfig, ModelConfig

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
# A hub model's convolutions see so many samples for one step.
HUB_WINDOW = 400


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
    return (frames * SAMPLES_PER_FRAME + encoder_reach(config.encoder) + settle) / config.sample_rate_hz


def channels(config: ModelConfig) -> int:
    """How many numbers a step of motion has."""
    return N_EXPRESSION if config.output == "expression" else len(config.channels)
