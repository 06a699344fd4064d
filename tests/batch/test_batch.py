"""Manifests, the journal, and what happens to broken rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from talkinghead.batch import runner
from talkinghead.batch.jobs import Outcome, run_job
from talkinghead.batch.journal import JOURNAL, Journal
from talkinghead.batch.manifest import Job, read_manifest
from talkinghead.cli import main
from talkinghead.core.errors import InputError, OutputError
from talkinghead.media.video import VideoReader
from talkinghead.motion.files import load_motion


def manifest(folder: Path, text: str, name: str = "jobs.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_jobs(tmp_path: Path) -> None:
    path = manifest(tmp_path, "source,audio,seed,still,output\na.png,b.wav,3,yes,\nc.png,d.wav,,no,x.webm\n")
    first, second = read_manifest(path, tmp_path / "out")
    assert first.kind == "audio"
    assert (first.source, first.driver) == (str(tmp_path / "a.png"), str(tmp_path / "b.wav"))
    assert first.columns == (("seed", "3"), ("still", "yes"))
    assert first.output == str(tmp_path / "out" / "a--b.mp4")
    assert second.columns == (("still", "no"),)
    assert second.output.endswith("x.webm")
    assert not first.force


def test_json_lines_and_the_other_kinds_of_driver(tmp_path: Path) -> None:
    rows = [
        {"source": "a.png", "driving": "d.mp4", "region": "lip"},
        {"source": "a.png", "text": "Hi", "still": True, "no_stitching": False, "seed": 4},
    ]
    path = manifest(tmp_path, "\n".join(map(json.dumps, rows)), "jobs.jsonl")
    animate, speak = read_manifest(path, tmp_path)
    assert (animate.kind, animate.driver) == ("driving", str(tmp_path / "d.mp4"))
    assert animate.columns == (("region", "lip"),)
    assert (speak.kind, speak.driver) == ("text", "Hi")
    assert speak.columns == (("still", "yes"), ("no-stitching", "no"), ("seed", "4"))
    assert speak.output == str(tmp_path / "a--text2.mp4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,audio\n", "no rows"),
        ("source,audio\na.png,\n", "needs a source and one of"),
        ("source,audio,text\na.png,b.wav,hello\n", "needs a source and one of"),
        ("source,audio\na.png,b.wav\na.png,b.wav\n", "both write"),
        ("source,audio\na.png,b.wav,c\n", "more fields"),
    ],
)
def test_bad_manifests_are_refused_before_anything_runs(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_manifest(manifest(tmp_path, text), tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[1]", "not a JSON object")])
def test_bad_json_lines_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_manifest(manifest(tmp_path, text, "jobs.jsonl"), tmp_path)


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the manifest"):
        read_manifest(tmp_path / "none.csv", tmp_path)
    (tmp_path / "latin.csv").write_bytes(b"source,audio\nj\xf6rg.png,b.wav\n")
    with pytest.raises(InputError, match="not a text in UTF-8"):
        read_manifest(tmp_path / "latin.csv", tmp_path)


def test_the_journal_forgets_failures_lost_files_and_torn_lines(tmp_path: Path) -> None:
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"x")
    lines = [
        {"row": 1, "key": "good", "output": str(kept), "error": None},
        {"row": 2, "key": "gone", "output": str(tmp_path / "gone.mp4"), "error": None},
        {"row": 3, "key": "bad", "output": str(kept), "error": "no face"},
    ]
    path = tmp_path / JOURNAL
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"row": 4, "ke', encoding="utf-8")
    read = Journal(path)
    assert read.done == {"good"}
    assert read.begun == {line["output"] for line in lines}


def test_a_torn_journal_goes_on_with_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_text('{"row": 1, "ke', encoding="utf-8")
    Journal(path).add([Outcome(2, "key", str(tmp_path), None)])
    assert Journal(path).done == {"key"}


def failures(folder: Path, text: str) -> list[str]:
    """What each job of a manifest says; all of them fail."""
    errors = [run_job(job).error for job in read_manifest(manifest(folder, text), folder)]
    assert all(errors)
    return [error for error in errors if error]


def test_a_job_that_fails_says_why_and_nothing_is_raised(tmp_path: Path) -> None:
    missing, misspelt = failures(tmp_path, "source,audio,fps\nnone.png,none.wav,\nnone.png,other.wav,warp9\n")
    assert "none.png" in missing
    assert "not a frame rate" in misspelt


def test_columns_are_held_to_the_kind_of_row(tmp_path: Path) -> None:
    (unknown,) = failures(tmp_path, "source,audio,sede\na.png,b.wav,3\n")
    assert unknown.startswith("there is no column 'sede': choose among absolute, ")
    assert " seed, " in unknown
    (other,) = failures(tmp_path, "source,audio,driving-face\na.png,b.wav,2\n")
    assert "no column 'driving-face'" in other
    (mixed,) = failures(tmp_path, "source,audio,voice\na.png,b.wav,de\n")
    assert "tts-command are for rows with a text" in mixed
    (number,) = failures(tmp_path, "source,driving,driving-face\na.png,b.mp4,two\n")
    assert number == "driving-face cannot be 'two'"
    (flag,) = failures(tmp_path, "source,audio,still\na.png,b.wav,perhaps\n")
    assert flag == "still: 'perhaps' is neither yes nor no"
    (both,) = failures(tmp_path, "source,audio,crop,no-crop\na.png,b.wav,1,1\n")
    assert "exclude each other" in both


def test_an_option_of_another_renderer_is_refused(tmp_path: Path, examples: Path) -> None:
    row = f"{examples / 'astronaut.png'},{examples / 'speech.wav'},warp,lip"
    (error,) = failures(tmp_path, f"source,audio,renderer,region\n{row}\n")
    assert error.startswith("--region is an option of the liveportrait renderer, and warp draws here")


def test_paths_count_from_the_manifest_and_cells_may_hold_lines(tmp_path: Path) -> None:
    path = manifest(tmp_path, 'source,text,report\nsub/a.png,"Hello\nthere, you",r.json\n')
    (job,) = read_manifest(path, tmp_path)
    assert (job.source, job.driver) == (str(tmp_path / "sub" / "a.png"), "Hello\nthere, you")
    assert job.columns == (("report", str(tmp_path / "r.json")),)


def test_a_jobs_key_changes_with_all_that_changes_the_result_and_with_nothing_else(tmp_path: Path) -> None:
    job = Job(1, "audio", "a.png", "b.wav", (("seed", "1"),), "out.mp4")
    assert job._replace(row=9, force=True).key == job.key
    others = [job._replace(source="c.png"), job._replace(driver="c.wav"), job._replace(columns=(("seed", "2"),)),
              job._replace(output="c.mp4"), job._replace(kind="driving")]  # fmt: skip
    assert len({job.key, *(other.key for other in others)}) == 6


@pytest.mark.timeout(300)
def test_columns_arrive_in_the_clip(tmp_path: Path, small_face: Path, short_voice: Path) -> None:
    rows = [
        {"source": small_face.name, "audio": short_voice.name, "fps": 50, "still": True, "save_motion": "one.npz",
         "report": "one.json", "crop": True, "output": "one.mkv"},
        {"source": small_face.name, "driving": "one.npz", "fps": 10, "no_audio": True, "output": "two.mp4"},
        {"source": small_face.name, "text": "Mama!", "voice": "de", "output": "three.mp4"},
    ]  # fmt: skip
    path = manifest(tmp_path, "\n".join(map(json.dumps, rows)), "jobs.jsonl")
    assert [run_job(job).error for job in read_manifest(path, tmp_path)] == [None] * 3
    motion = load_motion(tmp_path / "one.npz")
    assert (motion.fps, len(motion)) == (Fraction(50), 10)
    assert not motion.rotation.any()
    assert json.loads((tmp_path / "one.json").read_text())["frames"] == 10
    with VideoReader(tmp_path / "one.mkv") as one, VideoReader(tmp_path / "two.mp4") as two:
        assert (one.fps, one.has_audio, two.fps, two.has_audio) == (Fraction(50), True, Fraction(10), False)
        assert one.size_px < two.size_px == (170, 200)
    with VideoReader(tmp_path / "three.mp4") as three:
        assert three.has_audio


@pytest.fixture
def small_face(tmp_path: Path, examples: Path) -> Path:
    picture = cv2.imread(str(examples / "grace_hopper.jpg"))
    assert picture is not None
    cv2.imwrite(str(tmp_path / "face.png"), cv2.resize(picture, (170, 200), interpolation=cv2.INTER_AREA))
    return tmp_path / "face.png"


@pytest.fixture
def short_voice(tmp_path: Path, examples: Path) -> Path:
    """A fifth of a second of speech."""
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="float32")
    soundfile.write(tmp_path / "voice.wav", samples[rate_hz : rate_hz + rate_hz // 5], rate_hz)
    return tmp_path / "voice.wav"


@pytest.fixture
def twenty(tmp_path: Path, small_face: Path, short_voice: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest of 20 short jobs, of which the 5th, 10th and 16th are broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    cv2.imwrite("wall.png", np.full((200, 170, 3), 127, np.uint8))
    (tmp_path / "noise.wav").write_text("no sound\n" * 20)
    pictures, sounds = {5: "wall.png", 16: "nowhere.png"}, {10: "noise.wav"}
    rows = [f"{pictures.get(n, 'face.png')},{sounds.get(n, 'voice.wav')},{n},v{n}.mp4" for n in range(1, 21)]
    manifest(tmp_path, "source,audio,seed,output\n" + "\n".join(rows) + "\n")
    return tmp_path / "out"


def check_twenty(out: Path, options: Sequence[str], again: Sequence[str] = ()) -> None:
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


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_jobs_with_three_broken_ones(twenty: Path) -> None:
    check_twenty(twenty, ["--workers", "2"])


@pytest.mark.timeout(300)
def test_the_same_through_ray(twenty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    check_twenty(twenty, ["--engine", "ray"], ["--engine", "ray"])


def test_a_file_that_no_batch_made_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = read_manifest(manifest(tmp_path, "source,audio\na.png,b.wav\n"), tmp_path)
    (tmp_path / "a--b.mp4").write_bytes(b"precious")
    ran = []

    def drawn(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
        for job in jobs:
            ran.append(job.force)
            yield Outcome(job.row, job.key, job.output, "it exists already")

    monkeypatch.setattr(runner, "run_here", drawn)
    for force in (False, False, True):
        runner.run(jobs, tmp_path, force=force)
    assert ran == [False, False, True]
    # What a run of this batch began is its own.
    runner.run(jobs, tmp_path)
    assert ran[-1]


def test_a_clip_in_the_way_fails_its_row_and_is_kept(tmp_path: Path, small_face: Path, short_voice: Path) -> None:
    (tmp_path / "face--voice.mp4").write_bytes(b"precious")
    jobs = read_manifest(manifest(tmp_path, "source,audio\nface.png,voice.wav\n"), tmp_path)
    for _ in range(2):
        (outcome,) = runner.run(jobs, tmp_path)
        assert outcome.error is not None
        assert "exists already" in outcome.error
        assert (tmp_path / "face--voice.mp4").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    jobs = read_manifest(manifest(tmp_path, "source,audio\na.png,b.wav\n"), tmp_path)
    with pytest.raises(OutputError, match="cannot be made"):
        runner.run(jobs, tmp_path / "file" / "out")
