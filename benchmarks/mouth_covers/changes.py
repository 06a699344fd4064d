"""What changes a picture without covering the mouth: nothing of this is to be taken for a cover."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.mouth_covers.covers import Frame
from talkinghead.core.types import Face, Pixels
from talkinghead.faces import mesh

Random = np.random.Generator
Change = Callable[[Pixels, Face, Random], Pixels]


def _clipped(values: np.ndarray) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _lips(shape: tuple[int, ...], face: Face) -> np.ndarray:
    """The red of the lips (H, W) from 0 to 1, without what is between them."""
    out = np.zeros(shape[:2], np.uint8)
    for upper, lower, value in ((mesh.OUTER_LIP_UPPER, mesh.OUTER_LIP_LOWER, 255),
                                (mesh.INNER_LIP_UPPER, mesh.INNER_LIP_LOWER, 0)):  # fmt: skip
        ring = face.landmarks[[*upper, *reversed(lower)], :2]
        cv2.fillPoly(out, [np.round(ring).astype(np.int32)], value, cv2.LINE_AA)
    return out.astype(np.float32) / 255


def grey(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Black and white."""
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def dim(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Low light: a third of it, and noise."""
    return _clipped(pixels * 0.3 + rng.normal(0, 6, pixels.shape))


def overexposed(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Too much light: contrast is lost in the lights."""
    return _clipped(255 * (pixels / 255.0) ** 0.45 + 15)


def darker_skin(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Everything as dark as very dark skin."""
    return _clipped(255 * (pixels / 255.0) ** 1.8 * np.array([0.75, 0.62, 0.55]))


def blurry(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Out of focus."""
    return cv2.GaussianBlur(pixels, (0, 0), 0.05 * Frame(face).unit_px)


def jpeg(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Packed into as few bytes as possible."""
    packed = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 15])[1]
    return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])


def lipstick(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Lips of another colour: red, dark, blue, or as pale as the skin."""
    colour = np.array([(170, 20, 40), (70, 15, 35), (60, 60, 150), (215, 170, 155)])[rng.integers(4)]
    soft = cv2.GaussianBlur(_lips(pixels.shape, face), (0, 0), max(0.5, 0.015 * Frame(face).unit_px))
    light = pixels.mean(-1, keepdims=True) / max(float(pixels[soft > 0.5].mean()), 1.0)
    return _clipped(pixels + 0.65 * soft[..., None] * (colour * light - pixels))


def beard(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """A full beard, up to the lips and over the lip: hair in streaks, brown, black or grey."""
    frame = Frame(face)
    x, y = frame.of_pixels(pixels.shape)
    around = (np.hypot(x / 0.95, (y - 0.25) / 0.95) < 1) & (y > -0.22 - 0.35 * np.abs(x) ** 2)
    lips = cv2.dilate(np.maximum(_lips(pixels.shape, face), _between(pixels.shape, face)), np.ones((3, 3)))
    hair = cv2.GaussianBlur(rng.normal(0, 1, pixels.shape[:2]), (0, 0), 0.012 * frame.unit_px,
                            sigmaY=0.07 * frame.unit_px)  # fmt: skip
    hair = hair / max(float(hair.std()), 1e-6)
    colour = np.array([(60, 42, 30), (25, 22, 22), (150, 145, 140)])[rng.integers(3)]
    cover = cv2.GaussianBlur((around * (1 - lips)).astype(np.float32), (0, 0), max(0.5, 0.02 * frame.unit_px))
    painted = colour * (1 + 0.3 * hair[..., None])
    return _clipped(pixels + 0.85 * cover[..., None] * (painted - pixels))


def _between(shape: tuple[int, ...], face: Face) -> np.ndarray:
    out = np.zeros(shape[:2], np.uint8)
    ring = face.landmarks[[*mesh.INNER_LIP_UPPER, *reversed(mesh.INNER_LIP_LOWER)], :2]
    cv2.fillPoly(out, [np.round(ring).astype(np.int32)], 1)
    return out.astype(np.float32)


def painted(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """As a painting has it: without fine detail, with the grain of canvas."""
    flat = pixels
    for _ in range(2):
        flat = cv2.bilateralFilter(flat, 9, 40, max(2.0, 0.05 * Frame(face).unit_px))
    grain = cv2.GaussianBlur(rng.normal(0, 12, pixels.shape[:2]), (0, 0), 1.0)
    return _clipped(flat + grain[..., None])


def side_light(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """One half of the face in shadow."""
    x, _ = Frame(face).of_pixels(pixels.shape)
    return _clipped(pixels * (0.25 + 0.75 / (1 + np.exp(np.clip(-8 * x * rng.choice([-1, 1]), -50, 50))))[..., None])


def small(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """As if the pupils were 16 pixels apart, and enlarged again."""
    scale = min(1.0, 16 / Frame(face).unit_px)
    few = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    shrunk = cv2.resize(pixels, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def sideways(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """The picture turned by a quarter."""
    return np.ascontiguousarray(np.rot90(pixels, rng.choice([1, 3])))


def leaning(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """The head leant by 30 degrees."""
    x, y = face.landmarks[:, :2].mean(0)
    turn = cv2.getRotationMatrix2D((float(x), float(y)), float(rng.choice([-30, 30])), 1.0)
    return cv2.warpAffine(pixels, turn, pixels.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def as_it_is(pixels: Pixels, face: Face, rng: Random) -> Pixels:
    """Unchanged."""
    return pixels


CHANGES: dict[str, Change] = {
    "as it is": as_it_is, "black and white": grey, "low light": dim, "too much light": overexposed,
    "darker skin": darker_skin, "out of focus": blurry, "JPEG 15": jpeg, "lipstick": lipstick, "beard": beard,
    "painting": painted, "side light": side_light, "16 pixels": small, "on its side": sideways, "leaning": leaning,
}  # fmt: skip
