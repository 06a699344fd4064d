"""A server in this process, until it is told to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from talkinghead.core.addresses import listening
from talkinghead.core.errors import DependencyError
from talkinghead.core.settings import Settings
from talkinghead.server.limits import Limits

INSTALL = "pip install 'talkinghead[serve]'"


def serve(
    host: str, port: int, limits: Limits, settings: Settings, state: Path | None, say: Callable[[str], None]
) -> None:
    """Answer at `host` and `port` (0: any that is free) until the process is told to end; `say` hears where, and
    a moment later what this machine is taken to draw.

    Jobs lie in the folder `state`, by default one of talkinghead's own.

    Raises:
        DependencyError: FastAPI or uvicorn are not installed.
        InputError: others than this machine could use it, and there is no key.
        OutputError: the address is taken, or none of this machine's.
    """
    try:
        import uvicorn

        from talkinghead.server.app import make_app
        from talkinghead.server.patience import patient_protocol
    except ImportError as error:
        raise DependencyError(f"a server needs {error.name}: {INSTALL}") from error
    with listening(host, port) as door:
        config = uvicorn.Config(
            make_app(limits, settings, state or default_state(), say), log_level="warning", access_log=False,
            ws_max_size=1 << 20, ws="websockets-sansio", ws_ping_interval=20, server_header=False,
            http=patient_protocol(limits.patience_s), timeout_keep_alive=10, timeout_graceful_shutdown=5,
        )  # fmt: skip
        say(f"listening at http://{host}:{door.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[door])


def default_state() -> Path:
    """Where jobs lie where nobody says otherwise."""
    import platformdirs

    return Path(platformdirs.user_state_dir("talkinghead")) / "serve"
