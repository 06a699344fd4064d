"""How what a server gives out is marked: its owner says, and no request."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkinghead.core.errors import InputError
from talkinghead.core.marking import Marking
from talkinghead.core.options import options_of
from talkinghead.core.settings import OPTIONS, Settings, settings_of
from talkinghead.server.uploads import check_options

OWN = Marking(
    metadata=False, label=True, label_text="made up", sign_cert=Path("a.pem"), sign_key=Path("a.key"), tsa="u"
)


@pytest.mark.parametrize("marking", [Marking(), OWN])
def test_a_job_is_marked_as_its_server_is_told(marking: Marking) -> None:
    given = check_options({"still": "yes"}, Settings(marking=marking))
    settings = settings_of({name: OPTIONS[name].value_of(text) for name, text in given.items()})
    assert (settings.marking, settings.still) == (marking, True)


@pytest.mark.parametrize("name", [item.name for item in options_of(Marking)])
def test_no_request_decides_that(name: str) -> None:
    with pytest.raises(InputError, match="there is no option"):
        check_options({name: "yes"}, Settings())
