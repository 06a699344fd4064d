"""Where a program listens, and whether others than this machine reach it there."""

from __future__ import annotations

import ipaddress
import os
import socket

from talkinghead.core.errors import InputError, OutputError

# The environment variable that holds what others have to give.
KEY = "TALKINGHEAD_API_KEY"


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at `host` and `port` (0: any that is free).

    Raises:
        InputError: others than this machine could use it, and there is no key.
        OutputError: the address is taken, or none of this machine's.
    """
    if not is_local(host) and not os.environ.get(KEY):
        raise InputError(f"at {host} others could use this server: set {KEY} to a key, or use --host 127.0.0.1")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OutputError(f"{host}:{port} cannot be listened at ({error.strerror}): name another --port") from None


def is_local(host: str) -> bool:
    """Whether `host` is this machine's own, which no other reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
