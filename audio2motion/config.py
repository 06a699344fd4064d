"""What a checkpoint says about itself. An unknown key is an error: it would mean something this version cannot do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from audio2motion.arkit import BLENDSHAPE_NAMES
from audio2motion.checkpoint import CONFORMER_SMALL, FORMAT, MOONSHINE_TINY
from audio2motion.errors import Audio2MotionError
from audio2motion.targets import LIP_BLENDSHAPES

# Of a config's numbers: a network of more would fill the memory before its weights were asked for.
_LARGEST = 65_536
SAMPLE_RATE_HZ = 16000
MOTION_RATE_HZ = 50
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // MOTION_RATE_HZ
assert SAMPLE_RATE_HZ % MOTION_RATE_HZ == 0


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """The speech encoder: the project's own small one, or one from the Hugging Face hub.

    `name` "conformer-small": a log-mel spectrogram of `mel_bands` bands at 100 Hz, normalised by the running level and,
    where `equalise`, by the recording's spectral colour (both known `settle_s` ahead, except in low latency); a
    convolutional front end to 50 steps a second, which is our own; then `layers` (3) causal conformer layers of
    `hidden_size` (128) with attention over `window` steps back. The layers have the structure of the encoder layers of
    Wav2Vec2-BERT (`Wav2Vec2BertEncoderLayer` of transformers: feed-forward, self-attention with relative-key positions,
    causal convolution, feed-forward), of which the published model has 24, 1024 wide. Only that structure is taken:
    no other part of Wav2Vec2-BERT, none of its weights, none of its pre-training. The layers start from random numbers
    and are trained here, on synthesised speech.

    Any other `name` is a Wav2Vec2, HuBERT, WavLM or Moonshine model of the hub (or a local folder) with its published
    weights, run over windows: blocks of `block_s` with `context_s` before and `look_ahead_s` after. Its steps are the
    output of `layer` (0: what its layers get, -1: the last one's), or where that is None a learnt mix of all; `frozen`
    keeps the published weights as they are in training.
    """

    name: str = CONFORMER_SMALL
    mel_bands: int = 40
    equalise: bool = True
    settle_s: float = 0.0
    hidden_size: int = 128
    layers: int = 3
    heads: int = 4
    feed_forward: int = 256
    conv_kernel: int = 15
    window: int = 50
    dropout: float = 0.1
    block_s: float = 0.5
    context_s: float = 2.0
    look_ahead_s: float = 0.2
    layer: int | None = -1
    frozen: bool = True

    @property
    def pretrained(self) -> bool:
        """Whether the encoder comes from the hub."""
        return self.name != CONFORMER_SMALL


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Lips as linear functions of speech features, mixed with the motion transformer's.

    The features are those of `encoder` "moonshine-tiny" (`audio2motion.network.moonshine`), which comes with the
    package and is never trained: those of its `layers` (in low latency of `low_latency_layers`), of which it gives the
    second and the third. A step's lips are told from the features at `places`, in steps of 20 ms from its own;
    in low latency from those at `low_latency_places`. `share`: how much of the lips' gap they are, and `shape_share` of
    all else; the rest is the motion transformer's. Visemes and voice activity are always the conformer's; but a p, b or
    m of which the features are less sure than `confirm` (`low_latency_confirm`) loses `doubt` times as much of its
    log-odds as they lack.
    """

    encoder: str = MOONSHINE_TINY
    layers: tuple[int, ...] = (2, 3)
    low_latency_layers: tuple[int, ...] = (3,)
    places: tuple[int, ...] = (-12, -9, -6, -4, -2, 0, 2)
    low_latency_places: tuple[int, ...] = (-12, -9, -6, -4, -2, 0)
    share: float = 0.75
    shape_share: float = 1.0
    confirm: float = 0.4
    low_latency_confirm: float = 0.25
    doubt: float = 15.0

    def __post_init__(self) -> None:
        if self.encoder != MOONSHINE_TINY:
            raise Audio2MotionError(f"features come from {MOONSHINE_TINY}, not from {self.encoder!r}")
        for layers in (self.layers, self.low_latency_layers):
            if layers not in ((2,), (3,), (2, 3)):
                raise Audio2MotionError(f"features are those of layers 2, 3 or both, not of {layers}")
        for places in (self.places, self.low_latency_places):
            if not places or list(places) != sorted(set(places)) or places[0] > 0 > places[-1]:
                raise Audio2MotionError(f"places of features must ascend, with 0 among or between them: {places}")
        for share in (self.share, self.shape_share):
            if not 0 < share <= 1:
                raise Audio2MotionError(f"the features' share must be above 0 and at most 1, not {share}")
        if self.doubt < 0:
            raise Audio2MotionError(f"the features' doubt must be 0 or more, not {self.doubt}")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The whole model: encoder, motion transformer, heads, and what `features` add to the lips, if anything.

    `look_ahead` motion frames (20 ms each) are heard before a frame's motion is predicted; in low latency only
    `low_latency_look_ahead`: one model is trained for both. `output` "blendshapes" gives the ARKit weights named in
    `channels`; "expression" gives LivePortrait's 63 keypoint deltas. Openings below `closed_below` become closed
    lips, and so do sounds that are p, b or m with a probability of `closure_above`. What is left is multiplied by
    `gain`: a model that is unsure predicts too little. `blendshape_names` is the order of a prediction's 52 columns.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    features: FeatureConfig | None = None
    hidden_size: int = 128
    layers: int = 2
    heads: int = 4
    feed_forward: int = 256
    window: int = 50
    dropout: float = 0.1
    look_ahead: int = 10
    low_latency_look_ahead: int = 1
    output: Literal["blendshapes", "expression"] = "blendshapes"
    channels: tuple[str, ...] = LIP_BLENDSHAPES
    closed_below: float = 0.26
    closure_above: float = 0.25
    gain: float = 1.26
    blendshape_names: tuple[str, ...] = BLENDSHAPE_NAMES
    sample_rate_hz: int = SAMPLE_RATE_HZ
    motion_rate_hz: int = MOTION_RATE_HZ
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise Audio2MotionError(f"this is a model of format {self.format}, this version reads {FORMAT}")
        if (self.sample_rate_hz, self.motion_rate_hz) != (SAMPLE_RATE_HZ, MOTION_RATE_HZ):
            raise Audio2MotionError(f"models hear {SAMPLE_RATE_HZ} Hz and move at {MOTION_RATE_HZ} Hz")
        for size, heads in ((self.hidden_size, self.heads), (self.encoder.hidden_size, self.encoder.heads)):
            if size < 1 or heads < 1:
                raise Audio2MotionError(f"hidden_size {size} and heads {heads} must be positive")
            if size % heads:
                raise Audio2MotionError(f"hidden_size {size} must be a multiple of heads {heads}")
        if self.output not in ("blendshapes", "expression"):
            raise Audio2MotionError(f"output must be blendshapes or expression, not {self.output!r}")
        unknown = set(self.channels) - set(self.blendshape_names)
        if self.output == "blendshapes" and unknown:
            raise Audio2MotionError(f"the model predicts {sorted(unknown)[0]!r}, which is no ARKit blendshape")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as config.json holds them."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> ModelConfig:
        """Read plain values back; unknown keys are refused, missing ones take their defaults."""
        values = dict(values)
        encoder = EncoderConfig(**_known(EncoderConfig, values.pop("encoder", {}), "encoder"))
        given = values.pop("features", None)
        if isinstance(given, dict):  # what older ones do not name was always this
            given = {"layers": (3,), "low_latency_layers": (3,), "doubt": 100.0} | given
        features = None if given is None else FeatureConfig(**_known(FeatureConfig, given, "features"))
        return ModelConfig(encoder=encoder, features=features, **_known(ModelConfig, values, "model"))

    @staticmethod
    def read(path: Path) -> ModelConfig:
        """Read a config.json; Audio2MotionError where it is missing or wrong."""
        return ModelConfig.from_dict(read_values(path))


def read_values(path: Path) -> dict[str, Any]:
    """The plain values of a config.json; Audio2MotionError where there are none."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise Audio2MotionError(f"{path} cannot be read as a model's config: {error}") from None
    if not isinstance(values, dict):
        raise Audio2MotionError(f"{path} holds no model config")
    return values


def _known(
    kind: type[EncoderConfig] | type[FeatureConfig] | type[ModelConfig], values: dict[str, Any], what: str
) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise Audio2MotionError(f"the {what} config must be an object of keys and values")
    known = {f.name: f.type for f in fields(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise Audio2MotionError(f"the {what} config has an unknown key {unknown[0]!r}: is it from a newer version?")
    for key, value in values.items():
        if not _fits(value, str(known[key])):
            raise Audio2MotionError(f"the {what} config's {key} cannot be {str(value)[:40]!r}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _fits(value: object, kind: str) -> bool:
    """Whether a plain value is of a field's type, as its annotation names it, and of a size that a model can have."""
    if kind.startswith("tuple"):
        inner = kind.removeprefix("tuple[").partition(",")[0]
        return isinstance(value, list | tuple) and all(_fits(item, inner) for item in value)
    if value is None:
        return "None" in kind
    if isinstance(value, bool):
        return kind == "bool"
    if kind.startswith("int"):
        return isinstance(value, int) and abs(value) <= _LARGEST
    if kind == "float":
        return isinstance(value, int | float) and abs(value) <= _LARGEST  # which NaN is not
    return isinstance(value, str) and kind not in ("bool", "FeatureConfig | None")
