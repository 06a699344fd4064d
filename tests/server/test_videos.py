"""Jobs: made in their own time, cancelled, killed, taken up again after a restart; nothing lost, nothing left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talkinghead.media.audio import probe_audio
from talkinghead.media.video import VideoReader
from tests.server.conftest import Client, File, running

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]
EXAMPLES = Path(__file__).parents[2] / "examples"
LONG = " ".join(["This is a sentence that takes a while."] * 12)
SMALL = {"crop": "1", "crop_size": "128"}


@pytest.fixture(scope="module")
def sound() -> File:
    return "speech.wav", (EXAMPLES / "speech.wav").read_bytes()[: 44 + 32_000]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def at(client: Client, name: str) -> dict[str, Any]:
    status, body, _ = client.ask("GET", f"/v1/videos/{name}")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def wait(client: Client, name: str, until: Callable[[dict[str, Any]], object], seconds: float = 120) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while not until(job := at(client, name)):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def ended(job: dict[str, Any]) -> bool:
    return job["status"] in ("completed", "failed", "cancelled")


def workers(client: Client) -> list[int]:
    """The processes that the server has started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                command = (folder / "cmdline").read_text()
            except OSError:
                continue
            if int(parent) == client.process.pid and "talkinghead.server.worker" in command:
                found.append(int(folder.name))
    return found


def test_a_recording_becomes_a_video(tmp_path: Path, state: Path, picture: File, sound: File) -> None:
    with running(tmp_path / "temporary", "--state", str(state)) as client:
        status, job = client.post("/v1/videos", picture=picture, audio=sound, **SMALL)
        assert status == 202
        assert (job["status"], job["progress"]) == ("queued", 0.0)
        _, events, headers = client.ask("GET", f"/v1/videos/{job['id']}/events")
        assert headers["content-type"].startswith("text/event-stream")
        told = [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: ")]
        assert told[-1]["status"] == "completed"
        assert told[-1]["progress"] == 1.0
        progress = [one["progress"] for one in told]
        assert progress == sorted(progress)
        status, video, headers = client.ask("GET", f"/v1/videos/{job['id']}/content")
        assert (status, headers["content-type"]) == (200, "video/mp4")
        path = tmp_path / "out.mp4"
        path.write_bytes(video)
        with VideoReader(path) as reader:
            assert reader.frames == 25
        assert probe_audio(path).duration_s == pytest.approx(1.0, abs=0.05)
        assert b"Synthetic video" in video
        status, part, headers = client.ask("GET", f"/v1/videos/{job['id']}/content", Range="bytes=4-7")
        assert (status, part, headers["content-range"]) == (206, b"ftyp", f"bytes 4-7/{len(video)}")
        assert [file.name for file in (state / job["id"]).iterdir()] == ["out.mp4"]
        assert b'talkinghead_jobs{state="completed"} 1' in client.ask("GET", "/metrics")[1]
        assert client.ask("DELETE", f"/v1/videos/{job['id']}")[0] == 204
        assert client.ask("GET", f"/v1/videos/{job['id']}")[0] == 404
        assert sorted(file.name for file in state.iterdir() if file.is_dir()) == []


@pytest.mark.slow
def test_a_text_and_a_driver_waited_for(tmp_path: Path, state: Path, picture: File) -> None:
    with running(tmp_path / "temporary", "--state", str(state)) as client:
        status, video = client.post("/v1/videos/sync", picture=picture, text="Guten Tag.", **SMALL)
        assert (status, video[4:8]) == (200, b"ftyp")
        other = EXAMPLES / "grace_hopper.jpg"
        status, moved = client.post(
            "/v1/videos/sync", picture=picture, driving=(other.name, other.read_bytes()), **SMALL
        )
        assert (status, moved[4:8]) == (200, b"ftyp")
        status, failed = client.post("/v1/videos/sync", picture=picture, text="Hi.", voice="klingonese", **SMALL)
        assert (status, "no voice 'klingonese'" in failed["error"]) == (422, True)
        assert sorted(file.name for file in state.iterdir() if file.is_dir()) == []


def test_requests_that_are_no_job(tmp_path: Path, state: Path, picture: File, sound: File) -> None:
    arguments = ("--state", str(state), "--text-chars", "100", "--sound-s", "1", "--picture-mp", "1")
    with running(tmp_path / "temporary", *arguments) as client:
        for fields, status, message in [
            ({"picture": picture}, 422, "give one of audio, text and driving"),
            ({"picture": picture, "audio": sound, "text": "hi"}, 422, "give one of audio, text and driving"),
            ({"picture": picture, "audio": sound, "voice": "de"}, 422, "voice is for a text"),
            ({"audio": sound}, 422, "picture is missing"),
            ({"picture": picture, "audio": ("a.wav", b"RIFF")}, 422, "audio"),
            ({"picture": picture, "audio": "a.wav"}, 422, "audio is missing"),
            ({"picture": picture, "text": " "}, 422, "not empty"),
            ({"picture": picture, "text": "x" * 101}, 413, "100 are allowed"),
            ({"picture": picture, "text": "hi", "voice": "a/b.onnx"}, 422, "a voice is a name"),
            ({"picture": picture, "text": "hi", "fps": "warp"}, 422, "frame rate"),
            ({"picture": picture, "text": "hi", "device": "cuda"}, 422, "no option 'device'"),
            ({"picture": picture, "audio": ("s.wav", (EXAMPLES / "speech.wav").read_bytes())}, 413, "1 s are allowed"),
        ]:
            found, body = client.post("/v1/videos", **fields)
            assert (found, message in body["error"]) == (status, True), body
        assert client.ask("GET", "/v1/videos/none")[0] == 404
        assert client.ask("DELETE", "/v1/videos/none")[0] == 404
        assert client.ask("GET", "/v1/videos/..%2fjournal.sqlite/content")[0] == 404
        assert [file for file in state.iterdir() if file.is_dir()] == []


def test_jobs_beyond_the_queue_are_refused_and_cancelled_ones_leave_nothing(
    tmp_path: Path, state: Path, picture: File
) -> None:
    with running(tmp_path / "temporary", "--state", str(state), "--queue", "3") as client:
        names = [client.post("/v1/videos", picture=picture, text=LONG, **SMALL)[1]["id"]]
        wait(client, names[0], lambda job: job["status"] == "in_progress")
        for _ in range(3):
            status, job = client.post("/v1/videos", picture=picture, text=LONG, **SMALL)
            assert status == 202
            names.append(job["id"])
        status, refused = client.post("/v1/videos", picture=picture, text=LONG, **SMALL)
        assert (status, "3 jobs wait" in refused["error"]) == (429, True)
        assert client.ask("GET", f"/v1/videos/{names[0]}/content")[0] == 409
        for name in reversed(names):
            status, body, _ = client.ask("DELETE", f"/v1/videos/{name}")
            assert (status, json.loads(body)["status"]) == (200, "cancelled")
        end = time.monotonic() + 30
        while workers(client) and time.monotonic() < end:
            time.sleep(0.1)
        assert workers(client) == []
        time.sleep(1)
        assert [file for file in state.iterdir() if file.is_dir()] == []
        assert {at(client, name)["status"] for name in names} == {"cancelled"}


def test_a_killed_worker_s_job_runs_again_once(tmp_path: Path, state: Path, picture: File) -> None:
    with running(tmp_path / "temporary", "--state", str(state)) as client:
        first = client.post("/v1/videos", picture=picture, text="Good day. Good day.", **SMALL)[1]["id"]
        doomed = client.post("/v1/videos", picture=picture, text=LONG, **SMALL)[1]["id"]
        for name, times in ((first, 1), (doomed, 2)):
            killed: set[int] = set()
            while len(killed) < times:
                wait(client, name, lambda job: job["status"] == "in_progress")
                fresh = [number for number in workers(client) if number not in killed]
                if fresh:
                    os.kill(fresh[0], signal.SIGKILL)
                    killed.add(fresh[0])
                time.sleep(0.2)
            job = wait(client, name, ended)
            assert job["status"] == ("completed" if times == 1 else "failed"), job
        assert "twice" in at(client, doomed)["error"]
        assert sorted(file.name for file in state.iterdir() if file.is_dir()) == [first]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_loses_no_job_and_does_none_twice(
    tmp_path: Path, state: Path, picture: File, number: signal.Signals
) -> None:
    temporary = tmp_path / "temporary"
    arguments = ("--state", str(state))
    with running(temporary, *arguments) as client:
        names = [
            client.post("/v1/videos", picture=picture, text="Hello. It is me.", **SMALL)[1]["id"] for _ in range(3)
        ]
        wait(client, names[0], ended)
        wait(client, names[1], lambda job: job["status"] == "in_progress" or ended(job))
        running_now = workers(client)
        os.kill(client.process.pid, number)
        client.process.communicate(timeout=60)
        end = time.monotonic() + 30
        while any(Path(f"/proc/{one}").exists() for one in running_now) and time.monotonic() < end:
            time.sleep(0.1)
        assert not any(Path(f"/proc/{one}").exists() for one in running_now)
    done = (state / names[0] / "out.mp4").stat().st_mtime_ns
    with running(temporary, *arguments) as client:
        for name in names:
            assert wait(client, name, ended)["status"] == "completed"
            assert client.ask("GET", f"/v1/videos/{name}/content")[0] == 200
        assert (state / names[0] / "out.mp4").stat().st_mtime_ns == done
        assert sorted(file.name for file in state.iterdir() if file.is_dir()) == sorted(names)


@pytest.mark.slow
def test_what_is_old_is_forgotten(tmp_path: Path, state: Path, picture: File) -> None:
    with running(tmp_path / "temporary", "--state", str(state)) as client:
        name = client.post("/v1/videos", picture=picture, text="Hello.", **SMALL)[1]["id"]
        wait(client, name, ended)
    time.sleep(1.1)
    with running(tmp_path / "temporary", "--state", str(state), "--result-s", "1") as client:
        assert client.ask("GET", f"/v1/videos/{name}")[0] == 404
        assert [file for file in state.iterdir() if file.is_dir()] == []
