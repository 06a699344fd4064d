"""Kalman smoothing of a series whose state is what is observed: the rule for source videos.

Transition and observation are the identity and all covariances multiples of it, so one scalar variance serves every
component. The smoother is Rauch, Tung and Striebel's (1965), not the filter alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

PROCESS_VARIANCE = 1e-5
OBSERVATION_VARIANCE = 3e-7
INITIAL_VARIANCE = 1.0

# Each step back weighs at most OBSERVATION / PROCESS = 0.03, so what lies 12 frames ahead weighs under 1e-18.
LAG_FRAMES = 12


class KalmanSmoother:
    """Smooths a stream with a fixed look-ahead that changes nothing in single precision.

    `push` an observation (any shape, the same each time); get those smoothed values that are settled, oldest first;
    `finish` gives the rest.
    """

    def __init__(self, lag_frames: int = LAG_FRAMES) -> None:
        self._lag = lag_frames
        self._filtered: list[tuple[Tensor, float]] = []

    def push(self, observation: Tensor) -> list[Tensor]:
        """One more observation in; the values that it settled out (none or one)."""
        observation = observation.double()
        if not self._filtered:
            mean, variance = observation, INITIAL_VARIANCE
        else:
            mean, variance = self._filtered[-1]
            variance += PROCESS_VARIANCE
        gain = variance / (variance + OBSERVATION_VARIANCE)
        self._filtered.append((mean + gain * (observation - mean), (1 - gain) * variance))
        return self._settle(1) if len(self._filtered) > self._lag else []

    def finish(self) -> list[Tensor]:
        """What is left, oldest first."""
        return self._settle(len(self._filtered))

    def _settle(self, count: int) -> list[Tensor]:
        """Smooth back from the newest; give and forget the oldest `count`."""
        if not count:
            return []
        following = self._filtered[-1][0]
        smoothed = [following]
        for mean, variance in reversed(self._filtered[:-1]):
            following = mean + variance / (variance + PROCESS_VARIANCE) * (following - mean)
            smoothed.append(following)
        del self._filtered[:count]
        return [value.float() for value in smoothed[::-1][:count]]


def smooth(series: Tensor) -> Tensor:
    """(T, ...) -> the same shape, smoothed over all of it."""
    smoother = KalmanSmoother(lag_frames=len(series))
    for observation in series:
        smoother.push(observation)
    return torch.stack(smoother.finish()).to(series.dtype)
