"""LivePortrait's motion rules, read a second time and written down plainly in numpy, one frame at a time."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch

from talkinghead.core.renderer_options import DrivingOption, Region
from talkinghead.models.liveportrait.weights import Models
from talkinghead.motion.motion import Motion
from talkinghead.renderers.liveportrait.animate import SourceState

Array = npt.NDArray[np.float64]


class Options(TypedDict, total=False):
    """`LivePortraitOptions` as keywords."""

    region: Region
    absolute: bool
    stitching: bool
    multiplier: float
    driving_option: DrivingOption
    lip_retargeting: bool
    eye_retargeting: bool
    normalize_lip: bool


LIPS, EYES = [6, 12, 14, 17, 19, 20], [11, 13, 15, 16, 18]


def euler(pitch: float, yaw: float, roll: float) -> Array:
    """(Rz Ry Rx)^T from three elementary rotations."""
    p, y, r = np.deg2rad([pitch, yaw, roll])
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turn: Array = (rz @ ry @ rx).T
    return turn


class Plain:
    """The rules of one picture source, written down a second time: no batches, no shared helpers."""

    def __init__(self, state: SourceState, degrees: Array, motion: Motion, models: Models, options: Options) -> None:
        self.kp = state.canonical[0].double().numpy()
        self.exp, self.t = state.head.exp[0].double().numpy(), state.head.t[0].double().numpy()
        self.scale, self.rotation = float(state.head.scale), euler(*degrees)
        self.motion, self.models, self.o = motion, models, options
        self.eyes, self.lip = state.eyes[0].tolist(), float(state.lip)
        self.xs = self.place(self.exp, self.rotation, self.t, self.scale)

    def place(self, exp: Array, rotation: Array, t: Array, scale: float) -> Array:
        x = scale * (self.kp @ rotation + exp)
        x[:, 0] += t[0]
        x[:, 1] += t[1]
        return x

    def net(self, name: str, *parts: npt.ArrayLike) -> Array:
        flat = torch.tensor(np.concatenate([np.ravel(part) for part in parts])[None], dtype=torch.float32)
        networks = {"stitching": self.models.stitching, "lip": self.models.lip, "eye": self.models.eye}
        answer: Array = networks[name](flat)[0].double().numpy()
        return answer

    def ratios(self, i: int) -> tuple[float, float]:
        """The driver's first eye ratio and its lip ratio."""
        assert self.motion.eye_ratio is not None
        assert self.motion.lip_ratio is not None
        return float(self.motion.eye_ratio[i, 0]), float(self.motion.lip_ratio[i])

    def animated(self, i: int) -> Array:
        """Keypoints of frame `i` before anything is fitted."""
        m, rest, region = self.motion, self.motion.rest, self.o.get("region", "all")
        exp_d, r_d, t_d = m.expression[i].astype(float), euler(*m.rotation[i]), m.translation[i].astype(float)
        exp, rotation, t, scale = self.exp.copy(), self.rotation, self.t, self.scale
        if self.o.get("absolute"):
            new = self.exp.copy()
            for k in [1, 2, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]:
                new[k] = exp_d[k]
            for k, axis in [(3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2)]:
                new[k, axis] = exp_d[k, axis]
        else:
            new = self.exp + exp_d - rest.expression
            for k in rest.replaced_keypoints:
                new[k] = exp_d[k]
        if region in ("all", "exp"):
            exp = new
        for part, chosen in (("lip", LIPS), ("eyes", EYES)):
            if region == part:
                exp[chosen] = new[chosen]
        if region in ("all", "pose"):
            absolute = self.o.get("absolute")
            rotation = r_d if absolute else r_d @ euler(*rest.rotation).T @ self.rotation
            t = t_d if absolute else self.t + t_d - rest.translation
        if region == "all" and not self.o.get("absolute"):
            scale = self.scale * m.scale[i] / rest.scale
        return self.place(exp, rotation, t, scale)

    def frame(self, i: int) -> Array:
        o, x, xs = self.o, self.animated(i), self.xs
        if o.get("eye_retargeting") or o.get("lip_retargeting"):
            x = x if o.get("absolute") else xs.copy()
            if o.get("eye_retargeting"):
                x = x + self.net("eye", xs, self.eyes, self.ratios(i)[0]).reshape(21, 3)
            if o.get("lip_retargeting"):
                x = x + self.net("lip", xs, self.lip, self.ratios(i)[1]).reshape(21, 3)
        if o.get("stitching", True):
            answer = self.net("stitching", xs, x)
            x = x + answer[:63].reshape(21, 3)
            x[:, 0] += answer[63]
            x[:, 1] += answer[64]
        if o.get("normalize_lip") and not o.get("absolute") and self.lip >= 0.03:
            x = x + self.net("lip", xs, self.lip, 0.0).reshape(21, 3)
        return xs + o.get("multiplier", 1.0) * (x - xs)
