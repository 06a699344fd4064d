"""Displacement fields of the mouth, cheeks and jaw, one per control, built once per picture.

Amplitudes are in pupil distances D. A field has up to three parts: `both` moves all skin, `above` only what lies over
the opening, `below` only what lies under it; past the mouth's corners `above` and `below` vanish, so that the skin is
whole there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from talkinghead.renderers.warp import mesh
from talkinghead.renderers.warp.grid import Grid, Rect
from talkinghead.renderers.warp.slit import Slit
from talkinghead.types import Floats

JAW, RAISE, LOWER, NARROW, SPREAD, PRESS, BITE, SMILE, FROWN = 0.34, 0.085, 0.10, 0.34, 0.13, 0.05, 0.075, 0.11, 0.08


def smoothstep(low: float | Floats, high: float | Floats, x: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def bell(x: Floats) -> Floats:
    """exp(-x^2)."""
    return np.exp(-x * x).astype(np.float32)


def opening_profile(u: Floats) -> Floats:
    """How far an opening mouth opens across its width: a smoothstep would look V-shaped."""
    return ((1 - np.minimum(np.abs(u), 1) ** 2.4) ** 0.75).astype(np.float32)


@dataclass
class Field:
    """One control's displacement, float32 (h, w, 2) pixels on the region's nodes; None where it has no such part."""

    both: Floats | None = None
    above: Floats | None = None
    below: Floats | None = None


@dataclass
class Region:
    """Nodes that share their fields: `rect` on the grid, and one `Field` per control."""

    rect: Rect
    fields: dict[str, Field] = field(default_factory=dict)

    def summed(self, controls: Mapping[str, float]) -> tuple[Floats, Floats]:
        """(above, below): the displacement of the skin over and under the opening."""
        shape = (self.rect.y1 - self.rect.y0, self.rect.x1 - self.rect.x0, 2)
        both, above, below = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for name, part in self.fields.items():
            weight = controls.get(name, 0.0)
            if abs(weight) < 1e-4:
                continue
            for total, values in ((both, part.both), (above, part.above), (below, part.below)):
                if values is not None:
                    cv2.scaleAdd(values, weight, total, total)
        return above + both, below + both


def face_window(points: Floats, grid: Grid, unit_px: float, reach: float) -> Floats:
    """1 inside the face's outline, falling to 0 at `reach` D outside, on all nodes."""
    inside = np.zeros(grid.shape, np.uint8)
    outline = (points[list(mesh.OVAL), :2] + 0.5) / grid.step - 0.5
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) * (grid.step / unit_px)
    return 1 - smoothstep(0.0, reach, outside)


class MouthCoordinates:
    """What the mouth's fields are made of, at the nodes of a region (each (h, w), in D)."""

    def __init__(self, points: Floats, slit: Slit, grid: Grid, rect: Rect) -> None:
        at = slit.axes.coordinates(grid.points(rect))
        self.a, self.b = at[..., 0], at[..., 1]
        self.u = slit.u(self.a)
        columns = self.a.ravel()
        self.over = (slit.along(slit.upper, columns)).reshape(self.a.shape) - self.b
        self.under = self.b - slit.along(slit.lower, columns).reshape(self.a.shape)
        self.lip_over = float((slit.upper - slit.upper_outer).max())
        self.lip_under = float((slit.lower_outer - slit.lower).max())
        nose = slit.axes.coordinates(points[mesh.SUBNASALE, :2])
        self.nose = float(max(slit.upper[len(slit.a) // 2] - nose[1], self.lip_over + 0.12))
        sides = slit.axes.coordinates(points[[mesh.LEFT_SIDE, mesh.RIGHT_SIDE], :2])[:, 0]
        self.reach_left, self.reach_right = max(-sides[0], 0.45), max(sides[1], 0.45)
        self.profile = opening_profile(self.u)
        self.to_right = smoothstep(-0.4, 0.4, self.u)
        self.vertical = np.where(self.over > 0, bell(self.over / 0.36), bell(np.maximum(self.under, 0) / 0.46))


def mouth_region(points: Floats, slit: Slit, grid: Grid, window: Floats) -> Region:
    """Fields of every mouth, jaw, cheek and nose control."""
    unit = slit.axes.unit_px
    low = points[list(mesh.OVAL), :2].min(0) - 0.3 * unit
    high = points[list(mesh.OVAL), :2].max(0) + 0.75 * unit
    low[1] = points[[mesh.LEFT_CHEEK[0], mesh.RIGHT_CHEEK[0]], 1].min() - 0.75 * unit
    rect = grid.rect(low, high)
    region, c = Region(rect), MouthCoordinates(points, slit, grid, rect)
    clip = window[rect.slices]
    across, down = slit.axes.across * unit, slit.axes.down * unit

    def vector(dx: Floats | float, dy: Floats | float) -> Floats:
        x, y = np.broadcast_to(dx, c.a.shape) * clip, np.broadcast_to(dy, c.a.shape) * clip
        return np.dstack([x * across[0] + y * down[0], x * across[1] + y * down[1]]).astype(np.float32)

    near_mouth = (1 - smoothstep(0.55, 0.80, c.over))[..., None]

    def add(name: str, **parts: tuple[Floats | float, Floats | float]) -> None:
        # What moves under the mouth must not reach the lids, which have an under of their own.
        sides = {side: vector(*value) for side, value in parts.items()}
        if "below" in sides:
            sides["below"] = sides["below"] * near_mouth
        region.fields[name] = Field(**sides)

    _jaw_fields(c, add)
    _lip_fields(c, add)
    for sign, side, weight in ((-1.0, "l", 1 - c.to_right), (1.0, "r", c.to_right)):
        _corner_fields(c, slit, add, sign, side, weight)
    _cheek_fields(points, slit, c, add)
    _closing_field(slit, c, add)
    return region


def _jaw_fields(c: MouthCoordinates, add) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    deep = smoothstep(0.0, 0.55, c.under)
    reach = np.where(c.a < 0, c.reach_left, c.reach_right)
    wide = 1 - smoothstep(0.28, 1.15 * reach, np.abs(c.a))
    # The corners follow the jaw a little, and the skin over and under them with it.
    corner = bell((np.abs(c.u) - 1) / 0.6) * np.where(c.over > 0, bell(c.over / 0.42), 1 - deep)
    add("chin", both=(0.0, 0.17 * JAW * corner), below=(0.0, JAW * deep * wide))
    add("lip_drop", below=(0.0, JAW * (1 - deep) * c.profile))
    add("jaw_shift", below=(0.11 * (0.5 * (1 - deep) * c.profile + deep * wide), 0.0))
    add("jaw_forward", below=(0.0, 0.025 * deep * wide))
    add("shrug", both=(0.0, -0.055 * bell(c.a / 0.5) * np.where(c.over > 0, bell(c.over / 0.3), bell(np.maximum(c.under, 0) / 0.55))))  # fmt: skip
    add("shift", both=(0.13 * bell(c.a / 0.7) * c.vertical, 0.0))


def _closing_field(slit: Slit, c: MouthCoordinates, add) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Closes a mouth that is open in the picture: always on, 30 % from the upper lip, 70 % from the lower and the chin."""
    open_by = float(slit.gap.max())
    if open_by <= 0:
        return
    gap = slit.along(slit.gap, c.a.ravel()).reshape(c.a.shape) * (np.abs(c.u) < 1)
    over = 1 - smoothstep(c.lip_over, c.nose + 0.05, c.over)
    deep = smoothstep(0.0, 0.5, c.under)
    reach = np.where(c.a < 0, c.reach_left, c.reach_right)
    wide = 1 - smoothstep(0.22, reach, np.abs(c.a))
    add("close", above=(0.0, 0.3 * gap * over), below=(0.0, -0.7 * (gap * (1 - deep) + 0.8 * open_by * deep * wide)))


def _lip_fields(c: MouthCoordinates, add) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    over = 1 - smoothstep(c.lip_over, c.nose, c.over)
    under = 1 - smoothstep(c.lip_under, c.lip_under + 0.36, c.under)
    spread_over = smoothstep(0.0, c.lip_over + 0.25, c.over)
    spread_under = smoothstep(0.0, c.lip_under + 0.25, c.under)
    lateral_over = c.profile * (1 - spread_over) + bell(c.a / 0.62) * spread_over
    lateral_under = c.profile * (1 - spread_under) + bell(c.a / 0.62) * spread_under
    for side, weight in (("l", 1 - c.to_right), ("r", c.to_right)):
        add(f"raise_{side}", above=(0.0, -RAISE * over * lateral_over * weight))
        add(f"lower_{side}", below=(0.0, LOWER * under * lateral_under * weight))
    flat = np.exp(-(np.abs(c.u / 1.02) ** 6)).astype(np.float32)
    add("press_upper", above=(0.0, PRESS * flat * (1 - smoothstep(c.lip_over, c.lip_over + 0.22, c.over))))
    add("press_lower", below=(0.0, -PRESS * flat * (1 - smoothstep(c.lip_under, c.lip_under + 0.24, c.under))))
    add("bite", below=(0.0, -BITE * flat * (1 - smoothstep(c.lip_under, c.lip_under + 0.30, c.under))))
    swell_over = smoothstep(0.0, c.lip_over, c.over) * over
    swell_under = smoothstep(0.0, c.lip_under, c.under) * under
    add("pout", above=(0.0, -0.030 * swell_over * lateral_over), below=(0.0, 0.035 * swell_under * lateral_under))
    add("funnel", above=(0.0, -(0.050 + 0.015 * swell_over) * over * lateral_over),
        below=(0.0, (0.075 + 0.02 * swell_under) * under * lateral_under))  # fmt: skip


def _corner_fields(c: MouthCoordinates, slit: Slit, add, sign: float, side: str, weight: Floats) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    half = slit.left if sign < 0 else slit.right
    outward = np.maximum(sign * c.a, 0)
    pull = np.minimum(outward, half) * (1 - smoothstep(0.0, 0.75, outward - half))
    add(f"narrow_{side}", both=(-sign * NARROW * pull * c.vertical, 0.0))
    add(f"spread_{side}", both=(sign * SPREAD * pull / half * c.vertical, 0.0))
    corner_b = float(slit.upper[0] if sign < 0 else slit.upper[-1])
    # Corners rise and fall by themselves: the middle of the lips stays.
    sideways = np.where(outward < half, np.clip(outward / half, 0, 1) ** 1.7, bell((outward - half) / 0.40))
    near = sideways * bell((c.b - corner_b) / 0.40)
    add(f"smile_{side}", both=(sign * 0.05 * near, -SMILE * near))
    add(f"frown_{side}", both=(0.0, FROWN * near))


def _cheek_fields(points: Floats, slit: Slit, c: MouthCoordinates, add) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    def bump(indices: tuple[int, ...], width: float, height: float) -> Floats:
        centre = slit.axes.coordinates(points[list(indices), :2].mean(0))
        return bell((c.a - centre[0]) / width) * bell((c.b - centre[1]) / height)

    puff = 0.13 * (bump(mesh.RIGHT_CHEEK[1:], 0.36, 0.42) - bump(mesh.LEFT_CHEEK[1:], 0.36, 0.42))
    add("puff", both=(puff, 0.0))
    add("cheek_l", both=(0.0, -0.065 * bump(mesh.LEFT_CHEEK[:1], 0.34, 0.28)))
    add("cheek_r", both=(0.0, -0.065 * bump(mesh.RIGHT_CHEEK[:1], 0.34, 0.28)))
    add("sneer_l", both=(0.0, -0.06 * bump(mesh.LEFT_NOSE_WING, 0.17, 0.17)))
    add("sneer_r", both=(0.0, -0.06 * bump(mesh.RIGHT_NOSE_WING, 0.17, 0.17)))
