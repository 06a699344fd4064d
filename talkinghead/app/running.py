"""The page in this process, until it is told to end."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talkinghead.core.addresses import KEY, is_local, listening
from talkinghead.core.errors import DependencyError
from talkinghead.core.settings import Settings
from talkinghead.core.temporary import temporary_folder

INSTALL = "pip install 'talkinghead[app]'"
USER = "talkinghead"


def run(host: str, port: int, jobs: int, upload_mb: int, settings: Settings, say: Callable[[str], None]) -> None:
    """Show the page at `host` and `port` (0: any that is free) until the process is told to end; `say` hears where.

    `jobs` videos are made at a time, files of at most `upload_mb` megabytes are taken. The process is to be the page's
    own: Gradio hears of its folder through the environment.

    Raises:
        DependencyError: Gradio is not installed.
        InputError: others than this machine could use it, and there is no key.
        OutputError: the address is taken, or none of this machine's.
    """
    with listening(host, port) as door, temporary_folder() as made, _environment(folder := made.resolve()):
        try:
            from talkinghead.app.serving import server, serving
        except ImportError as error:
            raise DependencyError(f"the page needs {error.name}: {INSTALL}") from error
        key = os.environ.get(KEY) if not is_local(host) else None
        with serving(folder, settings, jobs, upload_mb, _auth(key)) as app:
            say(f"http://{host}:{door.getsockname()[1]}")
            server(app).run(sockets=[door])


def _auth(key: str | None) -> Callable[[str, str], bool] | None:
    """Who may come in from elsewhere: whoever knows the key."""
    if key is None:
        return None
    wanted = key.encode()
    return lambda user, given: user == USER and hmac.compare_digest(given.encode(), wanted)


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """What Gradio asks the environment for: where to put files, and that it calls nobody."""
    given: dict[str, str] = {"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False",
                             "HF_HUB_DISABLE_TELEMETRY": "1"}  # fmt: skip
    before: dict[str, Any] = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
