"""Video in and out: colours, sizes, rates, lengths, tags, and that nothing half-written stays."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import soundfile

from talkinghead.core.errors import OutputError, VideoError
from talkinghead.core.types import Floats, Pixels
from talkinghead.media.audio import probe_audio, read_audio_blocks
from talkinghead.media.containers import container_of, on_gpu
from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.probe import describe
from talkinghead.media.video import SYNTHETIC_VIDEO, VideoReader, check_nvenc, check_target, write_video

NTSC_FILM = Fraction(24000, 1001)


def grey(level: int, width: int = 64, height: int = 48) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def click(path: Path, at_s: float, duration_s: float, rate_hz: int = 48_000) -> Path:
    """Near silence with a short tone at `at_s`."""
    sound = np.random.default_rng(0).normal(0, 1e-4, round(duration_s * rate_hz)).astype(np.float32)
    length, start = rate_hz // 100, round(at_s * rate_hz)
    sound[start : start + length] = 0.7 * np.sin(np.arange(length) * 2 * np.pi * 900 / rate_hz)
    soundfile.write(path, sound, rate_hz)
    return path


def sound_of(path: Path) -> Floats:
    return np.concatenate(list(read_audio_blocks(path)))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return click(tmp_path_factory.mktemp("sound") / "speech.wav", at_s=0.4, duration_s=0.9)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_colours_survive_and_are_tagged(tmp_path: Path, suffix: str) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 150, 120), (90, 60, 40), (10, 10, 10), (255, 255, 255)]
    frame = np.concatenate([np.full((64, 64, 3), colour, np.uint8) for colour in colours], axis=1)
    path = tmp_path / f"a{suffix}"
    write_video(path, [frame] * 3, Fraction(25))
    assert "bt709" in describe(path)
    with VideoReader(path) as video:
        for read in video:
            for k, colour in enumerate(colours):
                middle = read[16:48, k * 64 + 16 : k * 64 + 48].reshape(-1, 3).mean(0)
                np.testing.assert_allclose(middle, colour, atol=3.0)


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (2, 2), (101, 30)])
def test_odd_sizes_grow_by_a_repeated_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    frame = np.linspace(40, 200, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    result = write_video(tmp_path / "a.mp4", [frame] * 2, Fraction(25), quality=1)
    even = (width + width % 2, height + height % 2)
    assert result.size_px == even
    with VideoReader(tmp_path / "a.mp4") as video:
        assert video.size_px == even
        read = next(iter(video))
    edge = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    assert np.abs(read.astype(int) - edge).mean() < 6


@pytest.mark.parametrize("fps", [NTSC_FILM, Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)])
@pytest.mark.parametrize("duration_s", [0.3, 4.0])
def test_picture_and_sound_last_equally_long(tmp_path: Path, fps: Fraction, duration_s: float) -> None:
    audio = click(tmp_path / "a.wav", at_s=0.1, duration_s=duration_s, rate_hz=16_000)
    frames = max(1, round(len(sound_of(audio)) * fps / 16_000))
    result = write_video(tmp_path / "a.mp4", (grey(k % 255) for k in range(frames)), fps, audio)
    assert (result.frames, result.fps, result.audio) == (frames, fps, "aac")
    with VideoReader(tmp_path / "a.mp4") as video:
        assert (video.fps, video.frames, video.has_audio) == (fps, frames, True)
        assert sum(1 for _ in video) == frames
    sound_s = len(sound_of(tmp_path / "a.mp4")) / 16_000
    assert sound_s == pytest.approx(duration_s, abs=0.002)
    assert abs(sound_s - result.duration_s) <= 1 / fps


@pytest.mark.parametrize(
    ("source", "suffix", "kept"),
    [
        ("wav", ".mp4", "aac"), ("wav", ".mov", "copied"), ("wav", ".mkv", "copied"), ("wav", ".webm", "opus"),
        ("mp3", ".mp4", "copied"), ("m4a", ".mp4", "copied"), ("m4a", ".mkv", "copied"), ("opus", ".webm", "copied"),
        ("flac", ".mp4", "aac"), ("flac", ".mkv", "copied"),
    ],
)  # fmt: skip
def test_sound_is_kept_or_encoded_in_step_with_the_picture(
    tmp_path: Path, recording: Path, source: str, suffix: str, kept: str
) -> None:
    audio = tmp_path / f"speech.{source}"
    if source == "wav":
        audio.write_bytes(recording.read_bytes())
    else:
        subprocess.run([find_ffmpeg(), "-loglevel", "error", "-i", recording, audio], check=True)
    flash = [grey(255 if k == 10 else 0) for k in range(22)]
    result = write_video(tmp_path / f"a{suffix}", flash, Fraction(25), audio)
    assert result.audio == kept
    before, after = probe_audio(audio), probe_audio(result.path)
    if kept == "copied":
        assert after.codec == before.codec
    else:
        assert (after.rate_hz, after.channels) == (before.rate_hz, before.channels)
    onset_s = np.argmax(np.abs(sound_of(result.path)) > 0.2) / 16_000
    assert onset_s == pytest.approx(0.4, abs=0.005)
    with VideoReader(result.path) as video:
        assert [k for k, frame in enumerate(video) if frame.mean() > 128] == [10]


def test_the_sound_ends_where_it_is_told_to(tmp_path: Path, recording: Path) -> None:
    write_video(tmp_path / "a.mp4", [grey(0)] * 10, Fraction(25), recording, duration_s=0.4)
    assert len(sound_of(tmp_path / "a.mp4")) / 16_000 == pytest.approx(0.4, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
def test_files_say_that_they_are_synthetic(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    metadata = {} if suffix == ".gif" else {"title": "A test"}
    write_video(path, [grey(k) for k in range(5)], Fraction(25), metadata=metadata)
    said = describe(path)
    assert SYNTHETIC_VIDEO in said
    assert suffix == ".gif" or "A test" in said


def test_mp4_can_be_played_while_it_loads(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [grey(9)] * 3, Fraction(25))
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert "yuv420p" in describe(tmp_path / "a.mp4")


def test_gif_keeps_size_colours_and_rate(tmp_path: Path) -> None:
    frames = [np.full((31, 41, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 160, 30)) for _ in range(8)]
    result = write_video(tmp_path / "a.gif", frames, Fraction(25))
    assert result.size_px == (41, 31)
    with VideoReader(tmp_path / "a.gif") as video:
        read = list(video)
        assert (video.fps, len(read), video.has_audio) == (Fraction(25), 16, False)
    np.testing.assert_allclose(read[3].mean((0, 1)), (200, 30, 30), atol=6)
    np.testing.assert_allclose(read[12].mean((0, 1)), (30, 160, 30), atol=6)


def test_a_folder_gets_numbered_pictures_and_the_sound(tmp_path: Path, recording: Path) -> None:
    frames = [np.random.default_rng(k).integers(0, 256, (9, 7, 3), np.uint8) for k in range(12)]
    result = write_video(f"{tmp_path}/out/", frames, Fraction(25), recording)
    assert names(tmp_path / "out") == [f"{k:06d}.png" for k in range(12)] + ["audio.wav"]
    assert (result.frames, result.size_px, result.audio) == (12, (7, 9), "copied")
    for k, frame in enumerate(frames):
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / f"out/{k:06d}.png"))[..., ::-1], frame)
    assert SYNTHETIC_VIDEO.encode() in (tmp_path / "out/000000.png").read_bytes()
    np.testing.assert_array_equal(sound_of(tmp_path / "out/audio.wav"), sound_of(recording))


def test_a_folder_of_frames_is_replaced_only_when_forced_and_keeps_the_rest(tmp_path: Path) -> None:
    write_video(f"{tmp_path}/out/", [grey(0)] * 5, Fraction(25))
    (tmp_path / "out/notes.txt").write_text("keep me")
    with pytest.raises(OutputError, match="holds frames already"):
        write_video(f"{tmp_path}/out/", [grey(0)] * 2, Fraction(25))
    write_video(f"{tmp_path}/out/", [grey(0)] * 2, Fraction(25), force=True)
    assert names(tmp_path / "out") == ["000000.png", "000001.png", "notes.txt"]
    assert names(tmp_path) == ["out"]


def _stopping(after: int, error: BaseException) -> Iterator[Pixels]:
    for k in range(after):
        yield grey(k)
    raise error


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "out/"])
@pytest.mark.parametrize("after", [0, 3, 40])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("renderer")], ids=["ctrl-c", "failure"])
def test_what_stops_half_way_leaves_nothing(tmp_path: Path, name: str, after: int, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_video(f"{tmp_path}/{name}", _stopping(after, error), Fraction(25))
    assert names(tmp_path) == []


def test_a_failed_rewrite_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        write_video(path, [grey(0)], Fraction(25))
    with pytest.raises(KeyboardInterrupt):
        write_video(path, _stopping(3, KeyboardInterrupt()), Fraction(25), force=True)
    assert path.read_bytes() == b"precious"
    write_video(path, [grey(0)], Fraction(25), force=True)
    assert path.read_bytes() != b"precious"
    assert names(tmp_path) == ["a.mp4"]


def test_a_drawing_generator_is_closed_when_writing_fails(tmp_path: Path) -> None:
    closed = []

    def frames() -> Iterator[Pixels]:
        try:
            yield grey(0)
            yield grey(0, width=10)
        finally:
            closed.append(True)

    with pytest.raises(OutputError, match="frame 1"):
        write_video(tmp_path / "a.mp4", frames(), Fraction(25))
    assert closed == [True]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_an_encoder_that_cannot_write_is_an_output_error(tmp_path: Path) -> None:
    import resource

    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot be encoded"):
            write_video(tmp_path / "a.mkv", (np.roll(noise, k) for k in range(500)), Fraction(25))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_a_terminal_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    program = f"""
        import itertools, numpy as np
        from fractions import Fraction
        from talkinghead.media.video import write_video
        frames = (np.full((64, 64, 3), k % 255, np.uint8) for k in itertools.count())
        def watched():
            for k, frame in enumerate(frames):
                if k == 50: print("running", flush=True)
                yield frame
        write_video({str(tmp_path / "a.mp4")!r}, watched(), Fraction(25))
    """
    # A shell's background jobs, which tests may be, pass on that SIGINT is ignored.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=heed,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) != 0
        process.stdout.close()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert names(tmp_path) == []
    with pytest.raises(ProcessLookupError):  # ffmpeg, of the same group, is gone too
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [("a", "no suffix"), ("a.avi", "suffix .avi"), ("nowhere/a.mp4", "there is no folder"),
     ("nowhere/out/", "there is no folder"), ("file/a.mp4", "there is no folder"), ("file/", "is a file")],
)  # fmt: skip
def test_a_target_that_cannot_be_written_is_refused_before_work(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=message):
        check_target(f"{tmp_path}/{name}")


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.gif", "out/"):
        with pytest.raises(OutputError, match="no frames"):
            write_video(f"{tmp_path}/{name}", [], Fraction(25))
    assert names(tmp_path) == []


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_rotated_video_is_read_upright(tmp_path: Path, degrees: int, corner: tuple[int, int]) -> None:
    frame = np.zeros((48, 96, 3), np.uint8)
    frame[:16, :16] = 255
    write_video(tmp_path / "flat.mp4", [frame] * 3, Fraction(25))
    turned = tmp_path / "turned.mp4"
    # ffmpeg counts the display rotation anticlockwise.
    command = [find_ffmpeg(), "-loglevel", "error", "-display_rotation", str(-degrees), "-i",
               str(tmp_path / "flat.mp4"), "-c", "copy", str(turned)]  # fmt: skip
    subprocess.run(command, check=True)
    with VideoReader(turned) as video:
        assert video.size_px == ((96, 48) if degrees == 180 else (48, 96))
        read = next(iter(video))
    assert read[corner].mean() > 200
    assert read.shape[:2] == (video.size_px[1], video.size_px[0])


def test_a_varying_rate_is_made_constant(tmp_path: Path) -> None:
    source = tmp_path / "vfr.mkv"
    command = [find_ffmpeg(), "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:d=2:r=30",
               "-vf", "select='not(between(n,10,30))'", "-fps_mode", "vfr", str(source)]  # fmt: skip
    subprocess.run(command, check=True)
    with VideoReader(source) as video:
        frames = list(video)
        assert video.fps == 30
    assert len(frames) == 60
    np.testing.assert_array_equal(frames[20], frames[12])


def test_another_rate_can_be_asked_for(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", (grey(k) for k in range(30)), Fraction(30))
    with VideoReader(tmp_path / "a.mp4", fps=Fraction(15)) as video:
        assert (video.fps, video.frames, sum(1 for _ in video)) == (Fraction(15), 15, 15)


@pytest.mark.parametrize("fps", [Fraction(25), NTSC_FILM])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_reading_may_start_at_any_frame(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_video(path, (grey(k % 250) for k in range(300)), fps)
    with VideoReader(path) as video:
        frames = list(video)
        for start in (0, 1, 7, 249, 251, 299):
            np.testing.assert_array_equal(list(video.starting_at(start)), frames[start:])


def test_a_video_that_was_cut_off_gives_what_is_left(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", (grey(k) for k in range(200)), Fraction(25))
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(data[: len(data) // 2])
    with VideoReader(tmp_path / "a.mkv") as video:
        assert 40 < sum(1 for _ in video) < 200


def test_leaving_early_stops_the_decoder(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", (grey(k % 255) for k in range(300)), Fraction(25))
    with VideoReader(tmp_path / "a.mp4") as video:
        before = set(psutil.Process().children())
        next(frames := iter(video))
        (decoder,) = set(psutil.Process().children()) - before
        assert decoder.is_running()
    assert not decoder.is_running()
    assert list(frames) == []


def test_frames_that_nobody_wants_any_more_end_their_decoder(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", (grey(k % 255) for k in range(300)), Fraction(25))
    before = set(psutil.Process().children())
    with VideoReader(tmp_path / "a.mp4") as video:
        for _ in range(3):
            for _ in video:
                break
        gc.collect()
        assert set(psutil.Process().children()) == before
        assert sum(1 for _ in video) == 300


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "sound", "cover"])
def test_what_is_not_video_is_named(tmp_path: Path, recording: Path, kind: str) -> None:
    path = tmp_path / {"missing": "no.mp4", "sound": "a.m4a", "cover": "a.mp3"}.get(kind, "a.mp4")
    if kind == "text":
        path.write_text("not a video\n" * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "sound":
        subprocess.run([find_ffmpeg(), "-loglevel", "error", "-i", recording, path], check=True)
    elif kind == "cover":
        cv2.imwrite(str(tmp_path / "cover.png"), grey(80))
        subprocess.run([find_ffmpeg(), "-loglevel", "error", "-i", recording, "-i", tmp_path / "cover.png", "-map", "0",
                        "-map", "1", "-disposition:v", "attached_pic", path], check=True)  # fmt: skip
    with pytest.raises(VideoError) as caught:
        VideoReader(path)
    assert str(path) in str(caught.value)
    assert kind not in ("sound", "cover") or "sound alone" in str(caught.value)


@pytest.mark.parametrize("suffix", [".mp4", ".gif", "/"])
def test_a_name_is_as_long_as_its_bytes(tmp_path: Path, suffix: str) -> None:
    frames = [grey(60)] * 3
    longest = "气" * 76
    write_video(f"{tmp_path}/{longest}{suffix}", frames, Fraction(25))
    assert (tmp_path / f"{longest}{suffix}").exists()
    with pytest.raises(OutputError, match="bytes"):
        check_target(f"{tmp_path}/{'气' * 86}{suffix}")
    assert names(tmp_path) == [f"{longest}{suffix}".removesuffix("/")]


def test_cleaning_up_cannot_take_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        """As a file system does where the name is one that it does not take."""
        if not self.exists():
            raise OSError(36, "File name too long", str(self))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    write_video(tmp_path / "a.mp4", [grey(60)] * 3, Fraction(25))
    assert VideoReader(tmp_path / "a.mp4").frames == 3


def test_frames_of_an_earlier_run_stay_until_the_new_ones_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    write_video(f"{folder}/", [grey(60)] * 3, Fraction(25))
    write_video(f"{folder}/", [grey(90)] * 2, Fraction(25), force=True)
    assert names(folder) == ["000000.png", "000001.png"]
    assert names(tmp_path) == ["frames"]


def test_a_gpu_encodes_h264_alone_and_only_where_there_is_one(tmp_path: Path) -> None:
    box = on_gpu(container_of(tmp_path / "a.mp4"))
    assert box.video[:2] == ("-c:v", "h264_nvenc")
    assert box.quality == ("-cq", 18)
    for name in ("a.webm", "a.gif"):
        with pytest.raises(OutputError, match="leave --nvenc out"):
            check_nvenc(tmp_path / name)


def test_a_gpu_encodes_or_one_line_says_why_not(tmp_path: Path) -> None:
    path, caught = tmp_path / "a.mp4", None
    try:
        check_nvenc(path)
    except OutputError as error:
        caught = str(error)
    if caught is not None:
        assert re.fullmatch(r"no GPU here encodes video \(.+\): leave --nvenc out", caught)
        return
    write_video(path, [np.zeros((64, 64, 3), np.uint8)] * 5, Fraction(25), nvenc=True)
    assert sum(1 for _ in VideoReader(path)) == 5
