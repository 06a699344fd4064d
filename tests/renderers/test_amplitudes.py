"""One table of amplitudes: what drawing, tracking and the self-check make of it."""

from __future__ import annotations

import numpy as np
import pytest

from audio2motion import MOUTH_AMPLITUDES
from talkinghead.faces import canonical_mesh, mesh
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.proportions import CHIN_SHARE, GAZE_X, GAZE_Y, UPPER_LIP_SHARE
from talkinghead.quality.selfcheck import LIP_PARTINGS
from talkinghead.renderers.warp import mouth_fields
from talkinghead.renderers.warp.landmark_basis import landmark_basis


def test_the_renderers_amplitudes_are_those_it_was_tuned_with() -> None:
    tuned = {"JAW": 0.34, "RAISE": 0.085, "LOWER": 0.10, "NARROW": 0.34, "SPREAD": 0.13, "PRESS": 0.05, "BITE": 0.075}
    assert {name: vars(mouth_fields)[name] for name in tuned} == tuned
    assert (GAZE_X, GAZE_Y) == (0.105, 0.060)
    assert (UPPER_LIP_SHARE, 1 - UPPER_LIP_SHARE, CHIN_SHARE) == (0.3, 0.7, 0.8)


def test_the_self_check_reads_what_the_renderer_draws() -> None:
    """Its shares were once written down with two digits."""
    written = {
        "jawOpen": 1.0, "mouthClose": -1.0, "mouthLowerDownLeft": 0.15, "mouthLowerDownRight": 0.15,
        "mouthUpperUpLeft": 0.125, "mouthUpperUpRight": 0.125, "mouthFunnel": 0.2, "mouthPressLeft": -0.07,
        "mouthPressRight": -0.07, "mouthRollLower": -0.2, "mouthRollUpper": -0.1, "mouthShrugLower": -0.1,
    }  # fmt: skip
    assert pytest.approx(written, abs=0.005) == LIP_PARTINGS


@pytest.mark.parametrize(
    ("names", "point", "moved"),
    [
        (["jawOpen"], mesh.CHIN, MOUTH_AMPLITUDES.jaw_open),
        (["mouthUpperUpLeft", "mouthUpperUpRight"], mesh.INNER_LIP_TOP, -MOUTH_AMPLITUDES.upper_lip_up),
        (["mouthLowerDownLeft", "mouthLowerDownRight"], mesh.INNER_LIP_BOTTOM, MOUTH_AMPLITUDES.lower_lip_down),
        (["mouthPressLeft", "mouthPressRight"], mesh.INNER_LIP_TOP, MOUTH_AMPLITUDES.lip_press),
    ],
)
def test_an_average_face_is_moved_by_the_table(names: list[str], point: int, moved: float) -> None:
    basis = landmark_basis(canonical_mesh())
    down = np.sum([basis[BLENDSHAPE_INDEX[name], point, 1] for name in names])
    assert down == pytest.approx(moved, rel=0.12)
