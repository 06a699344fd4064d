"""Several faces in one picture, each with a voice of its own."""

import cv2
import numpy as np
import pytest
import soundfile

from talkinghead.canvas.several import Padded, mixed, speak_together
from talkinghead.core.errors import FaceError
from talkinghead.core.settings import Settings
from talkinghead.media.images import read_image, write_image


@pytest.fixture
def recording(tmp_path):
    def make(name, seconds, level=0.3):
        path = tmp_path / name
        wave = level * np.sin(np.arange(int(16000 * seconds)) * 0.1)
        soundfile.write(path, wave, 16000)
        return path

    return make


@pytest.mark.parametrize("seconds", [0.5, 2.5])
def test_recordings_are_cut_or_filled_with_silence(recording, seconds):
    samples = np.concatenate(list(Padded(recording("a.wav", 1.5), 16000, seconds)))
    assert len(samples) == 16000 * seconds
    assert np.abs(samples[: int(0.4 * 16000)]).max() > 0.2
    assert not samples[int(1.6 * 16000) :].any()


def test_silence_is_silence():
    assert not np.concatenate(list(Padded(None, 16000, 2.2))).any()


def test_voices_are_added_without_clipping(recording):
    path = mixed([recording("a.wav", 1.0, 0.9), recording("b.wav", 2.0, 0.9)], 2.0)
    samples, rate = soundfile.read(path)
    assert len(samples) == 2 * rate
    assert 0.9 < np.abs(samples[: rate // 2]).max() < 1
    assert np.abs(samples[-rate // 2 :]).max() == pytest.approx(np.tanh(0.9), abs=0.2)


@pytest.fixture
def couple(tmp_path, examples):
    left, right = (read_image(examples / name).pixels for name in ("grace_hopper.jpg", "astronaut.png"))
    left = cv2.resize(left, (437, 512), interpolation=cv2.INTER_AREA)
    write_image(tmp_path / "couple.png", np.hstack([left, right]))
    return tmp_path / "couple.png"


def test_each_face_speaks_its_own_track(couple, recording, examples):
    speech, rate = soundfile.read(examples / "speech.wav", dtype="float32")
    one, silence = couple.with_name("one.wav"), recording("silence.wav", 0.6, 0.0)
    soundfile.write(one, speech[: int(0.6 * rate)], rate)
    clip = speak_together(couple, silence, {2: one}, Settings(still=True))
    first, *_, last = frames = np.stack(list(clip)).astype(np.int16)
    change = np.abs(frames - first).max(axis=(0, 3))
    # The astronaut speaks on the right; the admiral on the left keeps her mouth shut.
    assert change[140:200, 437 + 190 : 437 + 260].max() > 40
    assert change[220:270, 180:250].max() < 25
    assert last.shape == first.shape


def test_a_track_for_a_face_that_is_not_there_is_refused(couple, recording):
    with pytest.raises(FaceError, match="no face 5"):
        speak_together(couple, recording("a.wav", 0.5), {5: recording("b.wav", 0.5)}, Settings())
