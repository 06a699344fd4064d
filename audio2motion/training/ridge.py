"""Ridge regression from sums over rows, and one head of the heads of several layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audio2motion.network.feature_lips import FeatureHead
from audio2motion.network.protocol import Floats


class Sums:
    """Sums over rows, from which ridge regression is solved: x x', x y' of inputs (n,) with a one after them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self._squares, self._products = np.zeros((inputs + 1, inputs + 1)), np.zeros((inputs + 1, outputs))

    @property
    def rows(self) -> float:
        return float(self._squares[-1, -1])

    def add(self, x: Floats, y: Floats) -> None:
        """Rows (T, n) and (T, outputs)."""
        x = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
        self._squares += x.T @ x
        self._products += x.T @ y

    def solve(self, penalty: float, start: FeatureHead) -> FeatureHead:
        """The head (outputs, n) whose error and distance from `start`, times the penalty, are least together."""
        mean, target = self._squares[-1, :-1] / self.rows, self._products[-1] / self.rows
        centred = self._squares[:-1, :-1] - self.rows * np.outer(mean, mean)
        before = start.weight.T.astype(np.float64)
        left = self._products[:-1] - self.rows * np.outer(mean, target) - centred @ before
        spread = np.sqrt(np.diag(centred) / self.rows) + 1e-6
        scaled = centred / np.outer(spread, spread) + penalty * np.eye(len(spread))
        weight = before + np.linalg.solve(scaled, left / spread[:, None]) / spread[:, None]
        return FeatureHead(weight.T.astype(np.float32), (target - mean @ weight).astype(np.float32))

    def principal(self, head: FeatureHead, count: int) -> FeatureHead:
        """The same head with lips that move, over the rows, in the `count` ways only in which they go furthest.

        What it tells last, whether there is a p, b or m, stays as it is; so does the mean of all that it tells.
        """
        mean = self._squares[-1, :-1] / self.rows
        covariance = self._squares[:-1, :-1] / self.rows - np.outer(mean, mean)
        lips = head.weight[:-1].astype(np.float64)
        ways = np.linalg.eigh(lips @ covariance @ lips.T)[1][:, -count:]
        kept = ways @ (ways.T @ lips)
        bias = head.bias[:-1] + (lips - kept) @ mean
        weight = np.concatenate([kept, head.weight[-1:]])
        return FeatureHead(weight.astype(np.float32), np.append(bias, head.bias[-1]).astype(np.float32))


def apart(head: FeatureHead, places: int, shares: Floats) -> list[FeatureHead]:
    """The heads of single layers that `together` makes this one of; `shares` (outputs, layers)."""
    outputs, layers = shares.shape
    weight = head.weight.reshape(outputs, places, layers, -1)
    parts = [weight[:, :, i].reshape(outputs, -1) for i in range(layers)]
    return [FeatureHead(p / np.where(s > 0, s, np.float32(1))[:, None], head.bias) for p, s in zip(parts, shares.T)]


def together(heads: Sequence[FeatureHead], places: int, shares: Floats) -> FeatureHead:
    """One head on all layers, at each of `places`, from one on each: the sum of their `shares` (outputs, layers)."""
    outputs = len(shares)
    parts = [(head.weight * share[:, None]).reshape(outputs, places, -1) for head, share in zip(heads, shares.T)]
    bias = sum(head.bias * share for head, share in zip(heads, shares.T))
    return FeatureHead(np.stack(parts, 2).reshape(outputs, -1), np.asarray(bias, np.float32))
