"""A motion as tables that the page's plots draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from talkinghead.motion.files import load_motion
from talkinghead.motion.motion import Motion
from talkinghead.motion.plot import facts, panels

# A browser draws so many points of a curve without trouble, and a screen shows no more.
_POINTS = 600


def tables(motion: Motion) -> dict[str, pd.DataFrame]:
    """Panel -> a table of the columns seconds, channel, value; of a long motion every n-th frame."""
    step = -(-len(motion) // _POINTS)
    times_s = np.round(np.arange(0, len(motion), step) / float(motion.fps), 3)
    return {
        panel: pd.concat(
            pd.DataFrame({"seconds": times_s, "channel": name, "value": np.round(values[::step].astype(float), 4)})
            for name, values in channels.items()
        )
        for panel, channels in panels(motion).items()
    }


def of_file(path: Path) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """(tables, what there is to say in words) of a motion file.

    Raises:
        MotionError: it is none.
    """
    motion = load_motion(path)
    return tables(motion), facts(motion)
