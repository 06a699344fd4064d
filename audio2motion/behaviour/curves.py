"""Shapes of movement: minimum-jerk steps, bumps, and low-pass filters that never overshoot."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FRAME_RATE_HZ = 50
FRAME_S = 1 / FRAME_RATE_HZ


def minimum_jerk(x: float) -> float:
    """0..1 for 0..1: the smoothest way from rest to rest (Flash and Hogan 1985)."""
    x = min(max(x, 0.0), 1.0)
    return x * x * x * (10.0 + x * (6.0 * x - 15.0))


@dataclass(frozen=True, slots=True)
class Bump:
    """A movement there and back: rises from `start_s`, holds, falls; `size` at its height."""

    start_s: float
    rise_s: float
    hold_s: float
    fall_s: float
    size: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.rise_s + self.hold_s + self.fall_s

    def at(self, time_s: float) -> float:
        since_s = time_s - self.start_s
        if since_s <= self.rise_s:
            return self.size * minimum_jerk(since_s / self.rise_s)
        return self.size * minimum_jerk((self.end_s - time_s) / self.fall_s)


@dataclass(slots=True)
class Bumps:
    """Bumps under way; their sum."""

    active: list[Bump] = field(default_factory=list)

    def add(self, bump: Bump) -> None:
        self.active.append(bump)

    def at(self, time_s: float) -> float:
        self.active = [bump for bump in self.active if bump.end_s > time_s]
        return sum(bump.at(time_s) for bump in self.active)


@dataclass(slots=True)
class LowPass:
    """`order` equal real poles in a row: unit gain at rest, no overshoot, smooth from the second pole on."""

    cutoff_rad_s: float
    order: int = 2
    state: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.state or [0.0] * self.order

    def step(self, value: float) -> float:
        gain = 1.0 - math.exp(-self.cutoff_rad_s * FRAME_S)
        for i in range(self.order):
            value = self.state[i] = self.state[i] + gain * (value - self.state[i])
        return value


@dataclass(slots=True)
class Wander:
    """Unit-variance noise with memory (Ornstein-Uhlenbeck), made smooth: `step` takes a standard normal draw."""

    memory_s: float
    smooth: LowPass
    state: float = 0.0

    def step(self, draw: float) -> float:
        keep = math.exp(-FRAME_S / self.memory_s)
        self.state = keep * self.state + math.sqrt(1.0 - keep * keep) * draw
        return self.smooth.step(self.state)


def saturate(value: float, limit: float) -> float:
    """Close to `value` while small, never beyond ±`limit`."""
    return limit * math.tanh(value / limit)
