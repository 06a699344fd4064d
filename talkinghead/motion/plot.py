"""What a motion is, in words and as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from talkinghead.core.errors import DependencyError, OutputError
from talkinghead.core.output import whole_file
from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES
from talkinghead.motion.motion import Motion

_BUSIEST = 5
# Blendshapes that share an axis.
PANELS: dict[str, tuple[str, ...]] = {
    "jaw and lips": ("jawOpen", "mouthClose", "mouthPucker", "mouthFunnel", "mouthStretchLeft", "mouthSmileLeft"),
    "eyes and brows": ("eyeBlinkLeft", "eyeBlinkRight", "eyeSquintLeft", "browInnerUp", "browDownLeft"),
    "gaze": ("eyeLookOutLeft", "eyeLookInLeft", "eyeLookUpLeft", "eyeLookDownLeft"),
}
HEAD = "head, degrees"
_BLINK, _BLINK_AGAIN = 0.5, 0.3


def blink_count(motion: Motion) -> int:
    """How often both lids close: above half, and not again before they have opened."""
    lids = motion.blendshapes[:, [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]].mean(1)
    count, closed = 0, False
    for lid in lids:
        if not closed and lid > _BLINK:
            count, closed = count + 1, True
        elif lid < _BLINK_AGAIN:
            closed = False
    return count


def facts(motion: Motion) -> dict[str, str]:
    """Name -> value of what there is to say about a motion, in words."""
    low, high = motion.rotation.min(0), motion.rotation.max(0)
    spread = np.ptp(motion.blendshapes, axis=0)
    busiest = [f"{BLENDSHAPE_NAMES[i]} {spread[i]:.2f}" for i in np.argsort(-spread)[:_BUSIEST] if spread[i] > 0.01]
    blinks, length_s = blink_count(motion), float(len(motion) / motion.fps)
    rest = motion.rest
    neutral = not (rest.blendshapes.any() or rest.expression.any() or rest.rotation.any() or rest.translation.any())
    return {
        "frames": f"{len(motion)} at {motion.fps} frames/s ({length_s:.2f} s)",
        "given as": motion.view,
        **{
            name: f"{a:.1f} to {b:.1f} degrees"
            for name, a, b in zip(("pitch", "yaw", "roll"), low.tolist(), high.tolist())
        },
        "scale": f"{motion.scale.min():.3f} to {motion.scale.max():.3f}",
        "blinks": f"{blinks} ({60 * blinks / length_s:.0f} a minute)",
        "most moving": ", ".join(busiest) or "nothing moves",
        "rest": "neutral" if neutral else "the driver's own",
        "measured": ", ".join(motion.measured) or "no ratios",
    }


def panels(motion: Motion) -> dict[str, dict[str, Floats]]:
    """The main channels (T,) in groups that share an axis: group -> channel -> values, the head's in degrees."""
    drawn = {name: {shape: motion.blendshapes[:, BLENDSHAPE_INDEX[shape]] for shape in shapes}
             for name, shapes in PANELS.items()}  # fmt: skip
    return {**drawn, HEAD: {name: motion.rotation[:, axis] for axis, name in enumerate(("pitch", "yaw", "roll"))}}


def plot(motion: Motion, path: Path, *, title: str = "", force: bool = False) -> None:
    """Draw the main channels over time as a PNG.

    Raises:
        DependencyError: matplotlib is not installed.
        OutputError: another suffix than .png, or the file exists and `force` is not set.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path}: plots are written as .png")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise DependencyError("plots need matplotlib: pip install matplotlib, or ask for --no-plot") from None
    times_s = np.arange(len(motion)) / float(motion.fps)
    figure = Figure(figsize=(11, 10), layout="constrained")
    FigureCanvasAgg(figure)
    shown = panels(motion)
    axes = figure.subplots(len(shown), 1, sharex=True)
    for axis, (name, channels) in zip(axes, shown.items()):
        for label, values in channels.items():
            axis.plot(times_s, values, label=label, linewidth=1.0, marker="." if len(motion) == 1 else None)
        axis.set_ylabel(name)
        axis.legend(loc="upper right", fontsize=7, ncols=3)
        axis.grid(alpha=0.3)
        if name != HEAD:
            axis.set_ylim(-0.05, 1.05)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(title)
    with whole_file(path, force) as part:
        figure.savefig(part, format="png", dpi=100)
