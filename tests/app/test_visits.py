"""What lies on disk for an open page, and when it goes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from talkinghead.app.visits import Visits


def upload(folder: Path, name: str) -> Path:
    path = folder / name / "face.png"
    path.parent.mkdir()
    path.write_bytes(b"a face")
    return path


def test_all_goes_with_the_page(tmp_path: Path) -> None:
    gone: list[Path] = []
    with Visits(tmp_path, gone.append, grace_s=0.1) as visits:
        mine, shared = upload(tmp_path, "a"), upload(tmp_path, "b")
        visits.uses("me", mine, shared)
        visits.uses("you", shared)
        (visits.result("me", "video") / "out.mp4").write_bytes(b"")
        visits.leave("me")
        limit_s = time.monotonic() + 5
        while mine.exists() and time.monotonic() < limit_s:
            time.sleep(0.02)
        assert gone == [mine]
        assert sorted(tmp_path.iterdir()) == [shared.parent]
    assert gone == [mine, shared]
    assert list(tmp_path.iterdir()) == []


def test_who_comes_back_in_time_finds_his_things(tmp_path: Path) -> None:
    with Visits(tmp_path, lambda path: None, grace_s=0.2) as visits:
        made = visits.result("me", "video")
        visits.leave("me")
        visits.uses("me")
        time.sleep(0.5)
        assert made.is_dir()


def test_of_each_kind_the_last_few_stay(tmp_path: Path) -> None:
    with Visits(tmp_path, lambda path: None) as visits:
        video = visits.result("me", "video")
        previews = [visits.result("me", "preview") for _ in range(8)]
        assert video.is_dir()
        assert [path.is_dir() for path in previews] == [False] * 3 + [True] * 5


def test_a_job_is_stopped_before_its_turn_while_it_runs_and_when_the_page_goes(tmp_path: Path) -> None:
    with Visits(tmp_path, lambda path: None) as visits:
        visits.announce("me")
        visits.stop("me")
        with visits.job("me") as waited:
            assert waited.is_set()
        with visits.job("me") as running:
            assert not running.is_set()
            visits.stop("you")
            assert not running.is_set()
            visits.stop("me")
            assert running.is_set()
        with visits.job("me") as last:
            visits.end("me")
            assert last.is_set()


def test_nothing_outside_its_folder_is_removed(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    outside = upload(tmp_path, "elsewhere")
    with Visits(own, lambda path: pytest.fail("it was told of another's file")) as visits:
        visits.uses("me", outside, own / ".." / "elsewhere" / "face.png")
    assert outside.exists()
