"""Convolutions by minimal filtering answer what convolutions answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from talkinghead.core.renderer_options import Acceleration
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.fast.filtered import FilteredModulation, filter_convolutions, joined, pays
from talkinghead.models.liveportrait.fast.generator import FastGenerator, Modulation
from talkinghead.models.liveportrait.fast.minimal_filtering import FilteredConv, matrices
from talkinghead.models.liveportrait.fast.warping import FastWarping
from talkinghead.models.liveportrait.networks.generator import Spade
from talkinghead.models.liveportrait.weights import Models
from tests.liveportrait import narrow

# Batch, channels in, channels out, kernel, size. The largest take several blocks of rows, the last a smaller one.
SHAPES = [
    (1, 8, 8, 3, (16, 16)),
    (2, 5, 6, 3, (13, 17)),
    (3, 2, 2, 3, (1, 1)),
    (1, 3, 2, 3, (150, 90)),
    (2, 4, 6, 7, (9, 22)),
    (1, 3, 3, 7, (2, 3)),
    (1, 2, 3, 7, (90, 90)),
    (2, 5, 6, 3, (5, 9, 7)),
    (1, 2, 3, 3, (1, 4, 4)),
    (2, 2, 3, 3, (16, 22, 33)),
]


def error(answer: torch.Tensor, expected: torch.Tensor) -> float:
    assert answer.shape == expected.shape
    return float((answer - expected).abs().max() / expected.abs().max())


def case(shape: tuple[int, int, int, int, tuple[int, ...]], dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Input, weight, bias, and the direct convolution's answer in double precision."""
    batch, into, out, kernel, size = shape
    generator = torch.Generator().manual_seed(sum(size))
    x = torch.randn(batch, into, *size, generator=generator, dtype=torch.float64)
    weight = torch.randn(out, into, *[kernel] * len(size), generator=generator, dtype=torch.float64)
    bias = torch.randn(out, generator=generator, dtype=torch.float64)
    convolve = functional.conv3d if len(size) == 3 else functional.conv2d
    return x.to(dtype), weight.to(dtype), bias.to(dtype), convolve(x, weight, bias, padding=kernel // 2)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_answers_as_the_direct_convolution(shape: tuple[int, int, int, int, tuple[int, ...]]) -> None:
    x, weight, bias, expected = case(shape, torch.float64)
    assert error(FilteredConv(weight, bias)(x), expected) < 1e-13
    without = FilteredConv(weight, None)(x) + bias.view(-1, *[1] * (weight.ndim - 2))
    assert error(without, expected) < 1e-13


@pytest.mark.parametrize(("shape", "bound"), [((1, 256, 32, 3, (24, 24)), 5e-6), ((1, 144, 32, 7, (24, 24)), 1e-5)])
def test_single_precision_rounds_little(shape: tuple[int, int, int, int, tuple[int, ...]], bound: float) -> None:
    x, weight, bias, expected = case(shape, torch.float32)
    assert error(FilteredConv(weight, bias)(x).double(), expected) < bound


@pytest.mark.parametrize("size", [(13, 17), (5, 9, 7)])
def test_answers_channels_last_whatever_comes_in(size: tuple[int, ...]) -> None:
    layout = torch.channels_last if len(size) == 2 else torch.channels_last_3d
    x, weight, bias, expected = case((2, 6, 4, 3, size), torch.float64)
    conv = FilteredConv(weight, bias)
    wide = torch.cat([x, x, x], 1).contiguous(memory_format=layout)
    for given in (x, x.contiguous(memory_format=layout), wide[:, 6:12]):
        answer = conv(given)
        assert answer.is_contiguous(memory_format=layout)
        assert error(answer, expected) < 1e-13


@pytest.mark.parametrize("taps", [3, 4])
def test_matrices_filter_along_one_axis(taps: int) -> None:
    outputs, filters, inputs = matrices(taps)
    x, weight = torch.randn(3 + taps, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    answer = outputs @ ((filters @ weight) * (inputs @ x))
    expected = torch.stack([(x[i : i + taps] * weight).sum() for i in range(4)])
    assert error(answer, expected) < 1e-13


@pytest.mark.parametrize(("factor", "size"), [(1, (12, 8)), (2, (12, 8)), (4, (8, 20)), (1, (6, 7)), (2, (6, 10))])
def test_modulation_scales_and_shifts(factor: int, size: tuple[int, int]) -> None:
    norm = narrow.randomised(Spade(5, 4, 6), 3).double()
    plain = Modulation(norm)
    x = torch.randn(2, 5, size[0] // factor, size[1] // factor, dtype=torch.float64)
    hidden = torch.randn(2, 18, *size, dtype=torch.float64).contiguous(memory_format=torch.channels_last)[:, 6:12]
    answer = FilteredModulation(joined(plain))(x, hidden)
    assert error(answer, plain(x, hidden)) < 1e-13
    assert answer.is_contiguous(memory_format=torch.channels_last)


def test_whole_networks_answer_as_the_plain_ones() -> None:
    models = narrow.models()
    with torch.inference_mode():
        generator, guide = models.generator.double(), torch.randn(2, 16, 8, 8, dtype=torch.float64)
        fast = FastGenerator(generator)
        filter_convolutions(fast, choose=lambda conv: True)
        assert sum(isinstance(part, FilteredConv) for part in fast.modules()) > 40
        assert error(fast(guide).double(), generator(guide)) < 1e-6
        feature = models.appearance(torch.rand(2, 3, 256, 256))
        driving, source = torch.rand(2, 21, 3) - 0.5, torch.rand(2, 21, 3) - 0.5
        warping = FastWarping(models.warping)
        filter_convolutions(warping, choose=lambda conv: True)
        assert sum(isinstance(part, FilteredConv) for part in warping.modules()) > 8
        answer = warping(warping.prepare(feature), driving, source)
        assert error(answer, models.warping(feature, driving, source)) < 5e-5


def test_drawing_again_and_in_threads_gives_the_same_frames(models: Models) -> None:
    with torch.inference_mode():
        fast = FastGenerator(models.generator)
        filter_convolutions(fast, choose=lambda conv: True)
        guides = [torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(i)) for i in range(4)]
        alone = [fast(guide) for guide in guides]

    def draw(i: int) -> torch.Tensor:
        with torch.inference_mode():
            answer: torch.Tensor = fast(guides[i % 4])
            return answer

    with ThreadPoolExecutor(4) as pool:
        for i, answer in enumerate(pool.map(draw, range(16))):
            assert torch.equal(answer, alone[i % 4])


def test_small_convolutions_stay_direct() -> None:
    assert not pays(nn.Conv2d(64, 12, 3, padding=1, device="meta"))
    assert not pays(nn.Conv2d(256, 64, 3, padding=1, device="meta"))
    assert pays(nn.Conv2d(512, 512, 3, padding=1, device="meta"))
    assert not pays(nn.Conv3d(1024, 512, 3, padding=1, device="meta"))
    assert pays(nn.Conv3d(144, 144, 3, padding=1, device="meta"))
    other = nn.Sequential(nn.Conv2d(256, 256, 1), nn.Conv2d(256, 256, 3), nn.Conv2d(256, 256, (3, 1), padding=(1, 0)))
    filter_convolutions(other, choose=lambda conv: True)
    assert not any(isinstance(part, FilteredConv) for part in other.modules())


@pytest.mark.parametrize(
    ("precision", "acceleration", "expected"),
    [("fp32", "auto", True), ("bf16", "auto", False), ("fp32", "compile", False)],
)
def test_only_single_precision_on_a_cpu_is_filtered(
    monkeypatch: pytest.MonkeyPatch, precision: str, acceleration: Acceleration, expected: bool
) -> None:
    anything = partial(filter_convolutions, choose=lambda conv: True)
    monkeypatch.setattr("talkinghead.models.liveportrait.engine.filter_convolutions", anything)
    engine = Engine(narrow.models(), precision=precision, acceleration=acceleration)
    for network in (engine.warping, engine.generator):
        assert any(isinstance(part, FilteredConv) for part in network.modules()) == expected
