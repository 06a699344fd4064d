"""What `import talkinghead` offers, and what it does not take along."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import talkinghead

NAMES = ["Avatar", "Clip", "Motion", "Session", "Settings", "TalkingHeadError", "animate", "edit", "speak"]
HEAVY = ("torch", "cv2", "onnxruntime", "transformers", "librosa", "scipy", "rich", "huggingface_hub")


def loaded_by(code: str) -> list[str]:
    """The heavy libraries that are loaded after `code` has run in a process of its own."""
    told = f"{code}\nimport json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_these_names_and_no_others() -> None:
    assert talkinghead.__all__ == NAMES
    assert dir(talkinghead) == sorted([*NAMES, "__version__"])
    with pytest.raises(AttributeError, match="no attribute 'Editor'"):
        talkinghead.Editor  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_is_what_it_says(name: str) -> None:
    found = getattr(talkinghead, name)
    assert found.__name__ == name
    assert found.__module__.startswith("talkinghead.")
    assert found.__doc__


def test_star_takes_all_of_them() -> None:
    names: dict[str, object] = {}
    exec("from talkinghead import *", names)
    assert set(NAMES) == set(names) - {"__builtins__"}


def test_the_package_imports_nothing_heavy() -> None:
    assert loaded_by("import talkinghead") == []
    assert loaded_by("import numpy, cv2") == ["cv2"]  # the list is not empty whatever is loaded


def test_the_commands_help_imports_nothing_heavy() -> None:
    help_ = "from talkinghead.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded_by(help_) == []


@pytest.mark.parametrize("name", ["speak", "animate", "edit", "live", "batch"])
def test_a_commands_own_help_imports_nothing_heavy(name: str) -> None:
    help_ = f"from talkinghead.cli import main\ntry: main(['{name}', '--help'])\nexcept SystemExit: pass"
    assert loaded_by(help_) == []
