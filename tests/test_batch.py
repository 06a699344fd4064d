"""Manifests, the journal, and what happens to broken rows."""

import json

import pytest

from talkinghead import batch
from talkinghead.errors import InputError


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
