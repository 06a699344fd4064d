"""Lips told from speech features: the network around another one, and the regression that its heads come from."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from audio2motion.checkpoint import WEIGHTS_FILE, embedded_checkpoint
from audio2motion.cli import main
from audio2motion.config import FeatureConfig, ModelConfig
from audio2motion.corpus.build import CorpusInfo, make_corpus, read_takes, save_shard
from audio2motion.errors import Audio2MotionError
from audio2motion.network.export import export_onnx
from audio2motion.network.feature_lips import FeatureHead, MixedNetwork, read_heads, taps, with_features
from audio2motion.network.layout import MOONSHINE_SIZE, feature_inputs, feature_places
from audio2motion.network.lip_postprocessor import GAP_CHANNELS
from audio2motion.network.model import SpeechMotionModel, load_model, save_model
from audio2motion.network.moonshine import Moonshine
from audio2motion.network.protocol import Floats
from audio2motion.network.torch_network import TorchNetwork
from audio2motion.phones import VISEMES
from audio2motion.predictor import Predictor
from audio2motion.targets import LIP_BLENDSHAPES
from audio2motion.training.feature_fit import fit_features, stress, take_features
from audio2motion.training.settings import FitConfig

FEATURES = FeatureConfig(places=(-3, 0, 1), low_latency_places=(-2, 0), share=0.5, shape_share=0.75)


@pytest.fixture(scope="module")
def featured(small_model: SpeechMotionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint whose heads say something, with its model.onnx."""
    folder = tmp_path_factory.mktemp("featured")
    torch.manual_seed(4)
    model = SpeechMotionModel(replace(small_model.config, features=FEATURES))
    model.load_state_dict({**model.state_dict(), **small_model.state_dict()})
    for weight in model.feature_heads.parameters():
        torch.nn.init.normal_(weight, std=0.01)
    save_model(model, folder)
    export_onnx(folder)
    return folder


def heard(seconds: float, seed: int = 0) -> Floats:
    swell = np.sin(np.arange(int(16000 * seconds)) / 2500) ** 2
    return np.asarray(0.2 * np.random.default_rng(seed).standard_normal(len(swell)) * swell, np.float32)


def test_taps_stand_at_their_places() -> None:
    features = np.arange(10, dtype=np.float32)[:, None]
    assert taps(features, (-2, 0, 3), 5).tolist() == [[float(k), k + 2.0, k + 5.0] for k in range(5)]


@pytest.mark.parametrize("low_latency", [False, True])
def test_steps_do_not_depend_on_how_the_sound_is_cut(featured: Path, low_latency: bool) -> None:
    network = Predictor.load(featured).network
    assert isinstance(network, MixedNetwork)
    sound, rng = heard(2.5), np.random.default_rng(1)
    whole, _ = network(sound, network.start(low_latency))
    state, parts, at = network.start(low_latency), [], 0
    while at < len(sound):
        piece = sound[at : at + int(rng.integers(1, 5000))]
        at += len(piece)
        steps, state = network(piece, state)
        parts.append(steps)
    for a, b in zip(whole, zip(*parts, strict=True)):
        np.testing.assert_allclose(np.concatenate(b), a, atol=2e-5)


@pytest.mark.parametrize("low_latency", [False, True])
def test_a_stream_gives_the_same_bits_however_it_is_pushed(featured: Path, low_latency: bool) -> None:
    predictor, sound = Predictor.load(featured), heard(3.1)
    whole = predictor.predict(sound, Fraction(25), low_latency=low_latency).blendshapes
    stream, parts = predictor.stream(Fraction(25), low_latency=low_latency), []
    for at in range(0, len(sound), 777):
        parts.append(stream.push(sound[at : at + 777]))
    parts.append(stream.finish())
    np.testing.assert_array_equal(np.concatenate([part.blendshapes for part in parts if part is not None]), whole)


def test_both_libraries_tell_the_same(featured: Path) -> None:
    networks = Predictor.load(featured).network, with_features(TorchNetwork(load_model(featured)), featured)
    steps = [network(heard(2.0), network.start())[0] for network in networks]
    for a, b in zip(*steps):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_lips_are_mixed_and_what_features_deny_is_no_closure(featured: Path) -> None:
    mixed = Predictor.load(featured).network
    assert isinstance(mixed, MixedNetwork)
    inner, _ = mixed.inner(heard(2.0), mixed.inner.start())
    size = feature_inputs(FEATURES, low_latency=False)
    bias = np.zeros(len(LIP_BLENDSHAPES) + 1, np.float32)
    heads = []
    for closed in (0.0, 1.0):
        bias[0], bias[-1] = 0.7, closed
        heads.append(FeatureHead(np.zeros((len(bias), size), np.float32), bias.copy()))
    denied, confirmed = (MixedNetwork(mixed.inner, mixed._encoder, (head, head)) for head in heads)
    lips = VISEMES.index("p b m")
    for network, loss in ((denied, FEATURES.doubt * FEATURES.confirm), (confirmed, 0.0)):
        steps, _ = network(heard(2.0), network.start())
        count = len(steps.motion)
        np.testing.assert_allclose(steps.motion[:, 0], 0.5 * inner.motion[:count, 0] + 0.35, atol=1e-5)
        np.testing.assert_allclose(steps.visemes[:, lips], inner.visemes[:count, lips] - loss, atol=1e-4)
        np.testing.assert_array_equal(np.delete(steps.visemes, lips, 1), np.delete(inner.visemes[:count], lips, 1))
        np.testing.assert_array_equal(steps.voice_activity, inner.voice_activity[:count])


def test_damaged_heads_and_wrong_configs_are_named(featured: Path, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).write_bytes((featured / WEIGHTS_FILE).read_bytes()[:50])
    with pytest.raises(Audio2MotionError, match="no heads for speech features"):
        read_heads(tmp_path / WEIGHTS_FILE)
    for wrong in ({"places": (1, 0)}, {"places": ()}, {"share": 0.0}, {"doubt": -1.0}, {"encoder": "whisper"},
                  {"layers": (1,)}, {"layers": ()}, {"low_latency_layers": (3, 2)}):  # fmt: skip
        with pytest.raises(Audio2MotionError):
            ModelConfig.from_dict({"features": wrong})


def test_older_configs_mean_what_they_meant() -> None:
    config = ModelConfig.from_dict({"features": {}})
    assert config.features is not None
    assert config.features.layers == config.features.low_latency_layers == (3,)
    assert config.features.doubt == 100


@pytest.mark.slow
def test_lips_are_the_mean_of_what_layers_tell_and_closures_the_last_layers(
    small_model: SpeechMotionModel, tmp_path: Path
) -> None:
    make_corpus(tmp_path / "corpus", 10 / 3600, engines=("espeak-ng",), speechless=0.0)
    heads, rng = {}, np.random.default_rng(5)
    for layers in ((2,), (3,), (2, 3)):
        features = replace(FEATURES, layers=layers)
        model = SpeechMotionModel(replace(small_model.config, features=features))
        model.load_state_dict({**model.state_dict(), **small_model.state_dict()})
        save_model(model, tmp_path / "start")
        config = FitConfig(100.0, 0.003)
        out = fit_features([tmp_path / "corpus"], tmp_path / "start", tmp_path / "out", config, lambda _: None)
        heads[layers] = read_heads(out / WEIGHTS_FILE)[0]
    told = rng.standard_normal((4, len(FEATURES.places), 2, MOONSHINE_SIZE)).astype(np.float32)
    second, third = (heads[layer](told[:, :, at].reshape(4, -1)) for at, layer in enumerate(((2,), (3,))))
    lips, closed = heads[2, 3](told.reshape(4, -1))
    shares = np.where(np.isin(LIP_BLENDSHAPES, GAP_CHANNELS), FitConfig().second_share, 0.5)
    np.testing.assert_allclose(lips, shares * second[0] + (1 - shares) * third[0], atol=1e-4)
    np.testing.assert_allclose(closed, third[1], atol=1e-4)


@pytest.mark.slow
def test_speech_is_heard_at_another_speed_too_and_lips_move_in_few_ways(
    small_model: SpeechMotionModel, tmp_path: Path
) -> None:
    make_corpus(tmp_path / "corpus", 10 / 3600, engines=("espeak-ng",), speechless=0.0)
    model = SpeechMotionModel(replace(small_model.config, features=replace(FEATURES, layers=(3,))))
    model.load_state_dict({**model.state_dict(), **small_model.state_dict()})
    save_model(model, tmp_path / "start")
    heads = {}
    for name, options in (("once", []), ("twice", ["--speed", "0.9", "--speed", "1.1"])):
        out = tmp_path / name
        asked = ["fit", str(tmp_path / "corpus"), "-o", str(out), "--init", str(tmp_path / "start"), *options]
        done = CliRunner().invoke(main, [*asked, "--penalty", "100", "--hours", "0.003"])
        assert done.exit_code == 0, done.output
        minutes = [float(line.split()[-4]) for line in done.output.splitlines() if line.endswith("minutes of speech")]
        assert minutes[0] > minutes[1] if options else minutes[0] == minutes[1]
        heads[name] = read_heads(out / WEIGHTS_FILE)
        for head in heads[name]:
            assert np.linalg.matrix_rank(head.weight[:-1].astype(np.float64), tol=1e-5) == FitConfig().movements
    np.testing.assert_array_equal(heads["once"][1].weight, heads["twice"][1].weight)  # in low latency all is the same
    assert np.abs(heads["once"][0].weight - heads["twice"][0].weight).max() > 1e-4


def test_hours_are_those_of_each_corpus(featured: Path, tmp_path: Path) -> None:
    """One corpus named twice teaches what it teaches once at half the penalty."""
    make_corpus(tmp_path / "corpus", 10 / 3600, engines=("espeak-ng",), speechless=0.0)
    heads = []
    for name, corpora in (("once", 1), ("twice", 2)):
        config = FitConfig(100.0 * corpora, 0.001)
        out = fit_features([tmp_path / "corpus"] * corpora, featured, tmp_path / name, config, lambda _: None)
        heads.append(read_heads(out / WEIGHTS_FILE))
    for once, twice in zip(*heads):
        np.testing.assert_allclose(once.weight, twice.weight, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"speeds": (1.0, 3.0)}, "not at 3.0"), ({"movements": 0}, "one movement"),
                        ({"second_share": 1.0}, "between 0 and 1")])  # fmt: skip
def test_fits_that_cannot_be_are_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Audio2MotionError, match=said):
        FitConfig(**wrong)


def test_the_embedded_model_hears_by_features() -> None:
    network = Predictor.load().network
    assert isinstance(network, MixedNetwork)
    assert network.config == load_model(embedded_checkpoint()).config


@pytest.mark.slow
def test_the_regression_finds_what_there_is_and_is_the_same_every_time(
    small_model: SpeechMotionModel, tmp_path: Path
) -> None:
    make_corpus(tmp_path / "corpus", 20 / 3600, engines=("espeak-ng",), speechless=0.0)
    few = SpeechMotionModel(replace(small_model.config, features=FEATURES))
    few.load_state_dict({**few.state_dict(), **small_model.state_dict()})
    save_model(few, tmp_path / "small")
    runner = CliRunner()
    for name in ("a", "b"):
        done = runner.invoke(main, ["fit", str(tmp_path / "corpus"), "-o", str(tmp_path / name), "--init",
                                    str(tmp_path / "small"), "--penalty", "100", "--hours", "0.004"])  # fmt: skip
        assert done.exit_code == 0, done.output
    assert (tmp_path / "a" / WEIGHTS_FILE).read_bytes() == (tmp_path / "b" / WEIGHTS_FILE).read_bytes()
    before, after = small_model.state_dict(), load_model(tmp_path / "a").state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    network = with_features(TorchNetwork(load_model(tmp_path / "a")), tmp_path / "a")
    assert isinstance(network, MixedNetwork)
    take = max(read_takes(tmp_path / "corpus"), key=lambda take: len(take.samples))
    steps, _ = network(take.samples, network.start())
    inner, _ = network.inner(take.samples, network.inner.start())
    jaw, count = LIP_BLENDSHAPES.index("jawOpen"), len(steps.motion) - 2
    told = steps.motion[:count, jaw] - (1 - FEATURES.share) * inner.motion[:count, jaw]
    assert np.corrcoef(told, take.motion[2 : count + 2, jaw])[0, 1] > 0.6


@pytest.mark.slow
def test_people_spread_their_lips_less_than_targets_say(featured: Path, tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus", 10 / 3600, engines=("espeak-ng",), speechless=0.0)
    start = load_model(featured)
    for head in start.feature_heads:
        assert isinstance(head, torch.nn.Linear)
        torch.nn.init.zeros_(head.weight)
    save_model(start, tmp_path / "start")
    weights = []
    for spread in (1.0, 0.5):
        config = FitConfig(100.0, 0.003, movements=len(LIP_BLENDSHAPES), spread=spread)
        out = fit_features([tmp_path / "corpus"], tmp_path / "start", tmp_path / str(spread), config, lambda _: None)
        weights.append(read_heads(out / WEIGHTS_FILE)[0].weight)
    for name, share in (("mouthStretchLeft", 0.5), ("mouthSmileRight", 0.5), ("mouthPucker", 1.0), ("jawOpen", 1.0)):
        channel = LIP_BLENDSHAPES.index(name)
        np.testing.assert_allclose(weights[1][channel], share * weights[0][channel], atol=1e-6)


def test_stress_is_how_much_louder_a_sound_is_than_those_about_it() -> None:
    rng = np.random.default_rng(4)
    sound = (0.01 * rng.standard_normal(4 * 16000)).astype(np.float32)
    sound[32000:33600] *= 10  # 20 dB more, 0.1 s long
    told = stress(sound, 200)
    assert told[102] > 0.7  # of 2, as 0.64 s about it hear it, too
    assert told[:60].max() < 0.3
    np.testing.assert_allclose(stress(3 * sound, 200), told, atol=1e-3)
    assert len(stress(sound[:1], 5)) == 5


@pytest.mark.slow
def test_lips_are_taught_to_part_less_where_a_sound_is_louder(featured: Path, tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus", 10 / 3600, engines=("espeak-ng",), speechless=0.0)
    take, follow = max(read_takes(tmp_path / "corpus"), key=lambda take: len(take.samples)), []
    for loudness in (0.0, 0.5):
        config = FitConfig(100.0, 0.003, movements=len(LIP_BLENDSHAPES), loudness=loudness)
        out = fit_features([tmp_path / "corpus"], featured, tmp_path / str(loudness), config, lambda _: None)
        head, count = read_heads(out / WEIGHTS_FILE)[0], len(take.motion)
        features = take_features(Moonshine.load(), take.samples, count, False, FEATURES.layers)
        told = head(taps(np.pad(features, ((3, 1), (0, 0)), mode="edge"), feature_places(FEATURES, False), count))[0]
        loud = stress(take.samples, count)[2:]
        follow.append(np.corrcoef(told[:-2, LIP_BLENDSHAPES.index("jawOpen")], loud)[0, 1])
    assert follow[1] < follow[0] - 0.05


def test_clips_of_people_move_the_heads_from_where_they_were(featured: Path, tmp_path: Path) -> None:
    """A clip in which jaws follow nothing pulls the heads to its mean; the larger the penalty, the less."""
    sound = heard(4.0)
    motion = np.full((200, len(LIP_BLENDSHAPES)), 0.25)
    clips = tmp_path / "clips"
    CorpusInfo(LIP_BLENDSHAPES, None, (), (), 1, 4.0).write(clips)
    save_shard(clips / "shard-00000.npz", [sound], [motion], [np.full(200, -1)])
    start, moved = read_heads(featured / WEIGHTS_FILE)[0], []
    for penalty in (1e7, 1.0):
        out = fit_features([clips], featured, tmp_path / str(penalty), FitConfig(penalty), report=lambda _: None)
        head = read_heads(out / WEIGHTS_FILE)[0]
        moved.append(float(np.abs(head.weight[:-1] - start.weight[:-1]).max()))
        np.testing.assert_array_equal(head.weight[-1], start.weight[-1])  # what is said in clips is not known
        assert head.bias[-1] == start.bias[-1]
    assert moved[0] < 0.1 * moved[1]
