"""Sessions: sound as it comes gives the frames of the file, whatever the cuts; interruptions, idling, threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from talkinghead import Avatar, Session
from talkinghead.core.errors import AudioError, InputError, MotionError
from talkinghead.core.types import Frame, Pixels
from talkinghead.faces import FaceTracker
from talkinghead.faces.geometry import mouth_opening
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.motion import Motion

Samples = npt.NDArray[np.generic]
RATE_HZ = 16_000
CLOSED = 0.02  # of the eyes' distance: below it lips are seen as meeting


@pytest.fixture(scope="module")
def avatar(examples: Path) -> Avatar:
    return Avatar(examples / "grace_hopper.jpg", renderer="warp", warp={"crop_size_px": 200}, framing="crop")


@pytest.fixture(scope="module")
def speech(examples: Path) -> npt.NDArray[np.float32]:
    """1.9 seconds of the example recording."""
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    return np.asarray(samples[: int(1.9 * rate_hz)], np.float32)


def cut(samples: Samples, seed: int) -> Iterator[Samples]:
    """Pieces of one sample to three seconds, short ones as often as long ones."""
    rng, at = np.random.default_rng(seed), 0
    while at < len(samples):
        length = int(np.exp(rng.uniform(0, np.log(3 * RATE_HZ))))
        yield samples[at : at + length]
        at += length


def run(session: Session, pieces: Iterator[Samples]) -> list[Frame]:
    with session:
        frames = [frame for piece in pieces for frame in session.push_audio(piece)]
        return [*frames, *session.finish()]


def same(frames: list[Frame], pictures: list[Pixels]) -> bool:
    return len(frames) == len(pictures) and all(
        np.array_equal(frame.pixels, picture) for frame, picture in zip(frames, pictures)
    )


@pytest.mark.parametrize(
    ("rate_hz", "kind"), [(8000, "int16"), (16000, "float32"), (22050, "float32"), (44100, "int16"), (48000, "float32")]
)
def test_sound_in_any_pieces_gives_the_frames_of_the_file(
    avatar: Avatar, speech: npt.NDArray[np.float32], tmp_path: Path, rate_hz: int, kind: str
) -> None:
    samples: Samples = soxr.resample(speech, RATE_HZ, rate_hz)
    if kind == "int16":
        samples = np.round(samples * 32767).astype(np.int16)
    path = tmp_path / "speech.wav"
    soundfile.write(path, samples, rate_hz, subtype="PCM_16" if kind == "int16" else "FLOAT")
    from_file = list(avatar.speak(path, seed=3))
    for seed in (0, 1):
        frames = run(avatar.session(seed=3, rate_hz=rate_hz), cut(samples, seed))
        assert same(frames, from_file)
    assert [frame.number for frame in frames] == list(range(len(from_file)))
    assert [frame.time_s for frame in frames] == [number / 25 for number in range(len(from_file))]
    other = list(avatar.speak(path, seed=4))
    assert not same(frames, other)


def test_low_latency_hears_less_far_ahead_and_does_not_depend_on_the_cuts_either(
    avatar: Avatar, speech: npt.NDArray[np.float32]
) -> None:
    behind: dict[bool, float] = {}
    for low_latency in (False, True):
        with avatar.session(low_latency=low_latency) as session:
            pushed = drawn = 0
            late = 0.0
            for start in range(0, len(speech), 320):  # 20 ms at a time
                pushed += len(speech[start : start + 320])
                drawn += len(session.push_audio(speech[start : start + 320]))
                if drawn:
                    late = max(late, pushed / RATE_HZ - drawn / 25)
            behind[low_latency] = late
    assert behind[True] < 0.25 < behind[False] < 1.0
    whole = [frame.pixels for frame in run(avatar.session(low_latency=True), iter([speech]))]
    assert same(run(avatar.session(low_latency=True), cut(speech, 5)), whole)


def test_as_many_frames_as_the_sound_lasts(avatar: Avatar, speech: npt.NDArray[np.float32]) -> None:
    for fps in ("24000/1001", "60", 10):
        session = avatar.session(fps=fps)
        frames = run(session, iter([speech]))
        assert len(frames) == round(len(speech) * session.fps / RATE_HZ)
    # One sample is still one frame, and so is none at all.
    assert len(run(avatar.session(), iter([speech[:1]]))) == 1
    assert len(run(avatar.session(), iter([]))) == 1


def jaw(frames: list[Frame]) -> list[float]:
    """How far the lips of each frame are apart, as the face mesh sees it."""
    openings = []
    with FaceTracker() as tracker:
        for frame in frames:
            face = tracker.track(frame.pixels)
            assert face is not None
            openings.append(mouth_opening(face.landmarks))
    return openings


def test_an_interruption_closes_the_mouth_and_drops_what_was_not_drawn(examples: Path) -> None:
    avatar = Avatar(examples / "grace_hopper.jpg", renderer="warp")
    samples, _ = soundfile.read(examples / "speech.wav", dtype="float32")
    with avatar.session(low_latency=True) as session:
        frames: list[Frame] = []
        for start in range(0, 10 * RATE_HZ, 1600):
            frames += session.push_audio(samples[start : start + 1600])
            if start > 2 * RATE_HZ and len(frames) > 5 and jaw(frames[-1:])[0] > 0.08:
                break
        open_before = jaw(frames[-1:])[0]
        eased = session.interrupt()
        assert open_before > 0.08
        assert len(eased) == 4  # 160 ms
        openings = jaw(eased)
        assert openings[-1] < CLOSED
        assert openings == sorted(openings, reverse=True) or max(np.diff(openings)) < 0.01
        # Time goes on where it was, and the sound that comes next belongs to it.
        assert eased[0].number == frames[-1].number + 1
        assert session.time_s == pytest.approx((eased[-1].number + 1) / 25)
        idle = session.idle(1.0)
        assert [frame.number for frame in idle] == list(range(eased[-1].number + 1, eased[-1].number + 1 + len(idle)))
        assert max(jaw(idle[::5])) < CLOSED
        again = session.push_audio(samples[: 3 * RATE_HZ])
        assert max(jaw(again)) > 0.05
        # Nothing jumps where one thing follows the other: neither head nor lids.
        seen = [*frames[-3:], *eased, *idle]
        jumps = [np.abs(a.pixels.astype(int) - b.pixels).mean() for a, b in pairwise(seen)]
        assert max(jumps) < 4.0


def test_who_is_late_draws_fewer_frames_the_same_ones_at_the_same_times(
    avatar: Avatar, speech: npt.NDArray[np.float32]
) -> None:
    whole = run(avatar.session(low_latency=True), iter([speech]))
    thinned: list[Frame] = []
    with avatar.session(low_latency=True) as session:
        for number, piece in enumerate(np.array_split(speech, 19)):
            session.draw_every = 3 if 4 <= number < 15 else 1
            thinned += session.push_audio(piece)
        thinned += session.finish()
        assert session.frames == len(whole)
    numbers = [frame.number for frame in thinned]
    gaps = np.diff(numbers)
    assert set(gaps) == {1, 3}
    assert numbers[-1] == len(whole) - 1
    assert all(same([frame], [whole[frame.number].pixels]) for frame in thinned)
    assert all(frame.time_s == whole[frame.number].time_s for frame in thinned)
    with avatar.session() as session, pytest.raises(InputError, match="1 or more"):
        session.draw_every = 0


def test_frames_left_out_before_an_interruption_still_took_their_time(
    avatar: Avatar, speech: npt.NDArray[np.float32]
) -> None:
    with avatar.session(low_latency=True) as every, avatar.session(low_latency=True) as fourth:
        fourth.draw_every = 4
        for session in (every, fourth):
            session.push_audio(speech)
            session.interrupt()
        assert fourth.time_s == every.time_s
        fourth.draw_every = 1
        assert [frame.number for frame in fourth.idle(1.0)] == [frame.number for frame in every.idle(1.0)]


def test_an_interruption_before_anything_was_heard_is_nothing(avatar: Avatar) -> None:
    with avatar.session() as session:
        assert session.interrupt() == []
        assert session.time_s == 0.0


def test_idling_lives_on(avatar: Avatar) -> None:
    """Blinks and head motion in silence, with the mouth closed; the same as pushed silence."""
    with avatar.session(seed=2) as session:
        idle = session.idle(6.0)
    moved = [int(np.abs(frame.pixels.astype(int) - idle[0].pixels).sum()) for frame in idle]
    assert len(set(moved)) > len(idle) // 2
    with avatar.session(seed=2) as other:
        silence = other.push_audio(np.zeros(6 * RATE_HZ, np.int16))
    assert same(idle, [frame.pixels for frame in silence])


def test_four_sessions_in_four_threads_give_the_frames_of_one_alone(
    avatar: Avatar, speech: npt.NDArray[np.float32]
) -> None:
    alone = [[frame.pixels for frame in run(avatar.session(seed=seed), cut(speech, seed))] for seed in range(4)]
    found: dict[int, list[Frame]] = {}

    def work(seed: int) -> None:
        found[seed] = run(avatar.session(seed=seed), cut(speech, seed + 10))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(found[seed], alone[seed]) for seed in range(4))


def test_a_source_video_s_sessions_have_frames_of_their_own(
    examples: Path, speech: npt.NDArray[np.float32], tmp_path: Path
) -> None:
    from talkinghead.media.images import read_image
    from talkinghead.media.video import write_video

    still = read_image(examples / "astronaut.png", max_side_px=256).pixels
    path = tmp_path / "moving.mp4"
    write_video(path, (np.roll(still, i % 6, axis=1) for i in range(12)), Fraction(10))
    avatar = Avatar(path, renderer="warp")
    clip = avatar.speak((speech, RATE_HZ))
    assert clip.fps == 10
    pictures = list(clip)
    assert same(run(avatar.session(), cut(speech, 1)), pictures)
    # The video is repeated for as long as the sound lasts.
    assert len(pictures) == 19 > 12


def test_motion_can_be_pushed(avatar: Avatar) -> None:
    weights = np.zeros((3, N_BLENDSHAPES), np.float32)
    weights[1, BLENDSHAPE_INDEX["jawOpen"]] = 0.8
    motion = Motion.from_blendshapes(weights, Fraction(30))
    with avatar.motion_session(30) as session:
        first, second, third = session.push_motion(motion)
        assert np.array_equal(first.pixels, third.pixels)
        assert np.abs(first.pixels.astype(int) - second.pixels).max() > 30
        with pytest.raises(MotionError, match="resample"):
            session.push_motion(motion.resampled(Fraction(25)))
        with pytest.raises(InputError, match="hears no sound"):
            session.push_audio(np.zeros(10, np.float32))
        with pytest.raises(InputError, match="hears no sound"):
            session.idle(1)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((10, 2), np.float32), "one channel"),
        (np.zeros(10, np.int64), "int64"),
        (np.array([0.0, np.nan], np.float32), "finite"),
        (np.array(["a"]), "samples"),
    ],
)
def test_what_is_no_mono_sound_is_refused(avatar: Avatar, samples: Samples, words: str) -> None:
    with avatar.session() as session, pytest.raises(AudioError, match=words):
        session.push_audio(samples)


def test_a_finished_session_says_so(avatar: Avatar) -> None:
    session = avatar.session()
    session.finish()
    for call in (session.finish, session.interrupt, lambda: session.idle(1), lambda: session.push_audio(np.zeros(1))):
        with pytest.raises(InputError, match="finished"):
            call()
    with pytest.raises(AudioError, match="positive"):
        avatar.session(rate_hz=0)


def corners(frames: list[Frame]) -> list[float]:
    """How wide the mouth of each frame is against its eyes, as the face mesh sees it."""
    widths = []
    with FaceTracker() as tracker:
        for frame in frames:
            face = tracker.track(frame.pixels)
            assert face is not None
            mouth, eyes = face.landmarks[[61, 291], :2], face.landmarks[[33, 263], :2]
            widths.append(float(np.linalg.norm(mouth[0] - mouth[1]) / np.linalg.norm(eyes[0] - eyes[1])))
    return widths


def felt(avatar: Avatar, samples: Samples, pieces: list[int], low_latency: bool) -> list[Frame]:
    """Happy from 0.8 s on, nothing from 1.4 s on: sound cut at `pieces` and where the emotion is set."""
    with avatar.session(seed=3, low_latency=low_latency) as session:
        frames: list[Frame] = []
        at = 0
        for end in sorted({*pieces, 12_800, 22_400, len(samples)}):
            frames += session.push_audio(samples[at:end])
            at = end
            if end == 12_800:
                session.set_emotion("happy")
            if end == 22_400:
                session.set_emotion(None)
        return frames + session.finish()


@pytest.mark.parametrize("low_latency", [False, True])
def test_an_emotion_is_eased_in_at_its_time_the_same_however_the_sound_was_cut(
    avatar: Avatar, speech: npt.NDArray[np.float32], low_latency: bool
) -> None:
    whole = felt(avatar, speech, [], low_latency)
    rng = np.random.default_rng(1)
    for count in (3, 40):
        pieces = rng.integers(1, len(speech), count).tolist()
        assert same(felt(avatar, speech, pieces, low_latency), [frame.pixels for frame in whole])
    plain = run(avatar.session(seed=3, low_latency=low_latency), iter([speech]))
    differs = [not np.array_equal(a.pixels, b.pixels) for a, b in zip(whole, plain)]
    # Frame 20 is that of 0.8 s, where it begins; at 1.4 s it is let go.
    assert not any(differs[:21])
    assert all(differs[23:48])


def test_a_smile_is_seen_and_outlives_an_interruption(avatar: Avatar) -> None:
    with avatar.session() as session:
        before = session.idle(1.0)
        session.set_emotion("happy", 0.9)
        session.idle(1.0)
        session.interrupt()
        smiling = session.idle(1.0)
    assert corners(smiling[-3:])[-1] > 1.1 * corners(before[-3:])[-1]


def test_an_emotion_that_is_none_is_refused(avatar: Avatar) -> None:
    with avatar.session() as session:
        with pytest.raises(InputError, match="there is no emotion 'glad'"):
            session.set_emotion("glad")
        with pytest.raises(InputError, match=r"between 0 and 1, not 1\.5"):
            session.set_emotion("happy", 1.5)


def test_motion_sessions_feel_too(avatar: Avatar) -> None:
    rest = Motion.from_blendshapes(np.zeros((20, N_BLENDSHAPES), np.float32), Fraction(20))
    with avatar.motion_session(20) as session:
        plain = session.push_motion(rest)
        session.set_emotion("surprised")
        assert session.time_s == 1.0
        moved = session.push_motion(rest)
    assert np.array_equal(moved[0].pixels, plain[0].pixels)
    assert not np.array_equal(moved[1].pixels, plain[1].pixels)
    assert np.array_equal(moved[13].pixels, moved[19].pixels)
