"""The networks on tiny sizes, checked against plainer ways to say the same."""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from talkinghead.core.errors import CheckpointError, InputError
from talkinghead.models.joyvasa.config import Config
from talkinghead.models.joyvasa.denoiser import FrameDecoderLayer
from talkinghead.models.joyvasa.encoder import reflect, sinusoids
from talkinghead.models.joyvasa.generator import Generator, Stream
from talkinghead.models.joyvasa.sampling import SeededNoise, cosine_schedule, sample
from talkinghead.models.joyvasa.weights import fill, load_models, read_units
from tests.joyvasa.tiny import TINY, randomised, speech

Template = dict[str, Any]  # a pickle's values: tests put wrong ones in
Files = tuple[dict[str, Path], Template]


def test_the_layer_is_a_decoder_layer_masked_to_the_same_frame(tiny: Generator) -> None:
    """PyTorch's own decoder layer, with cross-attention masked to the diagonal, must agree."""
    ours = next(part for part in tiny.modules() if isinstance(part, FrameDecoderLayer))
    plain = nn.TransformerDecoderLayer(
        TINY.width, TINY.heads, TINY.feedforward, activation="gelu", batch_first=True, dropout=0.0
    ).eval()
    plain.load_state_dict(ours.state_dict())
    x, sound = torch.randn(2, 13, TINY.width), torch.randn(2, 13, TINY.width)
    elsewhere = ~torch.eye(13, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(ours(x, ours.heard(sound)), plain(x, sound, memory_mask=elsewhere))


def test_reflection_fills_whole_units() -> None:
    for samples in (640, 64_000, 6401, 6463):
        sound = torch.arange(samples, dtype=torch.float32)[None]
        padded = reflect(sound)
        side = (320 * (samples // 320) + 80 - samples + 1) // 2
        assert padded.shape[1] == samples + 2 * side
        assert padded.shape[1] - 320 * (samples // 320) in (80, 81)
        torch.testing.assert_close(padded[:, side : side + samples], sound)


def test_sinusoids_interleave() -> None:
    table = sinusoids(torch.arange(4), 6)
    for row in range(4):
        for i in range(3):
            angle = row / 10_000 ** (2 * i / 6)
            assert table[row, 2 * i].item() == pytest.approx(np.sin(angle), abs=1e-6)
            assert table[row, 2 * i + 1].item() == pytest.approx(np.cos(angle), abs=1e-6)


def test_sampling_with_a_perfect_denoiser_ends_at_the_motion() -> None:
    truth = torch.randn(1, 10, 70)
    got = sample(lambda x, step: truth, SeededNoise(0, (1, 10, 70)), cosine_schedule(50), torch.device("cpu"))
    torch.testing.assert_close(got, truth)


def test_each_sampling_step_keeps_the_forward_process() -> None:
    """One step back from x_t ~ q(x_t | x_0) must be distributed as q(x_(t-1) | x_0), in mean and variance."""
    schedule = cosine_schedule(50)
    t = torch.arange(51, dtype=torch.float64) / 50
    signal = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    beta = torch.cat([torch.zeros(1), (1 - signal[1:] / signal[:-1]).clip(1e-4, 0.999)])
    product = (1 - beta).cumprod(0)
    for step in range(2, 51):
        noisy, clean, noise = (float(part[step]) for part in schedule)
        mean = noisy * product[step].sqrt() + clean
        variance = noisy**2 * (1 - product[step]) + noise**2
        assert float(mean) == pytest.approx(float(product[step - 1].sqrt()), abs=1e-5)
        assert float(variance) == pytest.approx(float(1 - product[step - 1]), abs=1e-5)


def test_guidance_1_is_the_plain_prediction_and_0_ignores_sound(tiny: Generator) -> None:
    features, other = torch.randn(2, 1, TINY.frames, TINY.width)
    before = (tiny.start_motion_feat, tiny.start_audio_feat)
    noise = [SeededNoise(0, (1, TINY.frames, 70)) for _ in range(4)]
    with torch.no_grad():
        plain = sample(lambda x, s: tiny.denoise(x, features, before, s)[:, TINY.previous :], noise[0],
                       cosine_schedule(TINY.steps), torch.device("cpu"))  # fmt: skip
        torch.testing.assert_close(tiny.window(features, before, noise[1], 1.0), plain, atol=1e-5, rtol=1e-4)
        deaf = [tiny.window(f, before, n, 0.0) for f, n in zip((features, other), noise[2:], strict=True)]
    torch.testing.assert_close(*deaf)


@pytest.mark.parametrize("samples", [0, 640, 6400, 12_800, 13_000, 20_001])
def test_frames_of_a_stream(tiny: Generator, samples: int) -> None:
    stream = Stream(tiny)
    windows = [*stream.push(speech(0, samples)), *stream.finish()]
    assert sum(map(len, windows)) == (samples + 1920) // 640
    assert np.isfinite(np.concatenate(windows)).all()


def test_positions_differ() -> None:
    with torch.no_grad():
        answers = []
        for positions in ("constant", "fixed"):
            generator = randomised(replace(TINY, positions=positions))
            stream = Stream(generator)
            answers.append(np.concatenate([*stream.push(speech(0, 8000)), *stream.finish()]))
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
    with pytest.raises(InputError, match="constant or fixed"):
        Config(positions="other")  # type: ignore[arg-type]


@pytest.mark.parametrize("old", [False, True])
def test_both_spellings_of_weight_norm_and_the_computed_tables_are_read(tiny: Generator, old: bool) -> None:
    state = dict(tiny.state_dict())
    if old:
        conv = "audio_encoder.encoder.pos_conv_embed.conv."
        state[conv + "weight_g"] = state.pop(conv + "parametrizations.weight.original0")
        state[conv + "weight_v"] = state.pop(conv + "parametrizations.weight.original1")
    state["denoising_net.PE.pe"] = state["denoising_net.TE.pe"] = torch.zeros(1)
    state["denoising_net.alignment_mask"] = state["diffusion_sched.betas"] = torch.zeros(1)
    filled = fill(TINY, state, "here")
    sound = torch.from_numpy(speech(2, TINY.window_samples))[None]
    with torch.no_grad():
        torch.testing.assert_close(filled.hear(sound), tiny.hear(sound))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda state: state.pop("null_audio_feat"), "'null_audio_feat' is missing"),
        (lambda state: state.update(stranger=torch.zeros(1)), "'stranger' does not belong"),
        (lambda state: state.update(null_audio_feat=torch.zeros(3)), r"\(3,\), not \(1, 1, 16\)"),
        (lambda state: state.update(null_audio_feat="x"), "is str"),
    ],
)
def test_other_weights_are_refused(tiny: Generator, spoil: Callable[[Any], object], said: str) -> None:
    state = dict(tiny.state_dict())
    spoil(state)
    with pytest.raises(CheckpointError, match=said):
        fill(TINY, state, "here")


@pytest.fixture
def files(tmp_path: Path, tiny: Generator, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Files in the published layout, at the tiny sizes."""
    from talkinghead.models.joyvasa import weights

    monkeypatch.setattr(weights, "Config", lambda positions: replace(TINY, positions=positions))
    args = argparse.Namespace(n_motions=10, n_prev_motions=3, feature_dim=16, fps=25, exp_dir=pathlib.Path("runs"))
    model = collections.OrderedDict(tiny.state_dict())
    torch.save({"args": args, "model": model, "iter": 3}, tmp_path / "g.pt")
    rng = np.random.default_rng(1)
    template = {f"{kind}_{name}": rng.uniform(1, 2, width).astype(np.float32) + (kind == "max")
                for kind in ("mean", "std", "min", "max")
                for name, width in (("exp", 63), *weights._POSE)}  # fmt: skip
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(template))
    return {"motion_generator": tmp_path / "g.pt", "motion_template": tmp_path / "t.pkl"}, template


def test_the_published_layout_loads(files: Files, tiny: Generator) -> None:
    paths, template = files
    models = load_models(paths)
    torch.testing.assert_close(models.generator.null_audio_feat, tiny.null_audio_feat)
    x = np.linspace(-1, 1, 70, dtype=np.float32)
    got = models.units.apply(x[None])[0]
    np.testing.assert_allclose(got[:63], x[:63] * template["std_exp"] + template["mean_exp"], rtol=1e-6)
    for place, name in ((63, "scale"), (67, "pitch"), (68, "yaw"), (69, "roll")):
        low, high = template[f"min_{name}"], template[f"max_{name}"]
        np.testing.assert_allclose(got[place], x[place] * (high - low) + low, rtol=1e-5)
    np.testing.assert_allclose(
        got[64:67], x[64:67] * (template["max_t"] - template["min_t"]) + template["min_t"], rtol=1e-5
    )


def test_another_models_arguments_are_refused(files: Files, tiny: Generator) -> None:
    paths, _ = files
    torch.save({"args": argparse.Namespace(n_motions=80), "model": tiny.state_dict()}, paths["motion_generator"])
    with pytest.raises(CheckpointError, match="n_motions is 80, not 10"):
        load_models(paths)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize("which", ["motion_generator", "motion_template"])
def test_code_in_either_file_is_refused(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.chdir(tmp_path)
    paths, template = files
    if which == "motion_template":
        paths[which].write_bytes(pickle.dumps({**template, "x": Evil()}))
    else:
        torch.save({"model": {}, "args": Evil()}, paths[which])
    with pytest.raises(CheckpointError, match="system"):
        load_models(paths) if which == "motion_generator" else read_units(paths[which])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("spoil", [lambda t: t.pop("std_exp"), lambda t: t.update(max_t=np.zeros(2)),
                                   lambda t: t.update(min_yaw=np.array([np.nan]))])  # fmt: skip
def test_wrong_templates_are_refused(files: Files, spoil: Callable[[Any], object]) -> None:
    paths, template = files
    spoil(template)
    paths["motion_template"].write_bytes(pickle.dumps(template))
    with pytest.raises(CheckpointError, match=r"t\.pkl"):
        read_units(paths["motion_template"])


def test_a_file_without_a_model_is_refused(files: Files) -> None:
    paths, _ = files
    torch.save({"weights": {}}, paths["motion_generator"])
    with pytest.raises(CheckpointError, match="no entry 'model'"):
        load_models(paths)
