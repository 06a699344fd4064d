"""What drives, opened by what it is: motion, motion files, recordings refused, and drivers that are always closed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import CheckpointError, InputError, MotionError
from talkinghead.core.types import TrackReport
from talkinghead.drivers.driving import Driving, MotionDriver, known
from talkinghead.drivers.opening import SpeechModel, open_driving
from talkinghead.media.sound import SampledSound
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.files import save_motion
from talkinghead.motion.motion import Motion

NTSC_FILM = Fraction(24000, 1001)


def moving(frames: int, fps: Fraction = Fraction(30)) -> Motion:
    rng = np.random.default_rng(3)
    return Motion.from_blendshapes(rng.uniform(0, 1, (frames, 52)), fps, rotation=rng.uniform(-20, 20, (frames, 3)))


def same(a: Motion, b: Motion) -> None:
    np.testing.assert_array_equal(a.blendshapes, b.blendshapes)
    np.testing.assert_array_equal(a.rotation, b.rotation)
    assert a.fps == b.fps


class Closing:
    """A driver that remembers how it was treated."""

    fps, single = Fraction(25), False

    def __init__(self) -> None:
        self.closed, self.report = 0, TrackReport()

    def push(self, chunk: int) -> Motion | None:
        self.report = TrackReport(frames=chunk)
        if chunk == 13:
            raise MotionError("thirteen")
        return moving(1, self.fps) if chunk % 2 else None

    def finish(self) -> Motion | None:
        return moving(2, self.fps)

    def close(self) -> None:
        self.closed += 1


def test_known_motion_comes_in_chunks_again_and_again() -> None:
    motion = moving(100)
    driving = known(motion)
    for _ in range(2):
        chunks = list(driving)
        assert len(chunks) > 1
        same(Motion.concatenate(chunks), motion)
    assert (driving.frames, driving.fps, driving.single) == (100, Fraction(30), False)
    assert driving.sound is None
    assert driving.report is None


def test_one_frame_of_a_picture_is_single_unless_it_is_said_otherwise() -> None:
    assert known(moving(1)).single
    assert not known(moving(1), single=False).single
    assert MotionDriver(Fraction(25), single=True).finish() is None


def test_a_motion_file_drives_at_its_own_rate_or_another(tmp_path: Path) -> None:
    motion = moving(100)
    path = save_motion(motion, tmp_path / "a.npz")
    same(Motion.concatenate(list(open_driving(path))), motion)
    same(Motion.concatenate(list(open_driving(motion))), motion)
    for source in (str(path), motion):
        slower = open_driving(source, fps=NTSC_FILM)
        assert slower.fps == NTSC_FILM
        assert slower.frames == sum(map(len, slower)) == round(100 / 30 * NTSC_FILM)


def test_what_does_not_drive_is_told(tmp_path: Path, examples: Path) -> None:
    with pytest.raises(InputError, match=r"nothing called .*nowhere\.mp4"):
        open_driving(tmp_path / "nowhere.mp4")
    with pytest.raises(InputError, match="is a recording: `talkinghead speak"):
        open_driving(examples / "speech.wav")


def test_a_driver_is_pushed_finished_reported_and_closed() -> None:
    made: list[Closing] = []

    def start() -> tuple[Closing, Iterator[int]]:
        made.append(Closing())
        return made[-1], iter(range(5))

    driving = Driving(start, Fraction(25))
    assert [len(motion) for motion in driving] == [1, 1, 2]
    assert made[0].closed == 1
    assert driving.report == TrackReport(frames=4)


@pytest.mark.parametrize("chunks", [(1, 13, 2), (1, 2, 3)])
def test_a_driver_is_closed_where_it_fails_or_is_left(chunks: tuple[int, ...]) -> None:
    driver = Closing()
    stream = iter(Driving(lambda: (driver, chunks), Fraction(25)))
    assert len(next(stream)) == 1
    if 13 in chunks:
        with pytest.raises(MotionError, match="thirteen"):
            next(stream)
    else:
        stream.close()  # type: ignore[attr-defined]
    assert driver.closed == 1


def test_a_recording_drives_for_as_long_as_it_lasts() -> None:
    rng = np.random.default_rng(0)
    sound = SampledSound(rng.normal(0, 0.1, 30_000).astype(np.float32), 22_050)
    driving = SpeechModel("embedded").driving(sound, NTSC_FILM, seed=3)
    motion = Motion.concatenate(list(driving))
    assert len(motion) == driving.frames == round(30_000 / 22_050 * NTSC_FILM)
    assert driving.sound is sound
    same(Motion.concatenate(list(driving)), motion)
    other = Motion.concatenate(list(SpeechModel("embedded").driving(sound, NTSC_FILM, seed=4)))
    assert not np.array_equal(other.rotation, motion.rotation)


def test_speech_moves_the_lips_and_silence_does_not(examples: Path) -> None:
    from talkinghead.media.sound import open_sound

    jaw = BLENDSHAPE_INDEX["jawOpen"]
    spoken = Motion.concatenate(
        list(SpeechModel("embedded").driving(open_sound(examples / "speech.wav"), Fraction(25)))
    )
    assert spoken.blendshapes[:, jaw].max() > 0.2
    silence = SampledSound(np.zeros(32_000, np.float32), 16_000)
    still = Motion.concatenate(list(SpeechModel("embedded").driving(silence, Fraction(25))))
    assert still.blendshapes[:, jaw].max() < 0.05


def test_a_speech_model_goes_by_name_renderer_and_weights(tmp_path: Path) -> None:
    assert SpeechModel.chosen("auto", "warp", "cpu", tmp_path) == SpeechModel("embedded", "cpu", tmp_path)
    # JoyVASA's weights are not in this folder.
    assert SpeechModel.chosen("auto", "liveportrait", "cpu", tmp_path).name == "embedded"
    assert SpeechModel.chosen("joyvasa", "warp", "auto", None).name == "joyvasa"
    with pytest.raises(CheckpointError, match=r"no motion model .*nothing"):
        SpeechModel(str(tmp_path / "nothing")).load()
    with pytest.raises(InputError, match="low latency needs the embedded"):
        SpeechModel("joyvasa").driver(Fraction(25), low_latency=True)
