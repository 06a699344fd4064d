"""A small Wav2Vec2 of our own, with a linear read-out to another encoder's features, a checkpoint of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from audio2motion.config import SAMPLES_PER_FRAME
from audio2motion.network.layout import HUB_WINDOW, MOONSHINE_CENTRE, MOONSHINE_HOP
from audio2motion.training.distil_settings import StudentConfig

_CONFIG_FILE = "config.json"
QUIETEST = 1e-4  # a window's spread below which it is not made louder


def make_student(config: StudentConfig, features: int) -> nn.Module:
    """A new one, `Wav2Vec2ForAudioFrameClassification`, whose read-out gives so many features.

    Nothing in it knows the whole sound's statistics: each convolution is normalised frame by frame.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2ForAudioFrameClassification

    shape = Wav2Vec2Config(
        hidden_size=config.hidden_size, num_hidden_layers=config.layers, num_attention_heads=config.heads,
        intermediate_size=config.feed_forward, conv_dim=config.conv_dim, conv_bias=True, feat_extract_norm="layer",
        do_stable_layer_norm=True, num_conv_pos_embeddings=config.positions, num_labels=features,
        hidden_dropout=0.0, activation_dropout=0.0, attention_dropout=0.0, feat_proj_dropout=0.0, layerdrop=0.0,
        final_dropout=0.0, apply_spec_augment=False,
    )  # fmt: skip
    assert shape.inputs_to_logits_ratio == SAMPLES_PER_FRAME
    student: nn.Module = Wav2Vec2ForAudioFrameClassification(shape)
    return student


def normalised(sound: torch.Tensor) -> torch.Tensor:
    """Windows of sound (B, N) as a Wav2Vec2 hears them: each of mean 0 and spread 1."""
    scale = sound.std(1, keepdim=True).clamp(min=QUIETEST)
    return (sound - sound.mean(1, keepdim=True)) / scale


def student_frames(samples: int) -> int:
    """How many frames so many samples give."""
    return (samples - HUB_WINDOW) // SAMPLES_PER_FRAME + 1


def teacher_places(start: torch.Tensor, frames: int) -> torch.Tensor:
    """Where the student's frames (B, frames) of windows from sample `start` (B,) on lie among the teacher's."""
    own = torch.arange(frames, device=start.device) * SAMPLES_PER_FRAME + (HUB_WINDOW - 1) / 2
    return (start[:, None] + own - MOONSHINE_CENTRE) / MOONSHINE_HOP


def save_student(student: nn.Module, mean: torch.Tensor, spread: torch.Tensor, folder: Path) -> None:
    """Write config.json and model.safetensors (fp16, to be read as fp32), its read-out giving the features themselves:
    what it gave times `spread` (features,), plus `mean`."""
    from transformers import Wav2Vec2ForAudioFrameClassification

    assert isinstance(student, Wav2Vec2ForAudioFrameClassification)
    copy = Wav2Vec2ForAudioFrameClassification(student.config)
    state = {name: value.detach().float().cpu().clone() for name, value in student.state_dict().items()}
    spread, mean = spread.float().cpu(), mean.float().cpu()
    state["classifier.weight"] *= spread[:, None]
    state["classifier.bias"] = state["classifier.bias"] * spread + mean
    copy.load_state_dict(state)
    copy.half().save_pretrained(folder)
    path = folder / _CONFIG_FILE
    values: dict[str, Any] = json.loads(path.read_text())
    # Half the bytes on disk; but the CPU computes in single precision.
    values |= {name: "float32" for name in ("dtype", "torch_dtype") if name in values}
    path.write_text(json.dumps(values, indent=2) + "\n")
