"""The smoother is the exact one, and streaming changes nothing."""

from __future__ import annotations

import numpy as np
import torch

from talkinghead.renderers.liveportrait.kalman import OBSERVATION_VARIANCE, PROCESS_VARIANCE, KalmanSmoother, smooth


def noisy(frames: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(2)
    return (torch.randn(frames, 24, 3, generator=draw) * 0.003).cumsum(0) + torch.randn(
        frames, 24, 3, generator=draw
    ) * 1e-3


def test_smoothed_series_is_the_most_likely_one() -> None:
    """A linear Gaussian model's smoothed means minimise the sum of squared, weighted surprises: solve that directly."""
    series = noisy(30)
    n = len(series)
    change = np.diff(np.eye(n), axis=0)
    normal = np.eye(n) / OBSERVATION_VARIANCE + change.T @ change / PROCESS_VARIANCE
    normal[0, 0] += 1.0  # the initial mean is the first observation, with variance 1
    right = series.double().numpy().reshape(n, -1) / OBSERVATION_VARIANCE
    right[0] += series[0].double().numpy().reshape(-1)
    expected = np.linalg.solve(normal, right).reshape(series.shape)
    np.testing.assert_allclose(smooth(series).numpy(), expected, atol=1e-7)
    assert np.abs(expected - series.numpy()).max() > 1e-5


def test_stream_equals_the_whole_series() -> None:
    series, smoother, out = noisy(50), KalmanSmoother(), []
    for observation in series:
        out += smoother.push(observation)
    assert len(out) == len(series) - 12
    out += smoother.finish()
    torch.testing.assert_close(torch.stack(out), smooth(series), atol=1e-8, rtol=0)


def test_short_series() -> None:
    assert KalmanSmoother().finish() == []
    one = noisy(1)
    torch.testing.assert_close(smooth(one), one)
