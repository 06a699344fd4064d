"""Sound in: what is read, how long it is, and what each bad input is told."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from talkinghead.core.errors import AudioError
from talkinghead.core.types import Floats
from talkinghead.media.audio import SPEECH_RATE_HZ, probe_audio, read_audio_blocks
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.sound import open_sound
from talkinghead.media.video import write_video


def tone(duration_s: float, rate_hz: int, channels: int = 1, hz: float = 440.0) -> Floats:
    """A sine of amplitude 0.5, the same in every channel: (samples, channels) float32."""
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def encode(source: Path, target: Path, *arguments: str) -> Path:
    subprocess.run([find_ffmpeg(), "-loglevel", "error", "-y", "-i", source, *arguments, target], check=True)
    return target


def collect(path: Path | str, rate_hz: int = SPEECH_RATE_HZ) -> Floats:
    return np.concatenate(list(read_audio_blocks(path, rate_hz)))


def dominant_hz(samples: Floats, rate_hz: int = SPEECH_RATE_HZ) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate_hz / len(samples))


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype"),
    [(8_000, 1, "PCM_16"), (16_000, 1, "PCM_16"), (44_100, 2, "PCM_24"), (48_000, 6, "FLOAT"), (192_000, 2, "PCM_32")],
)
def test_wav_of_any_shape_becomes_mono_at_the_speech_rate(
    tmp_path: Path, rate_hz: int, channels: int, subtype: str
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.3, rate_hz, channels), rate_hz, subtype=subtype)
    info = probe_audio(path)
    assert (info.rate_hz, info.channels) == (rate_hz, channels)
    assert info.duration_s == pytest.approx(1.3, abs=1e-4)
    samples = collect(path)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(1.3 * SPEECH_RATE_HZ, abs=1)
    assert dominant_hz(samples) == pytest.approx(440, abs=1)
    assert np.abs(samples[2000:-2000]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".opus", ".webm", ".mka", ".flac", ".aiff", ".wma"])
def test_other_formats_decode_to_the_same_sound(tmp_path: Path, suffix: str) -> None:
    wav = tmp_path / "a.wav"
    soundfile.write(wav, tone(1.3, 48_000, 2), 48_000)
    path = encode(wav, tmp_path / f"a{suffix}")
    samples = collect(path)
    assert len(samples) / SPEECH_RATE_HZ == pytest.approx(1.3, abs=0.08)
    assert dominant_hz(samples) == pytest.approx(440, abs=2)
    info = probe_audio(path)
    assert (info.rate_hz, info.channels) == (48_000, 2)
    assert info.duration_s == pytest.approx(len(samples) / SPEECH_RATE_HZ, abs=0.1)


def test_a_video_gives_its_sound_from_the_first_picture_on(tmp_path: Path) -> None:
    wav = tmp_path / "a.wav"
    soundfile.write(wav, tone(1.0, 16_000), 16_000)
    late = tmp_path / "late.mkv"
    command = [find_ffmpeg(), "-loglevel", "error", "-f", "lavfi", "-i", "color=s=32x32:d=2:r=25", "-itsoffset", "0.5",
               "-i", str(wav), "-c:a", "flac", str(late)]  # fmt: skip
    subprocess.run(command, check=True)
    samples = collect(late)
    assert np.abs(samples[:7500]).max() < 1e-3
    assert np.abs(samples[8100:9000]).max() > 0.4
    assert len(samples) == pytest.approx(1.5 * SPEECH_RATE_HZ, abs=40)


def test_blocks_have_the_asked_length_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.1, 44_100), 44_100)
    blocks = list(read_audio_blocks(path, block_s=0.25))
    assert [len(block) for block in blocks[:-1]] == [4000] * (len(blocks) - 1)
    assert 0 < len(blocks[-1]) <= 4000
    np.testing.assert_array_equal(np.concatenate(blocks), collect(path))


@pytest.mark.parametrize("samples", [30, 480, 14_400])
def test_short_and_silent_sound_is_sound(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(samples, np.float32), 48_000)
    assert len(collect(path)) == samples // 3


def test_a_recording_that_was_cut_off_gives_what_is_left(tmp_path: Path) -> None:
    wav = tmp_path / "a.wav"
    soundfile.write(wav, tone(2.0, 44_100), 44_100)
    for path, share in ((wav, 0.5), (encode(wav, tmp_path / "a.mp3"), 0.6)):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        assert len(collect(path)) / SPEECH_RATE_HZ == pytest.approx(2.0 * share, abs=0.15)


@pytest.fixture(scope="module")
def bad_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are not sound, each in its own way."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.wav").write_text("this is a letter, not sound\n" * 50)
    (folder / "empty.wav").touch()
    soundfile.write(folder / "hollow.wav", np.zeros((0, 1), np.float32), 16_000)
    broken = tone(1.0, 16_000)
    broken[8_000] = np.nan
    soundfile.write(folder / "nan.wav", broken, 16_000, subtype="FLOAT")
    picture = ["-f", "lavfi", "-i", "color=s=32x32:d=0.2:r=25"]
    subprocess.run([find_ffmpeg(), "-loglevel", "error", *picture, folder / "mute.mp4"], check=True)
    soundfile.write(folder / "good.wav", tone(0.3, 16_000), 16_000)
    whole = encode(folder / "good.wav", folder / "whole.m4a").read_bytes()
    (folder / "half.m4a").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.wav", "there is no file"),
        (".", "is a folder"),
        ("text.wav", "cannot be read as sound"),
        ("empty.wav", "is empty"),
        ("hollow.wav", "no sound"),
        ("nan.wav", "first at 0.50 s"),
        ("mute.mp4", "has no sound track"),
        ("half.m4a", "cut off"),
    ],
)
def test_bad_input_is_named_in_one_line(bad_inputs: Path, name: str, message: str) -> None:
    path = bad_inputs / name
    with pytest.raises(AudioError, match=message) as caught:
        collect(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".m4a", ".mka", ".mp4"])
def test_a_gap_in_time_stamps_is_silence_in_what_is_heard_and_in_what_is_written(tmp_path: Path, suffix: str) -> None:
    # One second of sound, two that are missing, one of sound.
    wav = tmp_path / "a.wav"
    soundfile.write(wav, tone(4.0, 16_000), 16_000)
    picture = ["-f", "lavfi", "-i", "color=s=32x32:d=4:r=25"] if suffix == ".mp4" else []
    path = tmp_path / f"gap{suffix}"
    subprocess.run([find_ffmpeg(), "-loglevel", "error", "-i", wav, *picture, "-af", "aselect='lt(t,1)+gte(t,3)'",
                    "-c:a", "aac", path], check=True)  # fmt: skip
    written = tmp_path / "written.mp4"
    write_video(written, [np.zeros((32, 32, 3), np.uint8)] * 100, Fraction(25), path)
    plain = encode(written, tmp_path / "plain.wav")  # as a reader hears it that never looks at time stamps
    for heard in (collect(path), collect(written), collect(plain)):
        assert len(heard) / SPEECH_RATE_HZ == pytest.approx(4.0, abs=0.1)
        loud = [float(np.abs(heard[round(t * SPEECH_RATE_HZ) :][:1600]).max()) for t in (0.5, 1.5, 2.5, 3.5)]
        assert loud[0] > 0.4
        assert loud[3] > 0.4
        assert max(loud[1:3]) < 0.01
    assert probe_audio(path).has_gaps
    assert not probe_audio(written).has_gaps


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".m4a", ".mp4"])
def test_channels_that_cancel_each_other_are_still_heard(tmp_path: Path, suffix: str) -> None:
    wav = tmp_path / "antiphase.wav"
    soundfile.write(wav, tone(1.0, 16_000, 2) * np.array([1, -1], np.float32), 16_000)
    path = wav if suffix == ".wav" else encode(wav, tmp_path / f"a{suffix}")
    assert np.abs(collect(path)[2000:-2000]).max() == pytest.approx(0.5, abs=0.03)


def test_a_voice_in_one_channel_is_as_loud_as_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "centre.wav"
    soundfile.write(path, tone(1.0, 16_000, 6) * np.array([0, 0, 1, 0, 0, 0], np.float32), 16_000)
    assert np.abs(collect(path)[2000:-2000]).max() == pytest.approx(0.5, abs=0.01)
    samples = np.stack([tone(1.0, 16_000)[:, 0], np.zeros(16_000, np.float32)], axis=1)
    heard = np.concatenate(list(open_sound((samples, 16_000)).blocks(16_000)))
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.01)


def test_ordinary_stereo_is_the_mean_of_its_channels(tmp_path: Path) -> None:
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (16_000, 2)).astype(np.float32)
    stereo[:, 1] = 0.3 * stereo[:, 0] + 0.7 * stereo[:, 1]
    path = tmp_path / "stereo.wav"
    soundfile.write(path, stereo, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(collect(path), stereo.mean(axis=1))
    # Two who speak in turn, each in a channel of their own, are both heard.
    turns = tone(2.0, 16_000, 2)
    turns[:16_000, 1] = turns[16_000:, 0] = 0
    soundfile.write(path, turns, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(collect(path), turns.mean(axis=1))
