"""The network: streaming equals one call, layers are transformers' own, checkpoints are read strictly."""

from __future__ import annotations

import pytest
import torch

from audio2motion.config import EncoderConfig
from audio2motion.network.attention import WindowedSelfAttention
from audio2motion.network.augment import augmented, warp_throat
from audio2motion.network.dropout import Dropout
from audio2motion.network.encoder import ConformerEncoder
from audio2motion.network.features import LogMel
from audio2motion.network.layout import look_ahead_s
from audio2motion.network.model import SpeechMotionModel
from audio2motion.network.single_thread import single_thread


@pytest.mark.parametrize("size", [160, 777, 5000])
def test_pushes_of_any_size_give_one_result(small_model: SpeechMotionModel, sound: torch.Tensor, size: int) -> None:
    with torch.inference_mode(), single_thread():
        expected, _ = small_model(sound[None], small_model.start())
        state, parts = small_model.start(), []
        for start in range(0, len(sound), size):
            output, state = small_model(sound[None, start : start + size], state)
            parts.append(output)
    assert expected.motion.shape[1] > 50
    for whole, pieces in zip(expected, zip(*parts)):
        assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-5)


def test_short_and_long_look_ahead_differ_in_frames_by_exactly_that(small_model: SpeechMotionModel) -> None:
    whole = torch.randn(1, 40000)
    with torch.inference_mode():
        slow, _ = small_model(whole, small_model.start())
        early, _ = small_model(whole, small_model.start(low_latency=True))
    config = small_model.config
    settle = round(50 * config.encoder.settle_s)
    assert early.motion.shape[1] - slow.motion.shape[1] == config.look_ahead - config.low_latency_look_ahead + settle
    later = look_ahead_s(config) - look_ahead_s(config, low_latency=True)
    assert later == pytest.approx((config.look_ahead - config.low_latency_look_ahead + settle) / 50)
    assert not torch.equal(early.motion[:, : slow.motion.shape[1]], slow.motion)


def hub_layers(encoder: ConformerEncoder, config: EncoderConfig) -> list[torch.nn.Module]:
    """The encoder's layers as transformers' `Wav2Vec2BertEncoderLayer`, with the same weights, ready for evaluation."""
    from transformers.models.wav2vec2_bert.configuration_wav2vec2_bert import Wav2Vec2BertConfig
    from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertEncoderLayer

    hub = Wav2Vec2BertConfig(
        feature_projection_input_dim=2 * config.mel_bands,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.feed_forward,
        conv_depthwise_kernel_size=config.conv_kernel,
        position_embeddings_type="relative_key",
        left_max_position_embeddings=config.window - 1,
        right_max_position_embeddings=0,
        hidden_dropout=config.dropout,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        conformer_conv_dropout=config.dropout,
    )
    hub._attn_implementation = "eager"
    layers: list[torch.nn.Module] = [Wav2Vec2BertEncoderLayer(hub) for _ in range(config.layers)]
    for theirs, ours in zip(layers, encoder.layers, strict=True):
        theirs.load_state_dict(ours.state_dict())
    return [layer.eval() for layer in layers]


def test_the_encoder_runs_the_layers_of_transformers() -> None:
    torch.manual_seed(0)
    config = EncoderConfig(hidden_size=16, layers=2, heads=2, feed_forward=32, conv_kernel=5, window=12)
    encoder = ConformerEncoder(config)
    encoder.eval()
    hidden = torch.randn(1, 60, 16)
    ours, _ = encoder.encode(hidden, encoder.start().layers)
    distance = torch.arange(60)[None, :] - torch.arange(60)[:, None]
    mask = torch.where((distance <= 0) & (distance > -12), 0.0, float("-inf"))[None, None]
    for layer in hub_layers(encoder, config):
        hidden = layer(hidden, attention_mask=mask)
    assert torch.allclose(ours, hidden, atol=1e-5)


def test_attention_does_not_reach_beyond_its_window() -> None:
    torch.manual_seed(0)
    attention = WindowedSelfAttention(8, 2, window=4)
    x = torch.randn(1, 30, 8)
    changed = x.clone()
    changed[:, 10] += 1
    before, after = attention(x, None)[0], attention(changed, None)[0]
    moved = (before - after).abs().amax((0, 2)) > 1e-7
    assert moved.nonzero().flatten().tolist() == [10, 11, 12, 13]


def test_features_do_not_depend_on_gain() -> None:
    mel = LogMel(40)
    sound = torch.randn(1, 32000) * torch.linspace(0.1, 0.5, 32000)
    loud, _ = mel(sound, mel.start())
    quiet, _ = mel(sound * 0.2, mel.start())
    assert loud.shape == (1, 199, 40)
    assert torch.allclose(loud, quiet, atol=1e-3)


def test_features_forget_the_colour_of_a_recording() -> None:
    torch.manual_seed(0)
    sound = torch.randn(1, 5 * 16000) * 0.2
    dull = torch.nn.functional.avg_pool1d(sound[None], 3, 1, 1)[0]
    distances = []
    for mel in (LogMel(40), LogMel(40, equalise=True)):
        a, b = (mel(x, mel.start())[0][:, -100:].mean(1) for x in (sound, dull))
        distances.append(float((a - b).abs().mean()))
    assert distances[1] < 0.5 * distances[0]


def test_a_first_word_is_heard_in_the_colour_of_those_after_it() -> None:
    torch.manual_seed(0)
    sound = torch.randn(1, 3 * 16000) * 0.2
    dull = torch.nn.functional.avg_pool1d(sound[None], 3, 1, 1)[0]
    mel = LogMel(40, equalise=True, settle=100)
    assert mel(sound, mel.start())[0].shape[1] == mel(sound, mel.start(low_latency=True))[0].shape[1] - 100
    distances = []
    for low_latency in (True, False):
        a, b = (mel(x, mel.start(low_latency=low_latency))[0][:, :30].mean(1) for x in (sound, dull))
        distances.append(float((a - b).abs().mean()))
    assert distances[1] < 0.5 * distances[0]


def test_made_up_voices_keep_their_words_in_time() -> None:
    torch.manual_seed(0)
    features = torch.zeros(64, 50, 40)
    features[:, 25, 20] = 1.0
    other = augmented(features)
    assert other.shape == features.shape
    assert torch.isfinite(other).all()
    loudest = other.amax(2).argmax(1)
    assert ((loudest == 25) | (other.amax(2).amax(1) < 0.4)).all()  # masks may hide it, nothing may move it
    assert (loudest == 25).float().mean() > 0.5
    stretched = warp_throat(features, torch.full((64,), 1.1))
    assert int(stretched[0, 25].argmax()) == 18


def test_a_gradient_reaches_every_weight(small_model: SpeechMotionModel, sound: torch.Tensor) -> None:
    for low_latency in (False, True):
        output, _ = small_model(sound[None, :32000], small_model.start(low_latency=low_latency))
        sum(part.square().sum() for part in output).backward()
    missing = [name for name, weight in small_model.named_parameters() if weight.grad is None]
    small_model.zero_grad()
    assert missing == []


def test_dropout_leaves_the_mean_and_is_torch_s_own_chance() -> None:
    dropout, x = Dropout(0.1), torch.full((200, 333), 3.0, requires_grad=True)
    torch.manual_seed(5)
    out = dropout(x)
    dropped = out == 0
    assert float(dropped.float().mean()) == pytest.approx(26 / 256, abs=0.005)
    assert float(out.detach().mean()) == pytest.approx(3.0, rel=0.01)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad == 0, dropped)
    torch.manual_seed(5)
    assert torch.equal(dropout(x), out)
    assert not torch.equal(dropout(x), out)
    assert dropout.eval()(x) is x
    assert Dropout(0.0)(x) is x
