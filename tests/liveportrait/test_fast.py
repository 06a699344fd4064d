"""The rearranged networks answer what the plain ones answer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from talkinghead.models.liveportrait.fast import fold, sampling
from talkinghead.models.liveportrait.fast.appearance import FastAppearance
from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.upsampled import UpsampledConv
from talkinghead.models.liveportrait.fast.warping import FastWarping
from talkinghead.models.liveportrait.networks.blocks import SpectralConv2d
from talkinghead.models.liveportrait.networks.warping import candidate_grids, heatmap, identity_grid, sample_candidates
from talkinghead.models.liveportrait.weights import Models
from tests.liveportrait import narrow


def close(answer: torch.Tensor, expected: torch.Tensor, tolerance: float = 2e-5) -> None:
    assert answer.shape == expected.shape
    assert (answer - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("factor", [2, 4])
def test_convolution_before_upsampling_is_the_convolution_after(factor: int) -> None:
    x, conv = torch.randn(2, 5, 6, 7), nn.Conv2d(5, 3, 3, padding=1)
    expected = conv(functional.interpolate(x, scale_factor=float(factor))).relu()
    close(UpsampledConv(conv.weight, fold.bias_of(conv), factor)(x, torch.empty_like(expected)), expected)


def test_volume_convolution_before_upsampling_of_the_plane() -> None:
    x, conv = torch.randn(1, 4, 3, 5, 6), nn.Conv3d(4, 2, 3, padding=1)
    expected = conv(functional.interpolate(x, scale_factor=(1.0, 2.0, 2.0))).relu()
    close(UpsampledConv(conv.weight, fold.bias_of(conv), 2)(x, torch.empty_like(expected)), expected)


def test_shifted_sampling_is_trilinear_sampling_by_translations() -> None:
    volume, driving, source = torch.randn(1, 3, 4, 6, 5), torch.rand(2, 7, 3) * 3 - 1.5, torch.rand(2, 7, 3) - 0.5
    grids = candidate_grids(identity_grid(4, 6, 5, like=driving), driving, source)
    expected = sample_candidates(volume.expand(2, -1, -1, -1, -1), grids)
    close(sampling.sample_shifted(volume, functional.pad(source - driving, (0, 0, 1, 0))), expected)


def test_gathered_corners_are_trilinear_sampling_with_zeros_outside() -> None:
    volume, grid = torch.randn(1, 3, 4, 6, 5), torch.rand(1, 4, 6, 5, 3) * 3 - 1.5
    expected = functional.grid_sample(volume, grid, align_corners=False)
    indices, weights = sampling.corners(grid, (4, 6, 5))
    table = volume[0].flatten(1).T.contiguous()
    answer = sampling.gather(table, indices.flatten(0, 3), weights.flatten(0, 3))
    close(answer.T.reshape(expected.shape), expected)


def test_spectral_norm_is_divided_out() -> None:
    conv = SpectralConv2d(4, 6)
    left, values, right = torch.linalg.svd(conv.weight_orig.detach().flatten(1), full_matrices=False)
    conv.weight_u.copy_(left[:, 0])
    conv.weight_v.copy_(right[0])
    folded = fold.fold_spectral(conv)
    close(folded.weight, conv.weight_orig.detach() / values[0])
    x = torch.randn(1, 4, 5, 5)
    close(folded(x), conv(x).detach())


def test_each_network_answers_as_the_plain_one(models: Models) -> None:
    with torch.inference_mode():
        picture = torch.rand(2, 3, 256, 256)
        feature = models.appearance(picture)
        close(FastAppearance(models.appearance)(picture), feature)
        driving, source = torch.rand(2, 21, 3) - 0.5, torch.rand(2, 21, 3) - 0.5
        warping = FastWarping(models.warping)
        expected = models.warping.dense_motion_network(feature, driving, source)
        prepared = warping.prepare(feature)
        for answer, value in zip(warping.dense_motion(prepared, driving, source), expected):
            close(answer, value)
        warped = models.warping(feature, driving, source)
        close(warping(prepared, driving, source), warped)


def test_generator_answers_as_the_plain_one() -> None:
    # Random weights amplify the order of summation: in double precision only a mistake shows.
    generator = narrow.models().generator.double()
    with torch.inference_mode():
        guide = torch.randn(2, 16, 8, 8, dtype=torch.float64)
        close(FastGenerator(generator)(guide).double(), generator(guide), 1e-6)


def test_one_source_serves_a_batch_of_frames(models: Models) -> None:
    with torch.inference_mode():
        warping, feature = FastWarping(models.warping), models.appearance(torch.rand(1, 3, 256, 256))
        driving, source = torch.rand(3, 21, 3) - 0.5, torch.rand(1, 21, 3).expand(3, -1, -1) - 0.5
        together = warping(warping.prepare(feature), driving, source)
        for i in range(3):
            close(together[i : i + 1], models.warping(feature, driving[i : i + 1], source[i : i + 1]))


def test_heatmaps_are_products_of_gaussians() -> None:
    from talkinghead.models.liveportrait.fast.warping import gaussian

    points = torch.rand(2, 21, 3) * 2 - 1
    close(gaussian(points, (4, 6, 5)), heatmap(identity_grid(4, 6, 5, like=points), points))


def test_bfloat16_changes_the_picture_by_rounding_alone(models: Models) -> None:
    with torch.inference_mode():
        warped = torch.randn(1, 16, 64, 64)
        exact = models.generator(warped)
        rounded = FastGenerator(models.generator).bfloat16()(warped.bfloat16())
        assert (rounded - exact).abs().mean() < 0.02
        assert rounded.dtype == torch.float32


def test_the_plain_networks_stay_as_they_were() -> None:
    models = narrow.models()
    before = [p.clone() for part in (models.appearance, models.warping, models.generator) for p in part.parameters()]
    for fast in (FastAppearance(models.appearance), FastWarping(models.warping), FastGenerator(models.generator)):
        fast.bfloat16()
    after = [p for part in (models.appearance, models.warping, models.generator) for p in part.parameters()]
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(after, before))
