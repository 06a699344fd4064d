"""Which renderer draws."""

from pathlib import Path

import pytest

from talkinghead.core.errors import CheckpointError, InputError
from talkinghead.core.settings import RendererName, Settings
from talkinghead.renderers.select import select


def test_auto_without_weights_is_the_embedded_one_and_says_how_to_get_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    renderer, note = select(Settings())
    assert renderer.name == "warp"
    assert "talkinghead checkpoints pull liveportrait" in note


@pytest.mark.parametrize("name", ["liveportrait", "liveportrait-animals"])
def test_a_renderer_whose_weights_are_missing_is_refused_by_name(tmp_path: Path, name: RendererName) -> None:
    with pytest.raises(CheckpointError, match=name):
        select(Settings(renderer=name, checkpoints=tmp_path))


def test_unknown_renderers_are_refused_with_the_list_of_those_there_are() -> None:
    with pytest.raises(InputError, match="warp, liveportrait"):
        Settings(renderer="magic")  # type: ignore[arg-type]
