"""Where a framework is not installed, importing its integration says in one line how to get it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["livekit", "pipecat"])
def test_a_missing_framework_is_told_with_its_remedy(name: str) -> None:
    code = f"""import sys
sys.modules[{name!r}] = None
from talkinghead.core.errors import DependencyError
try:
    import talkinghead.integrations.{name}
except DependencyError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert f"pip install 'talkinghead[{name}]'" in done.stdout
