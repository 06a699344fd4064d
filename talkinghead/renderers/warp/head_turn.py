"""Turning the head: the picture lifted onto a depth field, rotated, and laid flat again."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.core.types import Doubles, Floats
from talkinghead.faces import mesh
from talkinghead.motion.proportions import HALF_SIDE, NECK_BACK, NECK_DOWN
from talkinghead.renderers.warp import anatomy
from talkinghead.renderers.warp.fields import smoothstep
from talkinghead.renderers.warp.grid import Grid, inverted
from talkinghead.renderers.warp.quantile import median

# Degrees that one picture can show without tearing; motion beyond is bent towards these.
_PITCH_DEG, _YAW_DEG, _ROLL_DEG = 15.0, 18.0, 23.0
# A face that already looks this far away has no far side left to show; but this much it may always turn.
_TOTAL_YAW_DEG, _LEAST_YAW_DEG = 34.0, 5.0
# A turn that is bent by no more than this leaves the head where it is.
_UNSEEN_DEG = 0.1
# Shift in units of a Motion's translation, and size, beyond which the frame would show what the picture does not.
_MOST_SHIFT, _SMALLEST, _LARGEST = 0.35, 0.75, 1.3
# How far away the head is looked at from, in sizes of the face.
_VIEW_DISTANCE = 4.0
# Study: the head is the face's outline, widened and heightened, and its motion fades over so many D around it.
_HEAD_WIDTH, _HEAD_HEIGHT, _FADE = 1.28, 1.42, 1.0
# In D: over what the motion fades towards a side where the picture goes on; how far the ears lie behind the face's rim;
# over what the depth is smoothed.
_SIDE_FADE, _EARS_BACK, _SMOOTH_DEPTH = 0.55, 0.45, 0.08
# Newton steps that undo a turn: two leave 0.03 px where nothing moves by more than this, in D; speech moves less.
_FEW_STEPS, _MORE_STEPS, _NEAR = 2, 4, 0.15


def source_yaw_deg(points: Floats) -> float:
    """How far a face is turned, positive with its nose to the picture's left."""
    side = points[mesh.RIGHT_SIDE] - points[mesh.LEFT_SIDE]
    return float(-np.degrees(np.arctan2(side[2], max(float(np.hypot(side[0], side[1])), 1e-3))))


def limited(angle: float, limit: float) -> float:
    """`angle` as it is while small, never beyond `limit`."""
    return float(angle / (1 + (angle / limit) ** 4) ** (1 / 4))


class HeadTurn:
    """One portrait's head: what moves with it, how deep it is, and where it pivots."""

    def __init__(self, points: Floats, grid: Grid, unit_px: float, open_sides: tuple[bool, bool, bool, bool]) -> None:
        """`open_sides`: left, top, right, bottom: sides of the crop beyond which the picture goes on."""
        self.fine = grid
        self.grid = Grid(grid.width_px, grid.height_px, grid.step * 2)
        at = self.grid.points(self.grid.whole)
        self.weight = _weight(points, at, unit_px, open_sides, self.grid)
        depth = _depth(points, self.grid, unit_px)
        down = anatomy.face_down(points)
        # Poses belong to an upright face; this is how far the face leans in the picture.
        self._lean = _rotation(0.0, 0.0, float(np.arctan2(-down[0], down[1])))
        pivot = points[mesh.CHIN, :2] + NECK_DOWN * unit_px * down
        pivot_z = float(median(points[[mesh.LEFT_SIDE, mesh.RIGHT_SIDE], 2])) + NECK_BACK * unit_px
        self._offset = np.dstack([at - pivot, depth - pivot_z]).astype(np.float32)
        self._planes = [np.ascontiguousarray(self._offset[..., axis]) for axis in range(3)]
        self._near_px = _NEAR * unit_px
        self._weights = cv2.merge([self.weight, self.weight])
        centre = points[list(mesh.FACE_OVAL)].mean(0)
        self.from_centre = (at - centre[:2]).astype(np.float32)
        self._from_pivot = self._lean.T @ (centre - [*pivot, pivot_z]).astype(np.float32)
        size = np.ptp(points[:, :2], axis=0)
        self.translation_px = HALF_SIDE * float(size.max())
        self.far_px = _VIEW_DISTANCE * float(size.max())
        self.yaw_deg = source_yaw_deg(points)

    def limits(self, rotation_deg: Floats) -> tuple[float, float, float]:
        """(pitch, yaw, roll) as far as this picture can follow."""
        pitch, yaw, roll = (float(v) for v in rotation_deg)
        room = _TOTAL_YAW_DEG - np.sign(yaw) * self.yaw_deg
        return (
            limited(pitch, _PITCH_DEG),
            limited(yaw, float(np.clip(room, _LEAST_YAW_DEG, _YAW_DEG))),
            limited(roll, _ROLL_DEG),
        )

    def _left(self, rotation_deg: Floats, shown_deg: tuple[float, float, float]) -> Floats:
        """What bending its turn takes (2,) from the way of the face's middle, in pixels of an upright face.

        A head that cannot turn as far as it should is still where turning about the neck would have brought it.
        """
        lost = np.asarray(rotation_deg, np.float64) - shown_deg
        lost -= np.clip(lost, -_UNSEEN_DEG, _UNSEEN_DEG)
        if not lost.any():
            return np.zeros(2, np.float32)
        wanted, shown = _rotation(*np.radians(shown_deg + lost)), _rotation(*np.radians(shown_deg))
        left: Floats = (wanted - shown)[:2] @ self._from_pivot
        return left

    def inverse(self, rotation_deg: Floats, translation: Floats, scale: float) -> Floats | None:
        """The backward displacement (rows, columns, 2) on the fine grid; None where the head stays."""
        shown = self.limits(rotation_deg)
        pitch, yaw, roll = np.radians(shown)
        shift = translation[:2] + self._left(rotation_deg, shown) / self.translation_px
        shift = np.clip(shift, -_MOST_SHIFT, _MOST_SHIFT) * self.translation_px
        zoom = float(np.clip(scale, _SMALLEST, _LARGEST)) - 1
        if max(abs(pitch), abs(yaw), abs(roll)) < 1e-5 and np.abs(shift).max() < 1e-2 and abs(zoom) < 1e-5:
            return None
        turn = self._lean @ _rotation(pitch, yaw, roll) @ self._lean.T
        shift = self._lean[:2, :2] @ shift.astype(np.float32)
        x, y, z = self._planes
        moved = cv2.split(cv2.transform(self._offset, turn))
        # A little perspective: what comes nearer grows.
        near = 1 - (moved[2] - z) / self.far_px
        field: Floats = cv2.merge([moved[0] * near - x, moved[1] * near - y])
        field += cv2.transform(self.from_centre, zoom * turn[:2, :2]) + shift if zoom else shift
        field *= self._weights
        steps = _FEW_STEPS if cv2.norm(field, cv2.NORM_INF) < self._near_px else _MORE_STEPS
        back = inverted(field, self.grid.step, steps)
        rows, columns = self.fine.shape
        fine: Floats = cv2.resize(back, (back.shape[1] * 2, back.shape[0] * 2))
        return fine[:rows, :columns]


def _rotation(pitch: float, yaw: float, roll: float) -> Floats:
    """(3, 3) in picture axes (x right, y down, z away): roll after yaw after pitch."""
    cp, sp, cy, sy, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    rotation: Doubles = about_z @ about_y @ about_x
    return rotation.astype(np.float32)


def _weight(points: Floats, at: Floats, unit_px: float, open_sides: tuple[bool, ...], grid: Grid) -> Floats:
    """1 on the head, fading to 0 on the background and at sides where the picture goes on."""
    oval = points[list(mesh.FACE_OVAL), :2]
    down = anatomy.face_down(points)
    across = np.array([-down[1], down[0]], np.float32) * -1
    centre = oval.mean(0)
    outline = np.array([(oval - centre) @ across, (oval - centre) @ down])
    low, high = outline.min(1), outline.max(1)
    middle, half = (low + high) / 2, (high - low) / 2 * np.array([_HEAD_WIDTH, _HEAD_HEIGHT])
    local = np.dstack([(at - centre) @ across, (at - centre) @ down]) - middle
    radius = np.hypot(local[..., 0] / half[0], local[..., 1] / half[1])
    distance = (radius - 1) * half.min() / unit_px
    weight = 1 - smoothstep(0.0, _FADE, distance)
    margin = _SIDE_FADE * unit_px
    x, y = at[0, :, 0], at[:, 0, 1]
    edges = (x, y, grid.width_px - 1 - x, grid.height_px - 1 - y)
    for side, (goes_on, inwards) in enumerate(zip(open_sides, edges)):
        if goes_on:
            fade = smoothstep(0.0, margin, inwards - grid.step)
            weight = weight * (fade[None, :] if side % 2 == 0 else fade[:, None])
    return weight.astype(np.float32)


def _depth(points: Floats, grid: Grid, unit_px: float) -> Floats:
    """(rows, columns) depth in pixels: the mesh's own on the face, falling back towards the ears around it."""
    rows, columns = grid.shape
    node = (points[:, :2] + 0.5) / grid.step - 0.5
    x, y = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    total, mass = np.zeros(grid.shape, np.float32), np.full(grid.shape, 1e-12, np.float32)
    for reach, trust in ((0.13, 1.0), (0.6, 1e-4)):
        sigma = reach * unit_px / grid.step
        # Separable Gaussians around every point: two matrix products instead of a loop.
        gx = np.exp(-(((x[None] - node[:, :1]) / sigma) ** 2))
        gy = np.exp(-(((y[None] - node[:, 1:]) / sigma) ** 2))
        total += trust * (gy * points[:, 2:]).T @ gx
        mass += trust * gy.T @ gx
    rim = float(median(points[list(mesh.FACE_OVAL), 2]))
    far = np.full(grid.shape, rim, np.float32)
    known = mass / (mass + 1e-7)
    depth = known * total / mass + (1 - known) * far
    inside = np.zeros(grid.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(node[list(mesh.FACE_OVAL)]).astype(np.int32)], 1)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) * (grid.step / unit_px)
    depth = depth + _EARS_BACK * unit_px * smoothstep(0.0, 1.0, outside)
    smooth: Floats = cv2.GaussianBlur(depth, (0, 0), _SMOOTH_DEPTH * unit_px / grid.step)
    return smooth
