"""What fuzzing and mistreatment have found in the server."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from talkinghead.core.errors import InputError, OutputError
from talkinghead.server.jobs import Jobs
from talkinghead.server.limits import Limits
from talkinghead.server.protocol import emotion_of, read_message, read_start, text_of
from tests.server.conftest import Client


def test_an_origin_that_is_no_address(server: Client) -> None:
    assert server.ask("GET", "/healthz", Origin="http://[")[0] == 403


def test_a_form_that_is_none_is_refused_as_the_document_says(server: Client) -> None:
    body = b"--x\r\n[]--x--\r\n"
    status, said, _ = server.ask("POST", "/v1/faces", body, Content_Type="multipart/form-data; boundary=x")
    assert (status, "error" in json.loads(said)) == (400, True)


@pytest.mark.parametrize("changed", [{"format": []}, {"format": {}}, {"video": []}, {"fps": "1/0"}, {"rate": 10**400}])
def test_a_first_message_of_other_types(changed: dict[str, object]) -> None:
    with pytest.raises(InputError):
        read_start(json.dumps({"type": "start", **changed}))


def test_messages_of_half_a_character_and_of_endless_strength() -> None:
    for said in ('"\\ud800"', '"a\\u0000"'):
        with pytest.raises(InputError, match="half a character"):
            text_of(read_message(f'{{"type": "text", "text": {said}}}'), "text", 100)
    with pytest.raises(InputError, match="strength must lie between 0 and 1"):
        emotion_of({"type": "emotion", "emotion": "happy", "strength": 10**400})


def test_a_folder_of_jobs_has_one_server(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "state", Limits(workers=0))
    with pytest.raises(OutputError, match="another server uses"):
        Jobs(tmp_path / "state", Limits(workers=0))
    jobs.close()
    Jobs(tmp_path / "state", Limits(workers=0)).close()


def test_what_a_killed_server_left_is_put_right(tmp_path: Path) -> None:
    state = tmp_path / "state"
    Jobs(state, Limits(workers=0)).close()
    with sqlite3.connect(state / "journal.sqlite") as journal:
        for name, attempts in (("done", 2), ("half", 1)):
            journal.execute("INSERT INTO jobs (id, state, attempts, created_s, changed_s, request) VALUES (?, 'in_progress', "
                            "?, 0, 1e12, '{}')", (name, attempts))  # fmt: skip
    journal.close()
    for name in ("done", "half", "of-nobody"):
        (state / name).mkdir()
        (state / name / "picture.png").write_bytes(b"x")
    (state / "done" / "out.mp4").write_bytes(b"a video")
    jobs = Jobs(state, Limits(workers=0))
    assert [jobs.get(name).state for name in ("done", "half")] == ["completed", "queued"]
    assert sorted(str(path.relative_to(state)) for path in state.glob("*/*")) == ["done/out.mp4", "half/picture.png"]
    jobs.close()
