"""LivePortrait's templates: read as it means them, written as it reads them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.core.errors import MotionError, OutputError
from talkinghead.motion.motion import Motion, Rest
from talkinghead.motion.templates import load_template, rotation_degrees, rotation_matrices, save_template

Template = dict[str, Any]  # as pickled: tests put wrong things in
Array = npt.NDArray[np.float64]

RNG = np.random.default_rng(5)


def axis_rotation(axis: int, degrees: float) -> Array:
    """A rotation about x, y or z for column vectors, from its definition."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    m = np.eye(3)
    m[i, i] = m[j, j] = c
    m[i, j], m[j, i] = -s, s
    return m


def published(pitch: float, yaw: float, roll: float) -> Array:
    turn: Array = (axis_rotation(2, roll) @ axis_rotation(1, yaw) @ axis_rotation(0, pitch)).T
    return turn


def template(frames: int = 4, old: bool = False, ratios: bool = True, **changes: object) -> tuple[Template, Array]:
    """A template as LivePortrait writes it, and the angles in it."""
    angles = RNG.uniform(-40, 40, (frames, 3))
    motion = [
        {
            "scale": np.full((1, 1), 1.2 + 0.01 * i, np.float32),
            "R_d" if old else "R": published(*angles[i]).astype(np.float32)[None],
            "exp": RNG.normal(0, 0.03, (1, 21, 3)).astype(np.float32),
            "t": RNG.normal(0, 0.03, (1, 3)).astype(np.float32),
        }
        for i in range(frames)
    ]
    made = {"n_frames": frames, "output_fps": 30, "motion": motion}
    if ratios:
        eyes, lips = ("c_d_eyes_lst", "c_d_lip_lst") if old else ("c_eyes_lst", "c_lip_lst")
        made[eyes] = [RNG.uniform(0.2, 0.4, (1, 2)).astype(np.float32) for _ in range(frames)]
        made[lips] = [RNG.uniform(0, 0.3, (1, 1)).astype(np.float32) for _ in range(frames)]
    return {**made, **changes}, angles


def written(path: Path, value: object) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=4))
    return path


def test_rotations_are_in_the_published_convention_and_come_back() -> None:
    angles = RNG.uniform(-80, 80, (200, 3))
    matrices = rotation_matrices(angles)
    np.testing.assert_allclose(matrices, [published(*row) for row in angles], atol=1e-12)
    np.testing.assert_allclose(rotation_degrees(matrices), angles, atol=1e-9)


def test_rotations_at_the_poles_come_back_as_the_same_rotation() -> None:
    for angles in ([[20.0, 90.0, 30.0]], [[-15.0, -90.0, 5.0]]):
        matrices = rotation_matrices(angles)
        np.testing.assert_allclose(rotation_matrices(rotation_degrees(matrices)), matrices, atol=1e-9)


@pytest.mark.parametrize("old", [False, True])
def test_a_template_is_read_as_it_means(tmp_path: Path, old: bool) -> None:
    made, angles = template(old=old)
    motion = load_template(written(tmp_path / "t.pkl", made))
    assert (len(motion), motion.view) == (4, "expression")
    assert motion.fps == Fraction(30)
    np.testing.assert_allclose(motion.rotation, angles, atol=1e-3)
    np.testing.assert_array_equal(motion.expression, np.concatenate([f["exp"] for f in made["motion"]]))
    np.testing.assert_array_equal(motion.translation, np.concatenate([f["t"] for f in made["motion"]]))
    np.testing.assert_array_equal(motion.scale, np.concatenate([f["scale"][0] for f in made["motion"]]))
    np.testing.assert_array_equal(motion.rest.expression, motion.expression[0])
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])
    np.testing.assert_array_equal(motion.rest.translation, motion.translation[0])
    assert motion.rest.scale == pytest.approx(1.2)
    assert motion.eye_ratio is not None
    assert motion.eye_ratio.shape == (4, 2)
    assert motion.lip_ratio is not None
    assert motion.lip_ratio.shape == (4,)
    assert not motion.blendshapes[0].any()  # the first frame is the rest
    assert motion.blendshapes[1:].any()


def test_a_template_without_ratios_or_rate_is_read(tmp_path: Path) -> None:
    made, _ = template(ratios=False)
    del made["output_fps"]
    motion = load_template(written(tmp_path / "t.pkl", made))
    assert motion.eye_ratio is motion.lip_ratio is None
    assert motion.fps == 25


@pytest.mark.parametrize(
    ("fps", "exact"), [(29.97, Fraction(30000, 1001)), (np.float64(24.0), 24), (12.5, Fraction(25, 2))]
)
def test_frame_rates_become_exact(tmp_path: Path, fps: float, exact: Fraction) -> None:
    made, _ = template(output_fps=fps)
    assert load_template(written(tmp_path / "t.pkl", made)).fps == exact


def same(a: Motion, b: Motion) -> None:
    for name in ("expression", "translation", "scale"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        np.testing.assert_allclose(getattr(a.rest, name), getattr(b.rest, name), rtol=1e-7)
    np.testing.assert_allclose(a.rotation, b.rotation, atol=2e-5)
    np.testing.assert_allclose(a.rest.rotation, b.rest.rotation, atol=2e-5)
    assert (a.fps, a.rest.replaced_keypoints) == (b.fps, b.rest.replaced_keypoints)
    for name in ("eye_ratio", "lip_ratio"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)


def test_read_write_read(tmp_path: Path) -> None:
    motion = load_template(written(tmp_path / "a.pkl", template()[0]))
    save_template(motion, tmp_path / "b.pkl")
    same(load_template(tmp_path / "b.pkl"), motion)


def test_predicted_motion_keeps_its_rest_and_rate(tmp_path: Path) -> None:
    shapes = RNG.uniform(0, 1, (5, 52)).astype(np.float32)
    rest = Rest(replaced_keypoints=(6, 12), scale=1.1)
    motion = Motion.from_blendshapes(shapes, Fraction(24000, 1001), rotation=RNG.uniform(-9, 9, (5, 3)), rest=rest)
    save_template(motion, tmp_path / "m.pkl")
    same(load_template(tmp_path / "m.pkl"), motion)


def test_what_is_written_has_the_layout_that_liveportrait_reads(tmp_path: Path) -> None:
    angles = [[10.0, -20.0, 5.0], [1.0, 2.0, 3.0]]
    motion = Motion.from_blendshapes(np.zeros((2, 52)), Fraction(25), rotation=angles)
    save_template(motion, tmp_path / "m.pkl")
    made = pickle.loads((tmp_path / "m.pkl").read_bytes())
    assert (made["n_frames"], made["output_fps"], len(made["motion"])) == (2, 25, 2)
    assert type(made["output_fps"]) is int
    for frame, expected in zip(made["motion"], angles, strict=True):
        shapes = {key: (value.shape, value.dtype.name) for key, value in frame.items()}
        assert shapes == {"scale": ((1, 1), "float32"), "R": ((1, 3, 3), "float32"),
                          "exp": ((1, 21, 3), "float32"), "t": ((1, 3), "float32")}  # fmt: skip
        np.testing.assert_allclose(frame["R"][0], published(*expected), atol=1e-6)
    assert [a.shape for a in made["c_eyes_lst"]] == [(1, 2)] * 2
    assert [a.shape for a in made["c_lip_lst"]] == [(1, 1)] * 2


def without(made: Template, key: str) -> Template:
    del made["motion"][1][key]
    return made


def with_(made: Template, key: str, value: object) -> Template:
    made["motion"][1][key] = value
    return made


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda made: [1, 2], "no list of frames"),
        (lambda made: {**made, "motion": []}, "no list of frames"),
        (lambda made: {**made, "motion": [1]}, "no list of frames"),
        (lambda made: without(made, "exp"), "no 'exp' of frame 1"),
        (lambda made: without(made, "R"), "no 'R' of frame 1"),
        (lambda made: with_(made, "exp", np.zeros((1, 20, 3))), "21x3"),
        (lambda made: with_(made, "t", np.full((1, 3), np.nan)), "finite"),
        (lambda made: with_(made, "t", "abc"), "numbers"),
        (lambda made: with_(made, "scale", np.zeros((1, 1))), "scale"),
        (lambda made: with_(made, "R", 2 * np.eye(3)[None]), "no rotation"),
        (lambda made: with_(made, "R", np.diag([1.0, 1.0, -1.0])[None]), "no rotation"),
        (lambda made: {**made, "output_fps": 0}, "frame rate"),
        (lambda made: {**made, "output_fps": "fast"}, "frame rate"),
        (lambda made: {**made, "c_lip_lst": made["c_lip_lst"][:2]}, "c_lip_lst"),
    ],
)
def test_wrong_templates_say_what_is_wrong(tmp_path: Path, spoil: Callable[[Template], object], said: str) -> None:
    with pytest.raises(MotionError, match=said) as caught:
        load_template(written(tmp_path / "t.pkl", spoil(template()[0])))
    assert "t.pkl" in str(caught.value)
    assert "\n" not in str(caught.value)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch ran",)


def test_a_template_with_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made, _ = template()
    with pytest.raises(MotionError, match="system"):
        load_template(written(tmp_path / "t.pkl", {**made, "extra": Evil()}))
    assert not (tmp_path / "ran").exists()


def test_writing_where_nothing_can_be_written(tmp_path: Path) -> None:
    motion = Motion.from_blendshapes(np.zeros((1, 52)), Fraction(25))
    with pytest.raises(OutputError, match="cannot be written"):
        save_template(motion, tmp_path / "none" / "m.pkl")
    (tmp_path / "m.pkl").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_template(motion, tmp_path / "m.pkl")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pkl"]


@pytest.mark.material
@pytest.mark.skipif("TALKINGHEAD_MATERIAL" not in os.environ, reason="no templates here")
def test_the_published_templates_load(tmp_path: Path) -> None:
    paths = sorted(Path(os.environ["TALKINGHEAD_MATERIAL"], "liveportrait/templates").glob("*.pkl"))
    assert paths
    for path in paths:
        motion = load_template(path)
        raw = pickle.loads(path.read_bytes())["motion"]
        matrices = np.concatenate([frame.get("R", frame.get("R_d")) for frame in raw])
        np.testing.assert_allclose(rotation_matrices(motion.rotation), matrices, atol=2e-6)
        same(load_template(save_template(motion, tmp_path / path.name)), motion)
