"""Temporary files go with their owner, with their context, or all at once."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from talkinghead.core.temporary import KeptFile, remove_all, temporary_folder


def test_a_kept_file_goes_with_its_owner() -> None:
    kept = KeptFile(".wav")
    path = kept.path
    path.write_bytes(b"sound")
    assert path.suffix == ".wav"
    del kept
    gc.collect()
    assert not path.exists()


def test_a_kept_file_can_be_closed_more_than_once() -> None:
    kept = KeptFile()
    kept.close()
    assert not kept.path.exists()
    kept.close()


def test_a_folder_goes_with_all_that_is_in_it_however_its_context_ends() -> None:
    with pytest.raises(ValueError, match="stop"), temporary_folder() as folder:  # noqa: PT012 - all of it is the context
        (folder / "in").mkdir()
        (folder / "in" / "it.txt").write_text("text")
        raise ValueError("stop")
    assert not folder.exists()


def test_all_of_them_can_be_removed_at_once() -> None:
    kept = KeptFile()
    with temporary_folder() as folder:
        (folder / "it.txt").write_text("text")
        remove_all()
        assert not kept.path.exists()
        assert not folder.exists()


def test_a_process_that_ends_leaves_none(tmp_path: Path) -> None:
    code = (
        "import tempfile, sys; tempfile.tempdir = sys.argv[1]\n"
        "from talkinghead.core.temporary import KeptFile\n"
        "kept = KeptFile(); assert kept.path.parent == __import__('pathlib').Path(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []
