"""ONNX Runtime is imported without letting it report its use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("chosen", [None, "1"])
def test_nothing_is_left_in_the_temporary_folder_and_the_environment_is_kept(
    tmp_path: Path, chosen: str | None
) -> None:
    """The first thing that reporting leaves is a file with an identifier."""
    code = (
        "import os\n"
        "from talkinghead.models.onnx_runtime import onnx_runtime\n"
        "assert onnx_runtime().InferenceSession\n"
        f"assert os.environ.get('ORT_DISABLE_TELEMETRY') == {chosen!r}"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment["TMPDIR"] = str(tmp_path)
    if chosen is not None:
        environment["ORT_DISABLE_TELEMETRY"] = chosen
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []
