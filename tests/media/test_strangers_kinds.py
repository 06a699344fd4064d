"""Kinds of input that people report of such software, beside those of the other files here."""

from __future__ import annotations

import csv
import os
import struct
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image as pillow  # noqa: N813
from PIL import ImageCms

from talkinghead.batch.manifest import read_manifest
from talkinghead.cli.speak import _text_in
from talkinghead.core.errors import AudioError, ImageError, InputError, TalkingHeadError, VideoError
from talkinghead.media.audio import probe_audio, read_audio_blocks
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader, write_video

_RATE_HZ = 16_000


@pytest.fixture(scope="module")
def face(examples: Path) -> np.ndarray:
    return read_image(examples / "astronaut.png", 128).pixels


@pytest.fixture(scope="module")
def voice(examples: Path) -> np.ndarray:
    """A second of the recording at 16 kHz."""
    return np.concatenate(list(read_audio_blocks(examples / "speech.wav", _RATE_HZ)))[:_RATE_HZ]


def _heard(path: Path) -> np.ndarray:
    return np.concatenate(list(read_audio_blocks(path, _RATE_HZ)))


def _same(one: np.ndarray, other: np.ndarray) -> float:
    """How alike two recordings are, at best within 3 ms of each other."""
    n = min(len(one), len(other)) - 50
    return max(float(np.corrcoef(one[k : n + k], other[:n])[0, 1]) for k in range(50))


@pytest.mark.parametrize(
    "name", ["rgb16.png", "rgb16.tif", "cmyk.tif", "lab.tif", "a.avif", "j2k.jp2", "t.tga", "e.png"]
)
def test_pictures_of_other_depths_and_colours(face: np.ndarray, tmp_path: Path, name: str) -> None:
    path, rgb = tmp_path / name, pillow.fromarray(face)
    if name.startswith("rgb16"):
        cv2.imwrite(str(path), cv2.cvtColor(face, cv2.COLOR_RGB2BGR).astype(np.uint16) * 257)
    elif name == "lab.tif":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        turned = ImageCms.profileToProfile(rgb, srgb, lab, outputMode="LAB")
        assert turned is not None
        turned.save(path)
    elif name == "e.png":
        exif = rgb.getexif()
        exif[0x0112] = 6
        rgb.rotate(90, expand=True).save(path, exif=exif)
    else:
        (rgb.convert("CMYK") if name == "cmyk.tif" else rgb).save(path)
    assert np.abs(read_image(path).pixels.astype(int) - face).mean() < 4


@pytest.mark.parametrize(("gamma", "power"), [(100_000, 2.2), (45_455, 1.0), (55_556, 2.2 / 1.8), (0, 1.0)])
def test_a_png_that_says_its_gamma(face: np.ndarray, tmp_path: Path, gamma: int, power: float) -> None:
    path = tmp_path / "g.png"
    pillow.fromarray(np.round(255 * (face / 255) ** power).astype(np.uint8)).save(path)
    data, chunk = path.read_bytes(), b"gAMA" + struct.pack(">I", gamma)
    path.write_bytes(data[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:])
    assert np.abs(read_image(path).pixels.astype(int) - face).mean() < 6


@pytest.mark.parametrize("kind", ["ALAW", "ULAW", "GSM610", "IMA_ADPCM", "PCM_24", "DOUBLE", "RF64", "W64", "AIFF"])
def test_sound_of_telephones_recorders_and_editors(voice: np.ndarray, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.wav"
    container = kind if kind in ("RF64", "W64", "AIFF") else "WAV"
    soundfile.write(path, voice, _RATE_HZ, format=container, subtype="PCM_16" if kind == container else kind)
    assert _same(_heard(path), voice) > 0.97
    assert probe_audio(path).duration_s == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("lengths", [b"\xff\xff\xff\xff", b"\0\0\0\0"])
def test_a_wav_file_that_does_not_know_its_length(voice: np.ndarray, tmp_path: Path, lengths: bytes) -> None:
    path = tmp_path / "s.wav"
    soundfile.write(path, voice, _RATE_HZ, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = lengths
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    path.write_bytes(bytes(data[:36]) + odd + bytes(data[36:]))
    assert _same(_heard(path), voice) > 0.999


@pytest.mark.parametrize("channels", [6, 8])
def test_the_voice_of_a_film_is_in_the_centre(voice: np.ndarray, tmp_path: Path, channels: int) -> None:
    music = 0.4 * np.sin(
        np.outer(np.arange(len(voice)) / _RATE_HZ, 2 * np.pi * np.arange(200, 200 + 90 * channels, 90))
    )
    music[:, 2] = voice
    path = tmp_path / "film.wav"
    soundfile.write(path, music, _RATE_HZ, format="WAVEX")
    assert _same(_heard(path), voice) > 0.99
    music[:, 2] = 0
    soundfile.write(path, music, _RATE_HZ, format="WAVEX")
    assert _same(_heard(path), music.mean(1)) > 0.99


@pytest.mark.parametrize(
    "name",
    [
        "-a.mp4",
        "a\nb.mp4",
        "100%d.mp4",
        "%03d.mp4",
        "a:b.mp4",
        "[x]?*.mp4",
        "UP.MP4",
        "é😀.mp4",
        b"caf\xe9.mp4".decode(errors="surrogateescape"),
    ],
)
def test_names_that_mean_something_elsewhere(
    face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(Path(name), [face] * 3, Fraction(25))
    with VideoReader(Path(name)) as video:
        assert sum(1 for _ in video) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_playlist_with_a_percent_sign(face: np.ndarray, tmp_path: Path) -> None:
    write_video(tmp_path / "h%d.m3u8", [face] * 3, Fraction(25))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h%d.m3u8", "h_d-00000.ts"]
    with VideoReader(tmp_path / "h_d-00000.ts") as video:
        assert sum(1 for _ in video) == 3
    with pytest.raises(TalkingHeadError, match="exists already"):
        write_video(tmp_path / "h%d.m3u8", [face] * 3, Fraction(25))


@pytest.mark.timeout(20)
def test_pipes_are_refused_where_they_would_be_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "a.png"
    os.mkfifo(pipe)
    with pytest.raises(ImageError, match="is a pipe or a device"):
        read_image(pipe)
    with pytest.raises(VideoError, match="is a pipe or a device"):
        VideoReader(pipe)
    with pytest.raises(AudioError, match="is a pipe or a device"):
        probe_audio(pipe)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_texts_and_tables_as_editors_and_spreadsheets_write_them(tmp_path: Path, encoding: str, separator: str) -> None:
    text, table = tmp_path / "t.txt", tmp_path / "t.csv"
    text.write_text("Grüße.", encoding=encoding)
    assert _text_in(text) == "Grüße."
    with table.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows([["source", "audio", "seed"], ["ä.png", "a,b;c.wav", "1"]])
    job = read_manifest(table, tmp_path)[0]
    assert (Path(job.source).name, Path(job.driver).name, job.columns) == ("ä.png", "a,b;c.wav", (("seed", "1"),))
    text.write_bytes("Grüße.".encode("cp1252"))
    with pytest.raises(InputError, match="not a text in UTF-8"):
        _text_in(text)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_time_stamps_that_leap_by_a_day_are_refused(tmp_path: Path, suffix: str) -> None:
    """Filled with what came before, the result would have no end, nor ffmpeg's memory."""
    path = tmp_path / f"a{suffix}"
    leaps = "setts=ts=TS+gte(N\\,12)*90000/TB"
    inputs = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=12:duration=2", "-f", "lavfi", "-i", "sine=duration=2"]
    subprocess.run(
        [find_ffmpeg(), "-loglevel", "error", *inputs, "-bf", "0", "-bsf:v", leaps, "-bsf:a", leaps, str(path)],
        check=True,
    )
    with pytest.raises(VideoError, match=r"leap by 25 hours at 0\.92 s"):
        VideoReader(path)
    if suffix == ".mkv":  # MP4's reader has left the far sound out
        with pytest.raises(AudioError, match="leap by 25 hours"):
            next(read_audio_blocks(path))
