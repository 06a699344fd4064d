"""The page about the server: what it shows runs, what it names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.server.conftest import Client, File

PAGE = (Path(__file__).parents[2] / "docs" / "tutorials" / "server.md").read_text("utf-8")
pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]


def test_the_client_on_the_page_runs(server: Client, picture: File, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    names: dict[str, object] = {"port": server.port, "avatar": server.post("/v1/avatars", picture=picture)[1]["id"]}
    exec(compile(program, "server.md", "exec"), names)
    frames = names["frames"]
    assert isinstance(frames, list)
    assert len(frames) > 25
    assert cv2.imdecode(np.frombuffer(frames[-1][1], np.uint8), cv2.IMREAD_COLOR).shape == (256, 256, 3)
    said = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert [said[0], said[-1]] == ["ready", "end"]
    assert {"speaking", "sound"} <= set(said)


def test_every_path_is_on_the_page(server: Client) -> None:
    paths = json.loads(server.ask("GET", "/openapi.json")[1])["paths"]
    for path in paths:
        last = path.rpartition("/")[2]
        assert path.replace("{name}", "{id}") in PAGE or f"`/{last}`" in PAGE, path
