"""Motion files: round trips, what real captures look like, and what damaged ones are told."""

from __future__ import annotations

import csv
import os
import pickle
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkinghead.core.errors import MotionError, OutputError
from talkinghead.motion.arkit_csv import HEADER
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from talkinghead.motion.files import load_motion, save_motion
from talkinghead.motion.motion import Motion, Rest

LIVE_LINK_FACE_HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)


def moving(frames: int, fps: Fraction = Fraction(25), view: str = "blendshapes", measured: bool = False) -> Motion:
    """A motion with something different in every number."""
    rng = np.random.default_rng(3)
    shared: dict[str, Any] = {
        "rotation": rng.uniform(-20, 20, (frames, 3)),
        "translation": rng.uniform(-0.2, 0.2, (frames, 3)),
        "scale": rng.uniform(0.9, 1.2, frames),
        "eye_ratio": rng.uniform(0, 0.5, (frames, 2)) if measured else None,
        "lip_ratio": rng.uniform(0, 0.5, frames) if measured else None,
    }
    if view == "blendshapes":
        return Motion.from_blendshapes(rng.uniform(0, 1, (frames, 52)), fps, **shared)
    rest = Rest(expression=rng.normal(0, 0.01, (21, 3)).astype(np.float32), scale=1.1, replaced_keypoints=(6, 12))
    return Motion.from_expression(rng.normal(0, 0.02, (frames, 21, 3)), fps, rest=rest, **shared)


def same(a: Motion, b: Motion) -> None:
    for name in ("blendshapes", "expression", "rotation", "translation", "scale", "eye_ratio", "lip_ratio"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert (a.fps, a.view, len(a)) == (b.fps, b.view, len(b))
    for name in ("blendshapes", "expression", "rotation", "translation", "scale", "replaced_keypoints"):
        np.testing.assert_array_equal(getattr(a.rest, name), getattr(b.rest, name), err_msg=f"rest {name}")


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("view", ["blendshapes", "expression"])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_npz_keeps_everything(tmp_path: Path, fps: Fraction, view: str, measured: bool) -> None:
    motion = moving(7, fps, view, measured)
    same(load_motion(save_motion(motion, tmp_path / "a.npz")), motion)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["fps"].tolist() == [fps.numerator, fps.denominator]
        assert tuple(archive["blendshape_names"]) == BLENDSHAPE_NAMES


def test_npz_columns_are_found_by_name(tmp_path: Path) -> None:
    motion = moving(3)
    with np.load(save_motion(motion, tmp_path / "a.npz")) as archive:
        values = dict(archive)
    order = np.random.default_rng(0).permutation(52)
    values["blendshapes"] = values["blendshapes"][:, order]
    values["blendshape_names"] = values["blendshape_names"][order]
    values["rest_blendshapes"] = values["rest_blendshapes"][order]
    np.savez(tmp_path / "b.npz", **values)
    same(load_motion(tmp_path / "b.npz"), motion)


def test_template_round_trip(tmp_path: Path) -> None:
    motion = moving(5, view="expression", measured=True)
    read = load_motion(save_motion(motion, tmp_path / "a.pkl"))
    np.testing.assert_allclose(read.expression, motion.expression, atol=1e-6)
    np.testing.assert_allclose(read.rotation, motion.rotation, atol=1e-3)
    assert read.fps == motion.fps


@pytest.mark.parametrize("frames", [1, 5, 80, 700])
@pytest.mark.parametrize(
    "fps",
    [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60000, 1001), Fraction(60)],
)
def test_arkit_csv_round_trip(tmp_path: Path, fps: Fraction, frames: int) -> None:
    motion = moving(frames, fps)
    read = load_motion(save_motion(motion, tmp_path / "a.csv"))
    assert len(read) == frames
    np.testing.assert_allclose(read.blendshapes, motion.blendshapes, atol=1e-6)
    np.testing.assert_allclose(read.rotation, motion.rotation, atol=1e-4)
    # Less than a second does not tell its rate.
    assert read.fps == motion.fps or frames <= motion.fps


def test_arkit_csv_has_live_link_faces_header(tmp_path: Path) -> None:
    save_motion(moving(2), tmp_path / "a.csv")
    assert ",".join(HEADER) == LIVE_LINK_FACE_HEADER
    with (tmp_path / "a.csv").open() as file:
        lines = list(csv.reader(file))
    assert ",".join(lines[0]) == LIVE_LINK_FACE_HEADER
    assert lines[1][:2] == ["00:00:00:00.000", "61"]
    assert {len(line) for line in lines} == {63}


def _capture(path: Path, ticks: list[float], rate: int = 60, header: str = LIVE_LINK_FACE_HEADER, start: int = 50_572,
             **columns: float) -> Path:  # fmt: skip
    """A file as the app writes it: rows at `ticks` (frames of `rate` after 14:02:52), jawOpen = the row's own tick."""
    names = header.split(",")
    lines = [header]
    for tick in ticks:
        seconds, rest = divmod(tick, rate)
        s = (start + int(seconds)) % 86_400
        values = dict.fromkeys(names, "0.0") | {name: str(value) for name, value in columns.items()}
        values["JawOpen"] = f"{tick / 1000:.6f}"
        values["Timecode"] = f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}:{rest:06.3f}"
        values["BlendShapeCount"] = "61"
        lines.append(",".join(values[name] for name in names))
    path.write_text("\n".join(lines) + "\n")
    return path


JAW = BLENDSHAPE_INDEX["jawOpen"]


def test_a_capture_with_jitter_repeats_and_gaps_becomes_even(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ticks = [k + float(rng.uniform(-0.1, 0.1)) for k in range(1, 300)]
    del ticks[100:103], ticks[200]
    ticks.insert(50, ticks[50])
    motion = load_motion(_capture(tmp_path / "a.csv", ticks))
    assert motion.fps == 60
    assert len(motion) == 299
    np.testing.assert_allclose(motion.blendshapes[:, JAW], np.arange(1, 300) / 1000, atol=2e-4)


def test_a_capture_at_the_ntsc_rate_drifts_through_its_timecode(tmp_path: Path) -> None:
    motion = load_motion(_capture(tmp_path / "a.csv", [1.001 * k for k in range(600)]))
    assert (motion.fps, len(motion)) == (Fraction(60000, 1001), 600)


def test_a_capture_at_half_the_timecodes_rate(tmp_path: Path) -> None:
    motion = load_motion(_capture(tmp_path / "a.csv", [2.0 * k for k in range(150)]))
    assert (motion.fps, len(motion)) == (Fraction(30), 150)


def test_a_capture_over_midnight_goes_on(tmp_path: Path) -> None:
    motion = load_motion(_capture(tmp_path / "a.csv", [float(k) for k in range(240)], start=86_398))
    assert (motion.fps, len(motion)) == (Fraction(60), 240)


def test_columns_in_any_order_and_case_with_others_between(tmp_path: Path) -> None:
    names = LIVE_LINK_FACE_HEADER.split(",")
    shuffled = ["Mood", *sorted((name.lower() for name in names[1:] if not name.startswith("Left")), reverse=True)]
    plain = load_motion(_capture(tmp_path / "a.csv", [float(k) for k in range(90)], HeadPitch=0.1))
    path = tmp_path / "b.csv"
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = [
        {name.lower(): value for name, value in row.items()} | {"Mood": "x", "Timecode": row["Timecode"]}
        for row in rows
    ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["Timecode", *shuffled], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    same(load_motion(path), plain)


def test_head_angles_are_radians_with_the_apps_signs(tmp_path: Path) -> None:
    motion = load_motion(_capture(tmp_path / "a.csv", [0.0, 1.0], HeadYaw=0.2, HeadPitch=0.1, HeadRoll=-0.05))
    # Nose down stays positive; the person's left is the picture's right; their right is the picture's left.
    np.testing.assert_allclose(motion.rotation[0], np.rad2deg([0.1, -0.2, 0.05]), rtol=1e-5)
    np.testing.assert_allclose(motion.rest.rotation, motion.rotation[0])
    degrees = load_motion(_capture(tmp_path / "b.csv", [0.0, 1.0], HeadYaw=20.0))
    assert degrees.rotation[0, 1] == pytest.approx(-20)


def test_gaze_is_written_as_eye_angles_too(tmp_path: Path) -> None:
    weights = np.zeros((1, 52))
    weights[0, [BLENDSHAPE_INDEX["eyeLookOutLeft"], BLENDSHAPE_INDEX["eyeLookInRight"]]] = 1.0
    save_motion(Motion.from_blendshapes(weights, Fraction(25)), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        row = next(csv.DictReader(file))
    assert float(row["LeftEyeYaw"]) == float(row["RightEyeYaw"]) == pytest.approx(np.deg2rad(30), abs=1e-5)


def test_csv_without_head_or_timecode_is_accepted(tmp_path: Path) -> None:
    names = LIVE_LINK_FACE_HEADER.split(",")[2:54]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + "\n".join(",".join(["0.5"] * 52) for _ in range(4)))
    motion = load_motion(tmp_path / "a.csv")
    assert (len(motion), motion.fps) == (4, Fraction(60))
    assert not motion.rotation.any()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: "", "holds no frames"),
        (lambda text: text.splitlines()[0], "holds no frames"),
        (lambda text: text.replace("JawOpen", "JawOpened", 1), "no column jawOpen"),
        (lambda text: text.replace("0.000000", "zero", 1), "frame 1: a column is missing"),
        (lambda text: text.replace("0.000000", "nan", 1), "not a finite number"),
        (lambda text: text.rstrip() + "\n00:00:00:09.000,61,0.1\n", "a column is missing"),
        (lambda text: text.replace("00:00:00:01.000", "later", 1), "'later' is no timecode"),
        (lambda text: "\x00\x01" * 50, "no ARKit|no CSV|no frames"),
    ],
)
def test_damaged_csv_is_named(tmp_path: Path, spoil: Callable[[str], str], message: str) -> None:
    motion = Motion.from_blendshapes(np.zeros((3, 52)), Fraction(25))
    text = save_motion(motion, tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(spoil(text))
    with pytest.raises(MotionError, match=message) as caught:
        load_motion(tmp_path / "a.csv")
    assert "a.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"version": "1"}, "one integer"),
        ({"fps": [0, 1]}, "positive integers"),
        ({"fps": [25.0, 1.0]}, "positive integers"),
        ({"mood": 1}, "'mood'"),
        ({"blendshapes": None}, "no 'blendshapes'"),
        ({"blendshapes": np.zeros((4, 51))}, "shape"),
        ({"rotation": np.zeros((9, 3))}, "rotation must have shape"),
        ({"rotation": np.full((4, 3), np.nan)}, "finite"),
        ({"expression": np.full((4, 21, 3), "x")}, "must hold numbers"),
        ({"blendshape_names": np.array(["a"] * 52)}, "other blendshapes"),
        ({"view": "both"}, "view"),
        ({"rest_scale": 0.0}, "positive"),
        ({"rest_rotation": np.zeros(2)}, "rest_rotation must have shape"),
        ({"rest_replaced_keypoints": np.array([40])}, "between 0 and 20"),
        ({"blendshapes": np.array([print], dtype=object)}, "damaged"),
    ],
)
def test_damaged_npz_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with np.load(save_motion(moving(4), tmp_path / "a.npz")) as archive:
        values = dict(archive)
    values = {name: value for name, value in (values | change).items() if value is not None}
    np.savez(tmp_path / "b.npz", **values)
    with pytest.raises(MotionError, match=message) as caught:
        load_motion(tmp_path / "b.npz")
    assert "b.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".csv"])
def test_what_is_no_motion_file_at_all(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with pytest.raises(MotionError, match="there is no motion file"):
        load_motion(path)
    path.write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(MotionError, match=path.name):
        load_motion(path)


def test_archives_that_hold_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.save(tmp_path / "b.npy", np.zeros(3))
    path.write_bytes((tmp_path / "b.npy").read_bytes())
    with pytest.raises(MotionError, match="single array"):
        load_motion(path)
    whole = save_motion(moving(4), path, force=True).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MotionError, match=path.name):
        load_motion(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("version.npy", pickle.dumps(print))
    with pytest.raises(MotionError, match=path.name):
        load_motion(path)


def test_unknown_suffixes_are_named(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match=r"\.npz, \.pkl, \.csv"):
        load_motion(tmp_path / "a.bvh")
    with pytest.raises(OutputError, match=r"\.npz, \.pkl, \.csv"):
        save_motion(moving(2), tmp_path / "a")


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".csv"])
def test_nothing_is_overwritten_unasked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        save_motion(moving(2), path)
    assert path.read_text() == "mine"
    save_motion(moving(2), path, force=True)
    assert len(load_motion(path)) == 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.material
def test_published_templates_convert(tmp_path: Path) -> None:
    folder = os.environ.get("TALKINGHEAD_MATERIAL")
    if not folder:
        pytest.skip("TALKINGHEAD_MATERIAL is not set")
    templates = sorted((Path(folder) / "liveportrait" / "templates").glob("*.pkl"))
    assert templates
    for path in templates:
        motion = load_motion(path)
        same(load_motion(save_motion(motion, tmp_path / f"{path.stem}.npz")), motion)
        read = load_motion(save_motion(motion, tmp_path / f"{path.stem}.csv"))
        assert len(read) == len(motion)
        np.testing.assert_allclose(read.blendshapes, motion.blendshapes, atol=1e-6)
