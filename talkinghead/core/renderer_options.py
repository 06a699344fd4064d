"""What a person can ask of each renderer: one dataclass a renderer, from which every way of asking is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from talkinghead.core.errors import InputError
from talkinghead.core.options import option

Region = Literal["all", "exp", "pose", "lip", "eyes"]
DrivingOption = Literal["expression-friendly", "pose-friendly"]
Acceleration = Literal["auto", "eager", "graph", "fused", "compile"]

MIN_CROP_PX = 32


@dataclass(frozen=True, slots=True)
class WarpOptions:
    """The embedded renderer's.

    `crop_size_px`: how many pixels the longer side of the face crop is to have, None for the picture's own (at most
    1440). Smaller is faster.
    """

    crop_size_px: int | None = option(
        None, "Pixels of the face crop's longer side; smaller is faster  [default: the picture's own]", group="warp",
        name="crop-size", read=lambda text: _pixels(text), metavar="PX",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.crop_size_px is not None and self.crop_size_px < MIN_CROP_PX:
            raise InputError(f"the crop size must be at least {MIN_CROP_PX} pixels, not {self.crop_size_px}")


@dataclass(frozen=True, slots=True)
class LivePortraitOptions:
    """LivePortrait's published options (arXiv 2407.03168 and its command line) under their own meanings.

    - `region`: what moves: "exp" the expression, "pose" rotation and translation, "lip" and "eyes" those keypoints'
      expression, "all" everything with the scale;
    - `absolute`: take the driver's pose and expression as they are, not relative to its rest;
    - `stitching`: fit the keypoints so that the shoulders stay;
    - `multiplier`: of the keypoints' way from the source's;
    - `driving_option`: accepted because LivePortrait's command lines have it. Both values give the same frames: it
      rescales relative motion by a factor that is 1, and the published code leaves absolute motion as it is;
    - `lip_retargeting`, `eye_retargeting`: meet the driver's lip and eye ratios;
    - `normalize_lip`: with relative motion, close the source's open mouth first;
    - `acceleration`: who launches the networks' kernels. "eager": PyTorch, one by one; "graph": an NVIDIA GPU, from a
      recording (a CUDA graph), the same frames to the bit; "fused": the same with fewer kernels, made by Triton, in
      half precision; "compile": torch.compile, on any device, after half a minute; "auto": a GPU begins with graphs and
      takes fused kernels in long runs when they are ready, anything else is eager.
    """

    region: Region = option("all", "Part that moves.", group="neural", choices=Region)
    absolute: bool = option(False, "Take the driver's pose and expression as they are.", group="neural")
    stitching: bool = option(True, "Do not fit the shoulders.", group="neural", name="no-stitching")
    multiplier: float = option(1.0, "Of the keypoints' motion.", group="neural", metavar="FACTOR")
    driving_option: DrivingOption = option(
        "expression-friendly", "Known from LivePortrait; both give the same frames.", group="neural",
        choices=DrivingOption,
    )  # fmt: skip
    lip_retargeting: bool = option(False, "Fit the driver's lip opening.", group="neural")
    eye_retargeting: bool = option(False, "Fit the driver's eye opening.", group="neural")
    normalize_lip: bool = option(False, "Close the source's open mouth first (with relative motion).", group="neural")
    acceleration: Acceleration = option(
        "auto", "How the networks' kernels are launched.", group="neural", choices=Acceleration
    )

    def __post_init__(self) -> None:
        chosen = {"region": (self.region, Region), "driving_option": (self.driving_option, DrivingOption),
                  "acceleration": (self.acceleration, Acceleration)}  # fmt: skip
        for name, (value, kind) in chosen.items():
            choices = get_args(kind)
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


def _pixels(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"crop-size is a number of pixels, not {text!r}") from None
