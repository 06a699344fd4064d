"""What the points of MediaPipe's face mesh mark, in one place.

"Left" and "right" are the picture's: the left eye is the one on the picture's left, which is the person's right, as
long as the head is upright. Curves run from the picture's left to its right, rings from their topmost point on.
The 478 points are 468 of the mesh and two irises of five (centre, then four of the rim).
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Floats

INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_LIP_TOP, INNER_LIP_BOTTOM = 13, 14
INNER_LIP_LEFT, INNER_LIP_RIGHT = 78, 308
LIP_LEFT, LIP_RIGHT = 61, 291

LEFT_LID_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_LID_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_LID_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_LID_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
LEFT_EYE_OUTER, LEFT_EYE_INNER, RIGHT_EYE_INNER, RIGHT_EYE_OUTER = 33, 133, 362, 263
LEFT_IRIS, RIGHT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)

LEFT_BROW_LOWER, LEFT_BROW_UPPER = (46, 53, 52, 65, 55), (70, 63, 105, 66, 107)
RIGHT_BROW_LOWER, RIGHT_BROW_UPPER = (285, 295, 282, 283, 276), (336, 296, 334, 293, 300)

FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
             148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
FOREHEAD, CHIN, LEFT_SIDE, RIGHT_SIDE, NOSE_TIP, SUBNASALE = 10, 152, 234, 454, 1, 2

# Skin that expressions hardly move.
NOSE_BRIDGE = (168, 6, 197, 195, 122, 351, 193, 417)
FOREHEAD_POINTS = (10, 109, 338, 67, 297, 151, 108, 337, 69, 299, 9)
# Bone below thin skin: what head pose is measured on, with how far each is trusted.
POSE_POINTS = {
    10: 1.0, 109: 1.0, 338: 1.0, 67: 1.0, 297: 1.0, 103: 1.0, 332: 1.0, 54: 1.0, 284: 1.0, 21: 1.0, 251: 1.0,
    162: 1.0, 389: 1.0, 127: 1.0, 356: 1.0, 234: 1.0, 454: 1.0, 34: 1.0, 264: 1.0,
    168: 1.5, 6: 1.5, 197: 1.5, 195: 1.5, 193: 1.5, 417: 1.5, 122: 1.5, 351: 1.5, 196: 1.5, 419: 1.5, 188: 1.5,
    412: 1.5, 116: 0.7, 345: 0.7, 93: 0.7, 323: 0.7, 5: 0.5, 4: 0.5,
}  # fmt: skip


@lru_cache(maxsize=1)
def triangles() -> npt.NDArray[np.int64]:
    """The mesh's triangles (n, 3) over its 468 skin points: MediaPipe's edges in cycles of three."""
    from talkinghead.faces.landmarker import tessellation_edges

    neighbours: dict[int, set[int]] = {}
    for a, b in tessellation_edges():
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    cycles = {
        tuple(sorted((a, b, c))) for a, around in neighbours.items() for b in around for c in around & neighbours[b]
    }
    uses = Counter(edge for cycle in cycles for edge in combinations(cycle, 2))
    # Around each nostril runs a cycle that is no triangle: it is the one whose every edge has two others.
    real = [cycle for cycle in cycles if any(uses[edge] <= 2 for edge in combinations(cycle, 2))]
    return np.array(sorted(real), np.int64)


@lru_cache(maxsize=1)
def canonical_mesh() -> Floats:
    """An average face that looks straight ahead with its mouth closed: (478, 3) float32, read-only.

    x right, y down, z towards the back; the origin lies between the pupils, which are 1 apart; left and right mirror
    each other. Made by `benchmarks/canonical_mesh.py` from the meshes of public-domain portraits.
    """
    mesh: Floats = np.load(Path(__file__).with_name("canonical_mesh.npy")).astype(np.float32)
    mesh.setflags(write=False)
    return mesh
