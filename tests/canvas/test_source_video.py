"""A video as the canvas: portraits in order, back and forth, and frames without a face left alone."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from click.testing import CliRunner

from talkinghead.canvas.source import Source
from talkinghead.canvas.source_video import LandmarkSmoother, SourceVideo
from talkinghead.cli import main
from talkinghead.core.errors import FaceError
from talkinghead.core.types import DrawnCrop, Pixels
from talkinghead.media.audio import probe_audio
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader, write_video
from talkinghead.renderers.warp import WarpRenderer

FPS = Fraction(25)


@pytest.fixture(scope="module")
def moving(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 frames of a portrait that slides to the right by 3 pixels a frame."""
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    path = tmp_path_factory.mktemp("video") / "moving.mp4"
    write_video(path, (np.roll(pixels, 3 * i, axis=1) for i in range(16)), FPS, quality=8)
    return path


def places(source: SourceVideo, count: int) -> npt.NDArray[np.float64]:
    """The face's horizontal place in the first portraits."""
    return np.array([p.face.landmarks[:, 0].mean() for p in itertools.islice(source.portraits(), count)])


def test_the_video_runs_forwards_backwards_and_forwards_again(moving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkinghead.canvas.source_video._SEGMENT_BYTES", 320 * 320 * 3 * 10)  # several segments
    source = SourceVideo(moving, WarpRenderer().crop)
    assert source.frames is None
    x = places(source, 40)
    steps = np.sign(np.diff(x)).astype(int)
    assert list(steps[:15]) == [1] * 15
    assert list(steps[15:30]) == [-1] * 15
    assert list(steps[30:]) == [1] * 9
    assert np.allclose(x[:16], x[30:14:-1], atol=1e-3)
    # The picture belongs to its landmarks: the same frame, the same pixels.
    portraits = list(itertools.islice(source.portraits(), 31))
    assert np.array_equal(portraits[4].image.pixels, portraits[26].image.pixels)


def test_without_repeating_it_ends_and_can_be_brought_to_another_rate(moving: Path) -> None:
    assert len(list(SourceVideo(moving, WarpRenderer().crop, loop=False).portraits())) == 16
    faster = SourceVideo(moving, WarpRenderer().crop, fps=Fraction(50), loop=False)
    assert faster.fps == 50
    assert abs(len(list(faster.portraits())) - 32) <= 1


def test_landmarks_are_smoothed_without_lag() -> None:
    t = np.arange(60)
    path = np.repeat((40 * np.sin(t / 10))[:, None, None], 478, axis=1) * np.array([1, 0, 0], np.float32)
    base = np.random.default_rng(0).uniform(0, 100, (478, 3)).astype(np.float32)
    base[468], base[473] = (30, 50, 0), (80, 50, 0)
    noise = np.random.default_rng(1).normal(0, 0.3, path.shape)
    smoother = LandmarkSmoother(25.0)
    rows = [row for k in t for row in smoother.push((base + path[k] + noise[k]).astype(np.float32))]
    rows += smoother.finish()
    out = np.stack(rows)[:, :-1].reshape(60, 478, 3)
    assert np.std(out[5:-5] - base - path[5:-5]) < 0.75 * 0.3
    lag = [np.abs((out[10:-10] - base)[:, :, 0] - np.roll(path, k, 0)[10:-10, :, 0]).mean() for k in (-1, 0, 1)]
    assert int(np.argmin(lag)) == 1


def test_frames_without_a_face_stay_as_they_are(examples: Path, tmp_path: Path) -> None:
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    wall = np.full_like(pixels, 90)
    write_video(tmp_path / "gone.mp4", [pixels] * 8 + [wall] * 14, FPS)
    source = SourceVideo(tmp_path / "gone.mp4", WarpRenderer().crop, loop=False)
    # Magenta crops: where they are pasted back is seen.
    placed = [(source.placed(DrawnCrop(np.full_like(p.pixels, (255, 0, 255)), p)), p) for p in source.portraits()]

    def is_drawn(number: int) -> bool:
        picture, portrait = placed[number]
        x, y = portrait.face.landmarks[1, :2].astype(int)
        return bool(np.abs(picture[y, x].astype(int) - [255, 0, 255]).max() < 8)

    assert is_drawn(2)
    assert not any(is_drawn(number) for number in range(8, 22))  # a cut: nothing is held across it
    assert np.abs(placed[-1][0].astype(int) - 90).max() < 8  # the video's own
    assert source.portrait is None
    assert source.report is not None
    assert source.report.frames == 22
    assert source.report.lost >= 13
    write_video(tmp_path / "wall.mp4", [wall] * 30, FPS)
    with pytest.raises(FaceError, match=r"wall\.mp4"):
        next(SourceVideo(tmp_path / "wall.mp4", WarpRenderer().crop).portraits())


def test_a_face_that_is_hidden_for_a_moment_is_held() -> None:
    face = np.random.default_rng(0).uniform(0, 100, (478, 3)).astype(np.float32)
    smoother = LandmarkSmoother(25.0)
    rows = [row for seen in [True] * 8 + [False] * 14 for row in smoother.push(face if seen else None)]
    there = [row[-1] for row in [*rows, *smoother.finish()]]
    assert there == [1] * 14 + [0] * 8  # a quarter of a second


def title(shape: tuple[int, ...]) -> Pixels:
    """A title card: a plain colour with a lighter bar."""
    card = np.full(shape, 30, np.uint8)
    card[shape[0] // 2 : shape[0] // 2 + 20, 60:-60] = 220
    return card


@pytest.fixture(scope="module")
def shots(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 frames of a portrait, 8 of a title card, 12 of the portrait at another place."""
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    moved = np.roll(pixels, (40, 70), axis=(0, 1))
    path = tmp_path_factory.mktemp("shots") / "shots.mp4"
    write_video(path, [pixels] * 12 + [title(pixels.shape)] * 8 + [moved] * 12, FPS, quality=8)
    return path


def drawn(source: SourceVideo) -> list[bool]:
    """Which frames get something drawn onto their face."""
    crops = ((p, DrawnCrop(np.full_like(p.pixels, (255, 0, 255)), p)) for p in source.portraits())
    return [bool((source.placed(crop) != portrait.image.pixels).any()) for portrait, crop in crops]


def test_nothing_is_drawn_on_a_title_card_and_nothing_carried_across_a_cut(shots: Path) -> None:
    assert drawn(SourceVideo(shots, WarpRenderer().crop, loop=False)) == [True] * 12 + [False] * 8 + [True] * 12
    faces = [p.face.landmarks[:, :2].mean(0) for p in SourceVideo(shots, WarpRenderer().crop, loop=False).portraits()]
    places = np.array(faces)
    # Each shot's face is where it is from its first frame to its last.
    assert np.ptp(places[:12], axis=0).max() < 1
    assert np.ptp(places[20:], axis=0).max() < 1
    assert places[20:].mean(0) - places[:12].mean(0) == pytest.approx([70, 40], abs=2)


@pytest.mark.slow
def test_a_video_that_opens_with_a_title_is_drawn_from_where_a_face_is(examples: Path, tmp_path: Path) -> None:
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    path = tmp_path / "opening.mp4"
    write_video(path, [title(pixels.shape)] * 60 + [pixels] * 10, FPS, quality=8)
    assert drawn(SourceVideo(path, WarpRenderer().crop, loop=False)) == [False] * 60 + [True] * 10
    assert open_count(path) == 1


def open_count(path: Path) -> int:
    return Source(path, "picture").count_faces()


def test_a_video_speaks_a_longer_recording(examples: Path, moving: Path, tmp_path: Path) -> None:
    out = tmp_path / "spoken.mp4"
    sound = tmp_path / "sound.wav"
    samples, rate = soundfile.read(examples / "speech.wav", dtype="float32")
    soundfile.write(sound, samples[: int(1.3 * rate)], rate)
    result = CliRunner().invoke(main, ["speak", str(moving), str(sound), "-o", str(out), "--renderer", "warp", "-q"])
    assert result.exit_code == 0, result.output
    with VideoReader(out) as video:
        frames = list(video)
    assert abs(len(frames) - 1.3 * 25) <= 1
    assert abs(probe_audio(out).duration_s - 1.3) < 0.05
    # The 16 frames were played forwards, backwards and on: half way there and back the head is where it was.
    assert (
        np.abs(frames[4][:60].astype(int) - frames[26][:60]).mean()
        < np.abs(frames[4][:60].astype(int) - frames[15][:60]).mean()
    )
