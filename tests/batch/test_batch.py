"""Manifests, the journal, and what happens to broken rows."""

import json

import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from talkinghead.batch import runner as batch
from talkinghead.cli import main
from talkinghead.core.errors import InputError
from talkinghead.media.video import VideoReader


def manifest(tmp_path, text, name="jobs.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_command_lines(tmp_path):
    path = manifest(tmp_path, "source,audio,seed,still,output\na.png,b.wav,3,yes,\nc.png,d.wav,,no,x.webm\n")
    first, second = batch.read_manifest(path, tmp_path / "out")
    assert first.command == "speak"
    assert first.arguments[:2] == (str(tmp_path / "a.png"), str(tmp_path / "b.wav"))
    assert first.arguments[2:5] == ("--seed", "3", "--still")
    assert first.output == str(tmp_path / "out" / "a--b.mp4")
    assert "--still" not in second.arguments
    assert second.output.endswith("x.webm")


def test_json_lines_and_the_other_kinds_of_driver(tmp_path):
    rows = [{"source": "a.png", "driving": "d.mp4", "region": "lip"}, {"source": "a.png", "text": "Hi", "still": True}]
    path = manifest(tmp_path, "\n".join(map(json.dumps, rows)), "jobs.jsonl")
    animate, speak = batch.read_manifest(path, tmp_path)
    assert animate.command == "animate"
    assert animate.arguments[2:4] == ("--region", "lip")
    assert speak.arguments[1:4] == ("--text", "Hi", "--still")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,audio\n", "no rows"),
        ("source,audio\na.png,\n", "needs a source and one of"),
        ("source,audio\na.png,b.wav\na.png,b.wav\n", "both write"),
        ("source,audio\na.png,b.wav,c\n", "more fields"),
    ],
)
def test_bad_manifests_are_refused_before_anything_runs(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        batch.read_manifest(manifest(tmp_path, text), tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[1]", "not a JSON object")])
def test_bad_json_lines_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        batch.read_manifest(manifest(tmp_path, text, "jobs.jsonl"), tmp_path)


def test_a_missing_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read the manifest"):
        batch.read_manifest(tmp_path / "none.csv", tmp_path)


def test_the_journal_forgets_failures_lost_files_and_torn_lines(tmp_path):
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"x")
    lines = [
        {"row": 1, "key": "good", "output": str(kept), "error": None},
        {"row": 2, "key": "gone", "output": str(tmp_path / "gone.mp4"), "error": None},
        {"row": 3, "key": "bad", "output": str(kept), "error": "no face"},
    ]
    journal = tmp_path / batch.JOURNAL
    journal.write_text("\n".join(map(json.dumps, lines)) + '\n{"row": 4, "ke', encoding="utf-8")
    read = batch.Journal(journal)
    assert read.done == {"good"}
    assert read.begun == {line["output"] for line in lines}


def test_a_job_that_fails_says_why_and_nothing_is_raised(tmp_path):
    path = manifest(tmp_path, "source,audio,fps\nnone.png,none.wav,\nnone.png,other.wav,warp9\n")
    missing, misspelt = (batch.run_job(job) for job in batch.read_manifest(path, tmp_path))
    assert "none.wav" in missing.error or "none.png" in missing.error
    assert "not a frame rate" in misspelt.error


def test_paths_count_from_the_manifest_and_cells_may_hold_lines(tmp_path):
    path = manifest(tmp_path, 'source,text\nsub/a.png,"Hello\nthere, you"\n')
    (job,) = batch.read_manifest(path, tmp_path)
    assert job.arguments[:3] == (str(tmp_path / "sub" / "a.png"), "--text", "Hello\nthere, you")


def test_a_torn_journal_goes_on_with_a_line_of_its_own(tmp_path):
    path = tmp_path / batch.JOURNAL
    path.write_text('{"row": 1, "ke', encoding="utf-8")
    batch.Journal(path).add([batch.Outcome(2, "key", str(tmp_path), None)])
    assert batch.Journal(path).done == {"key"}


@pytest.fixture
def twenty(tmp_path, examples, monkeypatch):
    """A manifest of 20 short jobs, of which the 5th, 10th and 16th are broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    picture = cv2.imread(str(examples / "grace_hopper.jpg"))
    cv2.imwrite("face.png", cv2.resize(picture, (170, 200), interpolation=cv2.INTER_AREA))
    cv2.imwrite("wall.png", np.full((200, 170, 3), 127, np.uint8))
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="float32")
    soundfile.write("voice.wav", samples[rate_hz : rate_hz + rate_hz // 5], rate_hz)
    (tmp_path / "noise.wav").write_text("no sound\n" * 20)
    pictures, sounds = {5: "wall.png", 16: "nowhere.png"}, {10: "noise.wav"}
    rows = [f"{pictures.get(n, 'face.png')},{sounds.get(n, 'voice.wav')},{n},v{n}.mp4" for n in range(1, 21)]
    manifest(tmp_path, "source,audio,seed,output\n" + "\n".join(rows) + "\n")
    return tmp_path / "out"


def check_twenty(out, options, again=()):
    """17 are made, 3 are reported; a second run does only what is missing."""
    first = CliRunner().invoke(main, ["batch", "jobs.csv", "-o", "out", *options])
    assert first.exit_code == 1
    assert "17 made, 3 failed (rows 5, 10, 16), 0 done before" in first.output
    for row, word in ((5, "no face"), (10, "noise.wav"), (16, "nowhere.png")):
        (line,) = (line for line in first.output.splitlines() if line.startswith(f"row {row} failed"))
        assert word in line
    made = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert len(made) == 17
    with VideoReader(out / "v20.mp4") as video:
        assert (video.frames, video.has_audio) == (5, True)
    (out / "v3.mp4").unlink()
    second = CliRunner().invoke(main, ["batch", "jobs.csv", "-o", "out", *again])
    assert second.exit_code == 1
    assert "1 made, 3 failed (rows 5, 10, 16), 16 done before" in second.output
    now = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert {name for name in now if now[name] != made[name]} == {"v3.mp4"}


@pytest.mark.timeout(300)
def test_twenty_jobs_with_three_broken_ones(twenty):
    check_twenty(twenty, ["--workers", "2"])


@pytest.mark.timeout(300)
def test_the_same_through_ray(twenty, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    check_twenty(twenty, ["--engine", "ray"], ["--engine", "ray"])


def test_a_file_that_no_batch_made_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jobs = batch.read_manifest(manifest(tmp_path, "source,audio\na.png,b.wav\n"), tmp_path)
    (tmp_path / "a--b.mp4").write_bytes(b"precious")
    ran = []

    def drawn(jobs, workers):
        for job in jobs:
            ran.append("--force" in job.arguments)
            yield batch.Outcome(job.row, job.key, job.output, "it exists already")

    monkeypatch.setattr(batch, "_here", drawn)
    for force in (False, False, True):
        batch.run(jobs, tmp_path, force=force)
    assert ran == [False, False, True]
    # What a run of this batch began is its own.
    batch.run(jobs, tmp_path)
    assert ran[-1]
