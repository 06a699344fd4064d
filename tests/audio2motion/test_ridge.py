"""The algebra of the fit: what is solved for, in how few ways lips move, and one head of those of layers."""

from __future__ import annotations

import numpy as np
import pytest

from audio2motion.network.feature_lips import FeatureHead
from audio2motion.network.protocol import Floats
from audio2motion.training.ridge import Sums, apart, together

RNG = np.random.default_rng(3)


def normal(*shape: int) -> Floats:
    return RNG.standard_normal(shape).astype(np.float32)


NOTHING = FeatureHead(np.zeros((6, 8), np.float32), np.zeros(6, np.float32))


@pytest.fixture(scope="module")
def x() -> Floats:
    return normal(4000, 8) * np.arange(1, 9, dtype=np.float32) + 2


@pytest.fixture(scope="module")
def truth() -> FeatureHead:
    return FeatureHead(normal(6, 8), normal(6))


def sums(x: Floats, truth: FeatureHead) -> Sums:
    found = Sums(8, 6)
    for part in np.array_split(x, 7):
        found.add(part, np.column_stack(truth(part)))
    return found


def test_a_linear_truth_is_found_and_a_large_penalty_stays_where_it_starts(x: Floats, truth: FeatureHead) -> None:
    found = sums(x, truth).solve(1e-3, NOTHING)
    np.testing.assert_allclose(found.weight, truth.weight, atol=1e-3)
    np.testing.assert_allclose(found.bias, truth.bias, atol=1e-2)
    np.testing.assert_allclose(sums(x, truth).solve(1e12, NOTHING).weight, 0, atol=1e-4)


def test_few_movements_are_those_that_go_furthest(x: Floats, truth: FeatureHead) -> None:
    """No other two linear movements, which principal components of what is told are, come nearer to all of them."""
    two = sums(x, truth).principal(truth, 2)
    told, whole = two(x)[0], truth(x)[0]
    left = np.linalg.svd(whole - whole.mean(0), compute_uv=False)[2:]
    assert np.square(whole - told).sum() == pytest.approx(np.square(left).sum(), rel=1e-3)
    np.testing.assert_allclose(told.mean(0), whole.mean(0), atol=1e-3)
    np.testing.assert_array_equal(two.weight[-1], truth.weight[-1])
    np.testing.assert_allclose(sums(x, truth).principal(truth, 5).weight, truth.weight, atol=1e-5)


def test_heads_of_layers_become_one_and_are_taken_apart() -> None:
    shares = np.array([[0.8, 0.2], [0.5, 0.5], [0.0, 1.0]], np.float32)
    heads, told = [FeatureHead(normal(3, 3 * 4), normal(3)) for _ in range(2)], normal(5, 3, 2, 4)
    one = together(heads, 3, shares)
    each = [np.column_stack(head(told[:, :, i].reshape(5, -1))) for i, head in enumerate(heads)]
    expected = shares[:, 0] * each[0] + shares[:, 1] * each[1]
    np.testing.assert_allclose(np.column_stack(one(told.reshape(5, -1))), expected, atol=1e-5)
    again = together(apart(one, 3, shares), 3, shares)
    np.testing.assert_allclose(again.weight, one.weight, atol=1e-6)
    np.testing.assert_allclose(again.bias, one.bias, atol=1e-6)
