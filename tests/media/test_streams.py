"""Videos on standard output, to servers and as playlists: received by real receivers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import OutputError
from talkinghead.core.types import Pixels
from talkinghead.media.audio import probe_audio
from talkinghead.media.ffmpeg import FFmpeg, find_ffmpeg
from talkinghead.media.streams import stream_of
from talkinghead.media.video import VideoReader, check_target, write_video

FPS = Fraction(25)
FRAMES = 50


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    import soundfile

    path = tmp_path / "sound.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32), 16_000)
    return path


def pictures(count: int = FRAMES) -> Iterator[Pixels]:
    for number in range(count):
        yield np.full((64, 96, 3), 4 * number % 256, np.uint8)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_standard_output_gets_an_mp4_in_pieces(sound: Path, tmp_path: Path) -> None:
    program = """
import sys
from fractions import Fraction
import numpy as np
from talkinghead.media.video import write_video
frames = (np.full((64, 96, 3), 4 * number % 256, np.uint8) for number in range(50))
write_video("-", frames, Fraction(25), sys.argv[1])
"""
    done = subprocess.run([sys.executable, "-c", program, str(sound)], capture_output=True, check=True)
    assert done.stdout.count(b"moof") >= 2  # a second each
    assert done.stdout.index(b"moov") < done.stdout.index(b"moof")
    path = tmp_path / "out.mp4"
    path.write_bytes(done.stdout)
    with VideoReader(path) as video:
        assert [int(frame.mean()) // 4 for frame in video][::10] == pytest.approx([0, 10, 20, 30, 40], abs=1)
    assert probe_audio(path).duration_s == pytest.approx(2.0, abs=0.1)
    # Whoever reads may have had enough.
    broken = f"{sys.executable} -c '{program}' {sound} | head -c 100"
    assert len(subprocess.run(["bash", "-c", broken], capture_output=True, check=False).stdout) == 100


def test_a_server_gets_it_at_the_pace_at_which_it_is_watched(sound: Path, tmp_path: Path) -> None:
    address = f"rtmp://127.0.0.1:{free_port()}/live/secret-key"
    out = tmp_path / "received.mkv"
    server = FFmpeg(["-loglevel", "error", "-listen", "1", "-i", address, "-c", "copy", f"file:{out}"])
    try:
        time.sleep(1.0)
        begin = time.monotonic()
        result = write_video(address, pictures(), FPS, sound)
        assert time.monotonic() - begin > 1.5
        assert (result.frames, result.audio) == (FRAMES, "aac")
        assert server.finish(), server.said
    finally:
        server.close()
    with VideoReader(out) as video:
        assert video.frames == pytest.approx(FRAMES, abs=2)
    assert probe_audio(out).codec == "aac"


@pytest.mark.parametrize(("scheme", "head"), [("rtp", 12), ("udp", 0)])
def test_packets_hold_a_transport_stream(sound: Path, scheme: str, head: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        receiver.settimeout(0.2)
        write_video(f"{scheme}://127.0.0.1:{receiver.getsockname()[1]}", pictures(), FPS, sound)
        packets = []
        try:
            while True:
                packets.append(receiver.recv(65_536))
        except TimeoutError:
            pass
    assert len(packets) > 10
    assert all(packet[head] == 0x47 for packet in packets)
    if scheme == "rtp":
        assert {packet[1] & 0x7F for packet in packets} == {33}  # MPEG transport streams, RFC 3551


def test_a_playlist_with_its_segments(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.m3u8"
    result = write_video(path, pictures(150), FPS, sound)
    assert result.path == path
    listed = path.read_text()
    assert listed.rstrip().endswith("#EXT-X-ENDLIST")
    segments = sorted(file.name for file in tmp_path.glob("out-*.ts"))
    assert segments == [f"out-{number:05d}.ts" for number in range(len(segments))]
    assert len(segments) >= 3
    assert all(f"\n{name}\n" in listed for name in segments)
    with VideoReader(path) as video:
        assert sum(1 for _ in video) == 150
    with pytest.raises(OutputError, match="exists already"):
        check_target(path)
    path.unlink()
    with pytest.raises(OutputError, match=r"out-00000\.ts exists already"):
        check_target(path)
    write_video(path, pictures(30), FPS, force=True)
    assert [file.name for file in tmp_path.glob("out-*.ts")] == ["out-00000.ts"]


def test_a_playlist_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[Pixels]:
        yield from pictures(120)
        raise RuntimeError("the drawing broke")

    with pytest.raises(RuntimeError, match="broke"):
        write_video(tmp_path / "out.m3u8", failing(), FPS)
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_shown_to_nobody() -> None:
    address = f"rtmp://user:pass@127.0.0.1:{free_port()}/live/secret-key"
    with pytest.raises(OutputError, match=r"cannot be sent to rtmp://127\.0\.0\.1") as caught:
        write_video(address, pictures(), FPS)
    assert "secret" not in str(caught.value)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("http://host/out.mp4", "no video can be sent to http://host: name a file, or one of rtmp://, rtp://"),
        ("rtmp:///live", "no video can be sent to rtmp://"),
        ("file:///etc/x.mp4", "no video can be sent to file://"),
    ],
)
def test_addresses_that_take_no_video(name: str, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        check_target(name)


def test_files_are_no_streams() -> None:
    assert [stream_of(name) for name in ("out.mp4", "./-", "a:b.mp4", "out.m3u8", "frames/")] == [None] * 5
    assert find_ffmpeg()


def test_a_terminal_gets_no_video() -> None:
    import os
    import pty

    reader, terminal = pty.openpty()
    program = "from talkinghead.media.video import check_target; check_target('-')"
    done = subprocess.run([sys.executable, "-c", program], stdout=terminal, stderr=subprocess.PIPE, check=False)
    os.close(terminal)
    os.close(reader)
    assert b"standard output is a terminal: pipe the video" in done.stderr
