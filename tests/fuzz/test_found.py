"""What fuzzing has found: each fault's smallest kind of file, mended where it started."""

from __future__ import annotations

import io
import json
import pickle
import struct
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio2motion.config import ModelConfig
from audio2motion.errors import Audio2MotionError
from talkinghead.batch.journal import Journal
from talkinghead.batch.manifest import read_manifest
from talkinghead.checkpoints.verify import is_whole, read_lock
from talkinghead.core.errors import (
    AudioError,
    CheckpointError,
    DependencyError,
    InputError,
    MotionError,
    TalkingHeadError,
    VideoError,
)
from talkinghead.core.safe_pickle import load_pickle
from talkinghead.core.settings import parse_face
from talkinghead.media.audio import read_audio_blocks
from talkinghead.media.video import VideoReader
from talkinghead.motion.arkit_csv import HEADER
from talkinghead.motion.files import load_motion
from talkinghead.provenance.containers import look
from talkinghead.tts.sentences import sentences
from talkinghead.tts.tags import split_tags
from talkinghead.tts.wav import WavStream
from tests.fuzz import seeds, shapes

_DEEP = "[" * 100_000


def _file(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_messages_are_one_line() -> None:
    assert str(InputError("there is no a\nb.png\r: check")) == "there is no a b.png : check"
    assert str(Audio2MotionError("a\nb")) == "a b"


@pytest.mark.parametrize("kind", ["key", "frozenset"])
def test_a_pickle_whose_key_takes_for_ever(tmp_path: Path, kind: str) -> None:
    value: object = (1,)
    for _ in range(60):
        value = (value, value)
    path = _file(tmp_path, "m.pkl", shapes._container(pickle.dumps(value, 4)[:-1], kind))
    begin = time.process_time()
    with pytest.raises(MotionError, match="tuples nested without end"):
        load_pickle(path)
    assert time.process_time() - begin < 2


def test_tuples_that_end_are_read(tmp_path: Path) -> None:
    value = {(1, (2, 3)): [((4, 5), frozenset({(6, 7)}))], "a": (), "shared": [(8, 9)] * 3}
    for number in range(6):
        assert load_pickle(_file(tmp_path, "m.pkl", pickle.dumps(value, number))) == value


@pytest.mark.parametrize("value", [10**400, np.full(63, 1e300)])
def test_a_template_with_numbers_that_are_too_large(tmp_path: Path, value: object) -> None:
    template = pickle.loads(seeds.motions(".pkl")[0])
    template["motion"][0]["exp" if isinstance(value, np.ndarray) else "scale"] = value
    with pytest.raises(MotionError, match=r"finite|too large"):
        load_motion(_file(tmp_path, "m.pkl", pickle.dumps(template)))


def _spoilt_npz(**changed: object) -> bytes:
    with np.load(io.BytesIO(seeds.motions(".npz")[0])) as archive:
        known = {name: archive[name] for name in archive.files}
    file = io.BytesIO()
    np.savez(file, **{**known, **changed})
    return file.getvalue()


def test_a_motion_archive_with_numbers_that_are_too_large(tmp_path: Path) -> None:
    data = _spoilt_npz(rotation=np.full((4, 3), 1e300))
    with pytest.raises(MotionError, match="finite"):
        load_motion(_file(tmp_path, "m.npz", data))


def test_a_motion_archive_of_another_zip_or_that_unpacks_without_end(tmp_path: Path) -> None:
    data = bytearray(seeds.motions(".npz")[0])
    at = data.index(b"PK\x01\x02") + 6
    data[at : at + 2] = struct.pack("<H", 127)
    with pytest.raises(MotionError, match="no motion file, or is damaged"):
        load_motion(_file(tmp_path, "m.npz", bytes(data)))
    bomb = bytearray(seeds.motions(".npz")[0])
    bomb[at + 18 : at + 22] = struct.pack("<I", 0x7FFFFFFF)  # as large as the archive's list says
    with pytest.raises(MotionError, match="unpacks to"):
        load_motion(_file(tmp_path, "bomb.npz", bytes(bomb)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("00:00:00:00", "0", "0"), ("23:59:59:00", "0", "0")], "s apart: check its timecodes"),
        ([(f"00:00:00:{k}", "0", "0") for k in range(5)] + [("23:59:59:00", "0", "0")], "s apart: check its timecodes"),
        ([("00:00:00:00", "1e39", "0")], "not a finite number"),
        ([("00:00:00:00", "0", "3e38"), ("00:00:00:01", "0", "3e38")], "which is none in radians or degrees"),
    ],
)
def test_tables_with_impossible_times_and_numbers(
    tmp_path: Path, rows: list[tuple[str, str, str]], message: str
) -> None:
    lines = [",".join(HEADER), *(",".join([time, "61", *[weight] * 52, *[angle] * 9]) for time, weight, angle in rows)]
    with pytest.raises(MotionError, match=message):
        load_motion(_file(tmp_path, "m.csv", "\n".join(lines) + "\n"))


@pytest.mark.parametrize(
    "line",
    [
        _DEEP,
        '{"source": ' + "9" * 5000 + "}",
        '{"source": "a\\u0000", "audio": "b"}',
        '{"source": "\\ud800", "audio": "b"}',
    ],
)
def test_manifests_that_json_cannot_mean(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="row 1"):
        read_manifest(_file(tmp_path, "m.jsonl", line), tmp_path)


def test_a_name_that_is_no_text_may_stand_in_a_manifest(tmp_path: Path) -> None:
    path = _file(
        tmp_path, "m.jsonl", json.dumps({"source": b"caf\xe9.png".decode(errors="surrogateescape"), "audio": "b"})
    )
    assert read_manifest(path, tmp_path)[0].source.endswith("caf\udce9.png")


def test_other_files_of_json_nested_too_deeply(tmp_path: Path) -> None:
    _file(tmp_path, "talkinghead.lock.json", _DEEP)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_lock(tmp_path)
    with pytest.raises(Audio2MotionError, match="cannot be read"):
        ModelConfig.read(_file(tmp_path, "config.json", _DEEP))


@pytest.mark.parametrize(
    "changed",
    [
        {"layers": None},
        {"hidden_size": [3]},
        {"heads": {}},
        {"window": 10**9},
        {"gain": "1"},
        {"channels": 3},
        {"heads": 0},
        {"encoder": True},
        {"dropout": float("nan")},
    ],
)
def test_a_model_config_of_other_types(tmp_path: Path, changed: dict[str, object]) -> None:
    values = {**json.loads(seeds.tiny_checkpoint()["config.json"]), **changed}
    with pytest.raises(Audio2MotionError, match=next(iter(changed))):
        ModelConfig.read(_file(tmp_path, "config.json", json.dumps(values)))


def test_an_archive_of_weights_that_is_damaged(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    data = plain.getvalue()
    end, first = data.rindex(b"PK\x05\x06"), data.index(b"PK\x01\x02")
    larger = data[: end + 12] + b"\xff\xff\xff\x7f" + data[end + 16 :]  # its list begins before the file does
    name = data[: first + 8] + b"\x00\x08" + data[first + 10 : first + 46] + b"\xef" + data[first + 47 :]  # no UTF-8
    for damage in (larger, name):
        assert not is_whole(_file(tmp_path, "a.pth", damage))
    assert is_whole(_file(tmp_path, "b.pth", data))


def test_a_face_that_is_no_number() -> None:
    for text in ("0²", "²", "9" * 5000):
        with pytest.raises(TalkingHeadError, match="is not a face"):
            parse_face(text)


def test_a_wav_stream_whose_format_is_cut_off_or_comes_in_pieces() -> None:
    head = b"RIFF\xff\xff\xff\xffWAVEfmt "
    with pytest.raises(DependencyError, match="format is cut off"):
        WavStream("the voice").push(head + struct.pack("<I", 4) + bytes(4) + b"data" + bytes(40))
    extensible = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    stream = WavStream("the voice")
    data = head + struct.pack("<I", 40) + extensible + b"data" + struct.pack("<I", 4) + struct.pack("<2h", 1 << 14, 0)
    heard = np.concatenate([stream.push(data[at : at + 1]) for at in range(len(data))])
    np.testing.assert_array_equal(heard, [0.5, 0])
    floats = (
        head + struct.pack("<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32) + b"data" + struct.pack("<If", 4, float("nan"))
    )
    with pytest.raises(DependencyError, match="not finite"):
        WavStream("the voice").push(floats)


@pytest.mark.parametrize("text", ["[a" + " " * 200_000, "a" * 400_000, "," * 200_000, " -" * 100_000])
def test_texts_that_took_for_ever(text: str) -> None:
    begin = time.process_time()
    pieces = sentences(text)
    split_tags(text)
    assert time.process_time() - begin < 3
    assert sum(map(str.isalnum, "".join(pieces))) == sum(map(str.isalnum, text))


@pytest.mark.parametrize("output", ["b" * 300, "\0", None, [], 5])
def test_a_journal_that_names_no_file(tmp_path: Path, output: object) -> None:
    line = json.dumps({"key": "a", "output": output, "error": None})
    assert not Journal(_file(tmp_path, "j", line)).done


def test_a_jpeg_of_empty_segments_is_walked_for_a_moment(tmp_path: Path) -> None:
    begin = time.process_time()
    assert look(_file(tmp_path, "a.jpg", b"\xff\xd8" + b"\xff\xe0\0\2" * 2_000_000)).xmp == ""
    assert look(_file(tmp_path, "b.jpg", b"\xff\xd8\xff\xe1\0\1" + bytes(9_000))).xmp == ""
    assert time.process_time() - begin < 0.7


def test_two_channels_of_opposite_infinity(tmp_path: Path) -> None:
    samples = np.zeros((800, 2), np.float32)
    samples[400] = np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AudioError, match="not finite numbers, first at 0"):
            list(read_audio_blocks(tmp_path / "a.wav"))


def test_a_few_bytes_that_say_they_are_a_picture_of_a_gigabyte(tmp_path: Path) -> None:
    head = struct.pack("<6sHHBBB", b"GIF89a", 4912, 42922, 0xF7, 0, 0) + bytes(3 * 256)
    (tmp_path / "large.gif").write_bytes(head + b",\0\0\0\0\x08\0\x08\0\0\x02\x03\0\0\0\0;")
    with pytest.raises(VideoError, match="too large with 4912 x 42922 pixels: scale it down to at most 75 million"):
        VideoReader(tmp_path / "large.gif")
