"""Frame rates as streams really have them, not as ffmpeg guesses them."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.media.ffmpeg import find_ffmpeg
from talkinghead.media.video import VideoReader

LEVELS = 60


def made(path: Path, times: str, *options: str, rate: str = "600", frames: int = LEVELS, said: str = "25") -> Path:
    """A video whose frame N is a grey of level 16 + 3 N, shown at `times` (in N, in ticks); `said` is the rate told."""
    source = f"nullsrc=s=64x48:r={said},geq=lum=16+3*N:cb=128:cr=128,settb=1/{rate},setpts='{times}'"
    subprocess.run(
        [find_ffmpeg(), "-loglevel", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", str(frames), "-fps_mode",
         "passthrough", "-enc_time_base", f"1/{rate}", "-c:v", "libx264", "-qp", "1", *options,
         "-video_track_timescale", rate, str(path)], check=True)  # fmt: skip
    return path


def level(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """Which frame of `made` a picture shows."""
    return (float(pixels.mean()) * 219 / 255) / 3


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_a_phones_varying_rate_is_its_average(tmp_path: Path, suffix: str) -> None:
    # Steps of 18, 21 and 21 ticks of 1/600 s: 30 a second, for which ffmpeg says "200 tbr".
    path = made(tmp_path / f"phone{suffix}", "20*N+mod(N,3)")
    with VideoReader(path) as video:
        assert abs(video.fps - 30) < Fraction(1, 2)
        shown = [level(pixels) for pixels in video]
    assert abs(len(shown) / video.fps - Fraction(2)) < Fraction(1, 20)
    # Every frame stands where its time stamp puts it, to within half a frame.
    for number, found in enumerate(shown):
        assert abs(found - number * 30 / float(video.fps)) < 1.0


def test_a_rate_that_falls_to_half_keeps_every_picture_in_its_time(tmp_path: Path) -> None:
    # One second of 30 a second and then two of 15: 20 on average over three seconds.
    path = made(tmp_path / "falling.mov", "if(lt(N,30),20*N+mod(N,3),600+40*(N-30)+mod(N,2))")
    with VideoReader(path) as video:
        assert abs(video.fps - 20) < 1
        shown = [level(pixels) for pixels in video]
    at = [round(float(time_s * video.fps)) for time_s in (0.5, 1.0, 2.0)]
    assert [shown[k] for k in at] == pytest.approx([15, 30, 45], abs=1.5)


def test_a_constant_rate_is_exact_though_its_ticks_are_rounded(tmp_path: Path) -> None:
    path = made(tmp_path / "film.mkv", "N*1001", rate="24000", said="24000/1001")
    assert VideoReader(path).fps == Fraction(24000, 1001)


def test_a_picture_now_and_then_missing_leaves_the_rate(tmp_path: Path) -> None:
    path = made(tmp_path / "dropped.mp4", "512*(N+floor(N/20))", rate="12800")
    assert VideoReader(path).fps == 25


def test_slow_motion_and_slide_shows_are_brought_to_rates_that_can_be_drawn(tmp_path: Path) -> None:
    assert VideoReader(made(tmp_path / "slow.mp4", "N", rate="240")).fps == 120
    assert VideoReader(made(tmp_path / "slides.mp4", "3*N", rate="1", frames=4)).fps == 25


def test_gaps_are_told_and_rounded_times_are_none(tmp_path: Path) -> None:
    from talkinghead.media.probe import scan

    for name, chosen, gaps in (("whole", "1", False), ("gap", "lt(t,1)+gt(t,1.5)", True)):
        for suffix, codec in ((".mka", "aac"), (".m4a", "aac"), (".ogg", "libvorbis")):
            path = tmp_path / f"{name}{suffix}"
            subprocess.run(
                [find_ffmpeg(), "-loglevel", "error", "-y", "-f", "lavfi", "-i",
                 f"sine=d=3:r=44100,aselect='{chosen}'", "-c:a", codec, str(path)], check=True)  # fmt: skip
            facts, _ = scan(path, "Audio")
            assert facts is not None
            assert facts.has_gaps == gaps, path.name


def test_a_stream_without_a_packet_has_no_gaps() -> None:
    """What a damaged header leaves of a track; its codec is one whose packets last equally long."""
    from talkinghead.media.probe import _Packets

    packets = _Packets([b"#tb 0: 1/16000\n"])
    assert not packets.has_gaps("aac")
    assert packets.leap() == ""
