"""The table between ARKit's blendshapes and LivePortrait's keypoint deltas."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import (
    BLENDSHAPE_INDEX,
    BLENDSHAPE_NAMES,
    N_BLENDSHAPES,
    directions,
    to_blendshapes,
    to_expression,
)


def one(name: str, weight: float = 1.0) -> Floats:
    weights = np.zeros((1, N_BLENDSHAPES), np.float32)
    weights[0, BLENDSHAPE_INDEX[name]] = weight
    return weights


def test_names_are_arkit_s_fifty_two_in_live_link_face_order() -> None:
    assert len(set(BLENDSHAPE_NAMES)) == 52
    assert BLENDSHAPE_NAMES[:2] == ("eyeBlinkLeft", "eyeLookDownLeft")
    # Live Link Face writes right before left for jaw and mouth, unlike ARKit's documentation.
    assert BLENDSHAPE_INDEX["jawRight"] < BLENDSHAPE_INDEX["jawLeft"] < BLENDSHAPE_INDEX["jawOpen"]
    assert BLENDSHAPE_NAMES[-1] == "tongueOut"


def test_jaw_lowers_the_lower_lip_keypoint_as_published() -> None:
    # 100 units of the "aaa" slider: keypoint 19 moves down by 0.1, and a little inwards.
    deltas = to_expression(one("jawOpen"))[0]
    assert deltas[19] == pytest.approx([0, 0.1, 0.01], abs=1e-6)
    assert deltas[17, 1] == pytest.approx(-0.01, abs=1e-6)
    assert np.abs(np.delete(deltas, [17, 19], axis=0)).max() == 0


def test_left_and_right_lids_are_different_keypoints() -> None:
    left, right = to_expression(one("eyeBlinkLeft"))[0], to_expression(one("eyeBlinkRight"))[0]
    assert left[15, 1] > 0
    assert right[11, 1] > 0
    assert left[11, 1] == right[15, 1] == 0


@pytest.mark.parametrize("name", ["jawOpen", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookOutLeft"])
@pytest.mark.parametrize("weight", [0.2, 0.9])
def test_a_single_shape_survives_the_way_there_and_back(name: str, weight: float) -> None:
    back = to_blendshapes(to_expression(one(name, weight)))
    assert back[0, BLENDSHAPE_INDEX[name]] == pytest.approx(weight, abs=0.15)
    np.testing.assert_allclose(to_expression(back), to_expression(one(name, weight)), atol=1.5e-3)


def test_expression_survives_the_way_there_and_back_for_mixtures() -> None:
    rng = np.random.default_rng(7)
    weights = (rng.random((40, N_BLENDSHAPES)) * (rng.random((40, N_BLENDSHAPES)) < 0.15)).astype(np.float32)
    there = to_expression(weights)
    back = to_expression(to_blendshapes(there))
    assert np.sqrt(np.mean((back - there) ** 2)) < 0.1 * np.sqrt(np.mean(there**2))


def test_weights_stay_within_bounds_for_any_expression() -> None:
    wild = np.random.default_rng(3).normal(0, 0.2, (20, 21, 3))
    weights = to_blendshapes(wild)
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_the_table_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        directions()[0, 0, 0] = 1
