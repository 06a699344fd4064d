"""Sentence by sentence: what was spoken is heard and drawn while the rest is still being made."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import talkinghead as th
from audio2motion.targets import opening_of
from talkinghead.core.errors import DependencyError, InputError
from talkinghead.media.audio import probe_audio, read_audio_blocks
from talkinghead.media.video import VideoReader
from talkinghead.motion.files import load_motion
from talkinghead.tts.engines import SpokenText
from talkinghead.tts.espeak import EspeakEngine
from talkinghead.tts.telling import Telling

TEXT = "Mama bought a balloon. Papa is happy about it. Bobby may pop it."


class Waiting:
    """espeak-ng, whose last sentence waits until it may."""

    def __init__(self, fails: bool = False) -> None:
        self.may_go_on, self.fails, self.texts = threading.Event(), fails, list[str]()

    def speak(self, text: str) -> SpokenText:
        self.texts.append(text)
        if "Bobby" in text:
            assert self.may_go_on.wait(60)
            if self.fails:
                raise DependencyError("the engine broke down")
        return EspeakEngine("en-us").speak(text)


def test_pieces_are_the_sound() -> None:
    telling = Telling(EspeakEngine("en-us"), TEXT)
    pieces = list(telling.pieces())
    assert len(pieces) == 3
    heard = np.concatenate(list(telling.sound.blocks(telling.sound.rate_hz)))
    np.testing.assert_array_equal(heard, np.concatenate([samples for samples, _ in pieces]))
    own = EspeakEngine("en-us").speak("Mama bought a balloon.")
    np.testing.assert_allclose(heard[: len(own.samples)], own.samples, atol=1e-4)
    assert telling.sound.duration_s == pytest.approx(len(heard) / telling.sound.rate_hz)
    assert [samples.shape for samples, _ in telling.pieces()] == [samples.shape for samples, _ in pieces]


def test_frames_come_before_the_last_sentence_is_spoken(examples: Path) -> None:
    engine = Waiting()
    clip = th.Avatar(examples / "astronaut.png", framing="crop").speak(text=TEXT, voice=engine)
    pictures = clip.pictures()
    for _ in range(20):
        next(pictures)
    assert not engine.may_go_on.is_set()
    assert clip.frames is None
    engine.may_go_on.set()
    count = 20 + sum(1 for _ in pictures)
    assert clip.sound is not None
    assert count == round(clip.sound.duration_s * 25)
    assert engine.texts == ["Mama bought a balloon.", "Papa is happy about it.", "Bobby may pop it."]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_file_holds_the_whole_sound(examples: Path, tmp_path: Path, suffix: str) -> None:
    engine = Waiting()
    avatar = th.Avatar(examples / "astronaut.png", framing="crop")
    clip = avatar.speak(text=TEXT, voice=engine)
    threading.Timer(1.0, engine.may_go_on.set).start()
    out = clip.save(tmp_path / f"out{suffix}", motion_to=tmp_path / "m.npz")
    assert clip.sound is not None
    assert probe_audio(out).duration_s == pytest.approx(clip.sound.duration_s, abs=0.05)
    with VideoReader(out) as video:
        assert video.frames == round(clip.sound.duration_s * 25)
    whole = np.concatenate(list(clip.sound.blocks(16_000)))
    decoded = np.concatenate(list(read_audio_blocks(out, 16_000)))
    length = min(len(whole), len(decoded))
    assert np.corrcoef(whole[:length], decoded[:length])[0, 1] > 0.98
    # The same text at once: the same motion.
    again = avatar.speak(text=TEXT, voice=EspeakEngine("en-us"))
    again.save(tmp_path / "again.mkv", motion_to=tmp_path / "n.npz")
    one, two = load_motion(tmp_path / "m.npz"), load_motion(tmp_path / "n.npz")
    np.testing.assert_allclose(opening_of(one.blendshapes), opening_of(two.blendshapes), atol=0.1)


def test_a_folder_of_frames_gets_the_whole_sound(examples: Path, tmp_path: Path) -> None:
    clip = th.Avatar(examples / "astronaut.png", framing="crop").speak(text="Hi. You there.", voice="en-us")
    clip.save(f"{tmp_path}/frames/")
    assert clip.sound is not None
    assert probe_audio(tmp_path / "frames" / "audio.wav").duration_s == pytest.approx(clip.sound.duration_s, abs=1e-3)
    assert len(list((tmp_path / "frames").glob("*.png"))) == round(clip.sound.duration_s * 25)


def test_an_engine_that_breaks_down_leaves_no_file(examples: Path, tmp_path: Path) -> None:
    engine = Waiting(fails=True)
    engine.may_go_on.set()
    clip = th.Avatar(examples / "astronaut.png", framing="crop").speak(text=TEXT, voice=engine)
    with pytest.raises(DependencyError, match="broke down"):
        clip.save(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_nobody_hears_is_not_spoken_on() -> None:
    class Slow(Waiting):
        def speak(self, text: str) -> SpokenText:
            time.sleep(0.2)
            return super().speak(text)

    engine = Slow()
    telling = Telling(engine, "One. " * 200)
    path = next(iter(telling.sound.pcm()))
    assert path
    del telling
    gc.collect()
    time.sleep(1.0)
    said = len(engine.texts)
    time.sleep(1.5)
    assert len(engine.texts) <= said + 1 < 200


def test_what_cannot_be_spoken_is_told_at_once() -> None:
    for text in ("", "...", " \n"):
        with pytest.raises(InputError):
            Telling(EspeakEngine("en-us"), text)
    with pytest.raises(InputError, match="Cyrillic"):
        Telling(EspeakEngine("en-us"), "Hello. Привет, мир.")
