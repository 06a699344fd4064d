"""What a person can ask of LivePortrait's motion rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from talkinghead.core.errors import InputError

Region = Literal["all", "exp", "pose", "lip", "eyes"]
DrivingOption = Literal["expression-friendly", "pose-friendly"]


@dataclass(frozen=True, slots=True)
class LivePortraitOptions:
    """The published options under their own meanings.

    - `region`: what moves: "exp" the expression, "pose" rotation and translation, "lip" and "eyes" those keypoints'
      expression, "all" everything with the scale;
    - `absolute`: take the driver's pose and expression as they are, not relative to its rest;
    - `stitching`: fit the keypoints so that the shoulders stay;
    - `multiplier`: of the keypoints' way from the source's;
    - `driving_option`: "expression-friendly" moves the source's keypoints by what the driver's moved since its first
      frame, scaled to the source's size (pictures only);
    - `lip_retargeting`, `eye_retargeting`: meet the driver's lip and eye ratios;
    - `normalize_lip`: close the source's open mouth first.
    """

    region: Region = "all"
    absolute: bool = False
    stitching: bool = True
    multiplier: float = 1.0
    driving_option: DrivingOption = "expression-friendly"
    lip_retargeting: bool = False
    eye_retargeting: bool = False
    normalize_lip: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("region", Region), ("driving_option", DrivingOption)):
            value, choices = getattr(self, name), get_args(kind)
            if value not in choices:
                raise InputError(f"there is no {name.replace('_', ' ')} {value!r}: choose one of {', '.join(choices)}")
        if not -5 <= self.multiplier <= 5:
            raise InputError(f"the multiplier must lie between -5 and 5, not {self.multiplier:g}")

    @property
    def moves_lips(self) -> bool:
        """Whether the region lets the lips move."""
        return self.region in ("all", "exp", "lip")

    @property
    def moves_eyes(self) -> bool:
        """Whether the region lets the lids move."""
        return self.region in ("all", "exp", "eyes")
