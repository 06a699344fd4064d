"""The parts of tracking: filter, alignment, fit, neutral face, lost faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.drivers.tracking.alignment import align
from talkinghead.drivers.tracking.expression import ExpressionFit, load_basis
from talkinghead.drivers.tracking.guess import guess_weights
from talkinghead.drivers.tracking.neutral import find_neutral
from talkinghead.drivers.tracking.recovery import LOST_EASE_S, LOST_HOLD_S, RETURN_S, Recovery
from talkinghead.faces import canonical_mesh
from talkinghead.faces import mesh as points
from talkinghead.motion.angles import from_degrees, relative_pose, to_degrees
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from talkinghead.motion.filters import FilterSettings, OneEuro, ZeroPhaseOneEuro
from talkinghead.renderers.warp.landmark_basis import landmark_basis

Array = npt.NDArray[np.float64]
_BOTH_LIPS = sorted(
    {*points.INNER_LIP_UPPER, *points.INNER_LIP_LOWER, *points.OUTER_LIP_UPPER, *points.OUTER_LIP_LOWER}
)


def meshes(weights: Array) -> Array:
    """Meshes (T, 478, 3) of an average face with expressions (T, 52)."""
    out = np.repeat(canonical_mesh()[None].astype(np.float64), len(weights), axis=0)
    out[:, :, :2] += np.einsum("ts,spi->tpi", weights, load_basis())
    return out


def weights(**named: float) -> Array:
    out = np.zeros((1, 52))
    for name, value in named.items():
        out[0, BLENDSHAPE_INDEX[name]] = value
    return out


def test_angles_come_back_and_mean_what_types_say() -> None:
    angles = np.array([[10.0, 0, 0], [0, 20, 0], [0, 0, 30], [12, -25, 8]])
    assert np.allclose(to_degrees(from_degrees(angles)), angles)
    nose, crown = np.array([0, 0, -1.0]), np.array([0, -1.0, 0])
    pitched, yawed, rolled, _ = from_degrees(angles)
    assert (pitched @ nose)[1] > 0.1  # lower
    assert (yawed @ nose)[0] < -0.1  # to the picture's left
    assert (rolled @ crown)[0] > 0.1  # to the picture's right


def test_a_turn_counts_from_the_rest_it_starts_at() -> None:
    rest, angles = np.array([5.0, 12.0, -20.0]), np.array([[5.0, 12.0, -20.0], [5.0, 12.0, 0.0]])
    place = np.array([0.1, 0.2, 0.0])
    turns, shifts = relative_pose(angles, place + np.array([[0, 0, 0], [0, 0.1, 0]]), rest, place)
    assert np.allclose(turns[0], 0)
    assert np.allclose(turns[1], [0, 0, 20])
    assert np.allclose(shifts[0], 0)
    # Down in the picture, for a head that leans to the left, is down and to the left along the head.
    assert shifts[1][1] > 0.09
    assert shifts[1][0] < -0.02


def test_alignment_finds_pose_size_and_place() -> None:
    reference = canonical_mesh().astype(np.float64)
    rotation, place = from_degrees(np.array([[8.0, -15.0, 5.0]])), np.array([200.0, 100.0, -3.0])
    poses = align(80.0 * reference[None] @ rotation.transpose(0, 2, 1) + place, reference)
    assert np.allclose(to_degrees(poses.rotation), [[8, -15, 5]], atol=1e-6)
    assert poses.scale[0] == pytest.approx(80)
    assert np.allclose(poses.offset[0], place)
    assert np.allclose(poses.undo(poses.apply(reference)), reference)


def test_the_zero_phase_filter_has_no_lag_and_streams_what_it_would_filter_whole() -> None:
    rate, t = 30.0, np.arange(240) / 30.0
    clean = np.sin(2 * np.pi * 0.8 * t)[:, None]
    noisy = clean + 0.05 * np.random.default_rng(0).standard_normal(clean.shape)
    settings = FilterSettings(1.5, 1.0)
    whole = ZeroPhaseOneEuro(rate, settings)
    out = np.concatenate([whole.push(noisy), whole.finish()])
    assert len(out) == len(noisy)
    lags = [np.corrcoef(np.roll(out[40:-40, 0], k), clean[40:-40, 0])[0, 1] for k in range(-4, 5)]
    assert int(np.argmax(lags)) - 4 == 0
    causal = OneEuro(rate, settings).run(noisy)
    late = [np.corrcoef(np.roll(causal[40:-40, 0], -k), clean[40:-40, 0])[0, 1] for k in range(5)]
    assert int(np.argmax(late)) > 0  # what the backward pass is for
    assert np.std(out[20:-20] - clean[20:-20]) < 0.7 * np.std(noisy - clean)
    pieces = ZeroPhaseOneEuro(rate, settings)
    pushed = [pieces.push(noisy[i : i + 7]) for i in range(0, len(noisy), 7)]
    streamed = np.concatenate([*pushed, pieces.finish()])
    assert len(streamed) == len(noisy)
    assert np.abs(streamed - out).max() < 0.05


@pytest.mark.parametrize(
    "named",
    [
        {"jawOpen": 0.6},
        {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7},
        {"mouthSmileLeft": 0.7},
        {"mouthPucker": 0.8, "jawOpen": 0.2},
        {"browInnerUp": 0.8, "browOuterUpLeft": 0.7, "browOuterUpRight": 0.7},
        {"browDownLeft": 0.8, "browDownRight": 0.8},
        {"mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6, "mouthLowerDownLeft": 0.6, "mouthLowerDownRight": 0.6},
        {"jawLeft": 0.7, "jawOpen": 0.3},
        {"mouthRight": 0.6},
    ],
)
def test_the_fit_finds_the_blendshapes_that_moved_a_mesh(named: dict[str, float]) -> None:
    found = ExpressionFit.of(canonical_mesh().astype(np.float64))(meshes(weights(**named)))[0]
    for name, value in named.items():
        assert found[BLENDSHAPE_INDEX[name]] == pytest.approx(value, abs=0.3), name
    others = [found[i] for i, name in enumerate(BLENDSHAPE_NAMES) if name not in named]
    assert max(others) < 0.3


@pytest.mark.parametrize("error", [0.02, -0.02])
def test_lips_that_hardly_part_are_read_by_their_gap(error: float) -> None:
    fit, opening = ExpressionFit.of(canonical_mesh().astype(np.float64)), np.linspace(0, 0.1, 11)
    seen = meshes(np.concatenate([weights(mouthLowerDownLeft=w, mouthLowerDownRight=w) for w in opening]))
    # A head whose pose is a little wrong, more wrong from frame to frame: both lips are too low or too high.
    wrong = seen.copy()
    wrong[:, _BOTH_LIPS, 1] += error * np.cos(np.arange(len(seen)))[:, None]
    read = meshes(fit(wrong).astype(np.float64))
    there, found = (mesh[:, 14, 1] - mesh[:, 13, 1] for mesh in (seen, read))
    assert np.abs(found - there).max() < 0.0035
    assert np.corrcoef(found, there)[0, 1] > 0.92


def test_lids_and_gaze_are_the_persons_own_left_and_right() -> None:
    mesh = canonical_mesh().astype(np.float64)
    fit = ExpressionFit.of(mesh)
    winking, looking = mesh.copy(), mesh.copy()
    for upper, lower in ((387, 373), (386, 374), (385, 380)):  # the eye on the picture's right
        winking[upper, :2] += 0.9 * (mesh[lower, :2] - mesh[upper, :2])
    looking[[468, 473], 0] += 0.08  # to the picture's right
    wink, look = fit(winking[None])[0], fit(looking[None])[0]
    assert wink[BLENDSHAPE_INDEX["eyeBlinkLeft"]] > 0.9
    assert wink[BLENDSHAPE_INDEX["eyeBlinkRight"]] < 0.1
    assert look[BLENDSHAPE_INDEX["eyeLookOutLeft"]] > 0.5
    assert look[BLENDSHAPE_INDEX["eyeLookInRight"]] > 0.5


def test_the_table_is_what_the_renderer_draws_by() -> None:
    made = landmark_basis(canonical_mesh())
    difference = np.abs(made - load_basis()).max(axis=(1, 2))
    stale = [name for name, worst in zip(BLENDSHAPE_NAMES, difference) if worst > 0.02]
    assert not stale, f"run benchmarks/tracking_basis.py: {', '.join(stale)} changed"


def test_the_neutral_face_is_found_wherever_it_is() -> None:
    talking = np.concatenate([weights(jawOpen=0.3 + 0.02 * i, mouthPucker=0.2) for i in range(20)])
    smiling = np.repeat(weights(mouthSmileLeft=0.9, mouthSmileRight=0.9), 6, axis=0)
    calm = np.zeros((25, 52))
    sequence = meshes(np.concatenate([talking, calm, smiling]))
    sequence += 0.001 * np.random.default_rng(1).standard_normal(sequence.shape)
    neutral = find_neutral(100 * sequence + 40, canonical_mesh())
    assert 20 <= neutral.frame < 45
    assert np.linalg.norm(neutral.mesh[13] - neutral.mesh[14]) < 0.05
    assert np.abs(neutral.pose).max() < 2


def test_a_lone_face_that_smiles_talks_or_does_nothing_is_told_apart() -> None:
    average = canonical_mesh()
    smile = guess_weights(100 * meshes(weights(mouthSmileLeft=1, mouthSmileRight=1))[0], average)
    talk = guess_weights(100 * meshes(weights(jawOpen=0.7))[0], average)
    nothing = guess_weights(100 * average, average)
    assert smile[BLENDSHAPE_INDEX["mouthSmileLeft"]] > 0.4
    assert smile[BLENDSHAPE_INDEX["jawOpen"]] < 0.1
    assert talk[BLENDSHAPE_INDEX["jawOpen"]] > 0.4
    assert talk[BLENDSHAPE_INDEX["mouthSmileLeft"]] < 0.2
    assert nothing.max() < 0.1


def test_a_lost_face_is_held_then_eased_to_rest_then_eased_back() -> None:
    rate, rest, there = 20.0, np.zeros(1), np.ones(1)
    recovery = Recovery(rate, rest)
    before = [recovery.step(there)[0] for _ in range(5)]
    away = [recovery.step(None)[0] for _ in range(40)]
    back = [recovery.step(there)[0] for _ in range(12)]
    assert before == [1.0] * 5
    assert away[: int(LOST_HOLD_S * rate)] == [1.0] * int(LOST_HOLD_S * rate)
    assert away[int((LOST_HOLD_S + LOST_EASE_S) * rate) + 1] == pytest.approx(0.0, abs=1e-6)
    assert np.abs(np.diff(away)).max() < 0.2
    assert 0 < back[0] < 0.5
    assert back[int(RETURN_S * rate) + 1] == 1.0
    assert (recovery.report.frames, recovery.report.lost, recovery.report.gaps) == (57, 40, 1)
    assert recovery.report.longest_s == pytest.approx(2.0)
