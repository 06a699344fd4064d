"""What a face does beyond its neutral shape, as ARKit weights.

Jaw, lips, cheeks, nose and brows: bounded least squares on a table of what each blendshape does to the points of the
mesh, and to the gaps between the lips (`arkit_basis.npz`, in pupil distances, made by `benchmarks/tracking_basis.py`
from the geometry that the embedded renderer draws by: what one draws, the other finds again). Lids and gaze have a
measure each: the gap between the lids over the eye's width, and the iris's place between the eye's corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from talkinghead.core.types import Doubles
from talkinghead.drivers.tracking.solver import Solver
from talkinghead.faces import mesh as points
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES, N_BLENDSHAPES
from talkinghead.motion.proportions import CHIN_SHARE, GAZE_X, GAZE_Y, UPPER_LIP_SHARE

_LIPS = tuple(
    dict.fromkeys(points.INNER_LIP_UPPER + points.INNER_LIP_LOWER + points.OUTER_LIP_UPPER + points.OUTER_LIP_LOWER)
)
_CHIN = (152, 148, 377, 176, 400, 149, 378, 199, 200, 18)
_MIDFACE = (50, 280, 205, 425, 48, 278, 64, 294, 129, 358, 2)
_BROWS = points.LEFT_BROW_LOWER + points.LEFT_BROW_UPPER + points.RIGHT_BROW_LOWER + points.RIGHT_BROW_UPPER
# The points that tell jaw, lips, cheeks, nose and brows.
POINTS = _LIPS + _CHIN + _MIDFACE + _BROWS
_IMPORTANCE = np.repeat(
    np.concatenate([np.full(len(p), w) for p, w in ((_LIPS, 1.0), (_CHIN, 0.6), (_MIDFACE, 0.4), (_BROWS, 0.7))]), 2
)

# Lips are read from how far they are apart as well: both lips' points move together where the head's pose or the face's
# own shape is a little wrong, by many times what lips that hardly part move by. Pairs of the inner lips, and how much
# each of their gaps counts beside a lip's point.
_UPPER, _LOWER = list(points.INNER_LIP_UPPER[1:-1]), list(points.INNER_LIP_LOWER[1:-1])
_GAP_IMPORTANCE = 2.0

# Shapes that others can stand in for must earn their weight; what a mesh cannot tell takes no part.
_RIDGE, _RIDGE_RARE, _SPARSITY = 0.03, 0.12, 0.0005
_RARE = ("mouthDimple", "mouthShrug", "mouthRoll", "mouthPress", "mouthFunnel", "noseSneer", "cheek", "jawForward")
_UNSEEN = ("tongueOut", "cheekPuff", "mouthClose")

# What a mesh shows between lips that touch, in pupil distances.
_TOUCHING = 0.02


@dataclass(frozen=True)
class _Eye:
    """An eye's points: pairs of upper and lower lid, the corners, the iris, and the person's side."""

    pairs: tuple[tuple[int, int], ...]
    outer: int
    inner: int
    iris: int
    side: str


EYES = (
    _Eye(((160, 144), (159, 145), (158, 153)), 33, 133, 468, "Right"),
    _Eye(((387, 373), (386, 374), (385, 380)), 263, 362, 473, "Left"),
)

# By how much of their gap weight 1 widens the lids.
_WIDE = 0.22
# A lid gap as a share of the open eye's, and how far the lids then are closed. A mesh sees the last of a gap that is no
# longer there; and lids that narrow with a smile or a thought are still open eyes.
_LID_SHARES, _LID_CLOSED = (0.40, 0.48, 0.58, 0.70, 0.85, 1.0), (1.0, 0.85, 0.55, 0.28, 0.08, 0.0)
_LID_OF_LOOKING_DOWN = 0.28
_LID_OF_LOOKING_UP = 0.3


@lru_cache(maxsize=1)
def load_basis() -> Doubles:
    """(52, 478, 2): displacement of the mesh's points, x right and y down, in pupil distances, at weight 1."""
    with files("talkinghead.drivers.tracking").joinpath("arkit_basis.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        names, table = list(held["names"]), held["basis"].astype(np.float64)
    return np.stack([table[names.index(name)] for name in BLENDSHAPE_NAMES])


def limits() -> Doubles:
    """(52,) 1 for the blendshapes that the points of `POINTS` tell, 0 for the others."""
    return np.array([0.0 if name.startswith("eye") or name in _UNSEEN else 1.0 for name in BLENDSHAPE_NAMES])


@lru_cache(maxsize=1)
def _solver() -> Solver:
    ridge = np.array([_RIDGE_RARE if name.startswith(_RARE) else _RIDGE for name in BLENDSHAPE_NAMES])
    importance = np.append(_IMPORTANCE, np.full(len(_UPPER), _GAP_IMPORTANCE))
    return Solver(_measured(load_basis()), importance, ridge, np.full(N_BLENDSHAPES, _SPARSITY), limits())


def _measured(moved: Doubles) -> Doubles:
    """What the solver fits (n, M) of points' displacements (n, 478, 2 or 3): `POINTS`, x and y, and the lips' gaps."""
    places = moved[:, POINTS, :2].reshape(len(moved), -1)
    return np.concatenate([places, moved[:, _LOWER, 1] - moved[:, _UPPER, 1]], axis=1)


def close_mouth(mesh: Doubles) -> Doubles:
    """A mesh (478, 3) with its lips together: weights count from there, as the renderers' neutral mouth is closed."""
    closed: Doubles = mesh.copy()
    gap = mesh[list(points.INNER_LIP_LOWER)] - mesh[list(points.INNER_LIP_UPPER)]
    widest = float(np.linalg.norm(gap, axis=1).max())
    gap *= max(0.0, 1 - _TOUCHING / max(widest, _TOUCHING))
    for upper, outer_upper, lower, outer_lower, parted in zip(
        points.INNER_LIP_UPPER[1:-1],
        points.OUTER_LIP_UPPER[1:-1],
        points.INNER_LIP_LOWER[1:-1],
        points.OUTER_LIP_LOWER[1:-1],
        gap[1:-1],
    ):
        closed[[upper, outer_upper]] += UPPER_LIP_SHARE * parted
        closed[[lower, outer_lower]] -= (1 - UPPER_LIP_SHARE) * parted
    closed[list(_CHIN)] -= (1 - UPPER_LIP_SHARE) * CHIN_SHARE * gap[len(gap) // 2]
    return closed


def lid_ratio(meshes: Doubles, eye: _Eye) -> Doubles:
    """Gap between the lids over the eye's width (T,)."""
    gaps = [np.linalg.norm(meshes[:, a] - meshes[:, b], axis=1) for a, b in eye.pairs]
    return np.asarray(np.mean(gaps, axis=0) / np.linalg.norm(meshes[:, eye.outer] - meshes[:, eye.inner], axis=1))


def _iris_place(meshes: Doubles, eye: _Eye) -> Doubles:
    """The iris from the middle of the eye's corners (T, 2)."""
    return np.asarray(meshes[:, eye.iris, :2] - (meshes[:, eye.outer, :2] + meshes[:, eye.inner, :2]) / 2)


@dataclass(frozen=True)
class ExpressionFit:
    """Weights of one person's meshes.

    `neutral` (478, 3) with closed lips; per eye `open_lids` (2,), the open lids' ratio, and `iris` (2, 2), its rest.
    """

    neutral: Doubles
    open_lids: Doubles
    iris: Doubles

    @classmethod
    def of(cls, mesh: Doubles) -> ExpressionFit:
        """The fit that takes `mesh` (478, 3), in pupil distances, for neutral but for parted lips."""
        one = mesh[None]
        return cls(
            close_mouth(mesh),
            np.array([lid_ratio(one, eye)[0] for eye in EYES]),
            np.stack([_iris_place(one, eye)[0] for eye in EYES]),
        )

    def __call__(self, upright: Doubles) -> Doubles:
        """Weights (T, 52) of meshes (T, 478, 3) in the neutral's own frame."""
        return self.with_eyes(upright, _solver().solve(_measured(upright - self.neutral)))

    def with_eyes(self, upright: Doubles, weights: Doubles) -> Doubles:
        """`weights` (T, 52) with those of lids and gaze filled in."""
        for number, eye in enumerate(EYES):
            self._look(upright, eye, number, weights)
        return weights

    def _look(self, upright: Doubles, eye: _Eye, number: int, weights: Doubles) -> None:
        """Gaze and lids of one eye, written into `weights`."""

        def put(name: str, values: Doubles) -> None:
            weights[:, BLENDSHAPE_INDEX[f"eye{name}{eye.side}"]] = np.clip(values, 0.0, 1.0)

        share = lid_ratio(upright, eye) / self.open_lids[number]
        # A mesh guesses the iris behind a closed lid: trust it as far as the eye is open.
        trust = np.clip((share - 0.35) / 0.3, 0.0, 1.0)
        aside, down = ((_iris_place(upright, eye) - self.iris[number]) * trust[:, None]).T
        outwards = (-aside if eye.side == "Right" else aside) / GAZE_X
        put("LookOut", outwards)
        put("LookIn", -outwards)
        put("LookDown", down / GAZE_Y)
        put("LookUp", -down / GAZE_Y)
        closed = np.interp(share, _LID_SHARES, _LID_CLOSED)
        put("Blink", closed - _LID_OF_LOOKING_DOWN * np.clip(down / GAZE_Y, 0, 1))
        put("Wide", (share - 1) / _WIDE - _LID_OF_LOOKING_UP * np.clip(-down / GAZE_Y, 0, 1))
