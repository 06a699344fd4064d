"""How soon a server's stream answers, and how many streams this machine carries: real clients of a real server.

    python benchmarks/streams.py [--runs 5] [--size 512] [--clients 6] [--minutes 0]

Printed are best, median and worst of the time from the first chunk of sound, and from a text (espeak-ng), to the first
frame of it; from an interruption to the frame in which the mouth is closed; then, for 1, 2, ... clients that speak at
once, how many frames per second each gets and how far behind the clock the worst falls. With `--minutes`, one stream is
told for so long: how far picture and sound have drifted from the clock, and how the server's memory grew.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import soundfile
from websockets.sync.client import ClientConnection, connect

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TEXT = "Good morning, everybody. This is a sentence that goes on for a while."
RATE_HZ, FPS = 16_000, 25


def begin(state: str) -> tuple[subprocess.Popen[str], int]:
    """A server and its port."""
    command = [sys.executable, "-m", "talkinghead", "serve", "--port", "0", "--sessions", "64", "--state", state]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    return process, int(process.stderr.readline().rsplit(":", 1)[1])


def add_avatar(port: int, size: int) -> tuple[str, float]:
    """(id, milliseconds of a frame) of an avatar of the example."""
    picture = (EXAMPLES / "astronaut.png").read_bytes()
    body = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n' + picture + b"\r\n"
    body += f'--x\r\nContent-Disposition: form-data; name="max-side"\r\n\r\n{size}\r\n--x--\r\n'.encode()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/avatars", body, {"Content-Type": "multipart/form-data; boundary=x"})
    made = json.loads(connection.getresponse().read())
    return made["id"], made["frame_ms"]


class Client:
    """One stream; `wait` reads until something comes, and gives the moment at which it came."""

    def __init__(self, port: int, avatar: str, size: int) -> None:
        self._open = ExitStack()
        address = f"ws://127.0.0.1:{port}/v1/avatars/{avatar}/stream"
        self.socket: ClientConnection = self._open.enter_context(connect(address, max_size=None))
        self.tell("start", rate=RATE_HZ, size=size, video="jpeg")
        self.speaking_s, self.time_s, self.frames, self.seen = None, 0.0, 0, set[str]()

    def close(self) -> None:
        self._open.close()

    def tell(self, kind: str, **fields: object) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def read(self, seconds: float) -> None:
        message = self.socket.recv(timeout=seconds)
        if isinstance(message, bytes):
            (self.time_s,) = struct.unpack("<d", message[:8])
            self.frames += 1
        else:
            event = json.loads(message)
            self.seen.add(event["type"])
            if event["type"] in ("speaking", "idle"):
                self.speaking_s = event["time"]

    def until(self, kind: str, earlier_s: float = 0) -> float:
        """The first frame at or after the event `kind`, or so much before it; the moment it was here."""
        self.seen.discard(kind)
        while kind not in self.seen:
            self.read(30)
        while self.time_s < self.speaking_s - earlier_s - 1e-6:
            self.read(30)
        return time.monotonic()

    def rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(30)


def latencies(port: int, avatar: str, size: int, runs: int) -> None:
    samples, _ = soundfile.read(EXAMPLES / "speech.wav", dtype="int16")
    found: dict[str, list[float]] = {
        "sound to first frame": [],
        "text to first frame": [],
        "interrupt to closed mouth": [],
    }
    client = Client(port, avatar, size)
    for _ in range(runs):
        client.rest(1.5)
        at = time.monotonic()
        for start in range(0, 3 * RATE_HZ, 640):
            client.socket.send(samples[start : start + 640].tobytes())
        found["sound to first frame"].append(client.until("speaking") - at)
        client.rest(1.0)
        at = time.monotonic()
        client.tell("interrupt")
        found["interrupt to closed mouth"].append(client.until("idle", 2 / FPS) - at)  # the first that shows it so
        client.rest(1.5)
        at = time.monotonic()
        client.tell("text", text=TEXT, voice="en-us")
        found["text to first frame"].append(client.until("speaking") - at)
        client.tell("interrupt")
    client.close()
    for name, values_s in found.items():
        best, median, worst = (1000 * value for value in (min(values_s), statistics.median(values_s), max(values_s)))
        print(f"{name:28} best {best:5.0f} ms, median {median:5.0f} ms, worst {worst:5.0f} ms")


def carried(port: int, avatar: str, size: int, clients: int) -> None:
    samples, _ = soundfile.read(EXAMPLES / "speech.wav", dtype="int16")
    for count in range(1, clients + 1):
        streams = [Client(port, avatar, size) for _ in range(count)]
        rates: list[float] = []

        def run(stream: Client, rates: list[float] = rates) -> None:
            stream.rest(1.0)
            for _ in range(4):
                stream.socket.send(samples[: 4 * RATE_HZ].tobytes())
            begin_s, frames = time.monotonic(), stream.frames
            stream.rest(8.0)
            rates.append((stream.frames - frames) / (time.monotonic() - begin_s))

        threads = [threading.Thread(target=run, args=(stream,)) for stream in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for stream in streams:
            stream.close()
        print(f"{count} clients at {size} px: {min(rates):.1f} to {max(rates):.1f} frames/s each")
        if min(rates) < 24:
            return


def drift(process: subprocess.Popen[str], port: int, avatar: str, size: int, minutes: float) -> None:
    samples, _ = soundfile.read(EXAMPLES / "speech.wav", dtype="int16")
    client = Client(port, avatar, size)
    client.rest(2.0)
    behind_s, memory_mb = [], []
    begin_s, base_s, sent_s, told_s = time.monotonic(), client.time_s, 0.0, 0.0
    while told_s < 60 * minutes:
        # As a recording that is played: by the clock, a second ahead, whatever a piece took.
        while sent_s < told_s + 1.0:
            at = round(sent_s * RATE_HZ) % (len(samples) - RATE_HZ // 10)
            client.socket.send(samples[at : at + RATE_HZ // 10].tobytes())
            sent_s = round(sent_s + 0.1, 1)
        client.read(30)
        told_s = time.monotonic() - begin_s
        if told_s > 10.0 * (len(behind_s) + 1):
            behind_s.append(told_s - (client.time_s - base_s))
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory_mb.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    client.close()
    first, last, most = (1000 * value for value in (behind_s[0], behind_s[-1], max(behind_s)))
    print(f"{minutes:g} min: behind the clock {first:.0f} ms at first, {last:.0f} ms at last, {most:.0f} ms at most; "
          f"memory {memory_mb[0]:.0f} to {memory_mb[-1]:.0f} MB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        process, port = begin(state)
        try:
            avatar, frame_ms = add_avatar(port, given.size)
            print(f"a frame at {given.size} px takes {frame_ms} ms of one core")
            latencies(port, avatar, given.size, given.runs)
            carried(port, avatar, given.size, given.clients)
            if given.minutes:
                drift(process, port, avatar, given.size, given.minutes)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
