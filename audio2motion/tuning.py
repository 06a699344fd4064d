"""Going on from a checkpoint without losing what it knows."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from audio2motion.errors import Audio2MotionError
from audio2motion.model import SpeechMotionModel


def widened(model: SpeechMotionModel, look_ahead: int) -> SpeechMotionModel:
    """The same model, hearing `look_ahead` motion frames ahead: at first it makes nothing of what it hears more.

    Raises Audio2MotionError where that would leave out what `model` hears.
    """
    wide = SpeechMotionModel(replace(model.config, look_ahead=look_ahead), encoder_weights=False)
    places, new_places = model.places[0], wide.places[0]
    if not set(places) <= set(new_places):
        raise Audio2MotionError(
            f"a model that hears {model.config.look_ahead} frames ahead cannot learn to hear {look_ahead}: it would "
            "lose some that it hears now"
        )
    weights = model.state_dict()
    blocks = dict(zip(places, weights.pop("bridges.0.weight").split(model.encoder.size, 1)))
    nothing = torch.zeros_like(blocks[0])
    weights["bridges.0.weight"] = torch.cat([blocks.get(place, nothing) for place in new_places], 1)
    wide.load_state_dict(weights)
    return wide


def blended(tuned: SpeechMotionModel, first: SpeechMotionModel, keep: float) -> SpeechMotionModel:
    """A model whose weights are `keep` those of `first`, from which `tuned` was trained, and the rest `tuned`'s.

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
