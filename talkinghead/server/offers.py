"""What a caller asks for: the body of `POST /v1/avatars/{id}/webrtc`.

{"type": "offer", "sdp": "v=0...", "fps": 25, "size": 512, "sound": "all"}
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from talkinghead.core.errors import InputError
from talkinghead.server.limits import RefusedError
from talkinghead.server.protocol import Start, read_start
from talkinghead.server.timeline import RATE_HZ

LONGEST = 1 << 16
# An offer of a browser has three media and some ten candidates; every one costs a socket or a probe.
_MOST = {"m=": 8, "a=candidate:": 64}
_KNOWN = ("type", "sdp", "fps", "size", "sound")
_SOUNDS = ("all", "texts")


@dataclass(frozen=True)
class Offer:
    """An SDP, how the pictures are to be, and whether `all_sound` that is spoken is sent or that of texts alone."""

    sdp: str
    start: Start
    all_sound: bool


def read_offer(body: bytes) -> Offer:
    """An offer; whether its SDP can be answered is seen by whoever answers it.

    Raises:
        RefusedError: it is too long.
        InputError: it is no offer, or asks for what there is not.
    """
    if len(body) > LONGEST:
        raise RefusedError(413, f"an offer may have {LONGEST} bytes")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError('an offer is JSON: {"type": "offer", "sdp": "v=0..."}') from None
    if not isinstance(asked, dict) or asked.get("type") != "offer" or not isinstance(asked.get("sdp"), str):
        raise InputError('an offer has a type and an sdp: {"type": "offer", "sdp": "v=0..."}')
    if unknown := sorted(asked.keys() - set(_KNOWN)):
        raise InputError(f"an offer has no {unknown[0][:40]!r}: choose among {', '.join(_KNOWN)}")
    sdp, sound = asked["sdp"], asked.get("sound", _SOUNDS[0])
    if sound not in _SOUNDS:
        raise InputError(f"sound is {' or '.join(_SOUNDS)}, not {str(sound)[:40]!r}")
    lines = sdp.splitlines()
    for begin, most in _MOST.items():
        if sum(line.startswith(begin) for line in lines) > most:
            raise InputError(f"an offer has at most {most} lines {begin}")
    how = {name: asked[name] for name in ("fps", "size") if name in asked}
    return Offer(sdp, read_start(json.dumps({"type": "start", "rate": RATE_HZ, **how})), sound == "all")
