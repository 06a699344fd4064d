"""Recordings wherever they are: in files, on standard input, in memory, several at once."""

from __future__ import annotations

import gc
import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from talkinghead.core.errors import AudioError
from talkinghead.core.types import Floats
from talkinghead.media.audio import SPEECH_RATE_HZ, probe_audio
from talkinghead.media.resample import Resampler, as_floats
from talkinghead.media.sound import FileSound, MixedSound, PaddedSound, SampledSound, Sound, SpokenSound, open_sound


def tone(duration_s: float, rate_hz: int, hz: float = 440.0, channels: int = 0) -> Floats:
    """A sine of amplitude 0.5: (samples,) or, the same in every channel, (samples, channels)."""
    wave = (0.5 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)).astype(np.float32)
    return np.repeat(wave[:, None], channels, axis=1) if channels else wave


def heard(sound: Sound, rate_hz: int = SPEECH_RATE_HZ) -> Floats:
    """All of it at once."""
    return np.concatenate(list(sound.blocks(rate_hz)))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.7, 22_050), 22_050)
    return path


class TestFiles:
    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_path_is_heard_as_often_as_wanted_and_is_its_own_file(
        self, wav: Path, kind: type[str] | type[Path]
    ) -> None:
        sound = open_sound(kind(wav))
        assert sound.name == str(wav)
        assert sound.duration_s == pytest.approx(0.7, abs=1e-4)
        np.testing.assert_array_equal(heard(sound), heard(sound))
        assert len(heard(sound)) == pytest.approx(0.7 * SPEECH_RATE_HZ, abs=1)
        with sound.file() as path:
            assert path == wav
        assert wav.exists()

    def test_a_sound_is_taken_as_it_is(self, wav: Path) -> None:
        sound = FileSound(wav)
        assert open_sound(sound) is sound

    def test_a_missing_file_is_named_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(AudioError, match=r"there is no file .*none\.wav"):
            open_sound(tmp_path / "none.wav")

    @pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000])
    def test_standard_input_is_kept_and_its_length_mended(
        self, wav: Path, monkeypatch: pytest.MonkeyPatch, length: int
    ) -> None:
        data = bytearray(wav.read_bytes())
        at = data.index(b"data") + 4
        data[at : at + 4] = data[4:8] = struct.pack("<I", length)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(data))))
        sound = open_sound("-")
        assert sound.name == "standard input"
        assert sound.duration_s == pytest.approx(0.7, abs=1e-4)
        np.testing.assert_array_equal(heard(sound), heard(open_sound(wav)))
        with sound.file() as path:
            assert probe_audio(path).duration_s == pytest.approx(0.7, abs=1e-4)

    def test_what_was_kept_goes_with_its_owner(self, wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wav.read_bytes())))
        sound = open_sound("-")
        with sound.file() as path:
            assert path.exists()
        assert path.exists()
        del sound
        gc.collect()
        assert not path.exists()

    def test_nothing_on_standard_input_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        with pytest.raises(AudioError, match="no sound on standard input"):
            open_sound("-")

    def test_what_is_no_sound_on_standard_input_is_called_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a letter\n" * 50)))
        with pytest.raises(AudioError, match="standard input cannot be read as sound"):
            heard(open_sound("-"))

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
    def test_a_named_pipe_is_read_once_and_kept(self, tmp_path: Path, wav: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = subprocess.Popen(["cp", wav, pipe])
        sound = open_sound(pipe)
        assert writer.wait(timeout=5) == 0
        assert sound.duration_s == pytest.approx(0.7, abs=1e-4)
        np.testing.assert_array_equal(heard(sound), heard(open_sound(wav)))
        np.testing.assert_array_equal(heard(sound), heard(sound))


class TestSamples:
    @pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
    @pytest.mark.parametrize("channels", [0, 1, 2])
    def test_samples_sound_as_their_file_does(self, tmp_path: Path, rate_hz: int, channels: int) -> None:
        samples = tone(1.7, rate_hz, channels=channels)
        path = tmp_path / "a.wav"
        soundfile.write(path, samples, rate_hz, subtype="FLOAT")
        sound = open_sound((samples, rate_hz))
        assert sound.duration_s == pytest.approx(1.7, abs=1e-4)
        np.testing.assert_allclose(heard(sound), heard(open_sound(path)), atol=1e-6)

    @pytest.mark.parametrize(("kind", "codec"), [(np.int16, "pcm_s16le"), (np.float32, "pcm_f32le")])
    def test_the_file_holds_what_was_given(self, kind: type[np.generic], codec: str) -> None:
        wave = tone(0.3, 16_000, channels=2)
        samples = np.round(wave * 32767).astype(np.int16) if kind is np.int16 else wave
        with open_sound((samples, 16_000)).file() as path:
            info = probe_audio(path)
            again, rate_hz = soundfile.read(path, dtype=np.dtype(kind).name)
        assert (info.codec, info.channels, rate_hz) == (codec, 2, 16_000)
        np.testing.assert_array_equal(again, samples)
        assert not path.exists()

    def test_whole_numbers_are_scaled_by_their_range(self) -> None:
        np.testing.assert_array_equal(heard(open_sound((np.array([-32768, 0, 16384], np.int16), 16_000))), [-1, 0, 0.5])
        np.testing.assert_array_equal(as_floats(np.array([-(2**31), 2**30], np.int32)), [-1, 0.5])

    def test_lists_of_numbers_are_samples(self) -> None:
        np.testing.assert_array_equal(heard(open_sound(([0.0, 0.25, -0.5], 16_000))), [0.0, 0.25, -0.5])

    def test_channels_are_mixed_down(self) -> None:
        wave = tone(0.2, 16_000)
        np.testing.assert_allclose(
            heard(open_sound((np.stack([wave, wave / 2], axis=1), 16_000))), 0.75 * wave, atol=1e-7
        )

    @pytest.mark.parametrize(
        ("samples", "rate_hz", "said"),
        [
            (np.zeros(0, np.float32), 16_000, "at least one"),
            (np.zeros((2, 4000), np.float32), 16_000, r"not \(channels, n\)"),
            (np.zeros((3, 4, 5), np.float32), 16_000, "the shape"),
            (np.array(0.5, np.float32), 16_000, "the shape"),
            (np.zeros(100, np.uint8), 16_000, "holds uint8 samples"),
            (np.zeros(100, np.complex64), 16_000, "holds complex64 samples"),
            (np.array([0.0, np.nan]), 16_000, "not finite"),
            (np.array([0.0, np.inf]), 16_000, "not finite"),
            (np.zeros(100, np.float32), 0, "must be positive"),
            (np.zeros(100, np.float32), -8_000, "must be positive"),
        ],
    )
    def test_what_are_no_samples_is_told_in_one_line(self, samples: Floats, rate_hz: int, said: str) -> None:
        with pytest.raises(AudioError, match=said) as caught:
            open_sound((samples, rate_hz))
        assert "\n" not in str(caught.value)

    def test_spoken_text_is_written_with_sixteen_bits(self) -> None:
        with SpokenSound(tone(0.2, 22_050), 22_050).file() as path:
            assert probe_audio(path).codec == "pcm_s16le"


class TestResampler:
    @pytest.mark.parametrize(
        ("from_hz", "to_hz"), [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (16_000, 16_000)]
    )
    @pytest.mark.parametrize("seed", [0, 1])
    def test_the_cuts_do_not_show(self, from_hz: int, to_hz: int, seed: int) -> None:
        samples = tone(1.3, from_hz) + np.random.default_rng(9).normal(0, 0.1, round(1.3 * from_hz)).astype(np.float32)
        whole = Resampler(from_hz, to_hz)
        expected = np.concatenate([whole.push(samples), whole.finish()])
        cut, rest, pieces = Resampler(from_hz, to_hz), samples, []
        random = np.random.default_rng(seed)
        while len(rest):
            length = int(random.integers(1, from_hz // 3)) if random.random() < 0.5 else int(random.integers(1, 40))
            pieces.append(cut.push(rest[:length]))
            rest = rest[length:]
        pieces.append(cut.finish())
        np.testing.assert_array_equal(np.concatenate(pieces), expected)
        assert len(expected) == pytest.approx(1.3 * to_hz, abs=1)

    def test_a_tone_keeps_its_pitch_and_strength(self) -> None:
        stream = Resampler(44_100, 16_000)
        out = np.concatenate([stream.push(tone(1.0, 44_100)), stream.finish()])
        np.testing.assert_allclose(out[200:-200], tone(1.0, 16_000)[: len(out)][200:-200], atol=2e-3)

    @pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1)])
    def test_rates_are_positive(self, rates: tuple[int, int]) -> None:
        with pytest.raises(AudioError, match="must be positive"):
            Resampler(*rates)


class TestSeveral:
    def test_padding_fills_up_with_silence(self) -> None:
        short = SampledSound(tone(0.4, 16_000), 16_000)
        out = heard(PaddedSound(short, 2.5))
        assert len(out) == 40_000
        np.testing.assert_array_equal(out[:6_400], tone(0.4, 16_000))
        assert not out[6_400:].any()

    def test_padding_cuts_what_is_longer(self) -> None:
        out = heard(PaddedSound(SampledSound(tone(2.5, 16_000), 16_000), 1.2))
        np.testing.assert_array_equal(out, tone(2.5, 16_000)[:19_200])

    def test_nothing_padded_is_silence_of_that_length(self) -> None:
        silence = PaddedSound(None, 1.25)
        assert silence.name == "silence"
        assert not heard(silence).any()
        assert len(heard(silence)) == 20_000
        with silence.file() as path:
            assert probe_audio(path).duration_s == pytest.approx(1.25, abs=1e-4)

    def test_a_mix_is_the_bent_sum_at_any_rate(self) -> None:
        low, high = SampledSound(tone(0.9, 16_000), 16_000), SampledSound(tone(2.2, 16_000, 700), 16_000)
        mix = MixedSound([low, high], 2.2)
        assert mix.duration_s == 2.2
        wanted = tone(2.2, 16_000, 700)
        wanted[:14_400] += tone(0.9, 16_000)
        np.testing.assert_allclose(heard(mix), np.tanh(wanted), atol=1e-6)
        assert len(heard(mix, 48_000)) == round(2.2 * 48_000)

    def test_one_voice_is_left_as_it_is(self) -> None:
        np.testing.assert_array_equal(
            heard(MixedSound([SampledSound(tone(1.4, 16_000), 16_000)], 1.4)), tone(1.4, 16_000)
        )

    def test_loud_voices_do_not_clip(self) -> None:
        loud = SampledSound(np.full(16_000, 0.9, np.float32), 16_000)
        assert heard(MixedSound([loud, loud, loud], 1.0)).max() < 1.0

    def test_a_mix_becomes_a_file(self) -> None:
        mix = MixedSound([SampledSound(tone(0.5, 16_000), 16_000)] * 2, 1.5)
        with mix.file() as path:
            info = probe_audio(path)
        assert (info.codec, info.channels) == ("pcm_s16le", 1)
        assert info.duration_s == pytest.approx(1.5, abs=1e-4)
        assert not path.exists()
