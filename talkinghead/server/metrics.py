"""Counters in Prometheus' text format."""

from __future__ import annotations

import threading

_HELP = {
    "avatars": ("gauge", "Avatars that are kept."),
    "sessions": ("gauge", "Streams that run."),
    "capacity_used": ("gauge", "Share of the machine's drawing that streams take, as measured."),
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
        """Everything, with `gauges` as they are now; one with labels is a dict by state."""
        with self._lock:
            values: dict[str, float | dict[str, float]] = {**self._counts, **gauges}
        lines = []
        for name, (kind, text) in _HELP.items():
            full = f"talkinghead_{name}"
            lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
            value = values.get(name, 0)
            if isinstance(value, dict):
                lines += [f'{full}{{state="{state}"}} {count:g}' for state, count in value.items()]
            else:
                lines.append(f"{full} {value:g}")
        return "\n".join(lines) + "\n"
