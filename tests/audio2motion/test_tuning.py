"""Going on from a checkpoint: hearing further ahead changes nothing at first, and what was known can be kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from audio2motion.cli import main
from audio2motion.config import ModelConfig
from audio2motion.corpus.build import make_corpus
from audio2motion.errors import Audio2MotionError
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.training.tuning import extend_look_ahead, interpolate_weights


@pytest.fixture(scope="module")
def near(small_model: SpeechMotionModel) -> SpeechMotionModel:
    """A small model that hears one frame ahead."""
    torch.manual_seed(3)
    return SpeechMotionModel(replace(small_model.config, look_ahead=1)).eval()


def further(model: SpeechMotionModel, look_ahead: int, settle_s: float = 0.0) -> ModelConfig:
    """The model's config, but for how far it hears ahead."""
    encoder = replace(model.config.encoder, settle_s=settle_s)
    return replace(model.config, look_ahead=look_ahead, encoder=encoder)


def test_what_is_to_hear_further_begins_with_what_it_says_in_haste(
    near: SpeechMotionModel, sound: torch.Tensor
) -> None:
    far = extend_look_ahead(near, further(near, 11)).eval()
    assert far.places[0] == (0, 1, 2, 4, 7, 11)
    with torch.inference_mode():
        before, _ = near(sound[None], near.start(low_latency=True))
        after, _ = far(sound[None], far.start())
    assert before.motion.shape[1] - after.motion.shape[1] == 10
    torch.testing.assert_close(after.motion, before.motion[:, :-10])


def test_a_model_cannot_be_made_to_hear_less_than_in_haste(near: SpeechMotionModel) -> None:
    with pytest.raises(Audio2MotionError, match="cannot learn to hear 0"):
        extend_look_ahead(near, further(near, 0))


@pytest.mark.parametrize("keep", [0.0, 0.25, 1.0])
def test_a_blend_lies_between(near: SpeechMotionModel, keep: float) -> None:
    torch.manual_seed(4)
    other = SpeechMotionModel(near.config)
    kept, new = near.state_dict(), other.state_dict()
    for name, weight in interpolate_weights(other, near, keep).state_dict().items():
        torch.testing.assert_close(weight, keep * kept[name] + (1 - keep) * new[name])
    assert all(torch.equal(weight, new[name]) for name, weight in other.state_dict().items())


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_train_keeps_what_it_is_told_to(near: SpeechMotionModel, tmp_path: Path) -> None:
    corpus, first, tuned = tmp_path / "corpus", tmp_path / "first", tmp_path / "tuned"
    make_corpus(corpus, 20 / 3600, engines=("espeak-ng",))
    save_model(near, first)
    command = ["train", str(corpus), "-o", str(tuned), "--batch-size", "4", "--epochs", "1"]
    nothing = CliRunner().invoke(main, [*command, "--keep", "0.5"])
    assert nothing.exit_code == 1
    assert "--init" in nothing.output
    done = CliRunner().invoke(
        main, [*command, "--init", str(first), "--look-ahead", "4", "--settle", "0", "--keep", "1"]
    )
    assert done.exit_code == 0, done.output
    result = load_model(tuned)
    assert result.config.look_ahead == 4
    for name, weight in extend_look_ahead(near, further(near, 4)).state_dict().items():
        torch.testing.assert_close(result.state_dict()[name], weight)
