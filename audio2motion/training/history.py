"""The losses of a run over time, and a picture of them."""

from __future__ import annotations

import json
from pathlib import Path

HISTORY_FILE = "history.json"
_CURVES = ("train", "validation", "opening", "velocity", "shape", "width", "viseme")


def read_history(folder: Path) -> list[dict[str, float]]:
    """One row of figures per epoch."""
    rows: list[dict[str, float]] = json.loads((folder / HISTORY_FILE).read_text())
    return rows


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    """Write all rows anew."""
    (folder / HISTORY_FILE).write_text(json.dumps(rows, indent=1) + "\n")


def plot_history(folder: Path, picture: Path) -> None:
    """Draw a run's losses as a PNG."""
    # The object interface leaves pyplot's global state, and whoever uses it, alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    history = read_history(folder)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name in _CURVES:
        if name in history[0]:
            axes.plot([row["minutes"] for row in history], [row[name] for row in history], label=name)
    axes.set(xlabel="minutes", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig(picture, dpi=110)
