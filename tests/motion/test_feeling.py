"""An expression that is worn: it comes, stays and goes, under whatever moves the face."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.controls import controls_to_motion
from talkinghead.motion.feeling import CHANGE_S, Feeling
from talkinghead.motion.motion import Motion

FPS = Fraction(25)
SMILE = BLENDSHAPE_INDEX["mouthSmileLeft"]


def talking(frames: int) -> Motion:
    weights = np.zeros((frames, 52), np.float32)
    weights[:, BLENDSHAPE_INDEX["jawOpen"]] = np.linspace(0, 0.5, frames)
    return Motion.from_blendshapes(weights, FPS)


def test_it_comes_stays_and_goes_however_the_motion_is_cut() -> None:
    whole, cut = Feeling(FPS), Feeling(FPS)
    motion = talking(60)
    assert whole.under(motion) is motion
    worn = []
    for feeling in (whole, cut):
        feeling.change(controls_to_motion({"smile": 0.6, "yaw": 5}))
    worn.append(whole.under(motion))
    worn.append(Motion.concatenate([cut.under(motion[at : at + 7]) for at in range(0, 60, 7)]))
    smiles = [one.blendshapes[:, SMILE] for one in worn]
    np.testing.assert_allclose(smiles[0], smiles[1], atol=1e-5)
    assert (np.diff(smiles[0]) >= -1e-6).all()
    assert smiles[0][0] < 0.05
    settled = round(CHANGE_S * 25)
    np.testing.assert_allclose(smiles[0][settled:], 0.6, atol=1e-5)
    jaw = BLENDSHAPE_INDEX["jawOpen"]
    np.testing.assert_allclose(worn[0].blendshapes[:, jaw], motion.blendshapes[:, jaw])
    assert np.abs(worn[0].expression - motion.expression).max() > 0
    assert np.abs(worn[0].rotation - motion.rotation).max() > 1
    whole.change(None)
    after = whole.under(talking(30)).blendshapes[:, SMILE]
    assert after[0] > 0.5
    np.testing.assert_allclose(after[settled:], 0, atol=1e-6)
    assert whole.under(motion) is motion


def test_one_gives_way_to_another_and_nothing_leaves_its_range() -> None:
    feeling = Feeling(FPS)
    feeling.change(controls_to_motion({"smile": 1}))
    feeling.under(talking(25))
    feeling.change(controls_to_motion({"brows": 1}))
    between = feeling.under(talking(25)).blendshapes
    assert between[5, SMILE] > 0
    assert between[5, BLENDSHAPE_INDEX["browInnerUp"]] > 0
    assert between[-1, SMILE] == 0
    feeling.change(controls_to_motion({"jaw": 1}))
    assert feeling.under(talking(60)).blendshapes.max() <= 1
