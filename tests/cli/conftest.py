"""What several commands' tests start from."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def beside_a_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder that holds face.png, a small portrait, and with no downloaded weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    picture = cv2.imread(str(EXAMPLES / "astronaut.png"))
    cv2.imwrite("face.png", cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA))
