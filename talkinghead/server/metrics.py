"""Counters in Prometheus' text format."""

from __future__ import annotations

import threading

_HELP = {
    "avatars": ("gauge", "Avatars that are kept."),
    "sessions": ("gauge", "Streams that run."),
    "capacity_used": ("gauge", "Share that streams take of what this machine draws and encodes in time."),
    "capacity_streams": ("gauge", "Streams at 25 frames/s that this machine is taken to draw, by kind and size."),
    "sessions_total": ("counter", "Streams that were begun."),
    "frames_total": ("counter", "Frames that streams have drawn."),
    "refused_total": ("counter", "Requests that were refused."),
    "jobs": ("gauge", "Jobs by their state."),
}


class Metrics:
    """Counters by name; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = {}

    def add(self, name: str, count: float = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + count

    def text(self, gauges: dict[str, float | dict[str, float]]) -> str:
        """Everything, with `gauges` as they are now; one with labels is a dict by them: `state="queued"`."""
        with self._lock:
            values: dict[str, float | dict[str, float]] = {**self._counts, **gauges}
        lines = []
        for name, (kind, text) in _HELP.items():
            full = f"talkinghead_{name}"
            lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
            value = values.get(name, 0)
            if isinstance(value, dict):
                lines += [f"{full}{{{labels}}} {count:g}" for labels, count in value.items()]
            else:
                lines.append(f"{full} {value:g}")
        return "\n".join(lines) + "\n"
