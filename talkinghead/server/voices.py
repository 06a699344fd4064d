"""Voices that answer at once: loaded before anybody asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from talkinghead.tts import hibari
from talkinghead.tts.child import kept_ready
from talkinghead.tts.espeak_process import COMMAND, NAME
from talkinghead.tts.voices import list_engines


@contextmanager
def voices_ready() -> Iterator[None]:
    """While the block runs, espeak-ng waits for a text in a process of its own, and hibari, where it is installed, is
    loaded."""
    loading = threading.Thread(target=_load_hibari, name="talkinghead-voices")
    if hibari.is_installed():
        loading.start()
    try:
        with kept_ready(COMMAND, NAME):
            yield
    finally:
        # A network that still runs while Python ends takes the process down with it.
        if loading.is_alive():
            loading.join()


def listed_voices() -> list[dict[str, str]]:
    """Every voice of an engine that is here: `name`, `language`, `label`, `engine`; the better engine first."""
    return [
        {"name": voice.name, "language": voice.language, "label": voice.label, "engine": engine.name}
        for engine in list_engines() if engine.is_ready for voice in engine.voices
    ]  # fmt: skip


def _load_hibari() -> None:
    hibari.HibariEngine().speak("Hello.")
