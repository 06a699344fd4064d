"""Going on from a checkpoint without losing what it knows."""

from __future__ import annotations

import copy

import torch

from audio2motion.config import ModelConfig
from audio2motion.errors import Audio2MotionError
from audio2motion.network.model import SpeechMotionModel


def extend_look_ahead(model: SpeechMotionModel, config: ModelConfig) -> SpeechMotionModel:
    """The same model under a config with another look-ahead (`look_ahead`, `settle_s`).

    Before further training it predicts from that what it predicts in low latency. Raises Audio2MotionError where the
    look-ahead leaves out what the model hears in low latency.
    """
    other = SpeechMotionModel(config, encoder_weights=False)
    known, places = model.places[1], other.places[0]
    if not set(known) <= set(places):
        raise Audio2MotionError(
            f"a model that hears {known[-1]} frames ahead in low latency cannot learn to hear {config.look_ahead}"
        )
    weights = model.state_dict()
    blocks = dict(zip(known, torch.split(weights["bridges.1.weight"], model.encoder.size, 1)))
    unheard = torch.zeros_like(blocks[0])
    weights["bridges.0.weight"] = torch.cat([blocks.get(place, unheard) for place in places], 1)
    weights["bridges.0.bias"] = weights["bridges.1.bias"]
    other.load_state_dict(weights)
    return other


def interpolate_weights(tuned: SpeechMotionModel, first: SpeechMotionModel, keep: float) -> SpeechMotionModel:
    """A model whose weights are `keep` times those of `first`, from which `tuned` was trained, and the rest `tuned`'s.

    Such a model has most of what tuning taught and still knows what tuning did not show (Wortsman et al., "Robust
    fine-tuning of zero-shot models", arXiv 2109.01903).
    """
    model = copy.deepcopy(tuned)
    before = first.state_dict()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if weight.is_floating_point():
                weight.lerp_(before[name].to(weight), keep)
    return model
