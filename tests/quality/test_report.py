"""The self-check against frames whose figures are known, and what the report writes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.core.errors import OutputError
from talkinghead.core.types import DrawnCrop, Image, Portrait
from talkinghead.faces import find_face, fitted_face
from talkinghead.faces.paste import paste_back
from talkinghead.media.images import read_image
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.motion import Motion
from talkinghead.quality.frame_meter import FrameMeter, Seen, skin_difference
from talkinghead.quality.report import Observer, Stages, peak_memory_mb, silent_frames
from talkinghead.quality.selfcheck import Series, best_lag, driven_opening
from talkinghead.renderers.warp import WarpRenderer

FPS = Fraction(25)
NAN = float("nan")
Array = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


def motion(frames: int = 50, **weights: Array) -> Motion:
    blendshapes = np.zeros((frames, N_BLENDSHAPES), np.float32)
    for name, values in weights.items():
        blendshapes[:, BLENDSHAPE_INDEX[name]] = values
    return Motion.from_blendshapes(blendshapes, FPS)


def syllables(frames: int = 50) -> Array:
    t = np.arange(frames) / 25
    return np.asarray(np.maximum(0, np.sin(2 * np.pi * 2.3 * t) * np.sin(2 * np.pi * 0.4 * t + 0.5)) * 0.7)


@pytest.fixture(scope="module")
def portrait(examples: Path) -> Portrait:
    image = read_image(examples / "grace_hopper.jpg")
    return WarpRenderer().crop(image, find_face(image))


@pytest.fixture(scope="module")
def spoken(portrait: Portrait) -> list[DrawnCrop]:
    return list(WarpRenderer().open(portrait).draw(motion(jawOpen=syllables())))


def observed(frames: list[DrawnCrop], driver: Motion, *, silent: Flags | None = None, every: int = 1) -> dict[str, Any]:
    with Observer(FPS, every=every) as observer:
        observer.see_motion(driver[:20])
        observer.see_motion(driver[20:])
        for frame in frames:
            observer.see_frame(frame, paste_back(frame.portrait.image.pixels, frame))
        told: dict[str, Any] = json.loads(observer.report("warp", audio_s=2.0, silent=silent).as_json())
        return told


def test_a_speaking_portrait_passes(spoken: list[DrawnCrop]) -> None:
    silent = syllables() < 1e-6
    report = observed(spoken, motion(jawOpen=syllables()), silent=silent)
    assert report["schema"] == 1
    assert (report["renderer"], report["frames"], report["fps"]) == ("warp", 50, "25")
    assert (report["video_s"], report["audio_s"]) == (2.0, 2.0)
    assert report["seconds"]["self-check"] > 0
    assert report["seconds"]["total"] > 0
    check = report["self_check"]
    assert check["reasons"] == {}
    assert check["frames_without_face"] == 0
    assert check["mouth_correlation"] > 0.93
    assert check["mouth_lag_frames"] == 0
    assert check["silent_frames"] == int(silent.sum())
    assert check["silent_open_share"] <= 0.05
    assert check["jitter"] < 0.004
    assert check["seam_worst"] < 0.5
    assert check["identity_mean"] < 6


def test_frames_that_come_late_are_seen_to(spoken: list[DrawnCrop]) -> None:
    check = observed(spoken, motion(jawOpen=np.roll(syllables(), -3)))["self_check"]
    assert check["mouth_lag_frames"] == 3
    assert check["mouth_correlation"] > check["mouth_correlation_unshifted"] + 0.1
    assert check["silent_open_share"] is None
    assert "silent" in check["reasons"]


def test_an_open_mouth_in_silence_is_counted(spoken: list[DrawnCrop]) -> None:
    loudest = syllables() > 0.3
    check = observed(spoken, motion(jawOpen=syllables()), silent=loudest)["self_check"]
    assert check["silent_open_share"] > 0.9


def test_every_other_frame_tells_the_same(spoken: list[DrawnCrop]) -> None:
    check = observed(spoken, motion(jawOpen=syllables()), silent=syllables() < 1e-6, every=2)["self_check"]
    assert check["frames_measured"] == 25
    assert check["mouth_correlation"] > 0.9
    assert check["mouth_lag_frames"] == 0


def test_a_seam_is_measured(portrait: Portrait) -> None:
    meter = FrameMeter()
    brighter = np.clip(portrait.pixels.astype(int) + 8, 0, 255).astype(np.uint8)
    for pixels, expected in ((portrait.pixels, 0.0), (brighter, 8.0)):
        finished = paste_back(portrait.image.pixels, DrawnCrop(pixels, portrait))
        assert meter.measure(pixels, portrait, finished).seam == pytest.approx(expected, abs=1.0)
    meter.close()


def test_another_face_is_another_identity(portrait: Portrait, examples: Path) -> None:
    image = read_image(examples / "astronaut.png")
    other = WarpRenderer().crop(image, find_face(image))
    same = skin_difference(portrait.pixels, portrait.landmarks, portrait.pixels, portrait.landmarks)
    foreign = skin_difference(portrait.pixels, portrait.landmarks, other.pixels, other.landmarks)
    assert same < 1
    assert foreign > 20


def test_jitter_is_the_noise_of_still_points(portrait: Portrait) -> None:
    rng, meter, series = np.random.default_rng(3), FrameMeter(), Series()
    eyes = float(np.linalg.norm(portrait.landmarks[33] - portrait.landmarks[263]))
    for frame in range(300):
        # A drifting, growing face whose points tremble by one pixel.
        drift = portrait.landmarks * (1 + 0.001 * frame) + np.array([0.5 * frame, 0.0, 0.0])
        noisy = (drift + rng.normal(0, 1, drift.shape)).astype(np.float32)
        series.add(Seen(NAN, meter._wobble(noisy, portrait.landmarks), NAN, NAN))
    jitter = series.summary(25, None, pasted=False).jitter
    assert jitter is not None
    assert jitter * eyes == pytest.approx(0.85, abs=0.2)


def test_without_a_face_everything_says_why() -> None:
    rng = np.random.default_rng(0)
    image = Image(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8))
    renderer = WarpRenderer()
    portrait = renderer.crop(image, fitted_face((20, 20, 50, 60)), whole=True)
    check = observed([DrawnCrop(image.pixels, portrait)] * 3, motion(30, jawOpen=syllables(30)))["self_check"]
    assert check["frames_without_face"] == check["frames_measured"] == 3
    for name in ("mouth_correlation", "mouth_lag_frames", "jitter", "seam_mean", "identity_mean"):
        assert check[name] is None
    assert set(check["reasons"]) == {"mouth", "silent", "jitter", "seam", "identity"}


def test_a_driver_that_is_silent_has_no_correlation(spoken: list[DrawnCrop]) -> None:
    check = observed(spoken[:12], motion(30))["self_check"]
    assert check["mouth_correlation"] is None
    assert check["reasons"]["mouth"] == "the driver does not move the mouth"


@pytest.mark.parametrize("lag", [-4, -1, 0, 2, 6])
def test_lags_are_found_through_gaps(lag: int) -> None:
    drive = np.random.default_rng(lag + 10).normal(size=200).cumsum()
    later = np.roll(drive, lag)
    later[::7] = NAN
    value, found = best_lag(later, drive, 6)
    assert found == lag
    assert value is not None
    assert value > 0.99


def test_driven_opening_knows_lips_from_jaw() -> None:
    assert np.allclose(driven_opening(motion(3, jawOpen=np.array([0, 0.5, 1]))), [0, 0.5, 1])
    closed = motion(1, jawOpen=np.array([0.6]), mouthClose=np.array([0.8]))
    assert driven_opening(closed)[0] == 0
    parted = motion(1, mouthLowerDownLeft=np.array([1]), mouthLowerDownRight=np.array([1]))
    assert driven_opening(parted)[0] == pytest.approx(0.10 / 0.34)  # the lower lip's amplitude over the jaw's


def blocks(sound: Array, length: int = 3701) -> Iterator[Array]:
    for start in range(0, len(sound), length):
        yield sound[start : start + length]


def test_silent_frames_leave_time_to_close() -> None:
    sound = np.zeros(16000 * 4, np.float32)
    sound[16000:32000] = 0.3 * np.sin(np.arange(16000) * 0.2)
    sound += np.random.default_rng(0).normal(0, 1e-4, len(sound)).astype(np.float32)
    silent = silent_frames(blocks(sound), 16000, FPS)
    assert len(silent) == 100
    assert silent[:21].all()
    assert not silent[23:55].any()
    assert silent[56:].all()


def test_silence_is_silent_and_nothing_is_too() -> None:
    assert silent_frames(blocks(np.zeros(16000, np.float32)), 16000, FPS).all()
    assert silent_frames(iter(()), 16000, FPS).tolist() == [True]


def test_stages_add_up_and_survive_errors() -> None:
    stages = Stages()

    def fail() -> None:
        with stages.time("draw"):
            time.sleep(0.01)
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()
    with stages.time("draw"):
        time.sleep(0.01)
    assert list(stages.each("read", iter(range(3)))) == [0, 1, 2]
    assert 0.02 <= stages.seconds["draw"] < 1
    assert stages.seconds["read"] >= 0


def test_the_file_is_whole_and_not_overwritten(tmp_path: Path, spoken: list[DrawnCrop]) -> None:
    with Observer(FPS) as observer:
        observer.see_motion(motion())
        observer.see_frame(spoken[0], spoken[0].pixels)
        report = observer.report("warp")
    path = report.save(tmp_path / "report.json")
    assert "NaN" not in path.read_text()
    assert json.loads(path.read_text())["audio_s"] is None
    assert json.loads(path.read_text())["self_check"]["reasons"]["seam"] == "nothing was pasted back"
    with pytest.raises(OutputError, match="exists"):
        report.save(path)
    report.save(path, force=True)
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


def test_peak_memory_is_plausible() -> None:
    peak = peak_memory_mb()
    assert peak is None or 50 < peak < 100_000
