"""LivePortrait's networks (arXiv 2407.03168) as published: names and shapes match its state dicts.

    picture -- AppearanceExtractor (F) --> feature volume -+
    picture -- MotionExtractor (M) ------> keypoints ------+-- WarpingModule (W) --> Generator (G) --> frame

Letters in shapes: B batch, C channels, D x H x W depth, height, width, K = 21 keypoints.
"""

from talkinghead.models.liveportrait.networks.appearance import AppearanceExtractor
from talkinghead.models.liveportrait.networks.generator import Generator
from talkinghead.models.liveportrait.networks.motion import MotionExtractor, RawMotion
from talkinghead.models.liveportrait.networks.retargeting import (
    Retargeting,
    eye_retargeting,
    lip_retargeting,
    stitching,
)
from talkinghead.models.liveportrait.networks.warping import WarpingModule

__all__ = [
    "AppearanceExtractor",
    "Generator",
    "MotionExtractor",
    "RawMotion",
    "Retargeting",
    "WarpingModule",
    "eye_retargeting",
    "lip_retargeting",
    "stitching",
]
