"""A network whose lips are told from speech features too: `Network` around another one, whichever library runs that.

Both hear the same sound. The features' lips are a matrix product; the other network's come to them with a smaller share
(`FeatureConfig.share`). Its visemes and voice activity, which it hears every 10 ms, stay as they are, but for a p, b or
m that the features do not confirm: on synthesised speech it finds nearly all of them, on people many that are none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple

import numpy as np

from audio2motion.checkpoint import WEIGHTS_FILE
from audio2motion.config import FeatureConfig, ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.layout import MOONSHINE_SIZE, feature_inputs, feature_layers, feature_places
from audio2motion.network.lip_postprocessor import GAP_CHANNELS
from audio2motion.network.moonshine import Moonshine, MoonshineState
from audio2motion.network.protocol import Floats, Network, State, Steps
from audio2motion.phones import VISEMES

_BILABIAL = VISEMES.index("p b m")
HEADS = "feature_heads"  # the name under which the weights file has them


class FeatureHead(NamedTuple):
    """`weight` (channels + 1, places * layers * 288) and `bias` (channels + 1,) at one latency."""

    weight: Floats
    bias: Floats

    def __call__(self, taps: Floats) -> tuple[Floats, Floats]:
        """Lips (T, channels) of features (T, places * layers * 288), and how sure a p, b or m is (T,), about 0 to 1."""
        # Not by the BLAS: it would wake its threads for so little, and they spin on.
        told = np.asarray(np.einsum("tk,ck->tc", taps, self.weight) + self.bias, np.float32)
        return told[:, :-1], told[:, -1]


def taps(features: Floats, places: tuple[int, ...], count: int) -> Floats:
    """Rows (count, places * n) of what stands at `places` about each step; `features` (T, n) begin at the first one's
    first place."""
    first = places[0]
    return np.concatenate([features[place - first : place - first + count] for place in places], 1)


def read_heads(path: Path) -> tuple[FeatureHead, FeatureHead]:
    """The heads of a weights file, for either latency; Audio2MotionError where it has none or is damaged."""
    try:
        stored = path.read_bytes()
        length = int.from_bytes(stored[:8], "little")
        described: dict[str, Any] = json.loads(stored[8 : 8 + length])
        parts = [_tensor(stored, 8 + length, described[f"{HEADS}.{i}.{name}"])
                 for i in (0, 1) for name in ("weight", "bias")]  # fmt: skip
    except (OSError, ValueError, KeyError) as error:
        raise Audio2MotionError(f"{path} holds no heads for speech features: it is damaged ({error})") from None
    return FeatureHead(*parts[:2]), FeatureHead(*parts[2:])


def _tensor(stored: bytes, begin: int, described: dict[str, Any]) -> Floats:
    """A tensor of a safetensors file, as its header describes it."""
    if described["dtype"] != "F32":
        raise ValueError(f"{described['dtype']} instead of F32")
    first, end = described["data_offsets"]
    values = np.frombuffer(stored[begin + first : begin + end], "<f4").astype(np.float32)
    return np.asarray(values.reshape(described["shape"]), np.float32)


@dataclass(frozen=True)
class MixedState(Generic[State]):
    """Streaming state: of the other network and of the encoder; `steps` of the former that wait for features, and the
    `features` (n, layers * 288) of the steps that are still needed, the first at the first place of the next step."""

    low_latency: bool
    inner: State
    encoder: MoonshineState
    steps: Steps | None
    features: Floats


class MixedNetwork(Generic[State]):
    """`Network` with the lips of another network and those that features tell."""

    def __init__(self, inner: Network[State], encoder: Moonshine, heads: tuple[FeatureHead, FeatureHead]) -> None:
        features = inner.config.features
        assert features is not None
        self.inner, self._encoder, self._heads = inner, encoder, heads
        self._config: FeatureConfig = features
        names = inner.config.channels if inner.config.output == "blendshapes" else ()
        shares = [features.share if name in GAP_CHANNELS else features.shape_share for name in names]
        self._share = np.array(shares or [features.share], np.float32)

    @property
    def config(self) -> ModelConfig:
        """What the checkpoint says about itself."""
        return self.inner.config

    def start(self, low_latency: bool = False) -> MixedState[State]:
        """The streaming state before any sound."""
        layers = feature_layers(self._config, low_latency)
        none = np.zeros((0, len(layers) * MOONSHINE_SIZE), np.float32)
        inner, encoder = self.inner.start(low_latency), self._encoder.start(low_latency, layers)
        return MixedState(low_latency, inner, encoder, None, none)

    def __call__(self, sound: Floats, state: MixedState[State]) -> tuple[Steps, MixedState[State]]:
        """The steps that `sound` completes in both networks, and the state after it."""
        steps, inner = self.inner(sound, state.inner)
        new, encoder = self._encoder.push(sound, state.encoder)
        places = feature_places(self._config, state.low_latency)
        if state.steps is not None:
            steps = Steps(*(np.concatenate(pair) for pair in zip(state.steps, steps)))
        features = state.features
        if len(new) and not len(features):
            features = new[:1].repeat(-places[0], 0)  # what was before is like the first
        features = np.concatenate([features, new])
        ready = max(0, min(len(steps.motion), len(features) - (places[-1] - places[0])))
        now, later = Steps(*(part[:ready] for part in steps)), Steps(*(part[ready:] for part in steps))
        if ready:
            lips, closed = self._heads[state.low_latency](taps(features, places, ready))
            confirm = self._config.low_latency_confirm if state.low_latency else self._config.confirm
            visemes = now.visemes.copy()
            visemes[:, _BILABIAL] += np.float32(self._config.doubt) * (closed - np.float32(confirm)).clip(max=0)
            now = now._replace(motion=now.motion * (1 - self._share) + lips * self._share, visemes=visemes)
        return now, MixedState(state.low_latency, inner, encoder, later, features[ready:].copy())


def with_features(inner: Network[Any], folder: Path) -> Network[Any]:
    """The network of a checkpoint folder with what features add to its lips, if anything.

    Raises Audio2MotionError where the embedded encoder is missing, or the folder's heads are or do not fit.
    """
    config = inner.config
    if config.features is None:
        return inner
    heads = read_heads(folder / WEIGHTS_FILE)
    for low_latency, head in zip((False, True), heads):
        inputs = feature_inputs(config.features, low_latency)
        if head.weight.shape[1:] != (inputs,) or head.bias.shape != head.weight.shape[:1]:
            raise Audio2MotionError(f"{folder / WEIGHTS_FILE} does not fit its config.json: {HEADS}")
    return MixedNetwork(inner, Moonshine.load(), heads)
