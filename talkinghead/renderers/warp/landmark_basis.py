"""What each blendshape does to the points of a face mesh: the displacement fields, read off at the landmarks.

Tracking turns meshes into blendshapes with a table made by this (see `benchmarks/tracking_basis.py`), so that what the
renderer draws is what a tracker finds again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from talkinghead.core.types import N_LANDMARKS, AnyFloats, Doubles, Floats
from talkinghead.faces import mesh
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.fields import SkinRegion, face_window
from talkinghead.renderers.warp.grid import Grid
from talkinghead.renderers.warp.mixing import FIELD_CONTROLS, MIXING
from talkinghead.renderers.warp.mouth_fields import mouth_region
from talkinghead.renderers.warp.slit import Slit, eye_slit, mouth_slit
from talkinghead.renderers.warp.upper_fields import upper_region

_UNIT_PX = 120.0
_MARGIN_PX = 90
_CORNERS = {61, 78, 291, 308}
_LIPS_OVER = {*mesh.INNER_LIP_UPPER, *mesh.OUTER_LIP_UPPER, 184, 74, 73, 72, 11, 302, 303, 304, 408, 183, 42, 41, 38,
              12, 268, 271, 272, 407} - _CORNERS  # fmt: skip
_LIPS_UNDER = {*mesh.INNER_LIP_LOWER, *mesh.OUTER_LIP_LOWER, 77, 90, 180, 85, 16, 315, 404, 320, 307, 96, 89, 179, 86,
               15, 316, 403, 319, 325} - _CORNERS  # fmt: skip


def landmark_basis(face: AnyFloats) -> Doubles:
    """(52, 478, 2): displacement in pupil distances at weight 1, x right and y down.

    `face` (478, 3), in any unit, looks into the camera with its lips together.
    """
    points = np.asarray(face, np.float64) / np.linalg.norm(face[468, :2] - face[473, :2]) * _UNIT_PX
    points[:, :2] -= points[:, :2].min(0) - _MARGIN_PX
    points = points.astype(np.float32)
    width, height = (np.ceil(points[:, :2].max(0)) + _MARGIN_PX).astype(int)
    pixels = np.full((height, width, 3), 128, np.uint8)
    unit = anatomy.pupil_distance_px(points)
    grid = Grid.over(pixels, unit)
    window = face_window(points, grid, unit, 0.55)
    mouth = mouth_slit(points, pixels, unit)
    eyes = (
        eye_slit(points, mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER, unit),
        eye_slit(points, mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER, unit),
    )
    controls = np.zeros((len(FIELD_CONTROLS), N_LANDMARKS, 2))
    under_mouth = _under(mouth, points)
    under_mouth[list(_LIPS_OVER)], under_mouth[list(_LIPS_UNDER)] = False, True
    _read(mouth_region(points, mouth, grid, window), grid, points, under_mouth, controls)
    left = points[:, 0] < points[mesh.NOSE_TIP, 0]
    under_eyes = np.where(left, _under(eyes[0], points), _under(eyes[1], points))
    for upper, lower in ((mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER), (mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER)):
        under_eyes[list(upper)], under_eyes[list(lower)] = False, True
    _read(upper_region(points, eyes, grid, window, glasses=False), grid, points, under_eyes, controls)
    basis: Doubles = np.einsum("sc,cpi->spi", MIXING, controls).reshape(N_BLENDSHAPES, N_LANDMARKS, 2) / _UNIT_PX
    return basis


def _under(slit: Slit, points: Floats) -> npt.NDArray[np.bool_]:
    """(478,): which points lie under an opening's middle."""
    at = slit.axes.coordinates(points[:, :2])
    return np.asarray(at[:, 1] > slit.along((slit.upper + slit.lower) / 2, at[:, 0]))


def _read(region: SkinRegion, grid: Grid, points: Floats, under: npt.NDArray[np.bool_], controls: Doubles) -> None:
    """Add a region's fields at the points to `controls` (controls, 478, 2)."""
    for name, field in region.fields.items():
        if name not in FIELD_CONTROLS:
            continue  # what a picture's own mouth needs is no blendshape's
        into = controls[FIELD_CONTROLS.index(name)]
        for part, moved in ((field.both, np.ones_like(under)), (field.above, ~under), (field.below, under)):
            if part is not None:
                into[moved] += grid.sample(part, region.rect, points[moved, :2])
