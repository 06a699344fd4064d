"""The Python API: what it takes, what it keeps, and how a clip shows itself."""

from __future__ import annotations

import base64
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image as pillow  # noqa: N813

import talkinghead as th
from talkinghead.core.errors import AudioError, CheckpointError, FaceError, ImageError, InputError
from talkinghead.core.settings import Gains
from talkinghead.core.types import Pixels
from talkinghead.media.audio import probe_audio
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader
from talkinghead.motion.files import load_motion
from talkinghead.renderers.select import select

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def sound(examples: Path) -> tuple[np.ndarray, int]:
    """Half a second of speech as samples and rate."""
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="float32")
    return samples[rate_hz : rate_hz + rate_hz // 2], rate_hz


@pytest.fixture(scope="module")
def astronaut(examples: Path) -> Pixels:
    return read_image(examples / "astronaut.png", max_side_px=320).pixels


@pytest.fixture(scope="module")
def avatar(astronaut: Pixels) -> th.Avatar:
    return th.Avatar(astronaut, renderer="warp")


def test_paths_arrays_and_pillow_pictures_are_the_same_face(
    avatar: th.Avatar, astronaut: Pixels, sound: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    path = tmp_path / "face.png"
    pillow.fromarray(astronaut).save(path)
    expected = list(avatar.speak(sound))
    opaque = np.dstack([astronaut, np.full(astronaut.shape[:2], 255, np.uint8)])
    for picture in (path, str(path), opaque, pillow.fromarray(astronaut), (astronaut / 255).astype(np.float32)):
        frames = list(th.Avatar(picture, renderer="warp").speak(sound))
        assert len(frames) == len(expected) == 12
        assert all(np.array_equal(a, b) for a, b in zip(frames, expected))


def test_a_transparent_array_is_shown_on_white(astronaut: Pixels) -> None:
    alpha = np.full(astronaut.shape[:2], 255, np.uint8)
    alpha[:20] = 0
    edited = th.edit(np.dstack([astronaut, alpha]), {"smile": 0.4}, renderer="warp")
    assert (edited[:15] == 255).all()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((64, 64), np.uint8), "shape"),
        (np.zeros((64, 64, 2), np.uint8), "shape"),
        (np.zeros((64, 64, 3), np.int64), "int64"),
        (np.full((64, 64, 3), 2.0), "between 0 and 1"),
        (np.zeros((4, 4, 3), np.uint8), "at least"),
    ],
)
def test_what_is_no_picture_is_refused(picture: np.ndarray, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        th.Avatar(picture)


def test_a_picture_without_a_face_is_told_at_once() -> None:
    with pytest.raises(FaceError, match="no face"):
        th.Avatar(np.full((64, 64, 3), 127, np.uint8), renderer="warp")


def test_what_is_wrong_is_told_while_other_things_are_opened(sound: tuple[np.ndarray, int], tmp_path: Path) -> None:
    """A bad picture before weights that are missing, and those before a face that is none."""
    wall = np.full((64, 64, 3), 127, np.uint8)
    with pytest.raises(ImageError, match="at least"):
        th.speak(wall[:4, :4], sound, renderer="liveportrait", checkpoints=tmp_path)
    with pytest.raises(CheckpointError, match="liveportrait"):
        th.speak(wall, sound, renderer="liveportrait", checkpoints=tmp_path)
    with pytest.raises(FaceError, match="no face"):
        th.speak(wall, sound, renderer="warp")


def test_avatars_may_share_what_draws(avatar: th.Avatar, astronaut: Pixels, sound: tuple[np.ndarray, int]) -> None:
    chosen = select(th.Settings(renderer="warp"))
    other = th.Avatar(astronaut, drawn_by=lambda: chosen)
    assert other.renderer == "warp"
    assert all(np.array_equal(a, b) for a, b in zip(other.speak(sound), avatar.speak(sound), strict=True))


def test_samples_are_heard_like_their_file_and_written_as_they_were(
    avatar: th.Avatar, sound: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    samples, rate_hz = sound
    whole = np.round(samples * 32767).astype(np.int16)
    stereo = np.column_stack([whole, whole])
    path = tmp_path / "speech.wav"
    soundfile.write(path, whole, rate_hz, subtype="PCM_16")
    expected = list(avatar.speak(path, seed=2))
    for given in ((whole, rate_hz), (stereo, rate_hz)):
        clip = avatar.speak(given, seed=2)
        assert all(np.array_equal(a, b) for a, b in zip(clip, expected))
        out = clip.save(tmp_path / f"{given[0].ndim}.mkv")
        info = probe_audio(out)
        assert (info.rate_hz, info.channels, info.codec) == (rate_hz, given[0].ndim, "pcm_s16le")
        assert info.duration_s == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "words"),
    [
        (np.zeros((2, 900), np.float32), 16000, "channels, n"),
        (np.zeros(0, np.float32), 16000, "at least one"),
        (np.zeros(9, np.float32), 0, "positive"),
        (np.full(9, np.inf), 16000, "finite"),
        (np.zeros(9, np.uint32), 16000, "uint32"),
    ],
)
def test_what_is_no_sound_is_refused(avatar: th.Avatar, samples: np.ndarray, rate_hz: int, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        avatar.speak((samples, rate_hz))


def test_an_avatar_loads_once(
    avatar: th.Avatar, sound: tuple[np.ndarray, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its first clip, a second one needs neither face detection, nor weights, nor the picture's file."""
    list(avatar.speak(sound))

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr("talkinghead.canvas.still.find_face", refuse)
    monkeypatch.setattr("audio2motion.Predictor.load", refuse)
    monkeypatch.setattr("talkinghead.avatar.select", refuse)
    assert len(list(avatar.speak(sound, seed=9))) == 12
    assert avatar.edit({"smile": 0.5}).shape == (320, 320, 3)
    with avatar.session() as session:
        assert len(session.push_audio(np.zeros(RATE_HZ, np.float32))) > 0


def test_what_a_call_asks_for_goes_before_the_avatar_s_own_settings(
    avatar: th.Avatar, sound: tuple[np.ndarray, int]
) -> None:
    assert avatar.speak(sound, fps="24000/1001").fps == Fraction(24000, 1001)
    still = list(avatar.speak(sound, still=True, gains=Gains(mouth=0, blink=0, expression=0)))
    assert all(np.array_equal(frame, still[0]) for frame in still)
    assert avatar.speak(sound).fps == 25


def test_one_call_is_the_avatar_s(avatar: th.Avatar, astronaut: Pixels, sound: tuple[np.ndarray, int]) -> None:
    once = list(th.speak(astronaut, sound, renderer="warp", seed=4))
    assert all(np.array_equal(a, b) for a, b in zip(once, avatar.speak(sound, seed=4)))
    assert np.array_equal(th.edit(astronaut, {"jaw": 0.5}, renderer="warp"), avatar.edit({"jaw": 0.5}))
    motion = th.Motion.from_blendshapes(np.zeros((3, 52)), Fraction(25), rotation=[[0, 0, 0], [0, 4, 0], [0, 8, 0]])
    moved = list(th.animate(astronaut, motion, renderer="warp"))
    assert all(np.array_equal(a, b) for a, b in zip(moved, avatar.animate(motion)))
    assert not np.array_equal(moved[0], moved[2])


def test_settings_are_typed_and_unknown_ones_are_refused(astronaut: Pixels) -> None:
    with pytest.raises(TypeError, match="colour"):
        th.Avatar(astronaut, colour="blue")  # type: ignore[call-arg]
    with pytest.raises(InputError, match=r"there is no option 'regions': choose among region"):
        th.Settings(liveportrait={"regions": "lip"})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--region is an option of the liveportrait renderer, and warp draws here"):
        th.Avatar(astronaut, renderer="warp", liveportrait={"region": "lip"})
    with pytest.raises(InputError, match="either audio or text"):
        th.speak(astronaut)
    with pytest.raises(InputError, match="face='all'"):
        th.Avatar(astronaut, renderer="warp").speak((np.zeros(99), RATE_HZ), tracks={2: (np.zeros(99), RATE_HZ)})


def test_a_clip_shows_itself_in_a_notebook(avatar: th.Avatar, sound: tuple[np.ndarray, int], tmp_path: Path) -> None:
    bundle = avatar.speak(sound)._repr_mimebundle_()
    assert "12 frames" in bundle["text/plain"] or "0.5 s at 25 frames/s" in bundle["text/plain"]
    page = bundle["text/html"]
    start = page.index("base64,") + len("base64,")
    path = tmp_path / "shown.mp4"
    path.write_bytes(base64.b64decode(page[start : page.index('"', start)]))
    with VideoReader(path) as video:
        assert (len(list(video)), video.has_audio) == (12, True)
    long = avatar.speak((np.zeros(61 * RATE_HZ, np.float32), RATE_HZ))._repr_html_()
    assert "save" in long
    assert "<video" not in long


def test_several_faces_speak_and_each_one_s_motion_is_saved(
    astronaut: Pixels, examples: Path, sound: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    other = np.asarray(pillow.open(examples / "grace_hopper.jpg").convert("RGB").resize((250, 300)))
    pair = np.zeros((320, 570, 3), np.uint8)
    pair[:320, :320], pair[:300, 320:] = astronaut, other
    samples, rate_hz = sound
    avatar = th.Avatar(pair, renderer="warp", face="all")
    clip = avatar.speak(sound, tracks={2: (samples[::-1].copy(), rate_hz)})
    assert clip.faces == 2
    clip.save(tmp_path / "pair.mp4", motion_to=tmp_path / "pair.npz")
    first, second = (load_motion(tmp_path / f"pair-face{number}.npz") for number in (1, 2))
    assert len(first) == len(second) == 12
    assert not np.array_equal(first.blendshapes, second.blendshapes)
    assert not (tmp_path / "pair.npz").exists()
    with pytest.raises(FaceError, match="no face 3"):
        avatar.speak(sound, tracks={3: sound})
    with pytest.raises(InputError, match="face='all' is for speaking"):
        avatar.session()


def test_a_video_s_avatar_is_for_moving_pictures(astronaut: Pixels, tmp_path: Path) -> None:
    from talkinghead.media.video import write_video

    path = tmp_path / "v.mp4"
    write_video(path, [astronaut] * 4, Fraction(10))
    with pytest.raises(InputError, match="edit one picture"):
        th.Avatar(path, renderer="warp").edit({"smile": 1})


def test_a_doubtful_face_is_said_to_be_one(examples: Path) -> None:
    clean = read_image(examples / "grace_hopper.jpg").pixels
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 75, clean.shape), 0, 255).astype(np.uint8)
    assert re.search(r"may be none, or not a person's \(confidence 0\.7\d\)", th.Avatar(noisy, renderer="warp").note)
    assert "may be none" not in th.Avatar(clean, renderer="warp").note
