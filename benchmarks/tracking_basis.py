"""Remake the table by which tracking turns a face mesh into blendshapes.

    python benchmarks/tracking_basis.py [OUT.npz]

The embedded renderer's displacement fields are laid over MediaPipe's canonical face and read off at the mesh's points:
what each blendshape at weight 1 does to each point, in pupil distances. Run it after the renderer's amplitudes change;
`tests/drivers/test_tracking.py` fails until then.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from talkinghead.faces import canonical_mesh
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES
from talkinghead.renderers.warp.landmark_basis import landmark_basis

OUT = Path(__file__).parents[1] / "talkinghead" / "drivers" / "tracking" / "arkit_basis.npz"


def main() -> None:
    """Write the table."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    basis = landmark_basis(canonical_mesh())
    np.savez_compressed(out, names=np.array(BLENDSHAPE_NAMES), basis=basis.astype(np.float16))
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
