"""Things that cover a mouth, drawn over a face: masks, scarves, hands, microphones, cups, bars and blurs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from talkinghead.core.types import Face, Floats, Pixels
from talkinghead.faces.crop import eye_lip_axes
from talkinghead.faces.geometry import pupil_distance

Array = npt.NDArray[np.floating[Any]]
Random = np.random.Generator
Cover = Callable[[Pixels, Face, Random], Pixels]

# The lower face from cheek to cheek, then back over the nose: what a mask covers.
_MASK = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 280, 195, 50)
_CHEEKS = (50, 280, 101, 330)
_FABRICS = ((150, 190, 215), (235, 238, 240), (25, 25, 28), (225, 160, 175), (90, 150, 110), (60, 70, 130),
            (170, 40, 40), (200, 180, 150), (120, 120, 120))  # fmt: skip


class Frame:
    """The mouth's own frame: the origin between the lips, 1 the distance of the pupils, y towards the chin."""

    def __init__(self, face: Face) -> None:
        self.unit_px = pupil_distance(face.landmarks)
        self._axes = np.stack(eye_lip_axes(face.landmarks)) * self.unit_px
        self._origin = face.landmarks[[13, 14], :2].mean(0)

    def to_pixels(self, points: Array) -> Array:
        """Points (n, 2) of the frame in the picture."""
        return np.asarray(points) @ self._axes + self._origin

    def of_pixels(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """x and y (H, W) of every pixel of a picture."""
        down, across = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
        back = np.linalg.inv(self._axes)
        at = np.stack([across - self._origin[0], down - self._origin[1]], -1) @ back
        return at[..., 0], at[..., 1]


def _polygon(shape: tuple[int, ...], points: Array) -> Floats:
    """A filled polygon (n, 2) in pixels as a mask (H, W) from 0 to 1."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def _laid(pixels: Pixels, mask: Array, colours: Array, frame: Frame, rng: Random) -> Pixels:
    """`colours` (H, W, 3 or 3) where `mask` is, with the softness and the grain of a photograph."""
    soft = max(0.4, 0.008 * frame.unit_px)
    alpha = cv2.GaussianBlur(np.asarray(mask, np.float32), (0, 0), soft)[..., None]
    painted = np.broadcast_to(np.asarray(colours, np.float64), pixels.shape)
    painted = cv2.GaussianBlur(painted, (0, 0), soft) + rng.normal(0, 2.5, pixels.shape)
    return np.asarray(np.clip(pixels * (1 - alpha) + painted * alpha, 0, 255), np.uint8)


def _fabric(frame: Frame, shape: tuple[int, ...], rng: Random) -> Array:
    """Cloth (H, W, 3): plain, pleated, striped, checked, dotted or woven, lit from one side."""
    x, y = frame.of_pixels(shape)
    base, other = (np.array(_FABRICS[i], np.float64) for i in rng.choice(len(_FABRICS), 2, replace=False))
    angle, step = rng.uniform(0, np.pi), rng.uniform(0.12, 0.4)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kind = rng.integers(6)
    share = np.zeros(shape[:2])
    if kind == 2:
        share = (np.mod(u / step, 1) < 0.5).astype(float)
    elif kind == 3:
        share = ((np.mod(u / step, 1) < 0.5) ^ (np.mod(v / step, 1) < 0.5)).astype(float)
    elif kind == 4:
        share = (np.hypot(np.mod(u / step, 1) - 0.5, np.mod(v / step, 1) - 0.5) < 0.25).astype(float)
    colours = base + (other - base) * share[..., None]
    light = 1 - rng.uniform(0.05, 0.25) * x - rng.uniform(0, 0.15) * y**2
    if kind == 1:  # pleats: dark lines across
        light = light - 0.25 * np.exp(-(((np.mod(y / 0.35 + rng.uniform(), 1) - 0.5) * 0.35 / 0.015) ** 2))
    if kind == 5:  # a coarse weave and soft folds
        grain = cv2.GaussianBlur(rng.normal(0, 1, shape[:2]), (0, 0), max(0.5, 0.03 * frame.unit_px))
        light = light + 0.12 * grain / max(float(grain.std()), 1e-6)
    return colours * np.clip(light, 0.2, 1.5)[..., None]


def mask(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """A mask of cloth from the nose to the chin."""
    frame = Frame(face)
    points = face.landmarks[list(_MASK), :2].astype(np.float64)
    points += rng.normal(0, 0.03 * frame.unit_px, points.shape)
    return _laid(pixels, _polygon(pixels.shape, points), _fabric(frame, pixels.shape, rng), frame, rng)


def scarf(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Cloth over everything below the nose."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    edge = rng.uniform(-0.5, -0.3) + 0.05 * np.sin(rng.uniform(2, 6) * x + rng.uniform(0, 6))
    covered = 1 / (1 + np.exp(-np.clip((y - edge) * 80, -60, 60))) * (np.abs(x) < 1.5)
    return _laid(pixels, covered, _fabric(frame, pixels.shape, rng), frame, rng)


def _skin(pixels: Pixels, face: Face, rng: Random) -> Array:
    """The colour of the person's cheeks, a little lighter or darker."""
    at = np.round(face.landmarks[list(_CHEEKS), :2]).astype(int)
    x, y = at[:, 0].clip(0, pixels.shape[1] - 1), at[:, 1].clip(0, pixels.shape[0] - 1)
    return np.median(cv2.blur(pixels, (5, 5))[y, x], axis=0) * rng.uniform(0.8, 1.15)


def _fingers(pixels: Pixels, face: Face, rng: Random, many: int, width: float, angle: float, slip: float) -> Pixels:
    """`many` fingers of a `width` side by side, lying at an `angle`; `slip`: how far off the mouth they may lie."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    x, y = x - rng.uniform(-slip, slip), y - rng.uniform(-slip, slip)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    skin, out = _skin(pixels, face, rng), pixels
    for number in range(many):
        middle, tip = (number - (many - 1) / 2) * width, rng.uniform(0.55, 0.8)
        across = (v - middle) / (width / 2)
        # A capsule from its tip to beyond the face, round in its shading.
        along = np.maximum(u - tip, 0) / (width / 2)
        covered = (np.hypot(across, along) < 1) & (u > -3)
        round_ = np.sqrt(np.clip(1 - across**2 - along**2, 0, 1))
        shade = 0.62 + 0.43 * round_ + 0.05 * across * rng.choice([-1, 1])
        out = _laid(out, covered.astype(np.float32), skin * shade[..., None], frame, rng)
    return out


def hand(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Four fingers of the person's own colour before the mouth."""
    angle = rng.choice([0, np.pi, np.pi / 2, -np.pi / 2]) + rng.uniform(-0.5, 0.5)
    return _fingers(pixels, face, rng, 4, rng.uniform(0.26, 0.34), float(angle), 0.12)


def finger(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """One finger across the lips, as one asks for silence: half of the mouth is seen."""
    return _fingers(pixels, face, rng, 1, rng.uniform(0.28, 0.36), -np.pi / 2 + float(rng.uniform(-0.4, 0.4)), 0.05)


def fist(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """A lump of the person's own colour, lit from above."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    radius = np.hypot(x / rng.uniform(0.55, 0.75), (y - 0.05) / rng.uniform(0.4, 0.55))
    shade = 0.75 + 0.35 * np.sqrt(np.clip(1 - radius**2, 0, 1)) - 0.15 * y
    return _laid(pixels, (radius < 1).astype(np.float32), _skin(pixels, face, rng) * shade[..., None], frame, rng)


def microphone(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """A ball of wire or foam before the lips, on a handle."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    radius, drop = rng.uniform(0.42, 0.6), rng.uniform(0.0, 0.15)
    x, y = x - rng.uniform(-0.1, 0.1), y - drop
    colour = np.array([(45, 45, 48), (95, 95, 100), (20, 20, 22), (40, 60, 150), (190, 160, 40), (150, 30, 30)])
    ball, handle = np.hypot(x, y) < radius, (np.abs(x + 0.3 * (y - radius)) < 0.2) & (y > 0.6 * radius)
    round_ = np.sqrt(np.clip(1 - (x**2 + y**2) / radius**2, 0, 1))
    wires = 0.12 * np.sign(np.sin(60 * x) * np.sin(60 * y)) if rng.random() < 0.5 else 0.0
    light = 0.5 + 0.6 * round_ + wires + 0.5 * np.exp(-((x + 0.15) ** 2 + (y + 0.2) ** 2) / 0.02)
    painted = colour[rng.integers(len(colour))] * light[..., None]
    out = _laid(pixels, handle.astype(np.float32), np.array([30.0, 30, 32]), frame, rng)
    return _laid(out, ball.astype(np.float32), painted, frame, rng)


def cup(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """A cup or a glass that is drunk from."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    top = rng.uniform(-0.35, -0.2)
    inside = (np.abs(x) < rng.uniform(0.55, 0.8) - 0.1 * y) & (y > top) & (y < 1.1)
    light = 1 - 0.5 * x**2 - 0.4 * np.exp(-(((y - top - 0.06) / 0.03) ** 2))
    painted = np.array(_FABRICS[rng.integers(len(_FABRICS))], np.float64) * light[..., None]
    return _laid(pixels, inside.astype(np.float32), painted, frame, rng)


def bar(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """A bar or a sheet of paper, a telephone: a plain rectangle."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    angle = rng.uniform(-0.3, 0.3)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (np.abs(u) < rng.uniform(0.6, 1.1)) & (np.abs(v - 0.05) < rng.uniform(0.3, 0.6))
    colour = np.array([(0, 0, 0), (250, 250, 250), (128, 128, 128), (30, 32, 38)])[rng.integers(4)]
    return _laid(pixels, inside.astype(np.float32), colour.astype(np.float64), frame, rng)


def blurred(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """The mouth made unrecognisable: blurred away, or in coarse squares."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    inside = (np.hypot(x / 0.75, y / 0.5) < 1).astype(np.float32)
    size = 0.35 * frame.unit_px
    if rng.random() < 0.5:
        return _laid(pixels, inside, cv2.GaussianBlur(pixels, (0, 0), size).astype(np.float64), frame, rng)
    few = max(1, round(pixels.shape[1] / size)), max(1, round(pixels.shape[0] / size))
    coarse = cv2.resize(cv2.resize(pixels, few, interpolation=cv2.INTER_AREA), pixels.shape[1::-1],
                        interpolation=cv2.INTER_NEAREST)  # fmt: skip
    return _laid(pixels, inside, coarse.astype(np.float64), frame, rng)


# What hides all of the lips, and what hides a part of them.
COVERS: dict[str, Cover] = {
    "mask": mask, "scarf": scarf, "hand": hand, "fist": fist, "microphone": microphone, "cup": cup, "bar": bar,
    "blur": blurred,
}  # fmt: skip
PARTIAL: dict[str, Cover] = {"finger": finger}
