"""Which pixels of a picture are its people: a matte, where the picture brings none of its own.

MediaPipe's selfie segmentation tells roughly where people are, in the whole picture and, more closely, around the face.
What it is not sure of, and a band along its edge that is wider around the head, where hair is, is then solved from the
picture's own colours (`talkinghead.faces.matting`). Single hairs before a busy background are where this ends; what can
be measured of that, `doubt` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.core.types import Face, Floats, Pixels
from talkinghead.faces import mesh
from talkinghead.faces.matting import solve_alpha
from talkinghead.models.face_mesh.person import SIDE_PX, person_shares

# The matte is solved with a longer side of at most this many pixels, and enlarged for larger pictures.
_MATTE_SIDE_PX = 900
# The closer look: a square so many times the face, its middle this far below the face's, in its side.
_CLOSE_SIDE, _CLOSE_DOWN, _FEATHER = 4.0, 0.08, 0.12
# And one at all of a person, where the look at all of the picture has missed it.
_WIDE_SIDE = 8.0
# People whose faces are at least so large beside the one that is meant belong to the foreground with it.
_ALSO_MEANT = 0.5
# Half the width of what is solved along the edge, in face heights: around the head, and along clothes.
_HAIR_BAND, _CLOTHES_BAND = 0.10, 0.025
# The network's answers between these are no answers.
_NOT, _SURE, _NOT_LIKELY = 0.1, 0.9, 0.25
# Shares so near to none or all are noise.
_HAZE = 0.06
# In face heights from the face's middle: how far hair reaches.
_HAIR_UP, _HAIR_WIDE = 1.5, 1.15
# What is doubtful: the share of a face that is not told to be a person's, of what is found that hangs together with no
# face, and of what is neither told to be a person nor to be none, beside the person.
_DOUBT_FACE, _DOUBT_LOOSE, _DOUBT_UNSURE, _DOUBTFUL = 0.1, 0.15, 0.12, 0.2


@dataclass(frozen=True)
class Matte:
    """`alpha` (H, W) uint8: 255 where all is person; `doubt`: in words what is wrong with it, "" if nothing."""

    alpha: Pixels
    doubt: str = ""


def matte_of(pixels: Pixels, faces: Sequence[Face]) -> Matte:
    """The matte of a picture (H, W, 3) RGB with these `faces`, of which the first is meant.

    Raises:
        CheckpointError: the installation lacks the network.
    """
    height, width = pixels.shape[:2]
    picture, meant = _scaled(pixels, faces, _MATTE_SIDE_PX)
    meant = [face for face in meant if face.box[3] >= _ALSO_MEANT * meant[0].box[3]]
    shares = _shares(picture, meant)
    person, loose = _connected(shares, meant)
    known, band_px = _known(shares, person, meant)
    likely = np.clip((shares - _NOT_LIKELY) / (1 - 2 * _NOT_LIKELY), 0, 1) * person
    alpha = np.clip((solve_alpha(picture, known, likely, band_px) - _HAZE) / (1 - 2 * _HAZE), 0, 1)
    if picture is not pixels:
        alpha = np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    doubt = _doubt(shares, loose, meant)
    return Matte(np.clip(np.round(alpha * 255), 0, 255).astype(np.uint8), doubt)


def _scaled(pixels: Pixels, faces: Sequence[Face], side_px: int) -> tuple[Pixels, list[Face]]:
    """The picture with at most so long a side, and its faces there."""
    height, width = pixels.shape[:2]
    share = min(1.0, side_px / max(height, width))
    if share == 1:
        return pixels, list(faces)
    size = max(1, round(width * share)), max(1, round(height * share))
    sx, sy = size[0] / width, size[1] / height
    matrix = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2]])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), [
        f.moved(matrix) for f in faces
    ]


def _shares(pixels: Pixels, faces: Sequence[Face]) -> Floats:
    """(h, w): how surely each pixel is a person's."""
    height, width = pixels.shape[:2]
    whole = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    shares = np.asarray(cv2.resize(person_shares(whole[None])[0], (width, height)), np.float32)
    for face in faces:
        # Of several people the look at all of the picture may tell one alone, and of far ones none.
        if _told(shares, face) < _SURE:
            shares = _mixed(shares, pixels, face, _WIDE_SIDE, 1.0)
        shares = _mixed(shares, pixels, face, _CLOSE_SIDE, 0.5)
    return shares


def _told(shares: Floats, face: Face) -> float:
    """What share of a face is told to be a person's."""
    oval = np.zeros(shares.shape, np.uint8)
    cv2.fillPoly(oval, [np.round(_oval(face)).astype(np.int32)], 1)
    return float(shares[oval > 0].mean()) if oval.any() else 0.0


def _mixed(shares: Floats, pixels: Pixels, face: Face, side: float, weight: float) -> Floats:
    """`shares` with those of a look at a square around `face`, `side` times as large, which counts as `weight`."""
    height, width = pixels.shape[:2]
    x, y, wide, tall = face.box
    scale = SIDE_PX / (side * max(wide, tall))
    corner = x + wide / 2 - SIDE_PX / scale / 2, y + tall / 2 + (_CLOSE_DOWN - 0.5) * SIDE_PX / scale
    # From the look's pixels to the picture's, whose border goes on beyond it.
    back = np.array([[1 / scale, 0, corner[0]], [0, 1 / scale, corner[1]]])
    smooth = cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale) if scale < 1 else pixels
    look = cv2.warpAffine(smooth, back, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    found = person_shares(look[None])[0]
    ramp = np.clip(np.minimum(np.arange(SIDE_PX), np.arange(SIDE_PX)[::-1]) / (_FEATHER * SIDE_PX), 0, 1)
    there = cv2.warpAffine(np.dstack([found, weight * np.outer(ramp, ramp)]).astype(np.float32), back, (width, height))
    return np.asarray(shares + there[..., 1] * (there[..., 0] - shares), np.float32)


def _connected(shares: Floats, faces: Sequence[Face]) -> tuple[Floats, float]:
    """(1 where what may be a person hangs together with a face, the share of what is likely one that does not)."""
    _, labels = cv2.connectedComponents((shares > _NOT).astype(np.uint8), connectivity=4)
    seeds = np.zeros(shares.shape, np.uint8)
    for face in faces:
        cv2.fillPoly(seeds, [np.round(_oval(face)).astype(np.int32)], 1)
    kept = np.isin(labels, np.unique(labels[(seeds > 0) & (labels > 0)])) | (seeds > 0)
    likely = shares > 0.5
    loose = float((likely & ~kept).sum()) / max(1.0, float(likely.sum()))
    return kept.astype(np.float32), loose


def _known(shares: Floats, person: Floats, faces: Sequence[Face]) -> tuple[Floats, float]:
    """((h, w): 1, 0, or -1 for what is to be solved; half the widest band, in pixels)."""
    inside = ((shares > 0.5) & (person > 0)).astype(np.uint8)
    edge = np.minimum(cv2.distanceTransform(inside, cv2.DIST_L2, 5), 1e4)
    distance = edge - np.minimum(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5), 1e4)
    tall = max(face.box[3] for face in faces)
    half = np.full(shares.shape, _CLOTHES_BAND * tall, np.float32)
    for face in faces:
        half[_around_head(face, shares.shape)] = _HAIR_BAND * face.box[3]
    half = np.maximum(cv2.GaussianBlur(half, (0, 0), 0.05 * tall), 2.0)
    unsure = (shares > _NOT) & (shares < _SURE) & (person > 0)
    known = np.where(distance > half, 1.0, np.where(distance < -half, 0.0, -1.0)).astype(np.float32)
    known[unsure] = -1
    for face in faces:
        oval = _oval(face)
        within = np.round(0.92 * oval + 0.08 * oval.mean(0)).astype(np.int32)
        cv2.fillPoly(known, [within], 1.0)
    return known, _HAIR_BAND * tall


def _oval(face: Face) -> Floats:
    return face.landmarks[list(mesh.FACE_OVAL), :2]


def _around_head(face: Face, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(h, w): where hair may be: an ellipse around the head, down to the shoulders' height."""
    chin, forehead = face.landmarks[mesh.CHIN, :2], face.landmarks[mesh.FOREHEAD, :2]
    tall = max(float(np.linalg.norm(forehead - chin)), 4.0)
    up = (forehead - chin) / tall
    middle = (chin + forehead) / 2
    mask = np.zeros(shape[:2], np.uint8)
    lean = float(np.degrees(np.arctan2(up[0], -up[1])))
    axes = round(_HAIR_WIDE * tall), round(_HAIR_UP * tall)
    cv2.ellipse(mask, (round(float(middle[0])), round(float(middle[1]))), axes, lean, 0, 360, 1, -1)
    return mask > 0


def _doubt(shares: Floats, loose: float, faces: Sequence[Face]) -> str:
    """What is wrong, in words; "" if nothing seems so."""
    missed = 1 - min(_told(shares, face) for face in faces)
    if missed > _DOUBT_FACE:
        return f"{missed:.0%} of a face do not look like a person's"
    if loose > _DOUBT_LOOSE:
        return f"{loose:.0%} of what looks like a person hang together with no face"
    unsure = float(((shares > _DOUBTFUL) & (shares < 1 - _DOUBTFUL)).sum()) / max(1.0, float((shares > 0.5).sum()))
    if unsure > _DOUBT_UNSURE:
        return f"of {unsure:.0%} as many pixels as the person has it cannot be told whose they are"
    return ""
